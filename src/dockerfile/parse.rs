//! From a source file to its checked syntax tree.

use super::ast::{Dockerfile, Instruction, Located, Stage};
use super::instruction::{KEYWORDS, Understood, locate, understand};
use super::limits::Limits;
use super::statement::{self, HEREDOC_WITHOUT_END};
use super::{directive, warning};
use crate::diagnostic::{Diagnostic, MOST_MESSAGES, Severity};
use crate::source::{SourceFile, Span};

/// Parses a Dockerfile within the usual limits. See [`parse_within`].
pub fn parse(source: &SourceFile) -> Result<Dockerfile, Vec<Diagnostic>> {
    parse_within(source, &Limits::default())
}

/// Parses a Dockerfile and checks every instruction.
///
/// Fails with all errors that can be told apart, in the order of the source, never with none. Of very many, the
/// first fifty are given and the rest is counted; so with warnings.
pub fn parse_within(source: &SourceFile, limits: &Limits) -> Result<Dockerfile, Vec<Diagnostic>> {
    let mut parsed = take_apart(source, limits)?;
    let mut diagnostics = std::mem::take(&mut parsed.diagnostics);
    let mut dockerfile =
        Dockerfile { directives: parsed.directives, global_args: Vec::new(), stages: Vec::new(), warnings: Vec::new() };
    diagnostics.extend(directive::without_effect(source));
    // After a FROM that is wrong its instructions are checked as if it were right.
    let mut stage_is_open = has_errors(&diagnostics);
    let mut previous = None;
    for statement in &parsed.statements {
        match understand(statement, previous.replace(statement), &mut diagnostics) {
            Ok(Understood::From(from)) => {
                stage_is_open = true;
                dockerfile.stages.push(Stage { from: locate(from, statement), instructions: Vec::new() });
            }
            Ok(Understood::Instruction(instruction)) => {
                match (instruction, dockerfile.stages.last_mut()) {
                    (instruction, Some(stage)) => stage.instructions.push(locate(instruction, statement)),
                    (Instruction::Arg(arg), None) => dockerfile.global_args.push(locate(arg, statement)),
                    (instruction, None) if !stage_is_open => {
                        diagnostics.push(
                            Diagnostic::error(format!("{} before the first FROM", instruction.name()))
                                .at(statement.keyword.span)
                                .hint("a Dockerfile begins with `FROM image`; only ARG may come before it"),
                        );
                        // Once is enough.
                        stage_is_open = true;
                    }
                    _ => {}
                }
            }
            Err(errors) => {
                // A word that is not an instruction may have been meant as FROM.
                let keyword = &statement.keyword.text;
                let is_other = KEYWORDS.iter().any(|other| *other != "FROM" && keyword.eq_ignore_ascii_case(other));
                stage_is_open |= !is_other;
                diagnostics.extend(errors);
            }
        }
    }
    let warnings = finish(diagnostics)?;
    Ok(Dockerfile { warnings, ..dockerfile })
}

/// Parses one bare instruction that is no FROM: what a person types, or what an ONBUILD recorded.
pub fn parse_instruction(source: &SourceFile) -> Result<Located<Instruction>, Vec<Diagnostic>> {
    let mut parsed = take_apart(source, &Limits::default())?;
    let mut diagnostics = std::mem::take(&mut parsed.diagnostics);
    let mut found = None;
    for statement in &parsed.statements {
        if found.is_some() {
            diagnostics.push(Diagnostic::error("more than one instruction").at(statement.keyword.span));
            break;
        }
        match understand(statement, None, &mut diagnostics) {
            Ok(Understood::Instruction(instruction)) => found = Some(locate(instruction, statement)),
            Ok(Understood::From(_)) => {
                diagnostics.push(Diagnostic::error("FROM cannot stand alone").at(statement.keyword.span));
            }
            Err(errors) => diagnostics.extend(errors),
        }
    }
    finish(diagnostics)?;
    found.ok_or_else(|| vec![Diagnostic::error("no instruction")])
}

/// Whether an instruction that is being typed has its last line: it is not continued, and its heredocs have their ends.
pub fn is_complete(text: &str) -> bool {
    let parsed = statement::parse(&SourceFile::new("", text));
    if parsed.diagnostics.iter().any(|diagnostic| diagnostic.kind == Some(HEREDOC_WITHOUT_END)) {
        return false;
    }
    if parsed.statements.iter().any(|statement| !statement.heredocs.is_empty()) {
        return true;
    }
    // Comments and blank lines do not end a continued instruction, and do not continue one.
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with('#'));
    !last.is_some_and(|line| line.ends_with('\\'))
}

/// Takes the file apart, and refuses one that has nothing in it or cannot be text.
fn take_apart(source: &SourceFile, limits: &Limits) -> Result<statement::Statements, Vec<Diagnostic>> {
    if let Some(offset) = source.text.find('\0') {
        let error = Diagnostic::error("the file holds a NUL byte").at(Span::new(offset, offset + 1));
        let is_wide = source.text.len() >= 4
            && source.text.as_bytes().chunks_exact(2).take(8).all(|pair| (pair[0] == 0) != (pair[1] == 0));
        return Err(vec![error.hint(match is_wide {
            true => "the file looks like UTF-16: save it as UTF-8",
            false => "a Dockerfile is a text file",
        })]);
    }
    let parsed = statement::parse_within(source, limits);
    if parsed.statements.is_empty() && !has_errors(&parsed.diagnostics) {
        let error = Diagnostic::error(format!("`{}` has no instructions", source.name));
        return Err(vec![error.hint("a Dockerfile begins with `FROM image`")]);
    }
    Ok(parsed)
}

/// All errors in the order of the source if there are any, else the warnings.
fn finish(mut diagnostics: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.map_or(0, |span| span.start));
    let failed = has_errors(&diagnostics);
    if failed {
        diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
    }
    let more = diagnostics.len().saturating_sub(MOST_MESSAGES);
    diagnostics.truncate(MOST_MESSAGES);
    if more > 0 {
        diagnostics.push(match failed {
            true => Diagnostic::error(format!("{more} more errors are not shown")),
            false => Diagnostic::warning(format!("{more} more warnings are not shown")).kind(warning::MORE),
        });
    }
    if failed { Err(diagnostics) } else { Ok(diagnostics) }
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}
