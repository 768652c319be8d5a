//! The few regular expressions that a `.dockerignore` pattern can turn into.
//!
//! moby/patternmatcher matches by rewriting a pattern to a regular expression for Go's `regexp` package (RE2 syntax), and
//! the seams show: in `[a*]` the star is rewritten although it stands in a class, `\d` is any digit, and `a^*` never
//! matches because `^` is an anchor. Users depend on what builds do, so the same rewriting is done here, and this module
//! reads the outcome:
//!
//! ```text
//! expression: { item }
//! item:       '(.*/)?'             any number of whole directories
//!             unit ['*']
//!             '^'                  the start of the text
//! unit:       '.'                  any character but a line feed
//!             class | escape | c
//! class:      '[' ['^'] { '[:' name ':]' | escape | lo ['-' hi] } ']'
//! ```
//!
//! Filters of lists use the same expressions, looked for anywhere in a text, and refuse what else regular expressions have.
//!
//! It is run as a set of states that moves along the text once: the time is bounded by `expression × text`, so that no
//! pattern can hang a build. Not read: `\p`, `\Q`, octal and hexadecimal escapes, `\b`; they are refused.

use super::glob::{BadPattern, decode};

/// A compiled expression, anchored at both ends.
#[derive(Debug, Clone)]
pub(super) struct Regexp {
    program: Vec<Instruction>,
    /// Plain text that every match begins with, and that it ends with: most paths are told apart by these alone.
    prefix: Vec<u8>,
    suffix: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Instruction {
    /// Takes one character and goes on to the next instruction.
    Take(Test),
    /// Takes any number of characters.
    Repeat(Test),
    /// Goes on to the next instruction or over the next two, which are the inside of `(.*/)?`.
    MaybeDirectories,
    /// Goes on only at the start of the text.
    Start,
}

#[derive(Debug, Clone)]
enum Test {
    Character(char),
    NotLineFeed,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

const UNCLOSED: BadPattern = BadPattern { reason: "`[` is not closed" };

impl Regexp {
    /// Reads `expression`, without the anchors at its ends.
    pub(super) fn parse(expression: &str) -> Result<Regexp, BadPattern> {
        let mut program = Vec::new();
        let mut rest = expression;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("(.*/)?") {
                program.push(Instruction::MaybeDirectories);
                program.push(Instruction::Repeat(Test::NotLineFeed));
                program.push(Instruction::Take(Test::Character('/')));
                rest = after;
                continue;
            }
            let test = match take(&mut rest)? {
                '^' => {
                    program.push(Instruction::Start);
                    continue;
                }
                '.' => Test::NotLineFeed,
                '[' => parse_class(&mut rest)?,
                '\\' => match escape(take(&mut rest)?)? {
                    Escape::Character(character) => Test::Character(character),
                    Escape::Class { negated, ranges } => Test::Class { negated, ranges: ranges.to_vec() },
                },
                character => Test::Character(character),
            };
            if let Some(after) = rest.strip_prefix('*') {
                rest = after;
                program.push(Instruction::Repeat(test));
            } else {
                program.push(Instruction::Take(test));
            }
        }
        let prefix = plain_text(&program);
        let suffix = plain_text(&program[plain_end(&program)..]);
        Ok(Regexp { program, prefix, suffix })
    }

    /// Says whether the whole of `text` matches.
    /// Reads an expression that is looked for anywhere in a text, unless it begins with `^` or ends with `$`: what filters of lists take.
    pub(super) fn parse_search(expression: &str) -> Result<Regexp, BadPattern> {
        const OTHERS: &[char] = &['(', ')', '|', '+', '?', '{', '}'];
        let mut letters = expression.chars();
        while let Some(letter) = letters.next() {
            if letter == '\\' {
                letters.next();
            } else if OTHERS.contains(&letter) {
                return Err(BadPattern { reason: "only `.`, `*`, `[…]`, `^` and `$` have a meaning here" });
            }
        }
        let (begins, inner) = match expression.strip_prefix('^') {
            Some(inner) => (true, inner),
            None => (false, expression),
        };
        let (ends, inner) = match inner.strip_suffix('$').filter(|inner| !inner.ends_with('\\')) {
            Some(inner) => (true, inner),
            None => (false, inner),
        };
        let around = |is_there: bool| if is_there { "" } else { ".*" };
        Regexp::parse(&format!("{}{inner}{}", around(begins), around(ends)))
    }

    pub(super) fn matches(&self, text: &[u8]) -> bool {
        if !text.starts_with(&self.prefix) || !text.ends_with(&self.suffix) {
            return false;
        }
        let mut states = States::new(self.program.len());
        let mut next = States::new(self.program.len());
        self.enter(0, true, &mut states);
        let mut at = 0;
        while let Some((character, length)) = decode(&text[at..]) {
            next.clear();
            for &state in &states.list {
                match self.program.get(state) {
                    Some(Instruction::Take(test)) if test.accepts(character) => self.enter(state + 1, false, &mut next),
                    Some(Instruction::Repeat(test)) if test.accepts(character) => self.enter(state, false, &mut next),
                    _ => {}
                }
            }
            std::mem::swap(&mut states, &mut next);
            if states.list.is_empty() {
                return false;
            }
            at += length;
        }
        states.member[self.program.len()]
    }

    /// Adds `state` and every state that is reached from it without taking a character.
    fn enter(&self, state: usize, at_start: bool, states: &mut States) {
        let mut state = state;
        // A loop for the straight way, a call for the branch: the branch jumps forward, so the depth is bounded by the
        // number of branches, and `member` lets none be entered twice.
        loop {
            if std::mem::replace(&mut states.member[state], true) {
                return;
            }
            states.list.push(state);
            match self.program.get(state) {
                Some(Instruction::Repeat(_)) => {}
                Some(Instruction::Start) if at_start => {}
                Some(Instruction::MaybeDirectories) => {
                    // The inside begins with a repetition, which may be empty, and ends with `/`.
                    for inside in [state + 1, state + 2] {
                        if !std::mem::replace(&mut states.member[inside], true) {
                            states.list.push(inside);
                        }
                    }
                    state += 3;
                    continue;
                }
                Some(Instruction::Take(_) | Instruction::Start) | None => return,
            }
            state += 1;
        }
    }
}

/// The character that an instruction takes, if it can be no other.
fn plain(instruction: &Instruction) -> Option<char> {
    match instruction {
        // A byte that is not UTF-8 counts as this character, so it is not plain.
        Instruction::Take(Test::Character(char::REPLACEMENT_CHARACTER)) => None,
        Instruction::Take(Test::Character(character)) => Some(*character),
        _ => None,
    }
}

/// The plain characters with which a program begins.
fn plain_text(program: &[Instruction]) -> Vec<u8> {
    program.iter().map_while(plain).collect::<String>().into_bytes()
}

/// Where the plain characters at the end of a program begin.
fn plain_end(program: &[Instruction]) -> usize {
    let start = program.iter().rposition(|instruction| plain(instruction).is_none()).map_or(0, |last| last + 1);
    match program[..start] {
        // The slash that follows belongs to `(.*/)?` and may be missing.
        [.., Instruction::MaybeDirectories, Instruction::Repeat(_)] => start + 1,
        _ => start,
    }
}

/// A set of program positions that can be emptied and walked quickly.
struct States {
    list: Vec<usize>,
    member: Vec<bool>,
}

impl States {
    /// An empty set for a program of `length` instructions; the position after the last one means success.
    fn new(length: usize) -> States {
        States { list: Vec::with_capacity(length + 1), member: vec![false; length + 1] }
    }

    fn clear(&mut self) {
        for state in self.list.drain(..) {
            self.member[state] = false;
        }
    }
}

impl Test {
    fn accepts(&self, character: char) -> bool {
        match self {
            Test::Character(wanted) => *wanted == character,
            Test::NotLineFeed => character != '\n',
            Test::Class { negated, ranges } => {
                ranges.iter().any(|&(low, high)| low <= character && character <= high) != *negated
            }
        }
    }
}

/// Reads what follows a `[`, the closing `]` included.
fn parse_class(rest: &mut &str) -> Result<Test, BadPattern> {
    let negated = rest.starts_with('^');
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges: Vec<(char, char)> = Vec::new();
    let mut first = true;
    loop {
        if rest.starts_with(']') && !first {
            *rest = &rest[1..];
            return Ok(Test::Class { negated, ranges });
        }
        first = false;
        if let Some(named) = rest.strip_prefix("[:")
            && let Some(end) = named.find(":]")
        {
            ranges.extend(posix_class(&named[..end])?);
            *rest = &named[end + 2..];
            continue;
        }
        let low = match class_bound(rest)? {
            Escape::Character(character) => character,
            Escape::Class { negated, ranges: named } => {
                ranges.extend(if negated { complement(named) } else { named.to_vec() });
                continue;
            }
        };
        let high = match rest.strip_prefix('-') {
            // A `-` right before the end of the class stands for itself.
            Some(after) if !after.starts_with(']') => {
                *rest = after;
                match class_bound(rest)? {
                    Escape::Character(character) => character,
                    Escape::Class { .. } => {
                        return Err(BadPattern { reason: "a range ends with a class" });
                    }
                }
            }
            _ => low,
        };
        if high < low {
            return Err(BadPattern { reason: "a range of characters runs backwards" });
        }
        ranges.push((low, high));
    }
}

fn class_bound(rest: &mut &str) -> Result<Escape, BadPattern> {
    match take(rest)? {
        '\\' => escape(take(rest)?),
        character => Ok(Escape::Character(character)),
    }
}

enum Escape {
    Character(char),
    Class { negated: bool, ranges: &'static [(char, char)] },
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const SPACE: &[(char, char)] = &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// What `\` and `character` stand for together.
fn escape(character: char) -> Result<Escape, BadPattern> {
    let class = |negated, ranges| Ok(Escape::Class { negated, ranges });
    match character {
        'd' => class(false, DIGIT),
        'D' => class(true, DIGIT),
        's' => class(false, SPACE),
        'S' => class(true, SPACE),
        'w' => class(false, WORD),
        'W' => class(true, WORD),
        'a' => Ok(Escape::Character('\u{7}')),
        'f' => Ok(Escape::Character('\u{c}')),
        'n' => Ok(Escape::Character('\n')),
        'r' => Ok(Escape::Character('\r')),
        't' => Ok(Escape::Character('\t')),
        'v' => Ok(Escape::Character('\u{b}')),
        punctuation if punctuation.is_ascii() && !punctuation.is_ascii_alphanumeric() => {
            Ok(Escape::Character(punctuation))
        }
        _ => Err(BadPattern { reason: "`\\` before a letter or digit asks for a class that is not known" }),
    }
}

/// The ranges that are not in `ranges`, which are in order.
fn complement(ranges: &[(char, char)]) -> Vec<(char, char)> {
    let mut outside = Vec::new();
    let mut next = 0_u32;
    for &(low, high) in ranges {
        if next < u32::from(low) {
            let before = char::from_u32(u32::from(low) - 1).expect("the named classes are ASCII");
            outside.push((char::from_u32(next).expect("the named classes are ASCII"), before));
        }
        next = u32::from(high) + 1;
    }
    outside.push((char::from_u32(next).expect("the named classes are ASCII"), char::MAX));
    outside
}

/// The ASCII classes `[:name:]` of RE2.
fn posix_class(name: &str) -> Result<Vec<(char, char)>, BadPattern> {
    let (negated, name) = match name.strip_prefix('^') {
        Some(name) => (true, name),
        None => (false, name),
    };
    let ranges: &[(char, char)] = match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\u{7f}')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => DIGIT,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => {
            return Err(BadPattern { reason: "no class of characters has this name" });
        }
    };
    Ok(if negated { complement(ranges) } else { ranges.to_vec() })
}

fn take(rest: &mut &str) -> Result<char, BadPattern> {
    let character = rest.chars().next().ok_or(UNCLOSED)?;
    *rest = &rest[character.len_utf8()..];
    Ok(character)
}
