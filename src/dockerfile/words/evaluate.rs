//! The value of a word's tree.

use std::ops::Range;

use pest::iterators::Pair;

use super::super::glob::{Glob, Length, Matches};
use super::error::{WordErrorKind, shortened};
use super::lexing::{Escapes, Lexing, Rule};
use super::variables::{Expansion, Variables};

/// What is wrong, and with which bytes of the word.
type Failure = (Range<usize>, WordErrorKind);

/// The words of a tree, and its text before it was split. `None` is the empty word.
pub(super) fn evaluate(
    word: Option<Pair<Rule>>,
    variables: &dyn Variables,
    lexing: Lexing,
) -> Result<(Vec<String>, Expansion), Failure> {
    let mut evaluator = Evaluator { variables, lexing, expansion: Expansion::default(), added: 0 };
    let mut output = Output::default();
    if let Some(word) = word {
        evaluator.run(word, lexing.escapes, &mut output)?;
    }
    output.words.end_word();
    let expansion = Expansion { text: output.text, ..evaluator.expansion };
    Ok((output.words.finished, expansion))
}

/// Evaluates the tree of one word.
struct Evaluator<'a> {
    variables: &'a dyn Variables,
    lexing: Lexing,
    expansion: Expansion,
    /// The bytes that substitutions have given so far, those inside others included.
    added: usize,
}

impl Evaluator<'_> {
    /// Evaluates a `word`, `brace_word` or `slash_word` and returns its text.
    fn text(&mut self, word: Pair<Rule>, escapes: Escapes) -> Result<String, Failure> {
        let mut output = Output::default();
        self.run(word, escapes, &mut output)?;
        Ok(output.text)
    }

    /// Evaluates the parts of a word into `output`.
    fn run(&mut self, word: Pair<Rule>, escapes: Escapes, output: &mut Output) -> Result<(), Failure> {
        for part in word.into_inner() {
            match part.as_rule() {
                Rule::escaped => {
                    let escape_length = escape_length(&part);
                    if escapes == Escapes::Kept {
                        output.push_raw(&part.as_str()[..escape_length]);
                    }
                    output.push_raw(&part.as_str()[escape_length..]);
                }
                Rule::dangling_escape => {
                    if escapes == Escapes::Kept {
                        output.push_raw(part.as_str());
                    }
                }
                Rule::heredoc_mark => output.push_raw(part.as_str()),
                Rule::single_quoted => output.push_raw(&self.single_quoted(part)?),
                Rule::double_quoted => output.push_raw(&self.double_quoted(part, escapes)?),
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
        Ok(if self.lexing.raw_quotes { whole.to_owned() } else { text })
    }

    fn double_quoted(&mut self, quoted: Pair<Rule>, escapes: Escapes) -> Result<String, Failure> {
        let range = range(&quoted);
        let mut text = String::new();
        for part in quoted.into_inner() {
            match part.as_rule() {
                Rule::unterminated => return Err((range, WordErrorKind::DoubleQuote)),
                Rule::double_escaped => {
                    let escape_length = escape_length(&part);
                    let from = if escapes == Escapes::Kept { 0 } else { escape_length };
                    text.push_str(&part.as_str()[from..]);
                }
                Rule::double_text | Rule::literal_escape => text.push_str(part.as_str()),
                _ => text.push_str(&self.substitute(part)?),
            }
        }
        Ok(if self.lexing.raw_quotes { format!("\"{text}\"") } else { text })
    }

    /// Evaluates one `$…`. Whatever makes a text grow comes through here, and is counted.
    fn substitute(&mut self, expansion: Pair<Rule>) -> Result<String, Failure> {
        let whole = range(&expansion);
        let text = self.value_of(expansion)?;
        self.added = self.added.saturating_add(text.len());
        if self.added > self.lexing.most {
            return Err((whole, WordErrorKind::TooLong(self.lexing.most)));
        }
        Ok(text)
    }

    fn value_of(&mut self, expansion: Pair<Rule>) -> Result<String, Failure> {
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
                    return Err((whole, WordErrorKind::UnsupportedModifier(part.as_str().to_owned())));
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
    fn test(&mut self, name: &str, test: Pair<Rule>, whole: Range<usize>) -> Result<String, Failure> {
        let [operator, word] = self.operands(test, Escapes::Resolved, &whole)?;
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
                Err((whole, WordErrorKind::Required { name: name.to_owned(), message }))
            }
        }
    }

    /// `${name#glob}`, `${name##glob}`, `${name%glob}`, `${name%%glob}`.
    fn trim(&mut self, name: &str, trim: Pair<Rule>, whole: Range<usize>) -> Result<String, Failure> {
        let [operator, word] = self.operands(trim, Escapes::Kept, &whole)?;
        let value = self.look_up(name);
        if value.is_none() && self.lexing.keep_unset {
            return Ok(format!("${{{name}{operator}{word}}}"));
        }
        let value = value.unwrap_or_default();
        // The operator is doubled when the pattern, once expanded, begins with it.
        let (pattern, length) = match word.strip_prefix(operator.as_str()) {
            Some(pattern) => (pattern, Length::Longest),
            None => (word.as_str(), Length::Shortest),
        };
        let glob = compile(pattern, &value, &whole)?;
        let rest = if operator == "#" { glob.trim_prefix(&value, length) } else { glob.trim_suffix(&value, length) };
        Ok(rest.to_owned())
    }

    /// `${name/glob/text}`, `${name//glob/text}`.
    fn replace(&mut self, name: &str, replace: Pair<Rule>, whole: Range<usize>) -> Result<String, Failure> {
        let [operator, pattern, replacement] = self.operands(replace, Escapes::Kept, &whole)?;
        let value = self.look_up(name);
        if value.is_none() && self.lexing.keep_unset {
            return Ok(format!("${{{name}{operator}{pattern}/{replacement}}}"));
        }
        let value = value.unwrap_or_default();
        let glob = compile(&pattern, &value, &whole)?;
        let most = self.lexing.most;
        let matches = if operator == "//" { Matches::All } else { Matches::First };
        glob.replace(&value, &replacement, matches, most).ok_or((whole, WordErrorKind::TooLong(most)))
    }

    /// The operator and the expanded words of a modifier, in the order written.
    ///
    /// The words are expanded even when they turn out not to be needed: their variables count as used.
    fn operands<const N: usize>(
        &mut self,
        modifier: Pair<Rule>,
        escapes: Escapes,
        whole: &Range<usize>,
    ) -> Result<[String; N], Failure> {
        let mut operands: [String; N] = std::array::from_fn(|_| String::new());
        for (index, part) in modifier.into_inner().enumerate() {
            let operand = match part.as_rule() {
                Rule::unterminated => return Err((whole.clone(), WordErrorKind::MissingBrace)),
                Rule::unterminated_pattern => {
                    return Err((whole.clone(), WordErrorKind::MissingSlash));
                }
                Rule::brace_word | Rule::slash_word => self.text(part, escapes)?,
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
        let names = if value.is_some() { &mut self.expansion.used } else { &mut self.expansion.unset };
        names.insert(name.to_owned());
        value
    }
}

/// The pattern, ready to be matched against `text`.
fn compile(pattern: &str, text: &str, whole: &Range<usize>) -> Result<Glob, Failure> {
    Glob::new(pattern)
        .and_then(|glob| glob.for_text(text))
        .map_err(|error| (whole.clone(), WordErrorKind::Pattern { pattern: shortened(pattern), error }))
}

fn range(pair: &Pair<Rule>) -> Range<usize> {
    let span = pair.as_span();
    span.start()..span.end()
}

/// The length of the escape character with which an `escaped` begins.
fn escape_length(pair: &Pair<Rule>) -> usize {
    pair.as_str().chars().next().map_or(0, char::len_utf8)
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
