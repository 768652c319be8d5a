//! The parser that pest makes from `grammar/dockerfile.pest`, and the one way to call it.

use pest::Parser;
use pest::iterators::Pair;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/dockerfile.pest"]
struct DockerfileParser;

/// Parses `text` with one rule of the grammar and gives the tree of that rule.
///
/// The rules for lines and instructions accept every text, so `None` means that the text does not match a
/// rule that may fail (a heredoc word), or that pest gave up.
pub(super) fn parse(rule: Rule, text: &str) -> Option<Pair<'_, Rule>> {
    DockerfileParser::parse(rule, text).ok()?.next()
}
