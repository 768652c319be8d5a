//! Reading `.dockerignore`.
//!
//! ```text
//! # a comment: the `#` is the first character of the line
//! node_modules
//! **/*.log
//! !important.log
//! ```
//!
//! The rules are those of moby/patternmatcher's `ignorefile`: a byte order mark at the start is skipped, space around a
//! pattern and after its `!` is dropped, a path is cleaned, and one leading slash goes away, since every pattern is
//! relative to the context. What the patterns mean is the matter of [`super::patterns`].

use super::clean::clean;

/// Returns the pattern lines of a `.dockerignore`, each with its line number, counted from 1.
///
/// Nothing is refused here: a lone `!` is a pattern that [`super::Patterns::numbered`] refuses.
pub fn parse(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, pattern_of(line)?))).collect()
}

fn pattern_of(line: &str) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let trimmed = line.trim();
    if trimmed.is_empty() {
        return None;
    }
    let (mark, path) = match trimmed.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", trimmed),
    };
    if path.is_empty() {
        return Some(mark.to_owned());
    }
    let cleaned = clean(path);
    let relative = match cleaned.strip_prefix('/') {
        Some(relative) if !relative.is_empty() => relative,
        _ => &cleaned,
    };
    Some(format!("{mark}{relative}"))
}
