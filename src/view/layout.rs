//! The layout of a block: a margin, a name, a text, and perhaps a state at the right.
//!
//! ```text
//!       layer     sha256:5f0e…  2.0 kB                                 → state 688dc55c502a
//! ```
//!
//! Nothing is wider than the terminal: a text goes on below where it began, and a state that has no room stands in a row of its own. What
//! goes to a pipe or a file has one width, and lines that another program may read stay whole there.

use super::message::message;
use super::palette::{Palette, Role};
use super::screen::Width;
use super::table::{self, TooWide, visible_width};
use crate::diagnostic::Diagnostic;
use crate::shown::line;
use crate::source::SourceFile;
use crate::world::Clock;

/// Where the text of a block begins.
const MARGIN: usize = 6;
const NAME: usize = 10;
/// How wide `→ state` and `→ image` are with twelve digits.
const STATE: usize = 20;
/// Where states stand at most: farther to the right they would be far from what they belong to.
const STATE_COLUMN: usize = 70;

/// The digits at the right of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Digits<'a> {
    /// Those of a state: of its identity.
    State(&'a str),
    /// Those of the image that the last state is: the digest of its configuration.
    Image(&'a str),
}

/// How wide, in which colours, and at what time.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) palette: Palette,
    pub(crate) clock: Clock,
    width: Width,
}

impl Layout {
    pub(crate) fn new(palette: Palette, clock: &Clock, width: Width) -> Layout {
        Layout { palette, clock: clock.clone(), width }
    }

    /// Lays out for another width from now on.
    pub(crate) fn fit(&mut self, width: Width) {
        self.width = width;
    }

    /// How wide sentences are.
    pub(crate) fn columns(&self) -> usize {
        self.width.columns()
    }

    /// A text of several lines; those that are too wide are filled anew.
    pub(crate) fn fill(&self, text: &str) -> String {
        table::fill(text, self.columns())
    }

    /// Messages with the excerpts of the text that they point into.
    pub(crate) fn messages(&self, diagnostics: &[Diagnostic], source: Option<&SourceFile>) -> String {
        diagnostics.iter().map(|diagnostic| message(diagnostic, source, self.palette, self.columns())).collect()
    }

    /// A table whose cells are cut where it would be too wide.
    pub(crate) fn table(&self, header: &[&str], rows: &[Vec<String>]) -> String {
        table::render(header, rows, self.width.of_lines(), TooWide::Cut)
    }

    /// A line of a file or a list, behind a label: on a terminal it goes on below where it began, elsewhere it stays whole.
    pub(crate) fn line(&self, label: &str, text: &str) -> String {
        let text = text.trim_end();
        let (indent, rest) = text.split_at(text.len() - text.trim_start().len());
        match self.width {
            Width::Anywhere | Width::Piped(_) => format!("{}\n", format!("{label}{text}").trim_end()),
            Width::Terminal(_) => {
                let label = format!("{label}{indent}").replace('\t', "    ");
                table::hang(&label, &rest.replace('\t', "    "), self.columns())
            }
        }
    }

    /// One line of a block. An empty name continues the line above. The text may be anything.
    pub(crate) fn row(&self, name: &str, text: &str) -> String {
        self.painted_row(name, &line(text))
    }

    /// One line of a block, of a text that was painted: what others chose in it is harmless already.
    pub(crate) fn painted_row(&self, name: &str, text: &str) -> String {
        self.hang(&self.label(name), text)
    }

    /// One line of a block with a mark before the text, which stays beside its first word.
    pub(crate) fn marked_row(&self, name: &str, mark: &str, text: &str) -> String {
        self.hang(&format!("{}{mark} ", self.label(name)), text)
    }

    fn label(&self, name: &str) -> String {
        let name = format!("{name:<NAME$}");
        format!("{:MARGIN$}{}", "", self.palette.paint(Role::Label, &name))
    }

    /// A text behind a label; what has no room goes on below where it began.
    pub(crate) fn hang(&self, label: &str, text: &str) -> String {
        table::hang(label, text, self.columns())
    }

    /// How many columns are left of the terminal behind a block's names.
    pub(crate) fn room(&self) -> usize {
        self.columns() - MARGIN - NAME
    }

    /// A line with the state at its right, or below it where the terminal has no room.
    pub(crate) fn row_with_state(&self, name: &str, text: &str, digits: Digits<'_>) -> String {
        let row = self.row(name, text);
        let row = row.trim_end_matches('\n');
        let last = row.rsplit('\n').next().unwrap_or_default();
        let end = visible_width(last);
        let column = (self.columns() - STATE).min(STATE_COLUMN);
        let start = column.max(end + 2);
        let gap = if start + STATE <= self.columns() { " ".repeat(start - end) } else { format!("\n{:column$}", "") };
        let (what, digits) = match digits {
            Digits::State(digits) => ("state", digits),
            Digits::Image(digits) => ("image", digits),
        };
        format!("{row}{gap}→ {what} {}\n", self.palette.paint(Role::Strong, digits))
    }
}

#[cfg(test)]
mod tests {
    use super::{Digits, Layout, Width};
    use crate::view::palette::Palette;
    use crate::world::Clock;

    fn layout(width: Width) -> Layout {
        Layout::new(Palette::PLAIN, &Clock::stopped(0), width)
    }

    #[test]
    fn a_state_stands_where_the_terminal_has_room() {
        let (text, state) = ("none: HEALTHCHECK changes the configuration only", Digits::State("0123456789ab"));
        let column = |width: Width| {
            let row = layout(width).row_with_state("layer", text, state);
            row.lines().map(|line| line.chars().position(|letter| letter == '→')).collect::<Vec<_>>()
        };
        assert_eq!(column(Width::Anywhere), [Some(70)]);
        assert_eq!(column(Width::Terminal(86)), [Some(66)]);
        assert_eq!(column(Width::Terminal(80)), [None, Some(60)]);
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let text = "日本 one two three four five six seven eight nine ten eleven twelve";
        for columns in 60..100 {
            let layout = layout(Width::Terminal(columns));
            for row in [layout.row("cache", text), layout.row_with_state("layer", text, Digits::State("0123456789ab"))]
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
