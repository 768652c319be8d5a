//! Colours in what programs print: select graphic rendition, `ESC [ … m`, see console_codes(4).

/// The longest sequence that is taken for one.
const LONGEST_COLOUR: usize = 32;

/// Whether a program's colours are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    Kept,
    Dropped,
}

/// The length of the sequence `ESC [ 1 ; 31 m` that a text begins with, if it begins with one.
pub(super) fn colour_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|letter: char| !matches!(letter, '0'..='9' | ';' | ':'))?;
    let length = "\x1b[".len() + end + 1;
    (parameters[end..].starts_with('m') && length <= LONGEST_COLOUR).then_some(length)
}

/// Whether a text is the beginning of such a sequence, which the next piece may complete.
pub(super) fn begins_colour(text: &str) -> bool {
    let is_parameter = |letter: char| matches!(letter, '0'..='9' | ';' | ':');
    match text.strip_prefix('\x1b') {
        Some(rest) => {
            rest.is_empty()
                || rest.strip_prefix('[').is_some_and(|rest| rest.chars().all(is_parameter))
                    && text.len() < LONGEST_COLOUR
        }
        None => false,
    }
}
