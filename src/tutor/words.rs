//! The words that are the lesson's, at its prompt and behind `layerlab learn`.

use crate::learning::Lesson;

/// A word of the lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Next,
    Back,
    Again,
    Page,
    Hint,
    Check,
    Solution,
    List,
    Reset,
    Help,
    Quit,
}

/// Each word with what it does.
pub(super) const WORDS: &[(&str, Word, &str)] = &[
    ("next", Word::Next, "skip this and go on"),
    ("back", Word::Back, "read the previous page; nothing is undone"),
    ("again", Word::Again, "run again what this page shows, though it is done"),
    ("page", Word::Page, "show this page again"),
    ("hint", Word::Hint, "show a hint for the task, one more each time"),
    ("check", Word::Check, "say what the task still lacks"),
    ("solution", Word::Solution, "show how the task can be done"),
    ("list", Word::List, "list the lessons"),
    ("reset", Word::Reset, "start this lesson over, with fresh files and an empty store"),
    ("help", Word::Help, "show this list"),
    ("quit", Word::Quit, "leave; `layerlab learn resume` goes on here"),
];

/// Says that a word is meant for the lesson, where a program has the prompt.
const MARK: char = ':';

/// The word that a line is: alone in it, or before something that it does not need, as in `help hint` or `hint 2`. Where a program waits at
/// its own prompt, its words may be the same, and a `:` before it makes it the lesson's.
pub(super) fn parse(line: &str, is_session: bool) -> Option<Word> {
    let line = line.trim();
    let line = match line.strip_prefix(MARK) {
        Some(line) => line.trim(),
        None if is_session => return None,
        None => line,
    };
    let mut words = line.split_whitespace();
    let word = words.next()?.to_lowercase();
    let found = match word.as_str() {
        "exit" => Word::Quit,
        "?" => Word::Help,
        word => WORDS.iter().find(|(name, ..)| *name == word).map(|(_, word, _)| *word)?,
    };
    let is_plain = |word: &str| word.chars().all(|letter| letter.is_alphanumeric());
    let is_meant = match found {
        // `exit 3` is the shell's, and nothing of the learner's goes by a slip.
        Word::Quit | Word::Reset => words.next().is_none(),
        Word::Next
        | Word::Back
        | Word::Again
        | Word::Page
        | Word::Hint
        | Word::Check
        | Word::Solution
        | Word::List
        | Word::Help => words.all(is_plain),
    };
    is_meant.then_some(found)
}

/// What is typed behind `layerlab learn` for a lesson: its name without the number, unless that is a word.
pub(crate) fn name_of(lesson: &Lesson) -> &str {
    let name = lesson.bare_name();
    let is_word =
        WORDS.iter().any(|(word, ..)| *word == name) || ["resume", "continue", "files", "clean"].contains(&name);
    if is_word { &lesson.name } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_is_the_lessons() {
        assert_eq!(parse(" next ", false), Some(Word::Next));
        assert_eq!((parse("hint 2", false), parse("Help hint", false)), (Some(Word::Hint), Some(Word::Help)));
        assert_eq!(
            (parse("?", false), parse("check > x", false), parse("exit 3", false)),
            (Some(Word::Help), None, None)
        );
        assert_eq!((parse("next", true), parse(":next", true)), (None, Some(Word::Next)));
    }
}
