//! Source texts and places in them.
//!
//! A [`SourceFile`] is one file of text with the name under which messages mention it; a [`Span`] is a
//! range of its bytes. Lines and columns are worked out only when a message needs them, so a span is
//! two numbers and costs nothing to carry through the syntax tree.
//!
//! Only UTF-8 is read; other encodings are refused by [`SourceFile::from_bytes`]. Read [`crate::diagnostic`]
//! next: it draws spans.

/// The three bytes that some editors put before UTF-8 text. They are kept in [`SourceFile::text`], so
/// that spans are those of the file on disk, and are not part of the first line.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A half-open range of bytes in a [`SourceFile`]: `start` is in it, `end` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset of the byte after the last one.
    pub end: usize,
}

impl Span {
    /// Makes the span from `start` up to, but without, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start, end }
    }

    /// The smallest span that holds both.
    pub(crate) fn join(self, other: Span) -> Span {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }
}

/// A text and the name that messages call it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name shown in messages: usually the path as the user gave it.
    pub(crate) name: String,
    /// The whole text, byte for byte as in the file.
    pub text: String,
}

/// A file that is not UTF-8: where that shows first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not valid UTF-8: byte 0x{byte:02x} at offset {offset}, in line {line}")]
pub struct NotUtf8 {
    /// The name of the file.
    pub(crate) name: String,
    /// The place of the first byte that can't be read.
    pub(crate) offset: usize,
    /// That byte.
    pub(crate) byte: u8,
    /// Its line, counted from 1.
    pub(crate) line: usize,
    /// Whether the file begins as UTF-16 does.
    pub(crate) looks_like_utf16: bool,
}

impl NotUtf8 {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self.looks_like_utf16 {
            true => "the file is UTF-16: save it as UTF-8",
            false => "save the file as UTF-8",
        }
    }
}

impl SourceFile {
    /// Makes a source file from text that is known to be UTF-8.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        SourceFile { name: name.into(), text: text.into() }
    }

    /// Makes a source file from the bytes of a file.
    ///
    /// # Errors
    /// [`NotUtf8`] for bytes that are not UTF-8.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, NotUtf8> {
        let name = name.into();
        std::str::from_utf8(bytes).map(|text| SourceFile::new(name.as_str(), text)).map_err(|error| {
            let offset = error.valid_up_to();
            NotUtf8 {
                name,
                offset,
                byte: bytes[offset],
                line: bytes[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1,
                looks_like_utf16: matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]),
            }
        })
    }

    /// The line and column of a byte offset, both counted from 1. Columns count characters, not bytes.
    ///
    /// An offset past the end, or inside a character, is moved back to the nearest place that exists.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1;
        (line, self.column(offset))
    }

    /// The column of a byte offset alone, for whoever knows its line: it looks at that line only.
    pub(crate) fn column(&self, offset: usize) -> usize {
        let before = &self.text[..self.boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_before = &before[line_start..];
        let line_before = line_before.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line_before);
        line_before.chars().count() + 1
    }

    /// The nearest offset, backwards, at which a character begins or the text ends.
    fn boundary(&self, offset: usize) -> usize {
        let end = offset.min(self.text.len());
        (0..=end).rev().find(|&offset| self.text.is_char_boundary(offset)).unwrap_or_default()
    }

    /// The place of a line, counted from 1, without its line ending.
    pub(crate) fn line_span(&self, line: usize) -> Option<Span> {
        let mut start = 0;
        for (index, text) in self.text.split_inclusive('\n').enumerate() {
            if index + 1 == line {
                let begin = start + if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
                return Some(Span::new(begin, start + text.trim_end_matches(['\r', '\n']).len()));
            }
            start += text.len();
        }
        None
    }

    /// The text of a line, counted from 1, without its line ending and without a byte order mark.
    /// A line that does not exist is empty.
    pub fn line_text(&self, line: usize) -> &str {
        let text =
            line.checked_sub(1).and_then(|index| self.text.split('\n').nth(index)).unwrap_or("").trim_end_matches('\r');
        text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_characters_from_one() {
        let source = SourceFile::new("Dockerfile", "FROM é\r\nRUN x\n");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(7), (1, 7));
        assert_eq!(source.line_column(6), (1, 6));
        assert_eq!(source.line_column(9), (2, 1));
        assert_eq!(source.line_column(1000), (3, 1));
        assert_eq!(source.line_text(1), "FROM é");
        assert_eq!(source.line_text(9), "");
    }

    #[test]
    fn byte_order_mark_is_no_part_of_the_first_line() {
        let source = SourceFile::new("Dockerfile", "\u{feff}FROM x");
        assert_eq!(source.line_column(3), (1, 1));
        assert_eq!(source.line_text(1), "FROM x");
    }

    #[test]
    fn other_encodings_are_refused() {
        let error = SourceFile::from_bytes("Dockerfile", b"FROM x\nRUN \xff").expect_err("not UTF-8");
        assert_eq!(error.to_string(), "`Dockerfile` is not valid UTF-8: byte 0xff at offset 11, in line 2");
        let error = SourceFile::from_bytes("Dockerfile", b"\xff\xfeF\0").expect_err("not UTF-8");
        assert_eq!(error.hint(), "the file is UTF-16: save it as UTF-8");
    }
}
