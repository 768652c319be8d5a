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
//! `drawing.rs` has the drawing, `likeness.rs` finds what a misspelt word was meant to be.

mod drawing;
mod likeness;
mod rule;

pub use likeness::closest;
pub use rule::{Origin, Rule};

use serde_json::{Value, json};

use crate::source::{NotUtf8, SourceFile, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The text means nothing; work on it stops.
    Error,
    /// The text is understood, but probably not what was meant.
    Warning,
}

impl Severity {
    /// The word with which a message begins.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A place, and what about it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// A few words drawn after the carets; often none.
    pub text: String,
}

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
    pub labels: Vec<Label>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What a program can do about it.
    pub fix: Option<Box<Fix>>,
}

/// The most messages about one text: more help nobody.
pub const MOST_MESSAGES: usize = 50;

impl Diagnostic {
    /// Makes a message of a kind, without a place, as bad as its kind is.
    pub fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        Diagnostic { severity: rule.severity, rule: Some(rule), ..Diagnostic::error(message) }
    }

    /// Makes an error of no kind, without a place: what the program itself has to say.
    pub fn error(message: impl Into<String>) -> Self {
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
    pub fn rule(mut self, rule: &'static Rule) -> Self {
        self.rule = Some(rule);
        self.severity = rule.severity;
        self
    }

    /// The same message as an error or a warning.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same message, about `span`, if there is one.
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        if let Some(span) = span.into() {
            match self.labels.first_mut() {
                Some(label) => label.span = span,
                None => self.labels.push(Label { span, text: String::new() }),
            }
        }
        self
    }

    /// The same message, about `span` where it is about no place yet.
    pub fn at_if_none(self, span: Span) -> Self {
        if self.labels.is_empty() { self.at(span) } else { self }
    }

    /// The same message, with a few words after the carets of the place that it is about.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// The same message, with one more place that explains it.
    pub fn beside(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same message, with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same message, with a change that mends the text.
    pub fn fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Box::new(Fix { span, replacement: replacement.into() }));
        self
    }

    /// The same message, with `did you mean …?` when one of `candidates` is close to what was written.
    pub fn suggest<'a>(self, written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
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

    /// The message as data, with places as bytes, line and column.
    pub fn to_json(&self, source: Option<&SourceFile>) -> Value {
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

impl From<NotUtf8> for Diagnostic {
    fn from(error: NotUtf8) -> Diagnostic {
        Diagnostic::error(error.to_string()).hint(error.hint())
    }
}
