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
//! Command substitution, arithmetic and bracket globs do not exist. Read [`super::glob`] for the patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use pest::Parser;
use pest::iterators::Pair;

use super::glob::{Glob, GlobError};

/// The parser that pest makes from the grammar.
#[derive(pest_derive::Parser)]
#[grammar = "../grammar/words.pest"]
struct WordParser;

/// Where the values of variables come from.
pub trait Variables {
    /// The value of a variable, or `None` when it is not set. An empty value is set.
    fn get(&self, name: &str) -> Option<String>;
}

impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// The last pair with the name counts, as in an environment that is read from the front.
impl Variables for [(String, String)] {
    fn get(&self, name: &str) -> Option<String> {
        self.iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }
}

impl Variables for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<String> {
        Variables::get(self.as_slice(), name)
    }
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The result of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text with quotes and escapes removed and variables replaced.
    pub text: String,
    /// The variables that were asked for and are set, whether or not their value ended up in the text.
    pub used: BTreeSet<String>,
    /// The variables that were asked for and are not set.
    pub unset: BTreeSet<String>,
}

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot expand `{}`: {kind}", shortened(.word))]
pub struct WordError {
    /// The whole word.
    pub word: String,
    /// The bytes of the word that are wrong.
    pub range: Range<usize>,
    /// What is wrong with them.
    pub kind: WordErrorKind,
}

/// What is wrong with a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordErrorKind {
    #[error("the single quote is not closed")]
    SingleQuote,
    #[error("the double quote is not closed")]
    DoubleQuote,
    #[error("missing `}}`")]
    MissingBrace,
    #[error("missing the second `/`")]
    MissingSlash,
    #[error("bad substitution")]
    BadSubstitution,
    #[error("unsupported modifier `{0}`")]
    UnsupportedModifier(String),
    #[error("`${{…}}` is nested more than 32 deep")]
    TooDeep,
    /// `${name:?message}` of a variable that has no value.
    #[error("{name}: {message}")]
    Required { name: String, message: String },
    #[error("invalid pattern `{pattern}`: {error}")]
    Pattern { pattern: String, error: GlobError },
}

/// Expands a word to one string. Spaces in the word and in values are kept.
///
/// `escape` is the Dockerfile's escape character: a backslash or a backtick.
pub fn expand(word: &str, escape: char, variables: &dyn Variables) -> Result<Expansion, WordError> {
    expand_words(word, escape, variables).map(|(_, expansion)| expansion)
}

/// Expands a word, then splits it at the spaces that were not quoted or escaped.
///
/// The [`Expansion`] that comes along holds the text before splitting.
pub fn expand_words(
    word: &str,
    escape: char,
    variables: &dyn Variables,
) -> Result<(Vec<String>, Expansion), WordError> {
    lex(word, escape, variables, Lexing::default())
}

/// What the evaluation leaves as it was written. The Dockerfile parser needs this to find heredocs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lexing {
    /// Keep quotes.
    pub raw_quotes: bool,
    /// Keep escape characters.
    pub raw_escapes: bool,
    /// Keep `$name` when the variable is not set.
    pub keep_unset: bool,
}

/// Parses and evaluates a word.
pub(crate) fn lex(
    word: &str,
    escape: char,
    variables: &dyn Variables,
    lexing: Lexing,
) -> Result<(Vec<String>, Expansion), WordError> {
    let rule = if escape == '`' {
        Rule::backtick_word
    } else {
        Rule::backslash_word
    };
    let failure = |range: Range<usize>, kind| WordError {
        word: word.to_owned(),
        range,
        kind,
    };
    // The grammar accepts every text, so pest fails only when its own limits are hit.
    let mut pairs = WordParser::parse(rule, word)
        .map_err(|_| failure(0..word.len(), WordErrorKind::TooDeep))?;
    let parts = pairs.next().and_then(|whole| whole.into_inner().next());
    let mut evaluator = Evaluator {
        variables,
        lexing,
        expansion: Expansion::default(),
    };
    let mut output = Output::default();
    if let Some(parts) = parts {
        evaluator
            .run(parts, lexing.raw_escapes, &mut output)
            .map_err(|(range, kind)| failure(range, kind))?;
    }
    let mut expansion = evaluator.expansion;
    expansion.text = output.text;
    output.words.end_word();
    Ok((output.words.finished, expansion))
}

type Failure = (Range<usize>, WordErrorKind);

/// Evaluates the tree of one word.
struct Evaluator<'a> {
    variables: &'a dyn Variables,
    lexing: Lexing,
    expansion: Expansion,
}

impl Evaluator<'_> {
    /// Evaluates a `word`, `brace_word` or `slash_word` and returns its text.
    fn text(&mut self, word: Pair<Rule>, raw_escapes: bool) -> Result<String, Failure> {
        let mut output = Output::default();
        self.run(word, raw_escapes, &mut output)?;
        Ok(output.text)
    }

    /// Evaluates the parts of a word into `output`.
    fn run(
        &mut self,
        word: Pair<Rule>,
        raw_escapes: bool,
        output: &mut Output,
    ) -> Result<(), Failure> {
        for part in word.into_inner() {
            match part.as_rule() {
                Rule::escaped => {
                    let escape_length = escape_length(&part);
                    if raw_escapes {
                        output.push_raw(&part.as_str()[..escape_length]);
                    }
                    output.push_raw(&part.as_str()[escape_length..]);
                }
                Rule::dangling_escape => {
                    if raw_escapes {
                        output.push_raw(part.as_str());
                    }
                }
                Rule::heredoc_mark => output.push_raw(part.as_str()),
                Rule::single_quoted => output.push_raw(&self.single_quoted(part)?),
                Rule::double_quoted => output.push_raw(&self.double_quoted(part, raw_escapes)?),
                Rule::braced | Rule::named | Rule::dollar | Rule::too_deep => {
                    output.push(&self.substitute(part)?);
                }
                _ => output.push(part.as_str()),
            }
        }
        Ok(())
    }

    fn single_quoted(&mut self, quoted: Pair<Rule>) -> Result<String, Failure> {
        let range = range(&quoted);
        let whole = quoted.as_str();
        let mut text = String::new();
        for part in quoted.into_inner() {
            match part.as_rule() {
                Rule::unterminated => return Err((range, WordErrorKind::SingleQuote)),
                _ => text.push_str(part.as_str()),
            }
        }
        Ok(if self.lexing.raw_quotes {
            whole.to_owned()
        } else {
            text
        })
    }

    fn double_quoted(&mut self, quoted: Pair<Rule>, raw_escapes: bool) -> Result<String, Failure> {
        let range = range(&quoted);
        let mut text = String::new();
        for part in quoted.into_inner() {
            match part.as_rule() {
                Rule::unterminated => return Err((range, WordErrorKind::DoubleQuote)),
                Rule::double_escaped => {
                    let escape_length = escape_length(&part);
                    let from = if raw_escapes { 0 } else { escape_length };
                    text.push_str(&part.as_str()[from..]);
                }
                Rule::double_text | Rule::literal_escape => text.push_str(part.as_str()),
                _ => text.push_str(&self.substitute(part)?),
            }
        }
        Ok(if self.lexing.raw_quotes {
            format!("\"{text}\"")
        } else {
            text
        })
    }

    /// Evaluates one `$…`.
    fn substitute(&mut self, expansion: Pair<Rule>) -> Result<String, Failure> {
        let whole = range(&expansion);
        let written = expansion.as_str();
        match expansion.as_rule() {
            Rule::too_deep => return Err((whole, WordErrorKind::TooDeep)),
            Rule::dollar => return Ok(written.to_owned()),
            _ => {}
        }
        let mut name = "";
        for part in expansion.into_inner() {
            match part.as_rule() {
                Rule::name => name = part.as_str(),
                Rule::bad_start => return Err((whole, WordErrorKind::BadSubstitution)),
                Rule::unterminated => return Err((whole, WordErrorKind::MissingBrace)),
                Rule::unsupported => {
                    return Err((
                        whole,
                        WordErrorKind::UnsupportedModifier(part.as_str().to_owned()),
                    ));
                }
                Rule::test => return self.test(name, part, whole),
                Rule::trim => return self.trim(name, part, whole),
                Rule::replace => return self.replace(name, part, whole),
                // The closing brace of `${name}`.
                _ => {}
            }
        }
        Ok(match self.look_up(name) {
            None if self.lexing.keep_unset => written.to_owned(),
            value => value.unwrap_or_default(),
        })
    }

    /// `${name:-word}`, `${name:+word}`, `${name:?word}`.
    fn test(
        &mut self,
        name: &str,
        test: Pair<Rule>,
        whole: Range<usize>,
    ) -> Result<String, Failure> {
        let [operator, word] = self.operands(test, false, &whole)?;
        let value = self.look_up(name);
        if value.is_none() && self.lexing.keep_unset {
            return Ok(format!("${{{name}{operator}{word}}}"));
        }
        let empty_counts_as_unset = operator.starts_with(':');
        let was_set = value.is_some();
        let value = value.filter(|value| !(empty_counts_as_unset && value.is_empty()));
        match (operator.trim_start_matches(':'), value) {
            ("-", value) => Ok(value.unwrap_or(word)),
            ("+", None) => Ok(String::new()),
            ("+", Some(_)) => Ok(word),
            (_, Some(value)) => Ok(value),
            (_, None) => {
                let message = match (word.is_empty(), was_set) {
                    (false, _) => word,
                    (true, false) => "is not allowed to be unset".to_owned(),
                    (true, true) => "is not allowed to be empty".to_owned(),
                };
                Err((
                    whole,
                    WordErrorKind::Required {
                        name: name.to_owned(),
                        message,
                    },
                ))
            }
        }
    }

    /// `${name#glob}`, `${name##glob}`, `${name%glob}`, `${name%%glob}`.
    fn trim(
        &mut self,
        name: &str,
        trim: Pair<Rule>,
        whole: Range<usize>,
    ) -> Result<String, Failure> {
        let [operator, word] = self.operands(trim, true, &whole)?;
        let value = self.look_up(name);
        if value.is_none() && self.lexing.keep_unset {
            return Ok(format!("${{{name}{operator}{word}}}"));
        }
        let value = value.unwrap_or_default();
        // The operator is doubled when the pattern, once expanded, begins with it.
        let (pattern, longest) = match word.strip_prefix(operator.as_str()) {
            Some(pattern) => (pattern, true),
            None => (word.as_str(), false),
        };
        let glob = compile(pattern, &whole)?;
        let rest = if operator == "#" {
            glob.trim_prefix(&value, longest)
        } else {
            glob.trim_suffix(&value, longest)
        };
        Ok(rest.to_owned())
    }

    /// `${name/glob/text}`, `${name//glob/text}`.
    fn replace(
        &mut self,
        name: &str,
        replace: Pair<Rule>,
        whole: Range<usize>,
    ) -> Result<String, Failure> {
        let [operator, pattern, replacement] = self.operands(replace, true, &whole)?;
        let value = self.look_up(name);
        if value.is_none() && self.lexing.keep_unset {
            return Ok(format!("${{{name}{operator}{pattern}/{replacement}}}"));
        }
        let glob = compile(&pattern, &whole)?;
        Ok(glob.replace(&value.unwrap_or_default(), &replacement, operator == "//"))
    }

    /// The operator and the expanded words of a modifier, in the order written.
    ///
    /// The words are expanded even when they turn out not to be needed: their variables count as used.
    fn operands<const N: usize>(
        &mut self,
        modifier: Pair<Rule>,
        raw_escapes: bool,
        whole: &Range<usize>,
    ) -> Result<[String; N], Failure> {
        let mut operands: [String; N] = std::array::from_fn(|_| String::new());
        for (index, part) in modifier.into_inner().enumerate() {
            let operand = match part.as_rule() {
                Rule::unterminated => return Err((whole.clone(), WordErrorKind::MissingBrace)),
                Rule::unterminated_pattern => {
                    return Err((whole.clone(), WordErrorKind::MissingSlash));
                }
                Rule::brace_word | Rule::slash_word => self.text(part, raw_escapes)?,
                _ => part.as_str().to_owned(),
            };
            if let Some(slot) = operands.get_mut(index) {
                *slot = operand;
            }
        }
        Ok(operands)
    }

    fn look_up(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name);
        let names = if value.is_some() {
            &mut self.expansion.used
        } else {
            &mut self.expansion.unset
        };
        names.insert(name.to_owned());
        value
    }
}

fn compile(pattern: &str, whole: &Range<usize>) -> Result<Glob, Failure> {
    Glob::new(pattern).map_err(|error| {
        (
            whole.clone(),
            WordErrorKind::Pattern {
                pattern: pattern.to_owned(),
                error,
            },
        )
    })
}

fn range(pair: &Pair<Rule>) -> Range<usize> {
    let span = pair.as_span();
    span.start()..span.end()
}

/// The length of the escape character with which an `escaped` begins.
fn escape_length(pair: &Pair<Rule>) -> usize {
    pair.as_str().chars().next().map_or(0, char::len_utf8)
}

/// The first characters of a word, for a message.
fn shortened(word: &str) -> String {
    const LENGTH: usize = 80;
    if word.chars().count() <= LENGTH {
        word.to_owned()
    } else {
        word.chars().take(LENGTH).chain(['…']).collect()
    }
}

/// What the evaluation of a word has written: the text, and the same text as separate words.
#[derive(Default)]
struct Output {
    text: String,
    words: Words,
}

impl Output {
    /// Adds text whose spaces separate words.
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        for character in text.chars() {
            if character.is_whitespace() {
                self.words.end_word();
            } else {
                self.words.current.push(character);
            }
        }
    }

    /// Adds text that was quoted or escaped: its spaces are characters like others.
    fn push_raw(&mut self, text: &str) {
        self.text.push_str(text);
        self.words.current.push_str(text);
    }
}

/// The words so far. Empty words vanish, even quoted ones.
#[derive(Default)]
struct Words {
    finished: Vec<String>,
    current: String,
}

impl Words {
    fn end_word(&mut self) {
        if !self.current.is_empty() {
            self.finished.push(std::mem::take(&mut self.current));
        }
    }
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
        check(
            "${file#*.} ${file##*.} ${file%.*} ${file%%.*}",
            "tar.gz gz archive.tar archive",
        );
        check(
            "${file/a/A} ${file//a/A} ${file/?r/-}",
            "Archive.tar.gz Archive.tAr.gz -chive.tar.gz",
        );
        check(
            "'$file' \"$file\" \\$file \"\\$file\" \"\\n\"",
            "$file archive.tar.gz $file $file \\n",
        );
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
        check(
            "${file#\\x}",
            "error: invalid pattern `\\x`: `\\x` is no escape",
        );
    }

    #[test]
    fn the_backtick_escapes_when_it_is_chosen() {
        let none = |_: &str| None;
        assert_eq!(
            expand("C:\\a`$b", '`', &none).expect("valid").text,
            "C:\\a$b"
        );
    }

    #[test]
    fn deep_nesting_is_an_error_and_long_words_are_fast() {
        let deep = format!("{}x{}", "${a:-".repeat(32), "}".repeat(32));
        check(&deep, "x");
        for count in [33, 100_000] {
            check(
                &"${a:-".repeat(count),
                "error: `${…}` is nested more than 32 deep",
            );
            check(
                &"${a/".repeat(count),
                "error: `${…}` is nested more than 32 deep",
            );
            check(
                &"\"${a:-".repeat(count),
                "error: `${…}` is nested more than 32 deep",
            );
        }
        check(&"$none".repeat(100_000), "");
        let long = "y".repeat(1_000_000);
        check(&long, &long);
    }
}

/// Expands the variables of a document (the body of a heredoc): quotes are ordinary characters there.
///
/// The escape character of documents is always the backslash, whatever the Dockerfile's is.
pub fn expand_document(document: &str, variables: &dyn Variables) -> Result<Expansion, WordError> {
    let mut word = String::with_capacity(document.len());
    let mut characters = document.chars();
    while let Some(character) = characters.next() {
        if matches!(character, '"' | '\'') {
            word.push('\\');
        }
        word.push(character);
        if character == '\\' {
            word.extend(characters.next());
        }
    }
    expand(&word, '\\', variables)
}
