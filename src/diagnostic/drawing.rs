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

use std::ops::Range;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::label::Label;
use crate::shown;
use crate::source::SourceFile;

/// How wide an excerpt is where nobody says how much room there is.
pub(super) const EXCERPT_WIDTH: usize = 128;
/// An excerpt is not made narrower than this.
const LEAST_ROOM: usize = 20;

/// A label and where it is drawn.
struct Mark<'d> {
    /// The line, counted from 1.
    line: usize,
    /// How many characters come before it.
    first: usize,
    /// How many it marks.
    length: usize,
    /// Below the place that the message is about, or below one that explains it.
    sign: &'static str,
    text: &'d str,
}

/// Draws the line with the place, and each source line that a label lies in, with what marks it below.
pub(super) fn excerpt(source: &SourceFile, labels: &[Label], columns: usize) -> String {
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
        out.push_str(&marked_line(source.line_text(first.line), marks, &gutter, columns));
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
        length: in_line.chars().count().max(1),
        sign: if is_primary { "^" } else { "-" },
        text: &label.text,
    }
}

/// A source line, and below it a line for each of its marks.
fn marked_line(text: &str, marks: &[Mark], gutter: &str, columns: usize) -> String {
    let Some(most_important) = marks.first() else { return String::new() };
    let room = columns.saturating_sub(gutter.len() + " | ".len()).max(LEAST_ROOM);
    let letters: Vec<char> = shown::cell(text).chars().collect();
    let window = window(&letters, most_important.first, room);
    let cells = |from: usize, to: usize| {
        letters[from.min(letters.len())..to.min(letters.len())].iter().map(cell).sum::<usize>()
    };
    let cut_left = if window.start > 0 { "…" } else { "" };
    let cut_right = if window.end < letters.len() { "…" } else { "" };
    let shown: String = letters[window.clone()].iter().collect();
    let number = format!("{:>width$}", most_important.line, width = gutter.len());
    let mut out = format!("{number} | {cut_left}{shown}{cut_right}").trim_end().to_owned();
    out.push('\n');
    for mark in marks.iter().filter(|mark| (window.start..=window.end).contains(&mark.first)) {
        let padding = cells(window.start, mark.first) + cut_left.chars().count();
        let end = (mark.first + mark.length).min(window.end);
        let carets = mark.sign.repeat(cells(mark.first, end).max(1));
        let line = format!("{gutter} | {}{carets}", " ".repeat(padding));
        let label = printable(mark.text);
        let width = label.width();
        // A label without room beside the carets stands below them, as far right as it can.
        let below = || format!("{line}\n{gutter} | {}{label}\n", " ".repeat(padding.min(room.saturating_sub(width))));
        out.push_str(&match () {
            () if label.is_empty() => format!("{line}\n"),
            () if padding + carets.len() + 1 + width <= room => format!("{line} {label}\n"),
            () => below(),
        });
    }
    out
}

/// The part of a line that has room. A long line is cut to a window that begins a little before the mark.
fn window(letters: &[char], mark: usize, room: usize) -> Range<usize> {
    if letters.iter().map(cell).sum::<usize>() <= room {
        return 0..letters.len();
    }
    let start = mark.min(letters.len()).saturating_sub(room / 4);
    let mut left = room.saturating_sub("…".width() + if start > 0 { "…".width() } else { 0 });
    let fits = |letter: &&char| {
        let width = cell(letter);
        let has_room = width <= left;
        left = left.saturating_sub(width);
        has_room
    };
    start..start + letters[start..].iter().take_while(fits).count()
}

/// How many places a character takes.
fn cell(letter: &char) -> usize {
    letter.width().unwrap_or(0)
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
