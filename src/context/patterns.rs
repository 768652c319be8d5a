//! Exclusion patterns: `.dockerignore` and `COPY --exclude`.
//!
//! The rules are those of moby/patternmatcher (`MatchesOrParentMatches`), which BuildKit uses:
//!
//! - A pattern is trimmed and cleaned like a path; `!` in front makes it an exception.
//! - `*` and `?` stop at `/`; `**` takes any number of directories, none included; `\` takes the meaning from the next
//!   character. At the end, `dir/**` is what lies below `dir` but not `dir` itself.
//! - A pattern that matches a directory matches all that lies below it.
//! - The last pattern that matches decides. So the order counts, and an exception is looked at only for what is excluded
//!   at that point.
//!
//! Every answer names the pattern that decided. A pattern with a syntax error that shows in the wildcard grammar is
//! refused at once; one that only the translation to a regular expression refuses (see `regexp.rs`) is an error at the
//! first path it is asked about, as in BuildKit.

use super::clean::{clean, clean_bytes};
use super::glob::{BadPattern, Glob};
use super::regexp::Regexp;

/// One line of a pattern list.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// The pattern as the list has it, a `!` included.
    pub text: String,
    /// The line of the file, or the place in the list, counted from 1.
    pub(crate) line: usize,
    /// An exception: what it matches is kept.
    pub negated: bool,
    cleaned: String,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    /// `cleaned` ends with `**`: the part before it.
    Prefix,
    /// `cleaned` begins with `**`: the part after it.
    Suffix,
    Regexp(Regexp),
    Refused(BadPattern),
}

/// A list of patterns, in the order in which they apply.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    list: Vec<Pattern>,
}

/// Which patterns match a directory, handed down to what lies in it.
///
/// The default value means that nothing is known: the parents of a path are looked at one by one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inherited {
    matched: Vec<bool>,
}

/// Why a pattern list can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A line that is only a `!`.
    #[error("line {line}: illegal exclusion pattern: `!` stands alone")]
    LoneExclamationMark {
        /// Where, counted from 1.
        line: usize,
    },
    /// A malformed pattern.
    #[error("line {line}: `{text}`: {source}")]
    Syntax {
        /// Where, counted from 1.
        line: usize,
        /// The pattern.
        text: String,
        /// What is wrong with it.
        source: BadPattern,
    },
}

impl Patterns {
    /// Compiles a list of patterns; each one's line is its place in the list.
    ///
    /// # Errors
    /// As [`Patterns::numbered`].
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Patterns, PatternError> {
        Patterns::numbered(patterns.into_iter().enumerate().map(|(index, pattern)| (index + 1, pattern)))
    }

    /// Compiles a list of patterns with their line numbers. Blank ones are left out.
    ///
    /// # Errors
    /// [`PatternError`] for a lone `!` and for a malformed pattern.
    pub fn numbered<S: AsRef<str>>(patterns: impl IntoIterator<Item = (usize, S)>) -> Result<Patterns, PatternError> {
        let mut list = Vec::new();
        for (line, text) in patterns {
            let text = text.as_ref().trim();
            if !text.is_empty() {
                list.push(Pattern::compile(text, line)?);
            }
        }
        Ok(Patterns { list })
    }

    /// Whether there is no pattern at all, so that nothing is excluded.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The patterns in order.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.list.iter()
    }

    /// Returns the last pattern that changed whether `path` is excluded, `None` if no pattern applies to it.
    ///
    /// `path` is relative to the context, with `/` between its components. It is excluded if the pattern is not
    /// [negated](Pattern::negated); [`Patterns::excludes`] says only that.
    ///
    /// # Errors
    /// [`PatternError::Syntax`] for a pattern that had to be looked at and can't be translated.
    pub fn decide(&self, path: impl AsRef<[u8]>) -> Result<Option<&Pattern>, PatternError> {
        let parents = Inherited::default();
        self.decide_below(path.as_ref(), &parents, &mut Inherited::default())
    }

    /// Says whether `path` is excluded.
    ///
    /// # Errors
    /// As [`Patterns::decide`].
    pub fn excludes(&self, path: impl AsRef<[u8]>) -> Result<bool, PatternError> {
        Ok(self.decide(path)?.is_some_and(|pattern| !pattern.negated))
    }

    /// [`Patterns::decide`] for a walk from the top down, which knows the outcome for the parent directory already.
    ///
    /// `own` is overwritten with what to hand down in turn if `path` is a directory.
    ///
    /// # Errors
    /// As [`Patterns::decide`].
    pub(crate) fn decide_below(
        &self,
        path: &[u8],
        parent: &Inherited,
        own: &mut Inherited,
    ) -> Result<Option<&Pattern>, PatternError> {
        let parent_known = !parent.matched.is_empty();
        let parents = if parent_known { Vec::new() } else { parents(path) };
        own.matched.clear();
        let mut excluded = false;
        let mut decisive = None;
        // ANCHOR: decide
        for (index, pattern) in self.list.iter().enumerate() {
            // An exclusion can't exclude twice, and an exception has nothing to bring back. It can for what lies below, so it is
            // looked at all the same; only, what is wrong with it is an error where it decides.
            let decides = pattern.negated == excluded;
            let mut hit = parent_known && parent.matched[index];
            if !hit {
                let matched = pattern.matches(path).and_then(|hit| match parent_known {
                    true => Ok(hit),
                    false => Ok(hit || pattern.matches_any(&parents)?),
                });
                hit = if decides { matched? } else { matched.unwrap_or(false) };
            }
            own.matched.push(hit);
            if hit && decides {
                excluded = !pattern.negated;
                decisive = Some(pattern);
            }
        }
        Ok(decisive)
        // ANCHOR_END: decide
    }

    /// Says whether an exception could bring back something below `directory`, which is excluded.
    ///
    /// `false` is certain: there is no need to look into the directory.
    pub(crate) fn may_keep_below(&self, directory: &[u8]) -> bool {
        self.list.iter().filter(|pattern| pattern.negated).any(|pattern| pattern.may_match_below(directory))
    }
}

impl Pattern {
    fn compile(trimmed: &str, line: usize) -> Result<Pattern, PatternError> {
        // The `!` is still there while the pattern is cleaned, so `!a/../b` loses it together with `a`.
        let mut cleaned = clean(trimmed);
        let negated = cleaned.starts_with('!');
        if negated {
            cleaned.remove(0);
            if cleaned.is_empty() {
                return Err(PatternError::LoneExclamationMark { line });
            }
        }
        if let Err(source) = Glob::parse(&cleaned) {
            return Err(PatternError::Syntax { line, text: trimmed.to_owned(), source });
        }
        let matcher = translate(&cleaned);
        Ok(Pattern { text: trimmed.to_owned(), line, negated, cleaned, matcher })
    }

    /// The pattern as it is matched: cleaned, without the `!`.
    pub fn cleaned(&self) -> &str {
        &self.cleaned
    }

    fn matches(&self, path: &[u8]) -> Result<bool, PatternError> {
        let cleaned = self.cleaned.as_bytes();
        match &self.matcher {
            Matcher::Exact => Ok(path == cleaned),
            Matcher::Prefix => Ok(path.starts_with(&cleaned[..cleaned.len() - 2])),
            Matcher::Suffix => {
                let suffix = &cleaned[2..];
                Ok(path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path))
            }
            Matcher::Regexp(regexp) => Ok(regexp.matches(path)),
            Matcher::Refused(source) => {
                Err(PatternError::Syntax { line: self.line, text: self.text.clone(), source: *source })
            }
        }
    }

    fn matches_any(&self, paths: &[Vec<u8>]) -> Result<bool, PatternError> {
        for path in paths {
            if self.matches(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a path that begins with `directory` and a slash could match, judged by the text before the first
    /// character that is not plain.
    fn may_match_below(&self, directory: &[u8]) -> bool {
        let plain = self.cleaned.bytes().take_while(|byte| !b"*?[]\\^".contains(byte)).count();
        let plain_part = &self.cleaned.as_bytes()[..plain];
        let below = |position: usize| match position.cmp(&directory.len()) {
            std::cmp::Ordering::Less => directory[position],
            _ => b'/',
        };
        let common = plain_part.len().min(directory.len() + 1);
        let agrees = (0..common).all(|position| plain_part[position] == below(position));
        // A pattern without wildcards has to be longer than the directory; with one, it can still grow.
        agrees && (plain < self.cleaned.len() || plain > directory.len() + 1)
    }
}

/// The directories above a path, from the top down; `dir/file/` lies in `dir/file`.
fn parents(path: &[u8]) -> Vec<Vec<u8>> {
    let Some(slash) = path.iter().rposition(|&byte| byte == b'/') else {
        return Vec::new();
    };
    let parent = clean_bytes(&path[..=slash]);
    if parent == b"." {
        return Vec::new();
    }
    let ends = (0..parent.len()).filter(|&end| parent[end] == b'/').chain([parent.len()]);
    ends.map(|end| parent[..end].to_vec()).collect()
}

/// Chooses how a cleaned pattern is matched, and translates it to a regular expression if it has to be one.
fn translate(cleaned: &str) -> Matcher {
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Regexp,
    }
    let mut kind = Kind::Exact;
    let mut expression = String::new();
    let mut characters = cleaned.chars().peekable();
    let mut first = true;
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.next_if_eq(&'*').is_some() => {
                characters.next_if_eq(&'/');
                if characters.peek().is_none() {
                    if kind == Kind::Exact {
                        kind = Kind::Prefix;
                    } else {
                        expression.push_str(".*");
                        kind = Kind::Regexp;
                    }
                } else {
                    expression.push_str("(.*/)?");
                    kind = Kind::Regexp;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                expression.push_str("[^/]*");
                kind = Kind::Regexp;
            }
            '?' => {
                expression.push_str("[^/]");
                kind = Kind::Regexp;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                expression.push('\\');
                expression.push(character);
            }
            '\\' => {
                expression.push('\\');
                if let Some(escaped) = characters.next() {
                    expression.push(escaped);
                    kind = Kind::Regexp;
                }
            }
            '[' | ']' => {
                expression.push(character);
                kind = Kind::Regexp;
            }
            plain => expression.push(plain),
        }
        first = false;
    }
    match kind {
        Kind::Exact => Matcher::Exact,
        Kind::Prefix => Matcher::Prefix,
        Kind::Suffix => Matcher::Suffix,
        Kind::Regexp => match Regexp::parse(&expression) {
            Ok(regexp) => Matcher::Regexp(regexp),
            Err(source) => Matcher::Refused(source),
        },
    }
}
