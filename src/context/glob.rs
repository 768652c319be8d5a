//! Wildcards as Go's `path/filepath.Match` understands them.
//!
//! ```text
//! pattern: { term }
//! term:    '*'                any run of characters but `/`
//!          '?'                one character but `/`
//!          '[' ['^'] { lo ['-' hi] } ']'   one character of the class (which may be a `/`)
//!          '\' c              c itself
//!          c                  c itself
//! ```
//!
//! COPY and ADD sources are matched with it, and `.dockerignore` patterns are checked with it before they are translated
//! (see [`super::patterns`]). `**` has no meaning of its own here: it is two stars.
//!
//! The whole pattern is parsed before anything is compared, so a bad pattern is an error whatever the name is. A star is
//! resolved greedily from the left, as in Go: after a mismatch only the last star gives way, which keeps the time below
//! `pattern × name` for every pattern.

/// Why a pattern is refused. Go says `syntax error in pattern` for all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern: {reason}")]
pub struct BadPattern {
    /// What is wrong, in words that fit after a colon.
    pub(crate) reason: &'static str,
}

use crate::tree::{Follow, Tree, TreePath};

/// A parsed wildcard pattern.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    terms: Vec<Term>,
}

#[derive(Debug, Clone)]
enum Term {
    Byte(u8),
    AnyCharacter,
    Class { negated: bool, ranges: Vec<(char, char)> },
    Star,
}

/// Says whether `name` as a whole matches `pattern`.
///
/// # Errors
/// [`BadPattern`] when `pattern` is malformed, whether or not the comparison would have got that far.
pub fn go_match(pattern: &str, name: impl AsRef<[u8]>) -> Result<bool, BadPattern> {
    Ok(Glob::parse(pattern)?.matches(name.as_ref()))
}

/// Says whether a COPY source has a wildcard that is not escaped: `*`, `?` or `[`.
pub(crate) fn has_wildcard(text: &str) -> bool {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

impl Glob {
    /// Parses `pattern`.
    ///
    /// # Errors
    /// [`BadPattern`] for a malformed pattern.
    pub(crate) fn parse(pattern: &str) -> Result<Glob, BadPattern> {
        let mut terms = Vec::new();
        let mut rest = pattern;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                '*' => {
                    if !matches!(terms.last(), Some(Term::Star)) {
                        terms.push(Term::Star);
                    }
                }
                '?' => terms.push(Term::AnyCharacter),
                '[' => terms.push(parse_class(&mut rest)?),
                '\\' => {
                    let escaped = take(&mut rest).ok_or(BadPattern { reason: "nothing follows the last `\\`" })?;
                    push_character(&mut terms, escaped);
                }
                literal => push_character(&mut terms, literal),
            }
        }
        Ok(Glob { terms })
    }

    /// Says whether `name` as a whole matches.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        let (mut term, mut at) = (0, 0);
        // Where to go on after a mismatch: the term after the last star, and how far that star reaches already.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let advanced = match self.terms.get(term) {
                Some(Term::Star) => {
                    retry = Some((term + 1, at));
                    term += 1;
                    continue;
                }
                Some(one) => one.consume(&name[at..]),
                None if at == name.len() => return true,
                None => None,
            };
            match advanced {
                Some(length) => {
                    term += 1;
                    at += length;
                }
                None => match retry {
                    Some((after_star, reach)) if reach < name.len() && name[reach] != b'/' => {
                        retry = Some((after_star, reach + 1));
                        term = after_star;
                        at = reach + 1;
                    }
                    _ => return false,
                },
            }
        }
    }
}

impl Term {
    /// How many bytes at the start of `rest` this term takes, `None` if it doesn't fit.
    fn consume(&self, rest: &[u8]) -> Option<usize> {
        match self {
            Term::Byte(byte) => (rest.first() == Some(byte)).then_some(1),
            Term::AnyCharacter => {
                let (character, length) = decode(rest)?;
                (character != '/').then_some(length)
            }
            Term::Class { negated, ranges } => {
                let (character, length) = decode(rest)?;
                let inside = ranges.iter().any(|&(low, high)| low <= character && character <= high);
                (inside != *negated).then_some(length)
            }
            Term::Star => None,
        }
    }
}

/// Parses what follows a `[`, the closing `]` included.
fn parse_class(rest: &mut &str) -> Result<Term, BadPattern> {
    let negated = rest.starts_with('^');
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if rest.starts_with(']') && !ranges.is_empty() {
            *rest = &rest[1..];
            return Ok(Term::Class { negated, ranges });
        }
        let low = class_bound(rest)?;
        let high = if rest.starts_with('-') {
            *rest = &rest[1..];
            class_bound(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// One end of a range. Something has to follow it, since the class is still open.
fn class_bound(rest: &mut &str) -> Result<char, BadPattern> {
    let bound = match take(rest).ok_or(BadPattern { reason: "`[` is not closed" })? {
        '-' => {
            return Err(BadPattern { reason: "`-` has to stand between two characters, or be written `\\-`" });
        }
        ']' => {
            return Err(BadPattern { reason: "a character is missing before `]`" });
        }
        '\\' => take(rest).ok_or(BadPattern { reason: "nothing follows the last `\\`" })?,
        character => character,
    };
    if rest.is_empty() { Err(BadPattern { reason: "`[` is not closed" }) } else { Ok(bound) }
}

fn take(rest: &mut &str) -> Option<char> {
    let character = rest.chars().next()?;
    *rest = &rest[character.len_utf8()..];
    Some(character)
}

fn push_character(terms: &mut Vec<Term>, character: char) {
    let mut buffer = [0; 4];
    terms.extend(character.encode_utf8(&mut buffer).bytes().map(Term::Byte));
}

/// The first character of `bytes` and its length. A byte that is not UTF-8 counts as one U+FFFD, as in Go.
pub(super) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let window = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).expect("the prefix was found valid"),
    };
    Some(valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |character| (character, character.len_utf8())))
}

/// Returns the paths in `tree` that a COPY source with wildcards names, in the order in which BuildKit copies them.
///
/// The part before the first component with a wildcard is an ordinary path, in which symbolic links are followed. Below it
/// everything is compared with the rest of the pattern as a whole, so `a/*` doesn't reach into folders; a folder that
/// matches is not searched any further. The order is that of a walk, by name inside each folder. Nothing found is an empty
/// list, and so is a base that doesn't exist.
///
/// # Errors
/// [`BadPattern`] for a malformed pattern.
pub fn expand(tree: &Tree, pattern: &str) -> Result<Vec<TreePath>, BadPattern> {
    let cleaned = TreePath::new(pattern);
    let plain = plain_part(pattern);
    let Ok(base) = tree.resolve(&plain, Follow::Last) else {
        return Ok(Vec::new());
    };
    let wild: Vec<&[u8]> = cleaned.components().skip(plain.components().count()).collect();
    if wild.is_empty() {
        return Ok(vec![base]);
    }
    let glob = Glob::parse(&String::from_utf8_lossy(&wild.join(&b'/')))?;
    let mut found = Vec::new();
    expand_below(tree, &base, &mut Vec::new(), &glob, &mut found);
    Ok(found)
}

/// The part of a COPY source before its first component with a wildcard.
pub(crate) fn plain_part(pattern: &str) -> TreePath {
    let cleaned = TreePath::new(pattern);
    let plain = cleaned.components().take_while(|component| !has_wildcard(&String::from_utf8_lossy(component)));
    TreePath::new(plain.collect::<Vec<_>>().join(&b'/'))
}

fn expand_below(tree: &Tree, directory: &TreePath, relative: &mut Vec<u8>, glob: &Glob, found: &mut Vec<TreePath>) {
    let length = relative.len();
    for (name, node) in tree.children(directory) {
        if length > 0 {
            relative.push(b'/');
        }
        relative.extend_from_slice(name);
        let path = directory.join(name);
        if glob.matches(relative) {
            found.push(path);
        } else if node.is_directory() {
            expand_below(tree, &path, relative, glob, found);
        }
        relative.truncate(length);
    }
}
