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

/// A shell that is asked about the commands of one page, about each once.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashMap<u64, bool>>);

impl Asked {
    /// Whether more has to come: no, where too much was asked already.
    pub(super) fn is_unfinished(&self, command: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        command.hash(&mut hasher);
        let question = hasher.finish();
        let mut answers = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(answer) = answers.get(&question) {
            return *answer;
        }
        if answers.len() >= MOST_QUESTIONS {
            return false;
        }
        let answer = is_unfinished(command);
        answers.insert(question, answer);
        answer
    }
}

/// Whether more has to come: no, where there is no shell to ask.
pub(crate) fn is_unfinished(command: &str) -> bool {
    if command.len() > MOST_BYTES || command.lines().nth(MOST_LINES).is_some() {
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
