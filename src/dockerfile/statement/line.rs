//! One instruction on one line → a statement: keyword, flags, arguments.

use std::ops::Range;

use pest::iterators::Pair;
use serde::de::IgnoredAny;

use super::super::ast::Separator;
use super::super::grammar::{self, Rule};
use super::super::lines::LogicalLine;
use super::super::rules;
use super::literal::{json_text, unquoted};
use super::{Arguments, Statement, Token};
use crate::diagnostic::Diagnostic;

/// ONBUILDs directly inside each other are refused later; here they must only not exhaust the stack.
const MAXIMUM_DEPTH: usize = 16;

/// Takes one logical line apart.
pub(super) struct StatementParser<'l> {
    pub(crate) line: &'l LogicalLine,
    pub(crate) escape: char,
}

impl StatementParser<'_> {
    /// Parses a range of the line. `depth` counts the ONBUILDs around it.
    ///
    /// # Errors
    /// What can't be taken apart: a pair without `=`, JSON that is not strings, too many ONBUILDs.
    pub(super) fn parse(&self, range: Range<usize>, depth: usize) -> Result<Statement, Diagnostic> {
        let text = &self.line.text[range.clone()];
        let trimmed = text.trim();
        let base = range.start + (text.len() - text.trim_start().len());
        let span = self.line.span(base..base + trimmed.len());
        if depth > MAXIMUM_DEPTH {
            return Err(Diagnostic::new(&rules::INVALID_TRIGGER, "ONBUILD is nested too deep").at(span));
        }
        let rule = if self.escape == '`' { Rule::backtick_instruction } else { Rule::backslash_instruction };
        let tree = grammar::parse(rule, trimmed).and_then(|tree| tree.into_inner().next());
        // The rule accepts every text; pest could only give up on the size of it.
        let tree =
            tree.ok_or_else(|| Diagnostic::new(&rules::LIMIT_EXCEEDED, "the instruction cannot be parsed").at(span))?;

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
                return Err(Diagnostic::new(&rules::WRONG_ARGUMENTS, format!("no `=` in `{}`", token.text))
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
                return Err(Diagnostic::new(&rules::WRONG_ARGUMENTS, format!("{keyword} needs a name and a value"))
                    .at(name.span)
                    .label("no value")
                    .hint(format!("write `{keyword} {}=…`", name.text)));
            }
        };
        Ok(Arguments::Pairs(pairs, Separator::Space))
    }

    /// JSON that is not an array of strings is a mistake; text that is not JSON is a shell command.
    fn refuse_other_json(&self, text: &Pair<Rule>, base: usize) -> Result<(), Diagnostic> {
        let is_array = text.as_str().starts_with('[') && serde_json::from_str::<Vec<IgnoredAny>>(text.as_str()).is_ok();
        if !is_array {
            return Ok(());
        }
        Err(Diagnostic::new(&rules::INVALID_JSON, "a JSON array of arguments must hold only strings")
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
