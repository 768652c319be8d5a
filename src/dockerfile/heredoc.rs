//! Heredocs: finding `<<NAME` in an instruction.
//!
//! Whether a `<<` opens a heredoc is decided as a shell would: not inside quotes, and only as the
//! beginning of a word. The names are found here, the bodies are read by `lines.rs`.

use super::ast::Heredoc;
use super::grammar::{self, Rule};
use super::words::{self, Escapes, Lexing, WordError};

/// The heredocs that an instruction opens, in order, with empty content, each with the word that opens it.
///
/// A line whose quotes do not match opens none. Fails when the name itself has unmatched quotes.
pub(super) fn find(line: &str) -> Result<Vec<(String, Heredoc)>, WordError> {
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    // No variable has a value here, so nothing can grow.
    let lexing = Lexing { raw_quotes: true, escapes: Escapes::Kept, keep_unset: true, most: usize::MAX };
    let Ok((words, _)) = words::lex(line, '\\', &no_variables, lexing) else {
        return Ok(Vec::new());
    };
    let mut heredocs = Vec::new();
    for word in words {
        if let Some(heredoc) = parse(&word)? {
            heredocs.push((word, heredoc));
        }
    }
    Ok(heredocs)
}

/// The heredoc that a word opens, if it opens one.
///
/// # Errors
/// A name with one quote.
pub fn parse(word: &str) -> Result<Option<Heredoc>, WordError> {
    let Some(tree) = word.contains("<<").then(|| grammar::parse(Rule::heredoc, word)).flatten() else {
        return Ok(None);
    };
    let mut heredoc =
        Heredoc { name: String::new(), content: String::new(), expand: true, chomp: false, descriptor: 0 };
    for part in tree.into_inner() {
        match part.as_rule() {
            Rule::descriptor => heredoc.descriptor = part.as_str().parse().unwrap_or(0),
            Rule::strip_tabs => heredoc.chomp = true,
            Rule::heredoc_name => {
                let plain = lex_name(part.as_str(), false)?;
                let quoted = lex_name(part.as_str(), true)?;
                let ([plain], [quoted]) = (plain.as_slice(), quoted.as_slice()) else {
                    return Ok(None);
                };
                // A name that loses quotes when it is read was quoted. An escaped quote is not a quote.
                heredoc.expand = quotes(plain) == quotes(quoted);
                heredoc.name = plain.clone();
            }
            _ => {}
        }
    }
    Ok(Some(heredoc))
}

fn lex_name(name: &str, raw_quotes: bool) -> Result<Vec<String>, WordError> {
    let lexing = Lexing { raw_quotes, escapes: Escapes::Resolved, keep_unset: true, most: usize::MAX };
    words::lex(name, '\\', &no_variables, lexing).map(|(words, _)| words)
}

fn quotes(text: &str) -> usize {
    text.matches(['\'', '"']).count()
}

fn no_variables(_: &str) -> Option<String> {
    None
}
