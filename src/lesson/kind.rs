//! What a fenced block means in a page: its kind, by the language that its fence names, by whether it names a file, and by how it begins.

/// What a block means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// `lesson`: what the lesson says of itself.
    About,
    /// `predict`: a question, and the commands that prove its right answer.
    Prediction,
    /// `exercise`, `challenge`: a task, in Markdown.
    Exercise,
    Challenge,
    /// `check`: commands that say whether a task is done.
    Check,
    /// `hint`: help with a task.
    Hint,
    /// `diff`: how a file changes.
    Change,
    /// Commands with what they print.
    Session,
    /// Whatever else names a file: its text.
    File,
    /// Whatever else is there to be read.
    Text,
}

/// The languages that always have a meaning.
const MEANT: [(&str, BlockKind); 7] = [
    ("lesson", BlockKind::About),
    ("predict", BlockKind::Prediction),
    ("exercise", BlockKind::Exercise),
    ("challenge", BlockKind::Challenge),
    ("check", BlockKind::Check),
    ("hint", BlockKind::Hint),
    ("diff", BlockKind::Change),
];
/// Languages of blocks that always hold commands, and of those that do where they begin with a prompt.
const SESSIONS: [&str; 5] = ["console", "layerlab", "shell-session", "shellsession", "terminal"];
const PERHAPS_SESSIONS: [&str; 6] = ["", "sh", "bash", "shell", "zsh", "docker"];

impl BlockKind {
    /// The kind of a block of a language with these lines.
    pub(super) fn of(language: &str, has_file: bool, lines: &[impl AsRef<str>]) -> BlockKind {
        if let Some((_, kind)) = MEANT.iter().find(|(name, _)| *name == language) {
            return *kind;
        }
        let begins_with_command = || {
            let first = lines.iter().map(AsRef::as_ref).find(|line| !line.trim().is_empty());
            first.is_some_and(|line| line.starts_with("$ "))
        };
        if has_file {
            BlockKind::File
        } else if SESSIONS.contains(&language) || PERHAPS_SESSIONS.contains(&language) && begins_with_command() {
            BlockKind::Session
        } else {
            BlockKind::Text
        }
    }

    /// The languages that mean something, always or where a block begins with a prompt.
    pub(super) fn languages() -> impl Iterator<Item = &'static str> {
        MEANT.into_iter().map(|(language, _)| language).chain(SESSIONS).chain(PERHAPS_SESSIONS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_language_file_and_first_line() {
        let of = |language: &str, has_file: bool, line: &str| BlockKind::of(language, has_file, &["", line]);
        assert_eq!(of("exercise", false, "Do it."), BlockKind::Exercise);
        assert_eq!(of("diff", true, "+a"), BlockKind::Change);
        assert_eq!(of("sh", false, "$ ls"), BlockKind::Session);
        assert_eq!(of("sh", true, "$ ls"), BlockKind::File);
        assert_eq!((of("sh", false, "ls"), of("console", false, "ls")), (BlockKind::Text, BlockKind::Session));
        assert_eq!(of("rust", false, "$ ls"), BlockKind::Text);
    }
}
