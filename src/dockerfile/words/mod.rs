//! Words: quotes, escapes and variable substitution in one argument of an instruction.
//!
//! A word is parsed by `grammar/words.pest` into a tree and the tree is evaluated with the variables of the
//! moment. [`expand`] gives one string back; [`expand_words`] also splits the result at spaces that were not
//! quoted, after the variables were replaced.
//!
//! | form | value |
//! |---|---|
//! | `$name` `${name}` | the variable, or nothing when it is not set |
//! | `${name:-word}` `${name-word}` | `word` when it is not set (with the colon: or empty) |
//! | `${name:+word}` `${name+word}` | `word` when it is set (with the colon: and not empty) |
//! | `${name:?word}` `${name?word}` | an error with the message `word` when it is not set (or empty) |
//! | `${name#glob}` `${name##glob}` | without the shortest (longest) match at its beginning |
//! | `${name%glob}` `${name%%glob}` | without the shortest (longest) match at its end |
//! | `${name/glob/text}` `${name//glob/text}` | the first match (every match) replaced |
//!
//! The rules are those of BuildKit's Dockerfile frontend, which follow the POSIX shell where they can.
//! Command substitution, arithmetic and bracket globs do not exist. Read `evaluate`
//! for the evaluation and `glob.rs` for the patterns.

mod error;
mod evaluate;
mod lexing;
mod variables;

pub(crate) use error::WordError;
pub use error::WordErrorKind;
pub(crate) use lexing::{Escapes, Lexing};
pub(crate) use variables::{Expansion, Variables};

use std::ops::Range;

use pest::Parser;

use lexing::{Rule, WordParser};

/// Expands a word to one string. Spaces in the word and in values are kept.
///
/// `escape` is the Dockerfile's escape character: a backslash or a backtick.
///
/// What the variables add is bounded by the default of [`super::Limit::Expansion`]; `expand_within` takes another bound.
///
/// # Errors
/// A quote or a brace that is not closed, a modifier that does not exist, a variable that has to have a value and has none.
pub fn expand(word: &str, escape: char, variables: &dyn Variables) -> Result<Expansion, WordError> {
    expand_words(word, escape, variables).map(|(_, expansion)| expansion)
}

/// As [`expand`] and [`expand_words`], where the variables may add up to `most` bytes.
pub(crate) fn expand_within(
    word: &str,
    escape: char,
    variables: &dyn Variables,
    most: usize,
) -> Result<(Vec<String>, Expansion), WordError> {
    lex(word, escape, variables, Lexing { most, ..Lexing::default() })
}

/// Expands a word, then splits it at the spaces that were not quoted or escaped.
///
/// The [`Expansion`] that comes along holds the text before splitting.
///
/// # Errors
/// As [`expand`].
pub fn expand_words(
    word: &str,
    escape: char,
    variables: &dyn Variables,
) -> Result<(Vec<String>, Expansion), WordError> {
    lex(word, escape, variables, Lexing::default())
}

/// Expands the body of a heredoc: variables and escapes as in a word, but quotes are characters like others.
///
/// The escape character is always the backslash, whatever the Dockerfile chose. The variables may add up to `most` bytes.
pub(crate) fn expand_document(text: &str, variables: &dyn Variables, most: usize) -> Result<Expansion, WordError> {
    run(Rule::document, text, variables, Lexing { most, ..Lexing::default() }).map(|(_, expansion)| expansion)
}

/// Parses and evaluates a word.
pub(crate) fn lex(
    word: &str,
    escape: char,
    variables: &dyn Variables,
    lexing: Lexing,
) -> Result<(Vec<String>, Expansion), WordError> {
    let rule = match escape {
        '`' => Rule::backtick_word,
        _ => Rule::backslash_word,
    };
    run(rule, word, variables, lexing)
}

fn run(
    rule: Rule,
    word: &str,
    variables: &dyn Variables,
    lexing: Lexing,
) -> Result<(Vec<String>, Expansion), WordError> {
    let failure = |range: Range<usize>, kind| WordError { word: word.to_owned(), range, kind };
    // The grammar accepts every text, so pest fails only when its own limits are hit.
    let mut pairs = WordParser::parse(rule, word).map_err(|_| failure(0..word.len(), WordErrorKind::TooDeep))?;
    let parts = pairs.next().and_then(|whole| whole.into_inner().next());
    evaluate::evaluate(parts, variables, lexing).map_err(|(range, kind)| failure(range, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &str) {
        let variables = |name: &str| match name {
            "file" => Some("archive.tar.gz".to_owned()),
            "empty" => Some(String::new()),
            _ => None,
        };
        let actual = match expand(word, '\\', &variables) {
            Ok(expansion) => expansion.text,
            Err(error) => format!("error: {}", error.kind),
        };
        assert_eq!(actual, expected, "{word}");
    }

    #[test]
    fn every_form_of_substitution() {
        check("a $file b", "a archive.tar.gz b");
        check("${none:-x}${empty:-y}${empty-z}", "xy");
        check("${file:+x}${empty:+y}${empty+z}", "xz");
        check("${none:?no $file}", "error: none: no archive.tar.gz");
        check("${empty:?}", "error: empty: is not allowed to be empty");
        check("${file#*.} ${file##*.} ${file%.*} ${file%%.*}", "tar.gz gz archive.tar archive");
        check("${file/a/A} ${file//a/A} ${file/?r/-}", "Archive.tar.gz Archive.tAr.gz -chive.tar.gz");
        check("'$file' \"$file\" \\$file \"\\$file\" \"\\n\"", "$file archive.tar.gz $file $file \\n");
    }

    #[test]
    fn wrong_words_are_errors() {
        check("'a", "error: the single quote is not closed");
        check("\"a", "error: the double quote is not closed");
        check("${a", "error: missing `}`");
        check("${a:-b", "error: missing `}`");
        check("${", "error: missing `}`");
        check("${}", "error: bad substitution");
        check("${a:x}", "error: unsupported modifier `:x`");
        check("${a:#x}", "error: unsupported modifier `:#`");
        check("${a/b}", "error: missing the second `/`");
        check("${file#\\x}", "error: invalid pattern `\\x`: `\\x` is not an escape");
    }

    #[test]
    fn what_variables_add_is_bounded() {
        let variables = |_: &str| Some("x".repeat(400));
        let expand = |word: &str| match expand_within(word, '\\', &variables, 1000) {
            Ok((_, expansion)) => expansion.text.len().to_string(),
            Err(error) => error.kind.to_string(),
        };
        let bounded = "its variables hold more than 1000 bytes";
        assert_eq!(expand("$a$a"), "800");
        for word in ["$a$a$a", "\"$a$a$a\"", "${a:-$b}${b:+$a$a$a}", "${a//x/$b}", "${a/x/$b}${b}", "${a//?/xxxx}"] {
            assert_eq!(expand(word), bounded, "{word}");
        }
        let literal = "y".repeat(5000);
        assert_eq!(expand(&literal), "5000");
    }

    #[test]
    fn the_backtick_escapes_when_it_is_chosen() {
        let none = |_: &str| None;
        assert_eq!(expand("C:\\a`$b", '`', &none).expect("valid").text, "C:\\a$b");
    }

    #[test]
    fn quotes_mean_nothing_in_a_document() {
        let variables = |name: &str| (name == "a").then(|| "x".to_owned());
        let expand = |text| expand_document(text, &variables, 1000).expect("valid").text;
        assert_eq!(expand("it's \"$a\" '$a'\n\\$a \\\\ `\n"), "it's \"x\" 'x'\n$a \\ `\n");
        assert_eq!(expand("${b:-it's}"), "it's");
    }

    #[test]
    fn deep_nesting_is_an_error_and_long_words_are_fast() {
        let deep = format!("{}x{}", "${a:-".repeat(32), "}".repeat(32));
        check(&deep, "x");
        for count in [33, 100_000] {
            check(&"${a:-".repeat(count), "error: `${…}` is nested more than 32 deep");
            check(&"${a/".repeat(count), "error: `${…}` is nested more than 32 deep");
            check(&"\"${a:-".repeat(count), "error: `${…}` is nested more than 32 deep");
        }
        check(&"$none".repeat(100_000), "");
        let long = "y".repeat(1_000_000);
        check(&long, &long);
    }
}
