//! Whether a command is whole, as the shell sees it: `for i in 1 2; do` and an open quote go on in the next line, after `> ` at a terminal.
//!
//! The shell is asked (`sh -n`, which carries out nothing): nobody else knows its grammar as well. A heredoc that has not ended is no mistake
//! to it, and is found by `session.rs`.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Of a longer command nobody asks: each line of it is a question, each question takes a shell, and pages are written by others.
const MOST_LINES: usize = 500;
const MOST_BYTES: usize = 64 << 10;
/// So many questions are asked for one page.
const MOST_QUESTIONS: usize = 1000;

/// What dash, bash and busybox say where a command is not whole, in lower-case letters.
const SAID: [&str; 4] = ["end of file", "unterminated", "unexpected eof", "eof in"];

/// Why nobody knows whether a command is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unknown {
    #[error("this command goes on for more than {MOST_LINES} lines or {} KiB", MOST_BYTES >> 10)]
    TooLong,
    #[error("more than {MOST_QUESTIONS} lines of this page may belong to the command before them")]
    TooMany,
}

/// What was found of the commands of one page: the shell is asked about each once.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<HashMap<u64, bool>>);

impl Answers {
    /// Whether more has to come.
    ///
    /// # Errors
    /// It would take too long to find out.
    pub(super) fn is_unfinished(&self, command: &str) -> Result<bool, Unknown> {
        if is_too_long(command) {
            return Err(Unknown::TooLong);
        }
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        let question = hasher.finish();
        let mut answers = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(answer) = answers.get(&question) {
            return Ok(*answer);
        }
        if answers.len() >= MOST_QUESTIONS {
            return Err(Unknown::TooMany);
        }
        let answer = is_unfinished(command);
        answers.insert(question, answer);
        Ok(answer)
    }
}

fn is_too_long(command: &str) -> bool {
    command.len() > MOST_BYTES || command.lines().nth(MOST_LINES).is_some()
}

/// Whether more has to come: no, where there is no shell to ask, or the command is very long.
pub(crate) fn is_unfinished(command: &str) -> bool {
    if is_too_long(command) {
        return false;
    }
    let mut shell = Command::new("sh");
    shell.arg("-n").env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(mut shell) = shell.spawn() else { return false };
    // It stops to read at a mistake.
    let _ = shell.stdin.take().map(|mut input| input.write_all(command.as_bytes()));
    let Ok(output) = shell.wait_with_output() else { return false };
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    // After the first line bash shows the command, which may have these words.
    let first = said.lines().next().unwrap_or_default();
    !output.status.success() && SAID.iter().any(|words| first.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_what_nobody_knows() {
        let answers = Answers(Mutex::new((0..MOST_QUESTIONS as u64 - 1).map(|number| (number, true)).collect()));
        assert_eq!(answers.is_unfinished("ls"), Ok(false));
        assert_eq!(answers.is_unfinished("ls"), Ok(false));
        assert_eq!(answers.is_unfinished("cat"), Err(Unknown::TooMany));
        assert_eq!(answers.is_unfinished(&"{\n".repeat(MOST_LINES + 1)), Err(Unknown::TooLong));
    }

    #[test]
    fn compound_commands_and_quotes_go_on() {
        for open in [
            "for i in 1 2; do",
            "if true; then",
            "echo \"a",
            "echo 'a\nb",
            "f() {",
            "a |",
            "a &&",
            "x=$(ls",
            "case a in",
        ] {
            assert!(is_unfinished(open), "{open}");
        }
        for whole in ["ls", "fi", "for i in 1; do echo; done", "echo 'end of file'", ") 'eof'", "cat <<EOF"] {
            assert!(!is_unfinished(whole), "{whole}");
        }
    }
}
