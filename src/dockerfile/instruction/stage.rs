//! FROM, ARG and ONBUILD.

use super::super::ast::{Arg, From, Onbuild};
use super::super::flags::{Flags, Kind};
use super::super::statement::{Arguments, Statement, Token};
use super::super::warning;
use super::{Result, Understood, at_keyword, blank_name, given, items, locate, needs_an_argument, understand, word};
use crate::diagnostic::Diagnostic;

/// Understands `FROM [--platform=…] image [AS name]`.
pub(super) fn from(statement: &Statement) -> Result<From> {
    let items = items(statement);
    let (image, name) = match items {
        [image] => (image, None),
        [image, keyword, name] if keyword.text.eq_ignore_ascii_case("as") => (image, Some(name)),
        [] => {
            return Err(vec![at_keyword(statement, "FROM needs an image").hint("write `FROM image`")]);
        }
        [_, second, ..] => {
            return Err(vec![
                Diagnostic::error("FROM takes an image, or an image and `AS` and a name")
                    .at(second.span)
                    .hint("write `FROM image` or `FROM image AS name`"),
            ]);
        }
    };
    let alias = name.map(stage_name).transpose()?;
    let flags = Flags::read(statement, &[("platform", Kind::Text)])?;
    Ok(From { image: word(image), alias, platform: given(&flags, "platform") })
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
        Diagnostic::error(format!("`{}` cannot name a stage", token.text))
            .at(token.span)
            .hint("a name begins with a letter and goes on with letters, digits, `-`, `_` and `.`"),
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

/// Understands `ONBUILD instruction`. An instruction that is wrong is only a warning, and an error of the build that
/// is FROM the image.
pub(super) fn onbuild(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Onbuild> {
    let Arguments::Trigger(trigger) = &statement.arguments else {
        return Err(vec![needs_an_argument(statement)]);
    };
    Flags::read(statement, &[])?;
    match trigger.keyword.text.to_uppercase().as_str() {
        "ONBUILD" => {
            let error = Diagnostic::error("ONBUILD cannot follow ONBUILD").at(trigger.keyword.span);
            return Err(vec![error.hint("remove one of them")]);
        }
        keyword @ ("FROM" | "MAINTAINER") => {
            return Err(vec![Diagnostic::error(format!("{keyword} cannot follow ONBUILD")).at(trigger.keyword.span)]);
        }
        _ => {}
    }
    let keyword_length = statement.keyword.text.len();
    let mut text = statement.text.trim_start()[keyword_length..].trim_start().to_owned();
    for document in &statement.heredocs {
        text.push('\n');
        text.push_str(&document.content);
        text.push_str(&document.name);
    }
    let instruction = match understand(trigger, None, warnings) {
        Ok(Understood::Instruction(value)) => Some(Box::new(locate(value, trigger))),
        Ok(Understood::From(_)) => None,
        // The image may record it all the same; a build FROM it will fail.
        Err(errors) => {
            warnings.extend(errors.into_iter().map(|error| error.as_warning().kind(warning::WRONG_TRIGGER)));
            None
        }
    };
    Ok(Onbuild { text, instruction })
}
