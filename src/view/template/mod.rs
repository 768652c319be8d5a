//! `--format`: templates as Docker documents them, in the language of Go's text/template.
//!
//! ```text
//! text ──parse──▶ Template ──render──▶ text          data: a document of JSON, the one that `inspect` prints
//!                    └──titles──▶ the header of a table
//! ```
//!
//! A library carries them out; here are Docker's functions, the differences between a document and Go's values, and bounds: a template
//! comes with a script from elsewhere, and must end in bounded time and space. So there are no named templates in it (`define`,
//! `template`, `block`), which could call each other without end; and each has at most so many rounds of `range`, and its functions at
//! most so much to work on.
//!
//! In Go a field that a type does not have is an error, and a key that a map does not have is not. A document has no types, so here the
//! maps with free keys are known by name, see [`FREE`].

#![expect(clippy::result_large_err, reason = "a mistake in a template ends the program")]

mod functions;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use gotmpl::{MissingKey, TemplateError, Value};
use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};

/// The longest template.
const LONGEST: usize = 16 << 10;
/// The most text that comes of one for one thing.
const MOST: usize = 16 << 20;
/// The most rounds of all its `range` together, where it is short.
const ROUNDS: usize = 10_000;
/// The rounds of a long one are fewer: so many times all its bytes.
const RUN: usize = ROUNDS << 10;
/// Maps whose keys are free: a missing one is no mistake.
const FREE: &[&str] =
    &["Labels", "Networks", "Ports", "Options", "ExposedPorts", "Volumes", "Sysctls", "IPAM", "Attributes"];

/// A template that can be carried out.
pub(crate) struct Template {
    /// As it was given.
    source: SourceFile,
    whole: gotmpl::Template,
    titles: gotmpl::Template,
}

/// A template with a mistake, and where that is.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) source: SourceFile,
}

impl Template {
    /// Reads one. `\t` and `\n` of a list's template are a tabulator and the end of a line.
    ///
    /// # Errors
    /// It is no template, or one that we do not carry out.
    pub(crate) fn parse(text: &str) -> Result<Template, Mistake> {
        let source = SourceFile::new("--format", text);
        let mistake = |diagnostic| Mistake { diagnostic, source: source.clone() };
        if text.len() > LONGEST {
            let message = format!("the template has {} bytes: {LONGEST} is the most", text.len());
            // The excerpt of it would help nobody.
            return Err(Mistake { diagnostic: Diagnostic::error(message), source: SourceFile::new("--format", "") });
        }
        if let Some((word, span)) = named(text) {
            let diagnostic = Diagnostic::error(format!("`{word}` can't be used in a format")).at(span);
            return Err(mistake(diagnostic.hint("write what it stands for in its place")));
        }
        if let Some((message, span)) = unbalanced(text) {
            return Err(mistake(Diagnostic::error(format!("the format is not a template: {message}")).at(span)));
        }
        let own = with_calls(text);
        let rounds = rounds(text) as u64;
        let parse = |functions| {
            let empty = gotmpl::Template::new("format").missing_key(MissingKey::Error).max_range_iters(rounds);
            empty.funcs(functions).parse(&own).map_err(|error| mistake(of(&error, text)))
        };
        Ok(Template { whole: parse(functions::all())?, titles: parse(functions::titles())?, source: source.clone() })
    }

    /// What it makes of a document. `labels` are what `.Label "NAME"` looks in.
    ///
    /// # Errors
    /// It asks for something that the document has not, or does to it what can't be done.
    pub(crate) fn render(&self, document: &Json, labels: &BTreeMap<String, String>) -> Result<String, Mistake> {
        let mut data = value(document);
        if let Value::Map(fields) = &mut data {
            let labels = labels.clone();
            let label = move |arguments: &[Value]| {
                let name = arguments.first().and_then(Value::as_str).unwrap_or_default();
                let label = labels.get(name).map_or("", String::as_str);
                functions::work(label.len())?;
                Ok(Value::String(label.into()))
            };
            Arc::make_mut(fields).insert("Label".into(), Value::Function(Arc::new(label)));
        }
        let orders = functions::Orders::of(document);
        functions::with_orders(orders, || self.carried_out(&self.whole, &data))
    }

    /// The header of its columns: what it makes of the names that fields have there.
    ///
    /// # Errors
    /// It asks for a field that there is not.
    pub(crate) fn titles(&self, titles: &[(&str, &str)]) -> Result<String, Mistake> {
        let mut fields: BTreeMap<Arc<str>, Value> =
            titles.iter().map(|(field, title)| ((*field).into(), Value::String((*title).into()))).collect();
        let label = |arguments: &[Value]| Ok(arguments.first().cloned().unwrap_or(Value::Nil));
        fields.insert("Label".into(), Value::Function(Arc::new(label)));
        let data = Value::Map(Arc::new(fields));
        functions::with_orders(functions::Orders::default(), || self.carried_out(&self.titles, &data))
    }

    fn carried_out(&self, template: &gotmpl::Template, data: &Value) -> Result<String, Mistake> {
        let mut out = Bounded::default();
        let error = match template.execute_fmt(&mut out, data) {
            Ok(()) => return Ok(out.text),
            Err(_) if out.is_full => TemplateError::Exec(format!("it makes more than {MOST} bytes")),
            Err(error) => error,
        };
        if let TemplateError::MissingKey { key } = &error
            && is_free(&self.source.text, key)
        {
            let mut out = Bounded::default();
            let lenient = template.clone().missing_key(MissingKey::Invalid);
            if lenient.execute_fmt(&mut out, data).is_ok() {
                return Ok(out.text);
            }
        }
        Err(Mistake { diagnostic: of(&error, &self.source.text), source: self.source.clone() })
    }
}

/// How many rounds of `range` a template has.
fn rounds(text: &str) -> usize {
    ROUNDS.min(RUN / text.len().max(1))
}

/// Text up to a bound.
#[derive(Default)]
struct Bounded {
    text: String,
    is_full: bool,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.is_full |= self.text.len() + text.len() > MOST;
        if self.is_full {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// A document as the values of templates.
fn value(document: &Json) -> Value {
    match document {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Uint(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(fields) => {
            Value::Map(Arc::new(fields.iter().map(|(name, field)| (name.as_str().into(), value(field))).collect()))
        }
    }
}

/// The words of actions, each with its place: `{{-` and `}}` part them from the text around them.
fn actions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("{{").map(|(at, _)| {
        let inner = &text[at + 2..];
        let inner = inner.find("}}").map_or(inner, |end| &inner[..end]);
        (at + 2, inner)
    })
}

/// The first word of each action, and where it is.
fn keywords(text: &str) -> impl Iterator<Item = (&str, Span)> {
    actions(text).map(|(at, inner)| {
        let begin = inner.len() - inner.trim_start_matches(['-', ' ', '\t', '\n']).len();
        let word = inner[begin..].split(|letter: char| !letter.is_ascii_alphabetic()).next().unwrap_or_default();
        (word, Span::new(at + begin, at + begin + word.len()))
    })
}

/// A named template, and where it is.
fn named(text: &str) -> Option<(&str, Span)> {
    keywords(text).find(|(word, _)| ["define", "template", "block"].contains(word))
}

/// A block that has no `end`, or an `end` that has no block. The library takes both.
fn unbalanced(text: &str) -> Option<(String, Span)> {
    let mut open = Vec::new();
    for (word, span) in keywords(text) {
        match word {
            "if" | "range" | "with" => open.push((word, span)),
            "end" if open.pop().is_none() => return Some(("`end` ends nothing".to_owned(), span)),
            _ => {}
        }
    }
    open.pop().map(|(word, span)| (format!("`{word}` has no `end`"), span))
}

/// `.Label "NAME"` is a method in Go; here it is a function in a field, which is called.
fn with_calls(text: &str) -> String {
    let mut own = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(".Label ") {
        let (before, after) = rest.split_at(at);
        let is_call = after[".Label ".len()..].trim_start().starts_with(['"', '`', '$']);
        let is_field = before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '.');
        own.push_str(before);
        if is_call && !is_field {
            // Behind the `$` of `$.Label`.
            if before.ends_with('$') {
                own.pop();
                own.push_str("call $");
            } else {
                own.push_str("call ");
            }
        }
        own.push_str(".Label ");
        rest = &after[".Label ".len()..];
    }
    own + rest
}

/// Whether a key is looked up in a map with free keys.
fn is_free(text: &str, key: &str) -> bool {
    FREE.iter().any(|map| text.contains(&format!(".{map}.{key}")))
}

/// What is said of an error, and where that is as far as it is known.
fn of(error: &TemplateError, text: &str) -> Diagnostic {
    match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            Diagnostic::error(format!("the format is not a template: {message}")).at(place(text, *line, *col))
        }
        TemplateError::MissingKey { key } => Diagnostic::error(format!("there is no field `{key}` here"))
            .at(word(text, key))
            .hint("`--format json` shows all fields"),
        TemplateError::UndefinedFunction(name) => {
            Diagnostic::error(format!("there is no function `{name}` in formats"))
                .at(word(text, name))
                .hint(format!("the functions are {}, and those of Go's text/template", functions::NAMES.join(", ")))
        }
        TemplateError::RangeIterLimit => {
            Diagnostic::error(format!("the format takes more than {} rounds of `range`", rounds(text)))
        }
        other => {
            let message = other.to_string();
            let message = message.strip_prefix("execution error: ").unwrap_or(&message);
            let field = message.strip_prefix("can't evaluate field ").and_then(|rest| rest.split(' ').next());
            let mistake = Diagnostic::error(format!("the format can't be carried out: {message}"));
            mistake.at(field.and_then(|field| word(text, field)))
        }
    }
}

/// A line and a column as a place, which is the end of the text where they are behind it.
fn place(text: &str, line: usize, column: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let end = text[at..].chars().next().map_or(at, |letter| at + letter.len_utf8());
    Span::new(at, end)
}

/// Where a word stands in the actions of a template.
fn word(text: &str, word: &str) -> Option<Span> {
    actions(text).find_map(|(at, inner)| {
        inner.match_indices(word).find_map(|(found, _)| {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let is_whole = !inner[..found].ends_with(is_part) && !inner[found + word.len()..].starts_with(is_part);
            is_whole.then(|| Span::new(at + found, at + found + word.len()))
        })
    })
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Template(")?;
        fmt::Debug::fmt(&self.source.text, formatter)?;
        formatter.write_char(')')
    }
}

#[cfg(test)]
mod tests;
