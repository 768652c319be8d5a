//! The layout of a block: a margin, a name, a text, and perhaps a state at the right.
//!
//! ```text
//!       layer     sha256:5f0e…  2.0 kB                                 → state 688dc55c502a
//! ```
//!
//! On a terminal nothing is wider than it: a text goes on below where it began, and a state that has no room stands in a row of its own.
//! In a pipe or a file rows are as long as they are.

use crate::shown::line;
use crate::view::palette::{Palette, Role};
use crate::view::table::{self, visible_width};
use crate::world::Clock;

/// Where the text of a block begins.
const MARGIN: usize = 6;
const NAME: usize = 10;
/// How wide `→ state` is with twelve digits.
const STATE: usize = 20;
/// Where states stand in a pipe, and at most on a terminal.
const STATE_COLUMN: usize = 70;
/// A text that has less room than this is not broken: it would be a column of single words.
const LEAST: usize = 20;

/// How wide, in which colours, and at what time.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(super) palette: Palette,
    pub(super) clock: Clock,
    pub(super) columns: usize,
}

impl Layout {
    /// The layout for a pipe or a file: rows are as long as they are.
    pub(crate) fn new(palette: Palette, clock: &Clock) -> Layout {
        Layout { palette, clock: clock.clone(), columns: usize::MAX }
    }

    /// Lays out for a terminal of so many columns.
    pub(crate) fn fit(&mut self, columns: usize) {
        self.columns = columns;
    }

    /// A text of several lines; those that are too wide are filled anew.
    pub(crate) fn fill(&self, text: &str) -> String {
        table::fill(text, self.columns)
    }

    /// An error as it was drawn: what is said is broken between words, the excerpt of a source stays as it is.
    pub(crate) fn diagnostic(&self, rendered: &str) -> String {
        let mut text = String::new();
        for line in rendered.lines() {
            match ["error: ", "warning: ", "hint: "].into_iter().find(|label| line.starts_with(label)) {
                Some(label) => text.push_str(&self.hang(label, &line[label.len()..])),
                None => text.extend([line, "\n"]),
            }
        }
        self.palette.diagnostic(&text)
    }

    /// One line of a block. An empty name continues the line above. The text may be anything.
    pub(crate) fn row(&self, name: &str, text: &str) -> String {
        self.painted_row(name, &line(text))
    }

    /// One line of a block, of a text that was painted: what others chose in it is harmless already.
    pub(super) fn painted_row(&self, name: &str, text: &str) -> String {
        self.hang(&self.label(name), text)
    }

    /// One line of a block with a mark before the text, which stays beside its first word.
    pub(super) fn marked_row(&self, name: &str, mark: &str, text: &str) -> String {
        self.hang(&format!("{}{mark} ", self.label(name)), text)
    }

    fn label(&self, name: &str) -> String {
        let name = format!("{name:<NAME$}");
        format!("{:MARGIN$}{}", "", self.palette.paint(Role::Label, &name))
    }

    /// A text behind a label; what has no room goes on below where it began.
    pub(super) fn hang(&self, label: &str, text: &str) -> String {
        let margin = visible_width(label);
        if margin + visible_width(text) <= self.columns || margin + LEAST > self.columns {
            return format!("{}\n", format!("{label}{text}").trim_end());
        }
        table::hang(label, text, self.columns)
    }

    /// How many columns are left of the terminal behind a block's names.
    pub(super) fn room(&self) -> usize {
        self.columns.saturating_sub(MARGIN + NAME)
    }

    /// A line with the state at its right, or below it where the terminal has no room.
    pub(crate) fn row_with_state(&self, name: &str, text: &str, state: &str) -> String {
        let row = self.row(name, text);
        let row = row.trim_end_matches('\n');
        let last = row.rsplit('\n').next().unwrap_or_default();
        let end = visible_width(last);
        let column = self.columns.saturating_sub(STATE).min(STATE_COLUMN);
        let start = column.max(end + 2);
        let gap = if start + STATE <= self.columns { " ".repeat(start - end) } else { format!("\n{:column$}", "") };
        format!("{row}{gap}→ state {}\n", self.palette.paint(Role::Strong, state))
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;
    use crate::view::palette::Palette;
    use crate::world::Clock;

    fn layout(columns: usize) -> Layout {
        let mut layout = Layout::new(Palette::PLAIN, &Clock::stopped(0));
        layout.fit(columns);
        layout
    }

    #[test]
    fn a_state_stands_where_the_terminal_has_room() {
        let (text, state) = ("none: HEALTHCHECK changes the configuration only", "0123456789ab");
        let column = |columns: usize| {
            let row = layout(columns).row_with_state("layer", text, state);
            row.lines().map(|line| line.chars().position(|letter| letter == '→')).collect::<Vec<_>>()
        };
        assert_eq!(column(usize::MAX), [Some(70)]);
        assert_eq!(column(86), [Some(66)]);
        assert_eq!(column(80), [None, Some(60)]);
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let text = "日本 one two three four five six seven eight nine ten eleven twelve";
        for columns in 40..100 {
            for row in
                [layout(columns).row("cache", text), layout(columns).row_with_state("layer", text, "0123456789ab")]
            {
                assert!(row.lines().all(|line| super::visible_width(line) <= columns), "{columns}\n{row}");
                assert_eq!(
                    row.split_whitespace()
                        .filter(|word| !["→", "state", "0123456789ab"].contains(word))
                        .skip(1)
                        .collect::<Vec<_>>()
                        .join(" "),
                    text
                );
            }
        }
    }
}
