//! Columns, as wide as their widest cell and three spaces apart: the form of Docker's lists. Widths are those of a terminal,
//! where a character of East Asia or an emoji takes two places.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::sgr::colour_length;
use crate::shown;

/// How far columns are apart.
const GAP: usize = 3;
/// A column is not made narrower than this.
const NARROWEST: usize = 8;
/// A word of no more columns is never broken: an id has twelve digits, and `layerlab/base` one letter more.
const UNBROKEN: usize = 13;
/// What stands before a word and belongs to it.
const MARKS: &[&str] = &["≠", "✓", "✗", "?"];
/// What stands behind a number and belongs to it.
const UNITS: &[&str] = &["B", "kB", "MB", "GB", "TB", "s", "min"];
/// What stands behind a number in a span of time. In a table a span stays whole where all words can.
const SPANS: &[&str] = &["second", "minute", "hour", "day", "week", "month", "year"];

/// What becomes of a cell that has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooWide {
    /// `…` stands for the rest.
    Cut,
    /// It goes on in the next line.
    Broken,
    /// It goes on in the next line, but no word is broken: names and ids are there to be copied. Where the words of a row have no room
    /// beside each other the row runs on, and it is the terminal that breaks it.
    Whole,
}

/// Lays rows out under a header within so many columns. The widest column gives way first; the last is not padded.
pub(crate) fn render(header: &[&str], rows: &[Vec<String>], columns: usize, too_wide: TooWide) -> String {
    let columns = Columns::of(header, rows, columns, too_wide);
    rows.iter().fold(columns.row(header), |text, row| text + &columns.row(row))
}

/// How wide the columns of a table are. A long table is written row by row: there is no need to have all of its text at once.
pub(crate) struct Columns {
    widths: Vec<usize>,
    too_wide: TooWide,
}

impl Columns {
    /// Those in which the header and the rows have room, as far as there is any.
    pub(crate) fn of<R: AsRef<[String]>>(
        header: &[&str],
        rows: impl IntoIterator<Item = R>,
        columns: usize,
        too_wide: TooWide,
    ) -> Columns {
        let word = |cell: &str| spans(cell).iter().map(|word| word.width()).max().unwrap_or(0);
        let mut widths: Vec<usize> = header.iter().map(|name| name.width()).collect();
        let mut words: Vec<usize> = header.iter().map(|name| word(name)).collect();
        for row in rows {
            for ((width, longest), cell) in widths.iter_mut().zip(&mut words).zip(row.as_ref()) {
                let cell = shown::cell(cell);
                let whole = cell.width();
                *width = whole.max(*width);
                // No word is wider than its cell, and most cells are no wider than a word that was seen.
                if whole > *longest {
                    *longest = word(&cell).max(*longest);
                }
            }
        }
        let room = columns.saturating_sub(GAP * widths.len().saturating_sub(1));
        // Words stay whole where all of them can, and what is as short as an id always does: it is there to be copied.
        let within_words: Vec<usize> =
            words.iter().zip(&widths).map(|(word, width)| (*word).max(NARROWEST).min(*width)).collect();
        let least: Vec<usize> = match (within_words.iter().sum::<usize>() <= room, too_wide) {
            (true, _) => within_words,
            (false, TooWide::Whole) => widths.clone(),
            (false, TooWide::Cut | TooWide::Broken) => {
                within_words.iter().map(|word| if *word <= UNBROKEN { *word } else { NARROWEST }).collect()
            }
        };
        while widths.iter().sum::<usize>() > room
            && let Some((widest, _)) = widths
                .iter_mut()
                .zip(&least)
                .filter(|(width, least)| **width > **least)
                .max_by_key(|(width, _)| **width)
        {
            *widest -= 1;
        }
        Columns { widths, too_wide }
    }

    /// One row, or the header, on as many lines as it takes.
    pub(crate) fn row(&self, cells: &[impl AsRef<str>]) -> String {
        let cells: Vec<_> = cells
            .iter()
            .zip(&self.widths)
            .map(|(cell, &width)| lines(&shown::cell(cell.as_ref()), width, self.too_wide))
            .collect();
        let mut text = String::new();
        for number in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&self.widths) {
                let part = cell.get(number).map_or("", String::as_str);
                line.push_str(part);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(part.width()) + GAP));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The lines of a cell.
fn lines(cell: &str, width: usize, too_wide: TooWide) -> Vec<String> {
    if cell.width() <= width {
        return vec![cell.to_owned()];
    }
    match too_wide {
        TooWide::Cut => vec![shortened(cell, width)],
        TooWide::Whole => {
            let mut filled = String::new();
            break_words("", &spans(cell), width, &mut filled);
            filled.lines().map(str::to_owned).collect()
        }
        TooWide::Broken => hang("", cell, width).lines().map(str::to_owned).collect(),
    }
}

/// A text for so many columns: what is too wide is broken between words. Lines of prose that follow one another are filled anew. A line
/// that is indented, numbered, or has a gap of two spaces in it, stays by itself, and its rest hangs below what follows.
pub(crate) fn fill(text: &str, columns: usize) -> String {
    if text.lines().all(|line| line.width() <= columns) {
        return text.to_owned();
    }
    let mut filled = String::new();
    let mut prose: Vec<&str> = Vec::new();
    for line in text.lines() {
        let label = label_length(line);
        if label == 0 && !line.is_empty() {
            prose.extend(line.split(' '));
            continue;
        }
        break_words("", &std::mem::take(&mut prose), columns, &mut filled);
        if line.is_empty() {
            filled.push('\n');
        } else {
            break_words(&line[..label], &words(&line[label..]), columns, &mut filled);
        }
    }
    break_words("", &prose, columns, &mut filled);
    filled
}

/// How much of a line its rest hangs behind: its indent and its number, as in ` 10. fork`, or all up to its last gap. Prose has none.
fn label_length(line: &str) -> usize {
    let begin = line.rfind("  ").map_or(0, |at| at + 2).max(line.len() - line.trim_start_matches(' ').len());
    let digits = line[begin..].find(|letter: char| !letter.is_ascii_digit()).unwrap_or(0);
    let is_number = digits > 0 && line[begin + digits..].starts_with(". ");
    if is_number { begin + digits + 2 } else { begin }
}

/// Adds words behind a label, on as many lines as they take. Colours take no places. A word that has no room in a whole line is
/// broken: a path behind a `/`, another one where the line ends.
fn break_words(label: &str, words: &[&str], columns: usize, filled: &mut String) {
    if words.is_empty() {
        return;
    }
    // A quarter of the width is left below a very long label: else there would be a column of single letters.
    let margin = visible_width(label).min(columns - columns / 4);
    let room = columns.saturating_sub(margin).max(1);
    let new_line = |filled: &mut String| {
        filled.truncate(filled.trim_end_matches(' ').len());
        filled.push('\n');
        filled.extend(std::iter::repeat_n(' ', margin));
    };
    filled.push_str(label);
    let mut left = columns.saturating_sub(visible_width(label));
    for (number, word) in words.iter().enumerate() {
        let (mut word, mut width) = (*word, visible_width(word));
        let gap = usize::from(number > 0);
        if gap + width > left && left < room {
            new_line(filled);
            left = room;
        } else if gap > 0 {
            filled.push(' ');
            left = left.saturating_sub(1);
        }
        let is_painted = word.contains('\x1b');
        while width > left && !is_painted {
            let piece = fitting(word, left);
            if piece.is_empty() {
                break;
            }
            let piece = piece.rfind('/').filter(|at| *at > 0).map_or(piece, |at| &piece[..=at]);
            filled.push_str(piece);
            new_line(filled);
            (word, left) = (&word[piece.len()..], room);
            // No more is measured than decides whether it is too wide: a letter takes two places at most.
            width = visible_width(fitting(word, room + 2));
        }
        filled.push_str(word);
        left = left.saturating_sub(width);
    }
    filled.truncate(filled.trim_end_matches(' ').len());
    filled.push('\n');
}

/// A text behind a label, broken between words where it is too wide: it goes on below where it began.
pub(crate) fn hang(label: &str, text: &str, columns: usize) -> String {
    let mut filled = String::new();
    break_words(label, &words(text), columns, &mut filled);
    filled
}

/// Whether two words are the place of a step, as in `[build 3/7]`.
fn is_place(stage: &str, number: &str) -> bool {
    let is_stage = stage.strip_prefix('[').is_some_and(|name| !name.contains(['"', ']']));
    is_stage
        && number.starts_with(|letter: char| letter.is_ascii_digit())
        && number.contains("/")
        && number.contains(']')
}

/// The words of a text. A number and its unit are one, and so are a mark and its word, and the place of a step.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    let mut start = 0;
    for part in text.split(' ') {
        let end = start + part.len();
        match words.last_mut() {
            Some(last)
                if MARKS.contains(last)
                    || UNITS.contains(&part) && last.ends_with(|letter: char| letter.is_ascii_digit())
                    || is_place(last, part) =>
            {
                *last = &text[start - last.len() - 1..end];
            }
            Some(_) | None => words.push(part),
        }
        start = end + 1;
    }
    words
}

/// The words of a text, where a span of time is one: `About a minute ago`, `3 days`.
fn spans(text: &str) -> Vec<&str> {
    let mut spans: Vec<&str> = Vec::new();
    let mut start = 0;
    for part in words(text) {
        let end = start + part.len();
        let belongs = |last: &&mut &str| {
            let ends = |words: &[&str]| words.iter().any(|word| last.ends_with(word));
            match part {
                "a" | "an" => ends(&["About"]),
                "ago" => SPANS.iter().any(|unit| last.trim_end_matches('s').ends_with(unit)),
                _ => {
                    SPANS.contains(&part.trim_end_matches('s'))
                        && (ends(&["About a", "About an"]) || last.ends_with(|letter: char| letter.is_ascii_digit()))
                }
            }
        };
        match spans.last_mut().filter(belongs) {
            Some(last) => *last = &text[start - last.len() - 1..end],
            None => spans.push(part),
        }
        start = end + 1;
    }
    spans
}

/// How many places a text takes that may have colours in it.
pub(crate) fn visible_width(text: &str) -> usize {
    let mut width = 0;
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        width += rest[..at].width();
        rest = &rest[at..];
        let length = colour_length(rest);
        width += usize::from(length.is_none());
        rest = &rest[length.unwrap_or(1)..];
    }
    width + rest.width()
}

/// A text of at most so many places, with `…` at its end where it had more.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.width() <= most { text.to_owned() } else { format!("{}…", fitting(text, most.saturating_sub(1))) }
}

/// The beginning of a text that takes at most so many places.
pub(crate) fn fitting(text: &str, most: usize) -> &str {
    let mut width = 0;
    let too_wide = text.char_indices().find(|(_, character)| {
        width += character.width().unwrap_or(0);
        width > most
    });
    too_wide.map_or(text, |(at, _)| &text[..at])
}

/// The beginning of a text that has at most so many bytes, in whole letters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{TooWide, fill, fitting, hang, render};

    #[test]
    fn only_what_is_too_wide_is_filled_anew() {
        let text = "one two three\nfour\n\n a, b  five six seven\n  eight\n";
        assert_eq!(fill(text, 21), text);
        assert_eq!(fill(text, 12), "one two\nthree four\n\n a, b  five\n       six\n       seven\n  eight\n");
        // A word that is wider than a line is broken, and nothing else.
        assert_eq!(hang("a ", "b /usr/share/x c", 8), "a b\n  /usr/\n  share/\n  x c\n");
        assert_eq!(hang("a ", "sha256:abc c", 8), "a sha256\n  :abc c\n");
        assert_eq!(hang("a ", "日本語日本語 c", 8), "a 日本語\n  日本語\n  c\n");
        assert_eq!(hang("a ", "bb 12 kB", 8), "a bb\n  12 kB\n");
        assert_eq!(hang("a ", "bb ≠ c", 6), "a bb\n  ≠ c\n");
        assert_eq!(hang("a ", "b  c", 4), "a b\n  c\n");
    }

    #[test]
    fn an_item_of_a_list_stays_by_itself() {
        let text = "as the guard:\n  9. fork\n 10. ask for SIGKILL\n100. fork once more\n     so\n";
        let filled = "as the guard:\n  9. fork\n 10. ask for\n     SIGKILL\n100. fork once\n     more\n     so\n";
        assert_eq!(fill(text, 14), filled);
        assert_eq!(fill(" so much is\n  said\n", 9), " so much\n is\n  said\n");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["日本".to_owned(), "1".to_owned()], ["a\tb\nc\x1b".to_owned(), "2".to_owned()]].map(Vec::from);
        assert_eq!(render(&["NAME", "NUMBER"], &rows, 100, TooWide::Cut), "NAME     NUMBER\n日本     1\na b␊c␛   2\n");
    }

    #[test]
    fn the_widest_column_gives_way() {
        let rows = [vec!["one".to_owned(), "a rather long cell".to_owned(), "2".to_owned()]];
        let header = ["A", "B", "C"];
        assert_eq!(render(&header, &rows, 22, TooWide::Cut), "A     B              C\none   a rather lo…   2\n");
        assert_eq!(
            render(&header, &rows, 22, TooWide::Broken),
            "A     B              C\none   a rather       2\n      long cell\n"
        );
        assert_eq!(render(&header, &rows, 9, TooWide::Cut), "A     B          C\none   a rathe…   2\n");
        let rows = [vec!["one".to_owned(), "named_at_length it is".to_owned(), "2".to_owned()]];
        assert_eq!(
            render(&header, &rows, 25, TooWide::Whole),
            "A     B                 C\none   named_at_length   2\n      it is\n"
        );
        assert_eq!(
            render(&header, &rows, 20, TooWide::Whole),
            "A     B                       C\none   named_at_length it is   2\n"
        );
    }

    #[test]
    fn wide_characters_take_two_places() {
        assert_eq!((fitting("日本語", 5), fitting("abc", 3), fitting("abcd", 3)), ("日本", "abc", "abc"));
    }
}
