//! The patterns of `${name#glob}`, `${name%glob}` and `${name/glob/text}`.
//!
//! `*` stands for any number of characters and `?` for one, neither for a newline; `\*`, `\?` and `\\` stand
//! for the character itself, and so do `\}` and `\/`, which could not be written otherwise. Brackets are
//! ordinary characters. Matching follows all possibilities at once, so its time is at most the length of the
//! text times the length of the pattern, whatever the pattern.

/// The most steps of a match: the length of the pattern times that of the text. A pattern of 100 characters may so be matched
/// with a text of 640 KiB.
const MOST_STEPS: usize = 1 << 26;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    elements: Vec<Element>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Any,
}

/// Why a pattern is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    #[error("`\\{0}` is not an escape")]
    Escape(char),
    #[error("it ends with a backslash")]
    TrailingBackslash,
    #[error("pattern and text are too long to be matched")]
    TooMuch,
}

/// Which of the possible matches counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Shortest,
    Longest,
}

/// How many matches are replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matches {
    First,
    All,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A backslash before another character than those.
    pub(crate) fn new(pattern: &str) -> Result<Self, GlobError> {
        let mut elements = Vec::new();
        let mut characters = pattern.chars().peekable();
        while let Some(character) = characters.next() {
            let element = match character {
                '*' => Element::Any,
                '?' => Element::One,
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '?' | '\\' | '}' | '/')) => Element::Literal(escaped),
                    Some(other) => return Err(GlobError::Escape(other)),
                    None => return Err(GlobError::TrailingBackslash),
                },
                other => Element::Literal(other),
            };
            // Two stars in a row mean what one means.
            if !(element == Element::Any && elements.last() == Some(&Element::Any)) {
                elements.push(element);
            }
        }
        Ok(Glob { elements })
    }

    /// The pattern again, if matching it with `text` takes a reasonable time.
    pub(crate) fn for_text(self, text: &str) -> Result<Self, GlobError> {
        match self.elements.len().saturating_mul(text.len()) {
            steps if steps > MOST_STEPS => Err(GlobError::TooMuch),
            _ => Ok(self),
        }
    }

    /// The text without a match at its beginning.
    pub(crate) fn trim_prefix<'t>(&self, text: &'t str, length: Length) -> &'t str {
        let end = match_length(self.elements.iter().copied(), text.chars(), length);
        &text[end.unwrap_or(0)..]
    }

    /// The text without a match at its end.
    pub(crate) fn trim_suffix<'t>(&self, text: &'t str, length: Length) -> &'t str {
        let length = match_length(self.elements.iter().rev().copied(), text.chars().rev(), length);
        &text[..text.len() - length.unwrap_or(0)]
    }

    /// The text with the first match, or every match, replaced. A match is as long as it can be. `None`: the result would
    /// have more than `most` bytes.
    pub(crate) fn replace(&self, text: &str, replacement: &str, matches: Matches, most: usize) -> Option<String> {
        let starts = self.match_starts(text);
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut previous_end = None;
        let mut position = 0;
        while position <= text.len() {
            let is_start = starts.get(position).copied().unwrap_or(false);
            let found = is_start
                .then(|| match_length(self.elements.iter().copied(), text[position..].chars(), Length::Longest))
                .flatten();
            let step = text[position..].chars().next().map_or(1, char::len_utf8);
            let Some(matched) = found else {
                position += step;
                continue;
            };
            // An empty match directly after a match is not a match.
            if matched > 0 || previous_end != Some(position) {
                out.push_str(&text[copied..position]);
                out.push_str(replacement);
                if out.len() > most {
                    return None;
                }
                copied = position + matched;
                previous_end = Some(copied);
                if matches == Matches::First {
                    break;
                }
            }
            position += matched.max(if matched == 0 { step } else { 0 });
        }
        out.push_str(&text[copied.min(text.len())..]);
        (out.len() <= most).then_some(out)
    }

    /// For each byte offset of the text, whether a match begins there.
    ///
    /// The pattern is run backwards over the text with a match allowed to end anywhere, which finds all
    /// beginnings in one pass.
    fn match_starts(&self, text: &str) -> Vec<bool> {
        let elements: Vec<Element> = self.elements.iter().rev().copied().collect();
        let mut starts = vec![false; text.len() + 1];
        let mut states = States::new(&elements);
        starts[text.len()] = states.accepts();
        let mut offset = text.len();
        for character in text.chars().rev() {
            offset -= character.len_utf8();
            states.step(character);
            states.enter(0);
            starts[offset] = states.accepts();
        }
        starts
    }
}

/// The number of bytes of the match that begins with the first of `characters`.
fn match_length(
    elements: impl Iterator<Item = Element>,
    characters: impl Iterator<Item = char>,
    length: Length,
) -> Option<usize> {
    let elements: Vec<Element> = elements.collect();
    let mut states = States::new(&elements);
    let mut consumed = 0;
    let mut found = states.accepts().then_some(0);
    for character in characters {
        if (found.is_some() && length == Length::Shortest) || states.is_empty() {
            break;
        }
        states.step(character);
        consumed += character.len_utf8();
        if states.accepts() {
            found = Some(consumed);
        }
    }
    found
}

/// The places in a pattern at which the match may be after the characters seen so far.
struct States<'e> {
    elements: &'e [Element],
    active: Vec<bool>,
}

impl<'e> States<'e> {
    fn new(elements: &'e [Element]) -> Self {
        let mut states = States { elements, active: vec![false; elements.len() + 1] };
        states.enter(0);
        states
    }

    /// Makes a place active, and the place after it when a star stands there: a star may match nothing.
    fn enter(&mut self, place: usize) {
        self.active[place] = true;
        if self.elements.get(place) == Some(&Element::Any) {
            self.active[place + 1] = true;
        }
    }

    fn step(&mut self, character: char) {
        let before = std::mem::replace(&mut self.active, vec![false; self.elements.len() + 1]);
        for (place, element) in self.elements.iter().enumerate().filter(|(place, _)| before[*place]) {
            match element {
                Element::Literal(literal) if *literal == character => self.enter(place + 1),
                Element::One if character != '\n' => self.enter(place + 1),
                Element::Any if character != '\n' => self.enter(place),
                _ => {}
            }
        }
    }

    fn accepts(&self) -> bool {
        self.active[self.elements.len()]
    }

    fn is_empty(&self) -> bool {
        !self.active.contains(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str) -> Glob {
        Glob::new(pattern).expect("a valid pattern")
    }

    fn replaced(pattern: &str, text: &str, replacement: &str, matches: Matches) -> String {
        glob(pattern).replace(text, replacement, matches, 1 << 20).expect("not too long")
    }

    #[test]
    fn trims_the_shortest_or_the_longest() {
        assert_eq!(glob("*/").trim_prefix("a/b/c", Length::Shortest), "b/c");
        assert_eq!(glob("*/").trim_prefix("a/b/c", Length::Longest), "c");
        assert_eq!(glob("/*").trim_suffix("a/b/c", Length::Shortest), "a/b");
        assert_eq!(glob("/*").trim_suffix("a/b/c", Length::Longest), "a");
        assert_eq!(glob("x").trim_prefix("abc", Length::Longest), "abc");
        assert_eq!(glob("?é").trim_suffix("aéé", Length::Longest), "a");
    }

    #[test]
    fn replaces_first_or_every_match() {
        assert_eq!(replaced("a*b", "xaabyab", "-", Matches::First), "x-");
        assert_eq!(replaced("a?", "abacad", "-", Matches::All), "---");
        assert_eq!(replaced("", "ab", "-", Matches::All), "-a-b-");
        assert_eq!(replaced("*", "ab", "-", Matches::All), "-");
        assert_eq!(replaced("b", "ab", "", Matches::All), "a");
    }

    #[test]
    fn hostile_patterns_take_linear_time() {
        let text = "a".repeat(20_000);
        let pattern = "a*".repeat(20) + "b";
        assert_eq!(replaced(&pattern, &text, "-", Matches::All), text);
    }
}
