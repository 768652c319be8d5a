//! The paragraphs of a page, for a terminal that has not room for all of them at once.

use crate::lesson::plain;

/// The paragraphs of a text, none of them longer than so many lines. What announces the next one stays with it.
pub(super) fn paragraphs(text: &str, most: usize) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    for paragraph in text.split_inclusive("\n\n") {
        match paragraphs.last_mut().filter(|last| announces(last)) {
            Some(last) => last.push_str(paragraph),
            None => paragraphs.push(paragraph.to_owned()),
        }
    }
    paragraphs.iter().flat_map(|paragraph| pieces(paragraph, most)).collect()
}

/// A paragraph in pieces of at most so many lines.
fn pieces(paragraph: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = paragraph.split_inclusive('\n').collect();
    lines.chunks(most.max(1)).map(<[&str]>::concat).collect()
}

/// Whether a paragraph is followed by what it is about, and stays with it: it ends with a colon, or is a heading.
fn announces(paragraph: &str) -> bool {
    let text = plain(paragraph.as_bytes());
    let text = text.trim();
    let is_heading = text.lines().count() == 1 && !text.ends_with(['.', '!', '?', ')', '”']);
    !text.is_empty() && (text.ends_with(':') || is_heading)
}
