//! Flags of an instruction: `--name`, `--name=value`.
//!
//! Each instruction names the flags it knows; every other one, a flag given twice, and a value that is missing
//! or no truth value are errors. All wrong flags of an instruction are reported at once.

use super::rules;
use super::statement::{Statement, Token};
use super::word::Word;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// What may follow a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `--name`, `--name=true` or `--name=false`.
    Switch,
    /// `--name=value`, once.
    Text,
    /// `--name=value`, as often as one likes.
    Texts,
}

/// The flags of one instruction, checked.
pub(super) struct Flags<'s> {
    values: Vec<(&'s str, Option<Word>)>,
}

impl<'s> Flags<'s> {
    /// Checks the flags of a statement against the ones that its instruction knows.
    ///
    /// # Errors
    /// Every flag that is wrong.
    pub(crate) fn read(statement: &'s Statement, known: &[(&'static str, Kind)]) -> Result<Self, Vec<Diagnostic>> {
        let mut flags = Flags { values: Vec::new() };
        let mut errors = Vec::new();
        for token in &statement.flags {
            match flags.read_one(statement, token, known) {
                Ok(flag) => flags.values.push(flag),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(flags) } else { Err(errors) }
    }

    fn read_one(
        &self,
        statement: &Statement,
        token: &'s Token,
        known: &[(&'static str, Kind)],
    ) -> Result<(&'s str, Option<Word>), Diagnostic> {
        let (flag, value) = match token.text.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (token.text.as_str(), None),
        };
        let name = flag.strip_prefix("--").unwrap_or(flag);
        let flag_length = flag.len().min(token.span.end - token.span.start);
        let flag_span = Span::new(token.span.start, token.span.start + flag_length);
        let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
            let keyword = statement.keyword.text.to_uppercase();
            let error = Diagnostic::new(&rules::UNKNOWN_FLAG, format!("{keyword} has no flag `{flag}`")).at(flag_span);
            let dashed: Vec<String> = known.iter().map(|(name, _)| format!("--{name}")).collect();
            return Err(match crate::diagnostic::closest(flag, dashed.iter().map(String::as_str)) {
                Some(close) => error.hint(format!("did you mean `{close}`?")),
                None if dashed.is_empty() => error,
                None => error.hint(format!("its flags are `{}`", dashed.join("`, `"))),
            });
        };
        if *kind != Kind::Texts && self.values.iter().any(|(given, _)| *given == name) {
            return Err(
                Diagnostic::new(&rules::REPEATED_FLAG, format!("the flag `{flag}` is given twice")).at(token.span)
            );
        }
        let missing = || {
            Diagnostic::new(&rules::FLAG_WITHOUT_VALUE, format!("the flag `{flag}` has no value"))
                .at(token.span)
                .hint(format!("write `{flag}=value`, without a space"))
        };
        match (kind, value) {
            (Kind::Switch, Some("")) | (Kind::Text | Kind::Texts, None) => Err(missing()),
            (Kind::Switch, Some(value)) if !is_truth_value(value) => Err(Diagnostic::new(
                &rules::INVALID_FLAG_VALUE,
                format!("`{value}` is not a valid value for the flag `{flag}`"),
            )
            .at(token.span)
            .hint("it is `true` or `false`")),
            (_, value) => Ok((name, value.map(|value| Word { raw: value.to_owned(), span: Some(token.span) }))),
        }
    }

    /// The value of a flag that is given at most once.
    pub(crate) fn text(&self, name: &str) -> Option<Word> {
        self.texts(name).pop()
    }

    /// The values of a flag, in order.
    pub(crate) fn texts(&self, name: &str) -> Vec<Word> {
        self.values.iter().filter(|(given, _)| *given == name).filter_map(|(_, value)| value.clone()).collect()
    }

    /// The value of a switch, or `None` when it is not given.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        let (_, value) = self.values.iter().find(|(given, _)| *given == name)?;
        Some(value.as_ref().is_none_or(|value| value.raw.eq_ignore_ascii_case("true")))
    }
}

fn is_truth_value(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}
