//! Columns, as wide as their widest cell and three spaces apart: the form of Docker's lists. Widths are those of a terminal,
//! where a character of East Asia or an emoji takes two places.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::shown;

/// Lays rows out under a header. The last column is not padded.
pub fn render(header: &[&str], rows: &[Vec<String>]) -> String {
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

/// The beginning of a text that takes at most so many places.
pub fn fitting(text: &str, most: usize) -> &str {
    let mut width = 0;
    let too_wide = text.char_indices().find(|(_, character)| {
        width += character.width().unwrap_or(0);
        width > most
    });
    too_wide.map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::{fitting, render};

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
