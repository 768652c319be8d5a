//! FROM and ARG.

use super::super::ast::{Arg, From};
use super::super::flags::{Flags, Kind};
use super::super::rules;
use super::super::statement::{Statement, Token};
use super::arguments::{Result, at_keyword, blank_name, given, items, word};
use crate::diagnostic::Diagnostic;

/// Understands `FROM [--platform=…] image [AS name]`.
pub(super) fn from(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<From> {
    let items = items(statement);
    let (image, name) = match items {
        [image] => (image, None),
        [image, keyword, name] if keyword.text.eq_ignore_ascii_case("as") => {
            warnings.extend(other_case_than_from(&statement.keyword, keyword));
            warnings.extend(stage_in_capitals(name));
            (image, Some(name))
        }
        [] => {
            return Err(vec![at_keyword(statement, "FROM needs an image").hint("write `FROM image`")]);
        }
        [_, second, ..] => {
            return Err(vec![
                Diagnostic::new(&rules::WRONG_ARGUMENTS, "FROM takes an image, optionally followed by `AS` and a name")
                    .at(second.span)
                    .hint("write `FROM image` or `FROM image AS name`"),
            ]);
        }
    };
    let alias = name.map(stage_name).transpose()?;
    let flags = Flags::read(statement, &[("platform", Kind::Text)])?;
    let alias_span = name.map(|name| name.span);
    Ok(From { image: word(image), alias, alias_span, platform: given(&flags, "platform") })
}

/// AS beside a FROM in the other case. A FROM that mixes both is said by itself.
fn other_case_than_from(from: &Token, keyword: &Token) -> Option<Diagnostic> {
    let wanted = match from.text.as_str() {
        "FROM" => "AS",
        "from" => "as",
        _ => return None,
    };
    let message = format!("`{}` and `{}` are written in different case", keyword.text, from.text);
    let note = Diagnostic::new(&rules::FROM_AS_CASING, message).at(keyword.span).fix(keyword.span, wanted);
    (keyword.text != wanted).then(|| note.hint(format!("write `{wanted}`")))
}

/// A stage is known by its name in lower case, however it is written.
fn stage_in_capitals(name: &Token) -> Option<Diagnostic> {
    let wanted = name.text.to_lowercase();
    let message = format!("the stage name `{}` has capital letters", name.text);
    let note = Diagnostic::new(&rules::STAGE_NAME_CASING, message).at(name.span).fix(name.span, wanted.as_str());
    (name.text != wanted).then(|| note.hint(format!("FROM has to refer to it as `{wanted}`")))
}

/// A stage's name in lower case: a letter, then letters, digits, `-`, `_` and `.`.
fn stage_name(token: &Token) -> Result<String> {
    let name = token.text.to_lowercase();
    let valid = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if valid {
        return Ok(name);
    }
    Err(vec![
        Diagnostic::new(&rules::INVALID_STAGE_NAME, format!("`{}` cannot name a stage", token.text))
            .at(token.span)
            .hint("a name is a letter followed by letters, digits, `-`, `_` and `.`"),
    ])
}

/// Understands `ARG name[=default] …`.
pub(super) fn arg(statement: &Statement) -> Result<Arg> {
    let items = items(statement);
    if items.is_empty() {
        return Err(vec![at_keyword(statement, "ARG needs at least one argument").hint("write `ARG name=default`")]);
    }
    let mut names = Vec::new();
    for item in items {
        match item.text.split_once('=') {
            Some(("", _)) => return Err(vec![blank_name("ARG", item)]),
            Some((name, default)) => {
                let value = word(&item.part(name.len() + 1));
                debug_assert_eq!(value.raw, default);
                names.push((name.to_owned(), Some(value)));
            }
            None => names.push((item.text.clone(), None)),
        }
    }
    Ok(Arg { names })
}
