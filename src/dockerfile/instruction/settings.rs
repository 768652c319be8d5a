//! ENV, LABEL, VOLUME, EXPOSE and MAINTAINER.

use super::super::ast::{Expose, Maintainer, Separator, Volume};
use super::super::flags::Flags;
use super::super::rules;
use super::super::statement::{Arguments, Statement, Token};
use super::super::word::Word;
use super::arguments::{Result, at_least_one, blank_name, exactly_one, items, needs_an_argument, word};
use crate::diagnostic::Diagnostic;

/// The names and values of ENV and LABEL.
pub(super) fn pairs(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<(Vec<(Word, Word)>, Separator)> {
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
    if *separator == Separator::Space {
        warnings.extend(pairs.iter().map(|(name, value)| old_form(&keyword, name, value)));
    }
    Ok((pairs.iter().map(|(name, value)| (word(name), word(value))).collect(), *separator))
}

/// `ENV name value`. The new form means the same where nothing in the value is quoted.
fn old_form(keyword: &str, name: &Token, value: &Token) -> Diagnostic {
    let place = name.span.join(value.span);
    let note = Diagnostic::new(
        &rules::LEGACY_KEY_VALUE_FORMAT,
        format!("{keyword} with a space instead of `=` is an old form"),
    )
    .at(place)
    .hint(format!("write `{keyword} {}=…`", name.text));
    let is_literal = value.span.end - value.span.start == value.text.len();
    if !is_literal || value.text.contains(['"', '\'', '\\', '`']) {
        return note;
    }
    let quote = if value.text.contains(char::is_whitespace) { "\"" } else { "" };
    note.fix(place, format!("{}={quote}{}{quote}", name.text, value.text))
}

/// Understands `EXPOSE port …`.
pub(super) fn expose(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Expose> {
    let ports = at_least_one(statement)?;
    // A variable may hold anything, and `:` may be a part of its form.
    for port in items(statement).iter().filter(|port| !port.text.contains('$')) {
        if let Some(slash) = port.text.find('/') {
            let protocol = port.part(slash + 1);
            let lower = protocol.text.to_lowercase();
            if lower != protocol.text {
                let message = format!("the protocol of `{}` is not in lower case", port.text);
                warnings.push(
                    Diagnostic::new(&rules::EXPOSE_PROTO_CASING, message)
                        .at(protocol.span)
                        .fix(protocol.span, lower.as_str())
                        .hint(format!("write `{lower}`")),
                );
            }
        }
        if port.text.contains(':') {
            let message = format!("EXPOSE takes neither an address nor a host port: `{}`", port.text);
            let warning = Diagnostic::new(&rules::EXPOSE_INVALID_FORMAT, message).at(port.span);
            warnings.push(warning.hint("write only the container's port"));
        }
    }
    Ok(Expose { ports })
}

/// Understands `MAINTAINER name`.
pub(super) fn maintainer(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Maintainer> {
    let name = exactly_one(statement)?.raw;
    warnings.push(
        Diagnostic::new(&rules::MAINTAINER_DEPRECATED, "MAINTAINER is deprecated")
            .at(statement.keyword.span)
            .hint("write `LABEL org.opencontainers.image.authors=…`"),
    );
    Ok(Maintainer { name })
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
