//! Messages that point at places in a text.
//!
//! A [`Diagnostic`] says what is wrong (`message`), of which kind that is ([`Rule`]), where (`labels`), what to do about it (`hint`),
//! and, where that is certain, which text to put there instead ([`Fix`]). Every part of the program that reads text makes them;
//! this module alone draws them, so that all messages look alike:
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
//! `drawing.rs` has the drawing, `likeness.rs` finds what a misspelt word was meant to be, `explained.rs` makes a message of an error.

mod drawing;
mod explained;
mod label;
mod likeness;
mod rule;

pub use explained::Explained;
pub(crate) use label::Label;
pub(crate) use likeness::{all_closest, closest};
pub(crate) use rule::Rule;
pub use rule::{Origin, Severity};

use serde_json::{Value, json};

use crate::source::{NotUtf8, SourceFile, Span};
use drawing::{EXCERPT_WIDTH, excerpt, printable};

/// A change of the text that certainly mends it and changes nothing else.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// What by.
    pub replacement: String,
}

/// One message about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind. A message of the program itself has none.
    pub rule: Option<&'static Rule>,
    /// What is wrong: lower case, no full stop, literals in backticks.
    pub message: String,
    /// The places: first the one that the message is about, then what explains it.
    pub(crate) labels: Vec<Label>,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// What a program can do about it.
    pub fix: Option<Box<Fix>>,
}

/// The most messages about one text: more help nobody.
pub(crate) const MOST_MESSAGES: usize = 50;

impl Diagnostic {
    /// Makes a message of a kind, without a place, as bad as its kind is.
    pub(crate) fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        Diagnostic { severity: rule.severity, rule: Some(rule), ..Diagnostic::error(message) }
    }

    /// Makes an error of no kind, without a place: what the program itself has to say.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            rule: None,
            message: message.into(),
            labels: Vec::new(),
            hint: None,
            fix: None,
        }
    }

    /// The same message, of another kind and as bad as that is.
    pub(crate) fn rule(mut self, rule: &'static Rule) -> Self {
        self.rule = Some(rule);
        self.severity = rule.severity;
        self
    }

    /// The same message as an error or a warning.
    pub(crate) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same message in other words.
    pub(crate) fn reworded(mut self, words: impl Fn(&str) -> String) -> Self {
        self.message = words(&self.message);
        self.hint = self.hint.map(|hint| words(&hint));
        self
    }

    /// The same message, about `span`, if there is one.
    pub(crate) fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        if let Some(span) = span.into() {
            match self.labels.first_mut() {
                Some(label) => label.span = span,
                None => self.labels.push(Label { span, text: String::new() }),
            }
        }
        self
    }

    /// The same message, about `span` where it is about no place yet.
    pub(crate) fn at_if_none(self, span: Span) -> Self {
        if self.labels.is_empty() { self.at(span) } else { self }
    }

    /// The same message, about no place.
    pub(crate) fn nowhere(mut self) -> Self {
        self.labels.clear();
        self
    }

    /// The same message, with a few words after the carets of the place that it is about.
    pub(crate) fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// The same message, with one more place that explains it.
    pub(crate) fn beside(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same message, with advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same message, with a change that mends the text.
    pub(crate) fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Box::new(Fix { span, replacement: replacement.into() }));
        self
    }

    /// The same message, with `did you mean …?` when one of `candidates` is close to what was written.
    pub(crate) fn suggest<'a>(self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(written, candidates) {
            Some(candidate) => self.hint(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }

    /// The place that the message is about.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }

    /// Where the message belongs among others of its text.
    pub fn start(&self) -> usize {
        self.span().map_or(0, |span| span.start)
    }

    /// Whether it is of this kind.
    pub fn is(&self, rule: &Rule) -> bool {
        self.rule.is_some_and(|own| own.name == rule.name)
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The name by which a warning can be skipped.
    fn skippable_name(&self) -> Option<&'static str> {
        self.rule.filter(|_| !self.is_error()).map(|rule| rule.name)
    }

    /// Draws the message; with `source`, also the excerpt that its labels point at.
    ///
    /// The text ends with a newline and no line of it ends with a space.
    pub fn render(&self, source: Option<&SourceFile>) -> String {
        let mut out = format!("{}: {}\n", self.severity.word(), self.headline());
        out.push_str(&self.excerpt(source, EXCERPT_WIDTH));
        if let Some(hint) = self.advice() {
            out.push_str(&format!("hint: {hint}\n"));
        }
        out
    }

    /// What is wrong, with the name by which it can be skipped. Harmless, as are the other parts.
    pub(crate) fn headline(&self) -> String {
        let name = self.skippable_name().map(|name| format!(" [{name}]")).unwrap_or_default();
        printable(&self.message) + &name
    }

    /// The lines of the source that the labels point at, within so many columns.
    pub(crate) fn excerpt(&self, source: Option<&SourceFile>, columns: usize) -> String {
        source.map_or(String::new(), |source| excerpt(source, &self.labels, columns))
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<String> {
        self.hint.as_deref().map(printable)
    }

    /// The message as data, with places as bytes, line and column.
    pub(crate) fn to_json(&self, source: Option<&SourceFile>) -> Value {
        let place = |label: &Label| source.map(|source| source.line_column(label.span.start));
        let primary = self.labels.first();
        let related = self.labels.iter().skip(1).map(|label| {
            let place = place(label);
            json!({
                "span": label.span,
                "line": place.map(|(line, _)| line),
                "column": place.map(|(_, column)| column),
                "label": label.text,
            })
        });
        json!({
            "severity": self.severity.word(),
            "kind": self.rule.map(|rule| rule.name),
            "message": self.message,
            "span": primary.map(|label| label.span),
            "line": primary.and_then(place).map(|(line, _)| line),
            "column": primary.and_then(place).map(|(_, column)| column),
            "label": primary.map(|label| &label.text).filter(|text| !text.is_empty()),
            "related": related.collect::<Vec<_>>(),
            "hint": self.hint,
            "fix": self.fix,
        })
    }
}

impl<E: Explained> From<E> for Diagnostic {
    fn from(error: E) -> Diagnostic {
        error.diagnostic()
    }
}

impl Explained for NotUtf8 {
    fn hint(&self) -> Option<String> {
        Some(NotUtf8::hint(self).to_owned())
    }
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
    fn several_places_are_drawn_in_the_order_of_the_text() {
        let lines: String = (1..=10).map(|line| format!("FROM a AS b{line}\n")).collect();
        let source = SourceFile::new("Dockerfile", lines);
        let place = |line: usize| {
            let span = source.line_span(line).expect("the line exists");
            Span::new(span.start + 10, span.end)
        };
        let drawn = Diagnostic::error("twice")
            .at(place(10))
            .beside(place(8), "before")
            .beside(place(9), "")
            .beside(Span::new(place(10).start - 3, place(10).start - 1), "here")
            .render(Some(&source));
        let expected = "error: twice\n  --> Dockerfile:10:11\n   |\n 8 | FROM a AS b8\n   |           -- before\n \
                        9 | FROM a AS b9\n   |           --\n10 | FROM a AS b10\n   |           ^^^\n   |        -- here\n   |\n";
        assert_eq!(drawn, expected);
        let apart = Diagnostic::error("twice").at(place(1)).beside(place(3), "again").render(Some(&source));
        assert!(apart.contains("  |           ^^\n…\n3 | FROM a AS b3\n"), "{apart}");
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
