//! A whole file → its statements, with the heredocs that they open.

use super::super::ast::{Located, Unreadable};
use super::super::heredoc;
use super::super::limits::Limit;
use super::super::lines::{LineReader, LogicalLine, NoBody};
use super::super::rules;
use super::line::StatementParser;
use super::{Arguments, Piece, Statement, Statements};
use crate::diagnostic::Diagnostic;
use crate::limits::Limits;
use crate::source::SourceFile;

/// Takes a whole file apart, within the usual limits. Reads on after an error, so that one run shows them all.
pub fn parse(source: &SourceFile) -> Statements {
    parse_within(source, &Limits::default())
}

/// Takes a whole file apart. Where a limit is reached, that is an error and the rest is not read.
pub(crate) fn parse_within(source: &SourceFile, limits: &Limits) -> Statements {
    let mut reader = LineReader::new(&source.text, limits);
    let mut pieces = Vec::new();
    let mut counts = Counts::default();
    while let Some(line) = reader.next_logical_line() {
        let parser = StatementParser { line: &line, escape: reader.escape() };
        let statement = match parser.parse(0..line.text.len(), 0) {
            Ok(statement) => statement,
            Err(diagnostic) => {
                reader.diagnostics.push(diagnostic);
                pieces.push(Piece::Unreadable(unreadable(&line)));
                continue;
            }
        };
        if let Some(error) = counts.add(&statement, &source.name, limits) {
            reader.diagnostics.push(error);
            break;
        }
        pieces.push(with_heredocs(statement, &line, &mut reader, limits));
    }
    let diagnostics = std::mem::take(&mut reader.diagnostics);
    Statements { directives: reader.into_directives(), pieces, diagnostics }
}

/// A line that could not be taken apart.
fn unreadable(line: &LogicalLine) -> Located<Unreadable> {
    let text = line.text.trim();
    let start = line.text.len() - line.text.trim_start().len();
    Located {
        value: Unreadable { keyword: text.split_whitespace().next().unwrap_or_default().to_uppercase() },
        span: line.span(start..start + text.len()),
        lines: (line.first_line, line.last_line),
        text: text.to_owned(),
        comments: line.comments.clone(),
    }
}

/// How many there are so far.
#[derive(Default)]
struct Counts {
    stages: usize,
    instructions: usize,
}

impl Counts {
    /// Counts a statement; the message when it is one too many.
    fn add(&mut self, statement: &Statement, file: &str, limits: &Limits) -> Option<Diagnostic> {
        let (count, limit) = match statement.keyword.text.eq_ignore_ascii_case("from") {
            true => (&mut self.stages, Limit::Stages),
            false => (&mut self.instructions, Limit::Instructions),
        };
        *count += 1;
        (*count > limit.of(limits))
            .then(|| limit.exceeded(limits, format_args!("`{file}`")).at(statement.keyword.span).label("one too many"))
    }
}

/// The statement with the bodies of its heredocs. One that lacks an end reaches to the end of the file and could not be read.
fn with_heredocs(mut statement: Statement, line: &LogicalLine, reader: &mut LineReader, limits: &Limits) -> Piece {
    match read_heredocs(&mut statement, line, reader, limits) {
        Ok(()) => Piece::Statement(statement),
        Err(diagnostic) => {
            reader.diagnostics.extend(diagnostic);
            statement.lines.1 = reader.line();
            statement.span.end = statement.span.end.max(reader.end_of_line());
            Piece::Unreadable(statement.unreadable())
        }
    }
}

/// Reads the bodies of the heredocs that a statement opens.
///
/// The error is `None` where the reader has said it already.
fn read_heredocs(
    statement: &mut Statement,
    line: &LogicalLine,
    reader: &mut LineReader,
    limits: &Limits,
) -> Result<(), Option<Diagnostic>> {
    if !can_open_heredoc(statement) {
        return Ok(());
    }
    let place_of = |word: &str| {
        let start = line.text.find(word).unwrap_or(0);
        let length = if line.text[start..].starts_with(word) { word.len() } else { line.text.len() };
        line.span(start..start + length)
    };
    let found = heredoc::find(&line.text).map_err(|error| {
        let place = place_of(&error.word);
        Some(
            Diagnostic::new(&rules::INVALID_HEREDOC, error.to_string())
                .at(place)
                .hint("close the quote around the heredoc's name"),
        )
    })?;
    for (word, mut heredoc) in found {
        heredoc.content = reader.heredoc_body(&heredoc).map_err(|why| match why {
            NoBody::NoEnd => Some(
                Diagnostic::new(&rules::HEREDOC_WITHOUT_END, format!("the heredoc `{}` has no end", heredoc.name))
                    .at(place_of(&word))
                    .label("opened here")
                    .hint(format!("end it with a line that is `{}` and nothing else", heredoc.name)),
            ),
            NoBody::TooLong => {
                let what = format!("the heredoc `{}`", heredoc.name);
                Some(Limit::Heredoc.exceeded(limits, what).at(place_of(&word)).label("opened here"))
            }
            NoBody::Stopped => None,
        })?;
        statement.heredocs.push(heredoc);
        statement.lines.1 = reader.line();
        statement.span.end = reader.end_of_line();
    }
    // The statement inside an ONBUILD is the one that reads them.
    if let Arguments::Trigger(trigger) = &mut statement.arguments {
        trigger.heredocs = statement.heredocs.clone();
        trigger.lines = statement.lines;
        trigger.span.end = statement.span.end;
    }
    Ok(())
}

/// Whether `<<` means anything to a statement: to ADD, COPY and RUN that are not JSON, also after ONBUILD.
fn can_open_heredoc(statement: &Statement) -> bool {
    let mut statement = statement;
    if let Arguments::Trigger(trigger) = &statement.arguments {
        statement = trigger;
    }
    let keyword = statement.keyword.text.to_ascii_lowercase();
    matches!(keyword.as_str(), "add" | "copy" | "run") && !matches!(statement.arguments, Arguments::Exec(_))
}
