//! From a source file to its syntax tree, and the messages about it.

use super::ast::{Dockerfile, Instruction, Located, Node, SyntaxTree};
use super::checks::Checks;
use super::directive::Check;
use super::instruction::{Understood, understand};
use super::keywords::KEYWORDS;
use super::statement::{self, Piece, Statement};
use super::{directive, lint, rules};
use crate::diagnostic::{Diagnostic, MOST_MESSAGES, Severity};
use crate::limits::Limits;
use crate::source::{SourceFile, Span};

/// What became of a text.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The tree. An instruction with a mistake is a node that says only where it stands.
    pub tree: SyntaxTree,
    /// Errors, warnings and notes in the order of the text. Of very many, the first fifty of each are here and the rest is counted.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether there is an error, so that nothing can be built of the text.
    pub fn has_errors(&self) -> bool {
        has_errors(&self.diagnostics)
    }

    /// The instructions in their stages, with warnings and notes.
    ///
    /// # Errors
    /// All errors, if there are any.
    pub fn into_dockerfile(self) -> Result<Dockerfile, Vec<Diagnostic>> {
        let Parsed { tree, diagnostics } = self;
        let diagnostics = without_errors(diagnostics)?;
        Ok(Dockerfile::of(tree, diagnostics))
    }

    /// The one instruction of a text that [`parse_instruction`] has read.
    ///
    /// # Errors
    /// All errors, if there are any, or that there is no instruction.
    pub fn into_instruction(self) -> Result<Located<Instruction>, Vec<Diagnostic>> {
        let Parsed { tree, diagnostics } = self;
        without_errors(diagnostics)?;
        let found = tree.nodes.into_iter().find_map(|node| match node {
            Node::Instruction(instruction) => Some(instruction),
            Node::From(_) | Node::Unreadable(_) => None,
        });
        found.ok_or_else(|| vec![Diagnostic::new(&rules::SINGLE_INSTRUCTION, "no instruction")])
    }
}

/// What a text is meant to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meant {
    /// A Dockerfile.
    File,
    /// One bare instruction that is not FROM.
    Instruction,
}

/// Parses a Dockerfile within the usual limits. See [`parse_within`].
pub fn parse(source: &SourceFile) -> Parsed {
    parse_within(source, &Limits::default())
}

/// Parses a Dockerfile and checks every instruction.
pub fn parse_within(source: &SourceFile, limits: &Limits) -> Parsed {
    read(source, limits, Meant::File, None)
}

/// As [`parse_within`], where `check` takes the place of what the file says of the checks.
pub fn parse_checked(source: &SourceFile, limits: &Limits, check: Option<Check>) -> Parsed {
    read(source, limits, Meant::File, check)
}

/// Parses one bare instruction that is not FROM: what a person types, or what an ONBUILD recorded.
pub fn parse_instruction(source: &SourceFile) -> Parsed {
    read(source, &Limits::default(), Meant::Instruction, None)
}

/// Whether an instruction that is being typed has its last line: it is not continued, and its heredocs have their ends.
pub(crate) fn is_complete(text: &str) -> bool {
    let parsed = statement::parse(&SourceFile::new("", text));
    if parsed.diagnostics.iter().any(|diagnostic| diagnostic.is(&rules::HEREDOC_WITHOUT_END)) {
        return false;
    }
    if parsed.statements().any(|statement| !statement.heredocs.is_empty()) {
        return true;
    }
    // Comments and blank lines do not end a continued instruction, and do not continue one.
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with('#'));
    !last.is_some_and(|line| line.ends_with('\\'))
}

fn read(source: &SourceFile, limits: &Limits, meant: Meant, check: Option<Check>) -> Parsed {
    if let Some(error) = not_text(source) {
        return Parsed { diagnostics: vec![error], ..Parsed::default() };
    }
    let statements = statement::parse_within(source, limits);
    let mut diagnostics = statements.diagnostics;
    if statements.pieces.is_empty() && !has_errors(&diagnostics) {
        let message = format!("`{}` has no instructions", source.name);
        let error = Diagnostic::new(&rules::EMPTY_DOCKERFILE, message).hint("a Dockerfile begins with `FROM image`");
        return Parsed { diagnostics: vec![error], ..Parsed::default() };
    }
    let mut place = Place::of(meant, has_errors(&diagnostics));
    if meant == Meant::File {
        diagnostics.extend(directive::without_effect(source));
    }
    let mut nodes = Vec::new();
    let mut keywords = Vec::new();
    let mut previous = None;
    for piece in statements.pieces {
        let statement = match piece {
            Piece::Unreadable(unreadable) => {
                nodes.push(Node::Unreadable(unreadable));
                continue;
            }
            Piece::Statement(statement) => statement,
        };
        if place.is_taken() {
            diagnostics.push(
                Diagnostic::new(&rules::SINGLE_INSTRUCTION, "more than one instruction").at(statement.keyword.span),
            );
            nodes.push(Node::Unreadable(statement.unreadable()));
            break;
        }
        // ANCHOR: understand
        let understood = understand(&statement, previous.as_ref(), &mut diagnostics);
        diagnostics.extend(place.check(&understood, &statement));
        nodes.push(match understood {
            Ok(Understood::From(from)) => Node::From(statement.locate(from)),
            Ok(Understood::Instruction(instruction)) => Node::Instruction(statement.locate(instruction)),
            Err(errors) => {
                diagnostics.extend(errors);
                Node::Unreadable(statement.unreadable())
            }
        });
        // ANCHOR_END: understand
        keywords.push(statement.keyword.clone());
        previous = Some(statement);
    }
    if meant == Meant::File {
        diagnostics.extend(lint::consistent_casing(&keywords));
        diagnostics.extend(lint::check(&nodes));
    }
    let check = check.or_else(|| statements.directives.check.clone());
    let checks = Checks::of(check, nodes.iter().map(|node| (node.span(), node.comments())));
    let diagnostics = bounded(checks.apply(diagnostics));
    Parsed { tree: SyntaxTree { directives: statements.directives, nodes, checks }, diagnostics }
}

/// What may stand where.
enum Place {
    /// In a file: an instruction needs a stage, except for ARG. After a FROM that is wrong its instructions are checked as if
    /// it were right.
    File { stage_is_open: bool },
    /// In a text of one instruction.
    Instruction { is_taken: bool },
}

impl Place {
    fn of(meant: Meant, has_errors: bool) -> Place {
        match meant {
            Meant::File => Place::File { stage_is_open: has_errors },
            Meant::Instruction => Place::Instruction { is_taken: false },
        }
    }

    /// Whether nothing more may come.
    fn is_taken(&self) -> bool {
        matches!(self, Place::Instruction { is_taken: true })
    }

    /// Says if an instruction may not stand here, and notes that it does.
    fn check(&mut self, understood: &Result<Understood, Vec<Diagnostic>>, statement: &Statement) -> Option<Diagnostic> {
        match (self, understood) {
            (Place::File { stage_is_open }, Ok(Understood::From(_))) => *stage_is_open = true,
            (Place::File { stage_is_open }, Ok(Understood::Instruction(instruction))) => {
                if !*stage_is_open && !matches!(instruction, Instruction::Arg(_)) {
                    // Once is enough.
                    *stage_is_open = true;
                    let message = format!("{} before the first FROM", instruction.name());
                    let error = Diagnostic::new(&rules::INSTRUCTION_BEFORE_FROM, message).at(statement.keyword.span);
                    return Some(error.hint("a Dockerfile begins with `FROM image`; only ARG may come before it"));
                }
            }
            (Place::File { stage_is_open }, Err(_)) => {
                // A word that is not an instruction may have been meant as FROM.
                let keyword = &statement.keyword.text;
                let is_other = KEYWORDS.iter().any(|other| *other != "FROM" && keyword.eq_ignore_ascii_case(other));
                *stage_is_open |= !is_other;
            }
            (Place::Instruction { is_taken }, Ok(Understood::Instruction(_))) => *is_taken = true,
            (Place::Instruction { .. }, Ok(Understood::From(_))) => {
                let error = Diagnostic::new(&rules::SINGLE_INSTRUCTION, "FROM is not allowed here");
                return Some(error.at(statement.keyword.span));
            }
            (Place::Instruction { .. }, Err(_)) => {}
        }
        None
    }
}

/// Why a text is refused before it is read.
fn not_text(source: &SourceFile) -> Option<Diagnostic> {
    let offset = source.text.find('\0')?;
    let is_wide = source.text.len() >= 4
        && source.text.as_bytes().chunks_exact(2).take(8).all(|pair| (pair[0] == 0) != (pair[1] == 0));
    let error = Diagnostic::new(&rules::NOT_TEXT, "the file holds a NUL byte").at(Span::new(offset, offset + 1));
    Some(error.hint(match is_wide {
        true => "the file looks like UTF-16: save it as UTF-8",
        false => "a Dockerfile is a text file",
    }))
}

/// The first errors, warnings and notes in the order of the source, and how many more there are.
fn bounded(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(Diagnostic::start);
    for (severity, rule, what) in [
        (Severity::Error, &rules::MORE_ERRORS, "errors"),
        (Severity::Warning, &rules::MORE_WARNINGS, "warnings"),
        (Severity::Note, &rules::MORE_NOTES, "notes"),
    ] {
        let mut count = 0;
        diagnostics.retain(|diagnostic| {
            count += usize::from(diagnostic.severity == severity);
            diagnostic.severity != severity || count <= MOST_MESSAGES
        });
        if count > MOST_MESSAGES {
            let more = count - MOST_MESSAGES;
            diagnostics.push(Diagnostic::new(rule, format!("{more} more {what} are not shown")));
        }
    }
    diagnostics
}

/// The others where there are no errors.
fn without_errors(mut diagnostics: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    if has_errors(&diagnostics) {
        diagnostics.retain(Diagnostic::is_error);
        return Err(diagnostics);
    }
    Ok(diagnostics)
}

fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}
