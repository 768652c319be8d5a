//! ENV, LABEL and VOLUME.

use super::super::ast::{Separator, Volume};
use super::super::flags::Flags;
use super::super::rules;
use super::super::statement::{Arguments, Statement, Token};
use super::super::word::Word;
use super::arguments::{Result, at_least_one, blank_name, needs_an_argument, word};
use crate::diagnostic::Diagnostic;

/// The names and values of ENV and LABEL.
pub(super) fn pairs(statement: &Statement) -> Result<(Vec<(Word, Word)>, Separator)> {
    Flags::read(statement, &[])?;
    let keyword = statement.keyword.text.to_uppercase();
    let Arguments::Pairs(pairs, separator) = &statement.arguments else {
        return Err(vec![needs_an_argument(statement)]);
    };
    if pairs.is_empty() {
        return Err(vec![needs_an_argument(statement)]);
    }
    if let Some((name, value)) = pairs.iter().find(|(name, _)| name.text.is_empty()) {
        let whole = Token { text: String::new(), span: name.span.join(value.span) };
        return Err(vec![blank_name(&keyword, &whole)]);
    }
    Ok((pairs.iter().map(|(name, value)| (word(name), word(value))).collect(), *separator))
}

/// Understands `VOLUME path …`.
pub(super) fn volume(statement: &Statement) -> Result<Volume> {
    let mut paths = at_least_one(statement)?;
    for path in &mut paths {
        path.raw = path.raw.trim().to_owned();
        if path.raw.is_empty() {
            return Err(vec![
                Diagnostic::new(&rules::WRONG_ARGUMENTS, "VOLUME cannot have an empty path").at(path.span),
            ]);
        }
    }
    Ok(Volume { paths })
}
