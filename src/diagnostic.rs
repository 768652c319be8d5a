//! Messages that point at a place in a text.
//!
//! A [`Diagnostic`] says what is wrong (`message`), where (`span`), what about the place matters (`label`)
//! and what to do (`hint`). Every part of the program that reads text makes them; this module alone draws
//! them, so that all messages look alike:
//!
//! ```text
//! error: unknown instruction `FORM`
//!  --> Dockerfile:1:1
//!   |
//! 1 | FORM alpine
//!   | ^^^^
//!   |
//! hint: did you mean `FROM`?
//! ```
//!
//! The drawing is plain text. Colour is left to whoever prints it. What is drawn is safe to send to a
//! terminal ([`crate::shown`]), and a long line is cut to a window around the span.

use crate::shown;
use crate::source::{SourceFile, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The text means nothing; work on it stops.
    Error,
    /// The text is understood, but probably not what was meant.
    Warning,
}

/// One message about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The name of what is wrong, for programs: warnings have one, and it is BuildKit's where BuildKit has the same check.
    pub kind: Option<&'static str>,
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// Where, if it is one place.
    pub span: Option<Span>,
    /// A few words drawn after the carets.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// The most messages about one text: more help nobody.
pub const MOST_MESSAGES: usize = 50;

/// The most characters of one source line that are drawn.
const EXCERPT_WIDTH: usize = 120;

impl Diagnostic {
    /// Makes an error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            kind: None,
            message: message.into(),
            span: None,
            label: None,
            hint: None,
        }
    }

    /// Makes a warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message) }
    }

    /// The same message, with a name for its kind.
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The same message as a warning.
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same message, pointing at `span`.
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same message, pointing at `span` where it points nowhere yet.
    pub fn at_if_none(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }

    /// The same message, with a few words after the carets.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same message, with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same message, with `did you mean …?` when one of `candidates` is close to what was written.
    pub fn suggest<'a>(self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(written, candidates) {
            Some(candidate) => self.hint(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }

    /// Draws the message; with `source`, also the excerpt that its span points at.
    ///
    /// The text ends with a newline and no line of it ends with a space.
    pub fn render(&self, source: Option<&SourceFile>) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut out = format!("{severity}: {}\n", printable(&self.message));
        if let (Some(source), Some(span)) = (source, self.span) {
            out.push_str(&self.excerpt(source, span));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("hint: {}\n", printable(hint)));
        }
        out
    }

    /// The message as data: severity, kind, message, label and hint, and the place as bytes, line and column.
    pub fn to_json(&self, source: Option<&SourceFile>) -> serde_json::Value {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = source.zip(self.span).map(|(source, span)| source.line_column(span.start));
        serde_json::json!({
            "severity": severity,
            "kind": self.kind,
            "message": self.message,
            "span": self.span,
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
            "label": self.label,
            "hint": self.hint,
        })
    }

    /// Draws the place line, the source line and the carets.
    fn excerpt(&self, source: &SourceFile, span: Span) -> String {
        let (line, column) = source.line_column(span.start);
        let text = source.line_text(line);
        // A span that goes on in later lines is underlined to the end of its first line.
        let in_line = source.text.get(span.start..span.end).unwrap_or("");
        let in_line = in_line.split(['\r', '\n']).next().unwrap_or("");
        let first = column - 1;
        let width = in_line.chars().count().max(1);

        // Long lines are cut to a window that begins a little before the span.
        let line_length = text.chars().count();
        let window = if line_length <= EXCERPT_WIDTH { 0 } else { first.saturating_sub(EXCERPT_WIDTH / 4) };
        let shown: String = text.chars().skip(window).take(EXCERPT_WIDTH).collect();
        let shown = shown::cell(&shown);
        let cut_left = if window > 0 { "…" } else { "" };
        let cut_right = if line_length > window + EXCERPT_WIDTH { "…" } else { "" };

        let padding = first - window + cut_left.chars().count();
        let carets = width.min(EXCERPT_WIDTH.saturating_sub(first - window)).max(1);
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let label = self.label.as_deref().map(|label| format!(" {}", printable(label))).unwrap_or_default();
        let excerpt = format!("{number} | {cut_left}{shown}{cut_right}");
        format!(
            "{gutter}--> {}:{line}:{column}\n{gutter} |\n{}\n{gutter} | {}{}{label}\n{gutter} |\n",
            printable(&source.name),
            excerpt.trim_end(),
            " ".repeat(padding),
            "^".repeat(carets),
        )
    }
}

/// The candidate that `written` was probably meant to be, letters compared without case. One edit may lie between them, and two
/// in a word of six letters or more: between short words two edits are no likeness.
pub fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Words much longer than any keyword are not typos, and comparing them would be slow.
    if written.len() > 64 {
        return None;
    }
    let written = written.to_lowercase();
    let edits = if written.chars().count() < 6 { 1 } else { 2 };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance > 0 && *distance <= edits && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The text with its control characters made visible. Whoever quotes a megabyte gets the beginning of it.
fn printable(text: &str) -> String {
    const LENGTH: usize = 400;
    let mut characters = text.chars();
    let mut out: String = shown::cell(&characters.by_ref().take(LENGTH).collect::<String>()).into_owned();
    if characters.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_drawn_with_excerpt_carets_and_hint() {
        let source = SourceFile::new("Dockerfile", "FORM alpine\n");
        let drawn = Diagnostic::error("unknown instruction `FORM`")
            .at(Span::new(0, 4))
            .suggest("FORM", ["RUN", "FROM"])
            .render(Some(&source));
        let expected = "error: unknown instruction `FORM`\n --> Dockerfile:1:1\n  |\n1 | FORM alpine\n  | ^^^^\n  |\n\
                        hint: did you mean `FROM`?\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_span() {
        let source = SourceFile::new("Dockerfile", format!("RUN {}X{}", "a".repeat(5000), "b".repeat(5000)));
        let drawn = Diagnostic::error("here").at(Span::new(5004, 5005)).label("this").render(Some(&source));
        let lines: Vec<&str> = drawn.lines().collect();
        assert!(lines[3].starts_with("1 | …a") && lines[3].ends_with("b…"), "{drawn}");
        let caret = lines[4].find('^').expect("a caret");
        assert_eq!(lines[3].chars().nth(caret), Some('X'));
        assert!(lines[4].ends_with("^ this"));
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        let source = SourceFile::new("Dockerfile", "RUN \u{1b}[31m\0");
        let drawn = Diagnostic::error("bad \u{7}").at(Span::new(4, 5)).render(Some(&source));
        assert!(drawn.chars().all(|character| character == '\n' || !character.is_control()), "{drawn:?}");
    }
}
