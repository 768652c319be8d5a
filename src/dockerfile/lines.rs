//! From the lines of a file to instructions on one line each.
//!
//! A [`LineReader`] hands out one [`LogicalLine`] after the other: blank lines, comments and directives are
//! taken out, and lines that end with the escape character are joined with the next ones. The lines of a
//! heredoc are handed out on request, because only whoever has parsed the instruction knows that it opens one.
//!
//! What a single line is, the grammar says; this module only puts lines together. A logical line remembers
//! from which place of the file each piece of it comes, so that spans stay exact however it was continued.

use std::ops::Range;

use super::ast::Heredoc;
use super::directive::{DirectiveReader, Directives};
use super::grammar::{self, Rule};
use super::limits::Limit;
use super::rules;
use crate::diagnostic::Diagnostic;
use crate::limits::Limits;
use crate::source::{BYTE_ORDER_MARK, Span};

/// An instruction on one line: continued lines are joined.
#[derive(Debug)]
pub(super) struct LogicalLine {
    /// The joined text.
    pub(crate) text: String,
    /// Where each piece of the text begins, in the text and in the file. Ordered; the first one is at 0.
    pieces: Vec<(usize, usize)>,
    /// The first line, counted from 1.
    pub(crate) first_line: usize,
    /// The last line.
    pub(crate) last_line: usize,
    /// The comments directly above.
    pub(crate) comments: Vec<String>,
}

impl LogicalLine {
    // ANCHOR: span
    /// The place in the file of a range of the text.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let start = self.source_offset(range.start);
        // The end of a range lies behind its last byte; the piece that holds this byte says where that is.
        let end = if range.end > range.start { self.source_offset(range.end - 1) + 1 } else { start };
        Span::new(start, end)
    }
    // ANCHOR_END: span

    // ANCHOR: source-offset
    fn source_offset(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|(in_text, _)| *in_text <= offset);
        let (in_text, in_source) = self.pieces[after.saturating_sub(1)];
        in_source + (offset - in_text)
    }
    // ANCHOR_END: source-offset

    /// Adds text that begins at a place of the file.
    fn push(&mut self, text: &str, source: usize) {
        self.pieces.push((self.text.len(), source));
        self.text.push_str(text);
    }
}

/// Reads a file line by line.
pub(super) struct LineReader<'s> {
    text: &'s str,
    /// Where the next line begins.
    position: usize,
    /// The number of the line that was read last.
    line: usize,
    directives: DirectiveReader,
    comments: Vec<String>,
    limits: &'s Limits,
    /// What was found on the way that is wrong or suspicious.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Why a heredoc has no body.
pub(super) enum NoBody {
    /// No line ends it.
    NoEnd,
    /// It is longer than a heredoc may be.
    TooLong,
    /// A line in it is longer than a line may be, which was said.
    Stopped,
}

impl<'s> LineReader<'s> {
    pub(crate) fn new(text: &'s str, limits: &'s Limits) -> Self {
        let position = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        LineReader {
            text,
            position,
            line: 0,
            directives: DirectiveReader::new(),
            comments: Vec::new(),
            limits,
            diagnostics: Vec::new(),
        }
    }

    /// Reads no further: what follows counts as the end of the file.
    pub(crate) fn stop(&mut self) {
        self.position = self.text.len();
    }

    /// The escape character in force.
    pub(crate) fn escape(&self) -> char {
        self.directives.directives.escape
    }

    /// The directives, complete once a logical line was read.
    pub(crate) fn into_directives(self) -> Directives {
        self.directives.directives
    }

    /// The end of the last line that was read, without its line ending.
    pub(crate) fn end_of_line(&self) -> usize {
        self.text[..self.position].trim_end_matches(['\r', '\n']).len()
    }

    /// The number of the last line that was read.
    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The next instruction, or `None` at the end of the file.
    pub(crate) fn next_logical_line(&mut self) -> Option<LogicalLine> {
        loop {
            let (start, line) = self.next_line()?;
            let line = line.trim_end_matches(['\r', '\n']);
            match self.directives.read(line.trim_start(), start + (line.len() - line.trim_start().len())) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(diagnostic) => {
                    self.diagnostics.push(diagnostic);
                    continue;
                }
            }
            match physical_line(line, self.escape()) {
                PhysicalLine::Blank => {}
                PhysicalLine::Comment("") => self.comments.clear(),
                PhysicalLine::Comment(comment) => self.comments.push(comment.to_owned()),
                PhysicalLine::Text { indentation, text, continued } => {
                    let mut logical = LogicalLine {
                        text: String::new(),
                        pieces: Vec::new(),
                        first_line: self.line,
                        last_line: self.line,
                        comments: std::mem::take(&mut self.comments),
                    };
                    logical.push(text, start + indentation);
                    if continued {
                        self.join_continued_lines(&mut logical);
                    }
                    logical.last_line = self.line;
                    return Some(logical);
                }
            }
        }
    }

    /// Joins the lines up to one that is not continued. Comments and blank lines between them do not count.
    fn join_continued_lines(&mut self, logical: &mut LogicalLine) {
        let mut blank_line = None;
        while let Some((start, line)) = self.next_line() {
            let line = line.trim_end_matches(['\r', '\n']);
            match physical_line(line, self.escape()) {
                PhysicalLine::Blank => blank_line = blank_line.or(Some(Span::new(start, start + line.len()))),
                PhysicalLine::Comment(_) => {}
                PhysicalLine::Text { indentation, text, continued } => {
                    // The indentation of a continued line is part of the instruction.
                    logical.push(&line[..indentation + text.len()], start);
                    if !continued {
                        break;
                    }
                }
            }
        }
        if let Some(span) = blank_line {
            self.diagnostics.push(
                Diagnostic::new(&rules::NO_EMPTY_CONTINUATION, "blank line inside an instruction")
                    .at(span)
                    .hint("remove it, or the continuation character of the line before it"),
            );
        }
    }

    /// Reads the body of a heredoc: the lines up to one that is its name, with their line endings. Of `<<-`,
    /// tabs may come before the name.
    pub(crate) fn heredoc_body(&mut self, heredoc: &Heredoc) -> Result<String, NoBody> {
        let start = self.position;
        let mut end = start;
        let complaints = self.diagnostics.len();
        while let Some((_, line)) = self.next_line() {
            let candidate = line.trim_end_matches(['\r', '\n']);
            let candidate = if heredoc.chomp { candidate.trim_start_matches('\t') } else { candidate };
            if candidate == heredoc.name {
                return Ok(self.text[start..end].to_owned());
            }
            end = self.position;
            if end - start > Limit::Heredoc.of(self.limits) {
                self.stop();
                return Err(NoBody::TooLong);
            }
        }
        Err(if self.diagnostics.len() > complaints { NoBody::Stopped } else { NoBody::NoEnd })
    }

    /// The next line with its line ending, and where it begins. A line that is too long is an error and ends the reading.
    fn next_line(&mut self) -> Option<(usize, &'s str)> {
        let start = self.position;
        let line = self.text[start..].split_inclusive('\n').next()?;
        self.position += line.len();
        self.line += 1;
        if line.strip_suffix('\n').unwrap_or(line).len() > Limit::Line.of(self.limits) {
            let error = Limit::Line.exceeded(self.limits, format_args!("line {}", self.line));
            self.diagnostics.push(error.at(Span::new(start, start)));
            self.stop();
            return None;
        }
        Some((start, line))
    }
}

/// What one line of the file is.
enum PhysicalLine<'l> {
    /// Nothing but spaces.
    Blank,
    /// The text after `#`, without spaces around it.
    Comment(&'l str),
    /// A piece of an instruction. `indentation` counts the bytes before the text.
    Text { indentation: usize, text: &'l str, continued: bool },
}

/// Finds out what a line is. The line has no line ending.
fn physical_line(line: &str, escape: char) -> PhysicalLine<'_> {
    let rule = if escape == '`' { Rule::backtick_line } else { Rule::backslash_line };
    let mut indentation = 0;
    let mut text = line;
    let mut continued = false;
    // The rule accepts every line, so there always is a tree.
    for part in grammar::parse(rule, line).into_iter().flat_map(|tree| tree.into_inner()) {
        match part.as_rule() {
            Rule::indentation => indentation = part.as_str().len(),
            Rule::comment | Rule::directive => {
                return PhysicalLine::Comment(line[indentation + 1..].trim());
            }
            Rule::text => text = part.as_str(),
            Rule::continuation => continued = true,
            _ => {}
        }
    }
    if text.is_empty() && !continued {
        return PhysicalLine::Blank;
    }
    PhysicalLine::Text { indentation, text, continued }
}
