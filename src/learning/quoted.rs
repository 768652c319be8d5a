//! Words as a shell reads them.

use std::borrow::Cow;

/// A word as a shell reads it again.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:#@%+=,".contains(letter);
    match !word.is_empty() && !word.starts_with('#') && word.chars().all(is_plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', r"'\''"))),
    }
}
