//! Columns, as wide as their widest cell and three spaces apart: the form of Docker's lists. Widths are those of a terminal,
//! where a character of East Asia or an emoji takes two places.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::sgr::colour_length;
use crate::shown;

/// Lays rows out under a header. The last column is not padded.
pub(crate) fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = header.len();
    let header: Vec<Cow<'_, str>> = header.iter().map(|&name| name.into()).collect();
    let cells = |row: &'_ Vec<String>| row.iter().map(|cell| shown::cell(cell).into_owned().into()).collect();
    let rows: Vec<Vec<Cow<'_, str>>> = std::iter::once(header).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < columns {
                let padding = widths[column].saturating_sub(cell.width()) + 3;
                line.extend(std::iter::repeat_n(' ', padding));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text for so many columns: what is too wide is broken between words. Lines of prose that follow one another are filled anew. A line
/// that is indented, or has a gap of two spaces in it, stays by itself, and its rest hangs below what follows the gap.
pub(crate) fn fill(text: &str, columns: usize) -> String {
    if text.lines().all(|line| line.width() <= columns) {
        return text.to_owned();
    }
    let mut filled = String::new();
    let mut prose: Vec<&str> = Vec::new();
    for line in text.lines() {
        let label = line.rfind("  ").map_or(0, |at| at + 2);
        if label == 0 && !line.is_empty() {
            prose.extend(line.split(' '));
            continue;
        }
        break_words("", &std::mem::take(&mut prose), columns, &mut filled);
        if line.is_empty() {
            filled.push('\n');
        } else {
            break_words(&line[..label], &line[label..].split(' ').collect::<Vec<_>>(), columns, &mut filled);
        }
    }
    break_words("", &prose, columns, &mut filled);
    filled
}

/// Adds words behind a label, on as many lines as they take. Colours take no places. A word that has no room in a whole line, such as
/// a path, is broken where the line ends.
fn break_words(label: &str, words: &[&str], columns: usize, filled: &mut String) {
    if words.is_empty() {
        return;
    }
    let margin = visible_width(label);
    let room = columns.saturating_sub(margin).max(1);
    let new_line = |filled: &mut String| {
        filled.truncate(filled.trim_end_matches(' ').len());
        filled.push('\n');
        filled.extend(std::iter::repeat_n(' ', margin));
    };
    filled.push_str(label);
    let mut left = room;
    for (number, word) in words.iter().enumerate() {
        let (mut word, mut width) = (*word, visible_width(word));
        let gap = usize::from(number > 0);
        if gap + width > left && left < room {
            new_line(filled);
            left = room;
        } else if number > 0 {
            filled.push(' ');
            left -= 1;
        }
        while width > left && !word.contains('\x1b') {
            let piece = fitting(word, left);
            if piece.is_empty() {
                break;
            }
            filled.push_str(piece);
            new_line(filled);
            (word, left) = (&word[piece.len()..], room);
            width = visible_width(word);
        }
        filled.push_str(word);
        left = left.saturating_sub(width);
    }
    filled.push('\n');
}

/// A text behind a label, broken between words where it is too wide: it goes on below where it began.
pub(crate) fn hang(label: &str, text: &str, columns: usize) -> String {
    let mut filled = String::new();
    break_words(label, &text.split(' ').collect::<Vec<_>>(), columns, &mut filled);
    filled
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

#[cfg(test)]
mod tests {
    use super::{fill, fitting, hang, render};

    #[test]
    fn only_what_is_too_wide_is_filled_anew() {
        let text = "one two three\nfour\n\n a, b  five six seven\n  eight\n";
        assert_eq!(fill(text, 21), text);
        assert_eq!(fill(text, 12), "one two\nthree four\n\n a, b  five\n       six\n       seven\n  eight\n");
        // A word that is wider than a line is broken, and nothing else.
        assert_eq!(hang("a ", "b /usr/share/x c", 8), "a b\n  /usr/s\n  hare/x\n  c\n");
        assert_eq!(hang("a ", "日本語日本語 c", 8), "a 日本語\n  日本語\n  c\n");
        assert_eq!(hang("a ", "b  c", 4), "a b\n  c\n");
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [["日本".to_owned(), "1".to_owned()], ["a\tb\nc\x1b".to_owned(), "2".to_owned()]].map(Vec::from);
        assert_eq!(render(&["NAME", "NUMBER"], &rows), "NAME     NUMBER\n日本     1\na b␊c␛   2\n");
    }

    #[test]
    fn wide_characters_take_two_places() {
        assert_eq!((fitting("日本語", 5), fitting("abc", 3), fitting("abcd", 3)), ("日本", "abc", "abc"));
    }
}
