//! The drawing of the places of a message: an excerpt with carets.
//!
//! ```text
//! warning: two stages are called `build` [DuplicateStageName]
//!  --> Dockerfile:3:16
//!   |
//! 1 | FROM alpine AS build
//!   |                ----- the first
//! …
//! 3 | FROM alpine AS build
//!   |                ^^^^^
//!   |
//! ```
//!
//! The drawing is plain text. Colour is left to whoever prints it. What is drawn is safe to send to a terminal
//! ([`crate::shown`]), and a long line is cut to a window around the place that matters.

use super::label::Label;
use crate::shown;
use crate::source::SourceFile;

/// The most characters of one source line that are drawn.
const EXCERPT_WIDTH: usize = 120;

/// A label and where it is drawn.
struct Mark<'d> {
    /// The line, counted from 1.
    line: usize,
    /// How many characters come before it.
    first: usize,
    /// How many it marks.
    width: usize,
    /// Below the place that the message is about, or below one that explains it.
    sign: &'static str,
    text: &'d str,
}

/// Draws the line with the place, and each source line that a label lies in, with what marks it below.
pub(super) fn excerpt(source: &SourceFile, labels: &[Label]) -> String {
    let Some(primary) = labels.first() else { return String::new() };
    let mut marks: Vec<Mark> =
        labels.iter().enumerate().map(|(index, label)| mark(source, label, index == 0)).collect();
    // The sort is stable: of two marks in one line the more important one comes first.
    marks.sort_by_key(|mark| mark.line);
    let (line, column) = source.line_column(primary.span.start);
    let digits = marks.last().map_or(0, |mark| mark.line.to_string().len());
    let gutter = " ".repeat(digits);
    let mut out = format!("{gutter}--> {}:{line}:{column}\n{gutter} |\n", printable(&source.name));
    let mut drawn_line: Option<usize> = None;
    for marks in marks.chunk_by(|one, other| one.line == other.line) {
        let [first, ..] = marks else { continue };
        if drawn_line.is_some_and(|drawn| first.line > drawn + 1) {
            out.push_str("…\n");
        }
        drawn_line = Some(first.line);
        out.push_str(&marked_line(source.line_text(first.line), marks, &gutter));
    }
    out.push_str(&format!("{gutter} |\n"));
    out
}

fn mark<'d>(source: &SourceFile, label: &'d Label, is_primary: bool) -> Mark<'d> {
    let (line, column) = source.line_column(label.span.start);
    // A span that goes on in later lines is underlined to the end of its first line.
    let in_line = source.text.get(label.span.start..label.span.end).unwrap_or("");
    let in_line = in_line.split(['\r', '\n']).next().unwrap_or("");
    Mark {
        line,
        first: column - 1,
        width: in_line.chars().count().max(1),
        sign: if is_primary { "^" } else { "-" },
        text: &label.text,
    }
}

/// A source line, and below it a line for each of its marks.
fn marked_line(text: &str, marks: &[Mark], gutter: &str) -> String {
    let Some(most_important) = marks.first() else { return String::new() };
    // Long lines are cut to a window that begins a little before the mark.
    let length = text.chars().count();
    let window = if length <= EXCERPT_WIDTH { 0 } else { most_important.first.saturating_sub(EXCERPT_WIDTH / 4) };
    let shown: String = text.chars().skip(window).take(EXCERPT_WIDTH).collect();
    let cut_left = if window > 0 { "…" } else { "" };
    let cut_right = if length > window + EXCERPT_WIDTH { "…" } else { "" };
    let number = format!("{:>width$}", most_important.line, width = gutter.len());
    let mut out = format!("{number} | {cut_left}{}{cut_right}", shown::cell(&shown)).trim_end().to_owned();
    out.push('\n');
    let is_visible = |mark: &&Mark| (window..=window + EXCERPT_WIDTH).contains(&mark.first);
    for mark in marks.iter().filter(is_visible) {
        let padding = mark.first - window + cut_left.chars().count();
        let carets = mark.width.min((EXCERPT_WIDTH + window).saturating_sub(mark.first)).max(1);
        let label = if mark.text.is_empty() { String::new() } else { format!(" {}", printable(mark.text)) };
        out.push_str(&format!("{gutter} | {}{}{label}\n", " ".repeat(padding), mark.sign.repeat(carets)));
    }
    out
}

/// The text with its control characters made visible. Whoever quotes a megabyte gets the beginning of it.
pub(super) fn printable(text: &str) -> String {
    const LENGTH: usize = 400;
    let mut characters = text.chars();
    let mut out: String = shown::cell(&characters.by_ref().take(LENGTH).collect::<String>()).into_owned();
    if characters.next().is_some() {
        out.push('…');
    }
    out
}
