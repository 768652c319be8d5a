//! ADD and COPY.

use super::super::ast::{Add, Copy, Source};
use super::super::flags::{Flags, Kind};
use super::super::heredoc;
use super::super::rules;
use super::super::statement::{Statement, Token};
use super::super::word::Word;
use super::arguments::{Result, at_keyword, given, items, word};
use crate::diagnostic::Diagnostic;

/// Understands `ADD [flags] source… destination`.
pub(super) fn add(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Add> {
    let known = [
        ("chown", Kind::Text),
        ("chmod", Kind::Text),
        ("link", Kind::Switch),
        ("keep-git-dir", Kind::Switch),
        ("checksum", Kind::Text),
        ("unpack", Kind::Switch),
        ("exclude", Kind::Texts),
    ];
    let flags = Flags::read(statement, &known)?;
    need_destination(statement)?;
    let (sources, destination) = sources_and_destination(statement, warnings)?;
    Ok(Add {
        sources,
        destination,
        chown: given(&flags, "chown"),
        chmod: given(&flags, "chmod"),
        link: flags.switch("link").unwrap_or(false),
        excludes: flags.texts("exclude"),
        checksum: given(&flags, "checksum"),
        keep_git_dir: flags.switch("keep-git-dir"),
        unpack: flags.switch("unpack"),
    })
}

/// Understands `COPY [flags] source… destination`.
pub(super) fn copy(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<Copy> {
    let known = [
        ("chown", Kind::Text),
        ("from", Kind::Text),
        ("chmod", Kind::Text),
        ("link", Kind::Switch),
        ("exclude", Kind::Texts),
        ("parents", Kind::Switch),
    ];
    let flags = Flags::read(statement, &known)?;
    need_destination(statement)?;
    let (sources, destination) = sources_and_destination(statement, warnings)?;
    Ok(Copy {
        sources,
        destination,
        from: given(&flags, "from"),
        chown: given(&flags, "chown"),
        chmod: given(&flags, "chmod"),
        link: flags.switch("link").unwrap_or(false),
        parents: flags.switch("parents").unwrap_or(false),
        excludes: flags.texts("exclude"),
    })
}

/// Checks that there are at least two arguments.
fn need_destination(statement: &Statement) -> Result<()> {
    let keyword = statement.keyword.text.to_uppercase();
    let message = format!("{keyword} needs at least one source and a destination");
    let error = match items(statement) {
        [] => at_keyword(statement, message),
        [only] => Diagnostic::new(&rules::WRONG_ARGUMENTS, message).at(only.span).label("source or destination?"),
        _ => return Ok(()),
    };
    Err(vec![error.hint(format!("write `{keyword} source destination`"))])
}

/// The last argument is the destination; the others are sources, in which `<<NAME` stands for a document.
fn sources_and_destination(statement: &Statement, warnings: &mut Vec<Diagnostic>) -> Result<(Vec<Source>, Word)> {
    let Some((destination, sources)) = items(statement).split_last() else {
        return Err(vec![at_keyword(statement, "no destination")]);
    };
    if matches!(heredoc::parse(&destination.text), Ok(Some(_))) {
        let keyword = statement.keyword.text.to_uppercase();
        return Err(vec![
            Diagnostic::new(&rules::INVALID_HEREDOC, format!("{keyword} cannot write to a heredoc"))
                .at(destination.span)
                .label("the destination")
                .hint("put the heredoc before the destination"),
        ]);
    }
    let sources = sources
        .iter()
        .map(|source| match heredoc::parse(&source.text) {
            Ok(Some(mut found)) => {
                // Of two documents with one name the last one counts.
                let document = statement.heredocs.iter().rev().find(|document| document.name == found.name);
                match document {
                    Some(document) => found.content = document.content.clone(),
                    None => warnings.push(no_document(source)),
                }
                Source::Heredoc(found)
            }
            _ => Source::Path(word(source)),
        })
        .collect();
    Ok((sources, word(destination)))
}

/// In JSON, and on a line whose quotes do not match, `<<NAME` stands for an empty file.
fn no_document(source: &Token) -> Diagnostic {
    let message = format!("`{}` has no document: the file will be empty", source.text);
    Diagnostic::new(&rules::HEREDOC_WITHOUT_DOCUMENT, message)
        .at(source.span)
        .hint("write it without JSON, and close every quote of the line")
}
