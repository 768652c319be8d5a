//! What an id of a container is: 64 digits, of which the first few are enough where they mean only one.

/// How many digits an id has.
pub(super) const DIGITS: usize = 64;

/// Whether a text is an id, or so many digits of one at least. Nothing else becomes the name of a container's folder.
pub(super) fn is_id(text: &str, least: usize) -> bool {
    (least..=DIGITS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
