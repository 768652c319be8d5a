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
    ("next", Word::Next, "go on without doing this"),
    ("back", Word::Back, "read the page before this one; nothing is undone"),
    ("again", Word::Again, "do once more what this page shows and what is done"),
    ("page", Word::Page, "show this page again"),
    ("hint", Word::Hint, "show a hint for the task, one more each time"),
    ("check", Word::Check, "say what the task still lacks"),
    ("solution", Word::Solution, "show how the task can be done"),
    ("list", Word::List, "list the lessons"),
    ("reset", Word::Reset, "begin this lesson anew, with fresh files and an empty store"),
    ("help", Word::Help, "show this list"),
    ("quit", Word::Quit, "leave; `layerlab learn resume` goes on here"),
];

/// Says that a word is meant for the lesson, where a program has the prompt.
const MARK: char = ':';

/// The word that a line is: alone in it. Where a program waits at its own prompt, its words may be the same, and a `:` before it makes it the
/// lesson's.
pub(super) fn parse(line: &str, is_session: bool) -> Option<Word> {
    let line = line.trim();
    let word = match line.strip_prefix(MARK) {
        Some(word) => word.trim(),
        None if is_session => return None,
        None => line,
    };
    if word == "exit" {
        return Some(Word::Quit);
    }
    WORDS.iter().find(|(name, ..)| *name == word).map(|(_, word, _)| *word)
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
        assert_eq!(parse("next one", false), None);
        assert_eq!((parse("next", true), parse(":next", true)), (None, Some(Word::Next)));
    }
}
