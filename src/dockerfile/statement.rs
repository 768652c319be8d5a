//! Statements: instructions taken apart, but not yet understood.
//!
//! A [`Statement`] has a keyword, flags and arguments, whatever the keyword is. This is what BuildKit's parser
//! calls a node; [`super::instruction`] turns it into an [`super::ast::Instruction`] and finds out whether the
//! instruction exists and its arguments are right. The two are apart because a text can be taken apart, and
//! shown, that is no valid Dockerfile.

use std::ops::Range;

use pest::iterators::Pair;
use serde::de::IgnoredAny;

use super::ast::{Heredoc, Separator};
use super::directive::Directives;
use super::grammar::{self, Rule};
use super::heredoc;
use super::limits::{Limit, Limits};
use super::lines::{LineReader, LogicalLine, NoBody};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceFile, Span};

/// A piece of text and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The text. It may differ from the source: a flag has lost its quotes, a JSON string its escapes.
    pub text: String,
    /// The place in the source.
    pub span: Span,
}

impl Token {
    /// The token from its byte `start` on. The place is exact unless quotes or continuations lie in the token; then
    /// it is that of the whole.
    pub fn part(&self, start: usize) -> Token {
        let text = self.text[start..].to_owned();
        let is_literal = self.span.end - self.span.start == self.text.len();
        let first = if is_literal { self.span.start + start } else { self.span.start };
        Token { text, span: Span::new(first, self.span.end) }
    }
}

/// One instruction, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The first word, as written.
    pub keyword: Token,
    /// The flags, each `--name` or `--name=value`, without quotes.
    pub flags: Vec<Token>,
    /// What comes after the flags.
    pub arguments: Arguments,
    /// The documents that the statement opens, with their bodies.
    pub heredocs: Vec<Heredoc>,
    /// The comments directly above.
    pub comments: Vec<String>,
    /// The statement on one line, heredoc bodies left out.
    pub text: String,
    /// The whole statement in the source, heredoc bodies included.
    pub span: Span,
    /// First and last line, counted from 1. The statement inside of an ONBUILD has the lines of the whole.
    pub lines: (usize, usize),
}

/// The arguments of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// Separate arguments, or the whole rest as one.
    Items(Vec<Token>),
    /// A JSON array of strings.
    Exec(Vec<Token>),
    /// Names and values of ENV and LABEL.
    Pairs(Vec<(Token, Token)>, Separator),
    /// The first word of HEALTHCHECK and the command after it.
    Check(Token, Box<Arguments>),
    /// The instruction after ONBUILD.
    Trigger(Box<Statement>),
}

impl Arguments {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        match self {
            Arguments::Items(items) | Arguments::Exec(items) => items.is_empty(),
            Arguments::Pairs(pairs, _) => pairs.is_empty(),
            Arguments::Check(..) | Arguments::Trigger(_) => false,
        }
    }
}

/// A file taken apart.
#[derive(Clone, Debug)]
pub struct Statements {
    /// What the comments at the top say.
    pub directives: Directives,
    /// The statements that could be taken apart, in order.
    pub statements: Vec<Statement>,
    /// Why others could not be, and what is suspicious.
    pub diagnostics: Vec<Diagnostic>,
}

/// ONBUILDs directly inside of each other are refused later; here they must only not exhaust the stack.
const MAXIMUM_DEPTH: usize = 16;

/// The kind of the message that a heredoc has no end.
pub(super) const HEREDOC_WITHOUT_END: &str = "HeredocWithoutEnd";

/// Takes a whole file apart, within the usual limits. Reads on after an error, so that one run shows them all.
pub fn parse(source: &SourceFile) -> Statements {
    parse_within(source, &Limits::default())
}

/// Takes a whole file apart. Where a limit is reached, that is an error and the rest is not read.
pub fn parse_within(source: &SourceFile, limits: &Limits) -> Statements {
    let mut reader = LineReader::new(&source.text, limits);
    let mut statements = Vec::new();
    let mut counts = Counts::default();
    while let Some(line) = reader.next_logical_line() {
        let parser = StatementParser { line: &line, escape: reader.escape() };
        match parser.parse(0..line.text.len(), 0) {
            Ok(mut statement) => {
                if let Some(error) = counts.add(&statement, &source.name, limits) {
                    reader.diagnostics.push(error);
                    break;
                }
                match read_heredocs(&mut statement, &line, &mut reader, limits) {
                    Ok(()) => statements.push(statement),
                    Err(diagnostic) => reader.diagnostics.extend(diagnostic),
                }
            }
            Err(diagnostic) => reader.diagnostics.push(diagnostic),
        }
    }
    let diagnostics = std::mem::take(&mut reader.diagnostics);
    Statements { directives: reader.into_directives(), statements, diagnostics }
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
        (*count > limits.of(limit))
            .then(|| limit.exceeded(limits, format_args!("`{file}`")).at(statement.keyword.span).label("one too many"))
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
        Some(Diagnostic::error(error.to_string()).at(place).hint("close the quote around the heredoc's name"))
    })?;
    for (word, mut heredoc) in found {
        heredoc.content = reader.heredoc_body(&heredoc.name, heredoc.chomp).map_err(|why| match why {
            NoBody::NoEnd => Some(
                Diagnostic::error(format!("the heredoc `{}` has no end", heredoc.name))
                    .kind(HEREDOC_WITHOUT_END)
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
    // The statement inside of an ONBUILD is the one that reads them.
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

/// Takes one logical line apart.
struct StatementParser<'l> {
    line: &'l LogicalLine,
    escape: char,
}

impl StatementParser<'_> {
    /// Parses a range of the line. `depth` counts the ONBUILDs around it.
    fn parse(&self, range: Range<usize>, depth: usize) -> Result<Statement, Diagnostic> {
        let text = &self.line.text[range.clone()];
        let trimmed = text.trim();
        let base = range.start + (text.len() - text.trim_start().len());
        let span = self.line.span(base..base + trimmed.len());
        if depth > MAXIMUM_DEPTH {
            return Err(Diagnostic::error("ONBUILD is nested too deep").at(span));
        }
        let rule = if self.escape == '`' { Rule::backtick_instruction } else { Rule::backslash_instruction };
        let tree = grammar::parse(rule, trimmed).and_then(|tree| tree.into_inner().next());
        // The rule accepts every text; pest could only give up on the size of it.
        let tree = tree.ok_or_else(|| Diagnostic::error("the instruction cannot be parsed").at(span))?;

        let kind = tree.as_rule();
        let mut keyword = Token { text: String::new(), span };
        let mut flags = Vec::new();
        let mut arguments = Vec::new();
        for part in tree.into_inner() {
            match part.as_rule() {
                Rule::keyword => keyword = self.token(&part, base),
                Rule::flags => flags = part.into_inner().filter_map(|flag| self.flag(flag, base)).collect(),
                _ => arguments.push(part),
            }
        }
        let arguments = self.arguments(kind, &keyword, arguments, base, depth)?;
        Ok(Statement {
            keyword,
            flags,
            arguments,
            heredocs: Vec::new(),
            comments: if depth == 0 { self.line.comments.clone() } else { Vec::new() },
            text: text.to_owned(),
            span,
            lines: (self.line.first_line, self.line.last_line),
        })
    }

    fn arguments(
        &self,
        kind: Rule,
        keyword: &Token,
        parts: Vec<Pair<Rule>>,
        base: usize,
        depth: usize,
    ) -> Result<Arguments, Diagnostic> {
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return Ok(Arguments::Items(Vec::new()));
        };
        match first.as_rule() {
            Rule::check_kind => {
                let command = self.arguments(kind, keyword, parts.collect(), base, depth)?;
                Ok(Arguments::Check(self.token(&first, base), Box::new(command)))
            }
            Rule::exec => {
                let strings = first.into_inner().map(|string| self.json_string(string, base));
                Ok(Arguments::Exec(strings.collect()))
            }
            Rule::list => {
                self.refuse_other_json(&first, base)?;
                Ok(Arguments::Items(first.into_inner().map(|item| self.token(&item, base)).collect()))
            }
            Rule::shell_command => {
                self.refuse_other_json(&first, base)?;
                Ok(Arguments::Items(self.whole(&first, base)))
            }
            Rule::words if kind == Rule::arg => {
                Ok(Arguments::Items(first.into_inner().map(|word| self.token(&word, base)).collect()))
            }
            Rule::words => self.assignments(first, base),
            Rule::spaced_pair => self.spaced_pair(keyword, first, base),
            _ if kind == Rule::onbuild && !first.as_str().is_empty() => {
                let span = first.as_span();
                let trigger = self.parse(base + span.start()..base + span.end(), depth + 1)?;
                Ok(Arguments::Trigger(Box::new(trigger)))
            }
            // What an unknown instruction means by its arguments, nobody knows.
            _ if kind == Rule::unknown => {
                let mut nothing = self.token(&first, base);
                nothing.text.clear();
                Ok(Arguments::Items(vec![nothing]))
            }
            _ => Ok(Arguments::Items(self.whole(&first, base))),
        }
    }

    /// The text as one argument, or no argument when it is empty.
    fn whole(&self, text: &Pair<Rule>, base: usize) -> Vec<Token> {
        if text.as_str().is_empty() { Vec::new() } else { vec![self.token(text, base)] }
    }

    /// `name=value …`
    fn assignments(&self, words: Pair<Rule>, base: usize) -> Result<Arguments, Diagnostic> {
        let mut pairs = Vec::new();
        for word in words.into_inner() {
            let token = self.token(&word, base);
            let Some(equals) = token.text.find('=') else {
                return Err(Diagnostic::error(format!("no `=` in `{}`", token.text))
                    .at(token.span)
                    .label("must be `name=value`")
                    .hint("put quotes around a value that holds spaces"));
            };
            let start = base + word.as_span().start();
            let name = self.part(start..start + equals);
            let value = self.part(start + equals + 1..base + word.as_span().end());
            pairs.push((name, value));
        }
        Ok(Arguments::Pairs(pairs, Separator::Equals))
    }

    /// `name value`
    fn spaced_pair(&self, keyword: &Token, pair: Pair<Rule>, base: usize) -> Result<Arguments, Diagnostic> {
        let mut parts = pair.into_inner().map(|part| self.token(&part, base));
        let pairs = match (parts.next(), parts.next()) {
            (None, _) => Vec::new(),
            (Some(name), Some(value)) => vec![(name, value)],
            (Some(name), None) => {
                let keyword = keyword.text.to_uppercase();
                return Err(Diagnostic::error(format!("{keyword} needs a name and a value"))
                    .at(name.span)
                    .label("no value")
                    .hint(format!("write `{keyword} {}=…`", name.text)));
            }
        };
        Ok(Arguments::Pairs(pairs, Separator::Space))
    }

    /// JSON that is no array of strings is a mistake; text that is no JSON is a shell command.
    fn refuse_other_json(&self, text: &Pair<Rule>, base: usize) -> Result<(), Diagnostic> {
        let is_array = text.as_str().starts_with('[') && serde_json::from_str::<Vec<IgnoredAny>>(text.as_str()).is_ok();
        if !is_array {
            return Ok(());
        }
        Err(Diagnostic::error("a JSON array of arguments must hold only strings")
            .at(self.token(text, base).span)
            .hint("put double quotes around every element"))
    }

    fn json_string(&self, string: Pair<Rule>, base: usize) -> Token {
        Token { text: json_text(string.as_str()), ..self.token(&string, base) }
    }

    /// A flag without its quotes and escapes, or `None` when nothing is left of it.
    fn flag(&self, flag: Pair<Rule>, base: usize) -> Option<Token> {
        if flag.as_rule() != Rule::flag {
            return None;
        }
        let mut token = self.token(&flag, base);
        token.text = unquoted(flag.as_str(), self.escape);
        Some(token)
    }

    fn token(&self, pair: &Pair<Rule>, base: usize) -> Token {
        let span = pair.as_span();
        self.part(base + span.start()..base + span.end())
    }

    fn part(&self, range: Range<usize>) -> Token {
        Token { text: self.line.text[range.clone()].to_owned(), span: self.line.span(range) }
    }
}

/// The text of a JSON string, which the grammar has found to be valid. Half of a surrogate pair becomes U+FFFD.
fn json_text(literal: &str) -> String {
    let mut units = Vec::with_capacity(literal.len());
    let mut characters = literal[1..literal.len() - 1].chars();
    let mut buffer = [0; 2];
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next().unwrap_or('\\') {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits: String = characters.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xfffd));
                    continue;
                }
                other => other,
            },
            other => other,
        };
        units.extend_from_slice(character.encode_utf16(&mut buffer));
    }
    String::from_utf16_lossy(&units)
}

/// Removes quotes and escape characters, inside of quotes too.
fn unquoted(text: &str, escape: char) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == escape {
            out.extend(characters.next());
        } else if quote == Some(character) {
            quote = None;
        } else if quote.is_none() && matches!(character, '\'' | '"') {
            quote = Some(character);
        } else {
            out.push(character);
        }
    }
    out
}
