//! What the instructions ask of their arguments in common: how many there are, and that there are no flags.

use super::super::flags::Flags;
use super::super::rules;
use super::super::statement::{Arguments, Statement, Token};
use super::super::word::Word;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A part of the tree, or everything that is wrong with its statement.
pub(super) type Result<T> = std::result::Result<T, Vec<Diagnostic>>;

/// Checks that there are no flags and exactly one argument.
pub(super) fn exactly_one(statement: &Statement) -> Result<Word> {
    let argument = the_one_argument(statement)?;
    Flags::read(statement, &[])?;
    Ok(argument)
}

pub(super) fn the_one_argument(statement: &Statement) -> Result<Word> {
    let keyword = statement.keyword.text.to_uppercase();
    match items(statement) {
        [argument] => Ok(word(argument)),
        _ => Err(vec![at_keyword(statement, format!("{keyword} needs exactly one argument"))]),
    }
}

/// Checks that there are no flags and at least one argument.
pub(super) fn at_least_one(statement: &Statement) -> Result<Vec<Word>> {
    let items = items(statement);
    if items.is_empty() {
        return Err(vec![needs_an_argument(statement)]);
    }
    Flags::read(statement, &[])?;
    Ok(items.iter().map(word).collect())
}

/// The value of a flag. An empty value is as good as none.
pub(super) fn given(flags: &Flags, name: &str) -> Option<Word> {
    flags.text(name).filter(|word| !word.raw.is_empty())
}

/// The text of arguments that stand for themselves, and its place.
pub(super) fn plain_arguments(arguments: &Arguments) -> Option<(String, Span)> {
    match arguments {
        Arguments::Items(items) => {
            let (first, last) = (items.first()?, items.last()?);
            Some((texts(items).join(" "), first.span.join(last.span)))
        }
        Arguments::Check(_, command) => plain_arguments(command),
        Arguments::Exec(_) | Arguments::Pairs(..) | Arguments::Trigger(_) => None,
    }
}

pub(super) fn needs_an_argument(statement: &Statement) -> Diagnostic {
    at_keyword(statement, format!("{} needs at least one argument", statement.keyword.text.to_uppercase()))
}

pub(super) fn blank_name(keyword: &str, item: &Token) -> Diagnostic {
    Diagnostic::new(&rules::BLANK_NAME, format!("{keyword} needs a name before the `=`")).at(item.span)
}

pub(super) fn at_keyword(statement: &Statement, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(&rules::WRONG_ARGUMENTS, message).at(statement.keyword.span)
}

/// The separate arguments, JSON or not.
pub(super) fn items(statement: &Statement) -> &[Token] {
    match &statement.arguments {
        Arguments::Items(items) | Arguments::Exec(items) => items,
        Arguments::Pairs(..) | Arguments::Check(..) | Arguments::Trigger(_) => &[],
    }
}

pub(super) fn texts(tokens: &[Token]) -> Vec<String> {
    tokens.iter().map(|token| token.text.clone()).collect()
}

pub(super) fn word(token: &Token) -> Word {
    Word { raw: token.text.clone(), span: Some(token.span) }
}
