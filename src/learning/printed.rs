//! What a command prints, on its way to the screen: the prompt at which it waits is held back, since the next line is typed elsewhere.

use std::io;

use super::user::{Streams, User, WaitFor};
use crate::lesson::{plain, typed_at_prompt};

/// The most of an output that is kept, in bytes: a page shows no more.
const MOST_OUTPUT: usize = 16 << 20;
/// A line that is longer is shown before it ends, in bytes.
const LONGEST_LINE: usize = 64 << 10;
/// No line is looked at any further, in columns.
const WIDEST: usize = 1000;
/// What the debugger's prompt begins with.
const DEBUGGER: &str = "(layerlab";
/// What `login` asks for.
const QUESTIONS: [&str; 2] = ["Username: ", "Password: "];

/// What was printed, and what of it is not shown yet.
#[derive(Default)]
pub(super) struct Printed {
    all: Vec<u8>,
    /// The last line of the terminal, which may become a prompt.
    line: Vec<u8>,
    /// Lines of the pipe are shown whole: a character may come in two pieces.
    piped: Vec<u8>,
    /// Whether what comes is the echo of what was typed, up to the end of its line.
    is_echo: bool,
    /// Whether a part of the last line was shown, so that the rest of it has to be.
    is_open: bool,
}

impl Printed {
    /// Nothing yet. What comes first may be the echo of what was typed.
    pub(super) fn new(is_echo: bool) -> Printed {
        Printed { is_echo, ..Printed::default() }
    }

    /// All that was printed.
    pub(super) fn all(&self) -> &[u8] {
        &self.all
    }

    /// Takes what was printed, and shows what can't be a prompt.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        from: Streams,
        wait_for: WaitFor,
        user: &mut User<'_>,
    ) -> io::Result<()> {
        let mut bytes = bytes;
        if self.is_echo && from == Streams::Terminal {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return Ok(()) };
            bytes = &bytes[end + 1..];
            self.is_echo = false;
        }
        let room = MOST_OUTPUT.saturating_sub(self.all.len()).min(bytes.len());
        self.all.extend_from_slice(&bytes[..room]);
        let last = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (whole, rest) = bytes.split_at(last);
        let line = if from == Streams::Terminal { &mut self.line } else { &mut self.piped };
        if !whole.is_empty() {
            line.extend_from_slice(whole);
            (user.show)(&std::mem::take(line), from)?;
            self.is_open &= from != Streams::Terminal;
        }
        let line = if from == Streams::Terminal { &mut self.line } else { &mut self.piped };
        line.extend_from_slice(rest);
        if line.len() > LONGEST_LINE {
            (user.show)(&std::mem::take(line), from)?;
        }
        let may_be_prompt = wait_for == WaitFor::Prompt && !self.is_open;
        if from == Streams::Terminal && !self.line.is_empty() && !(may_be_prompt && begins_as_prompt(&seen(&self.line)))
        {
            (user.show)(&std::mem::take(&mut self.line), from)?;
            self.is_open = true;
        }
        Ok(())
    }

    /// Shows what was held back.
    pub(super) fn end(&mut self, user: &mut User<'_>) -> io::Result<()> {
        for (line, from) in [(&mut self.line, Streams::Terminal), (&mut self.piped, Streams::Piped)] {
            if !line.is_empty() {
                (user.show)(&std::mem::take(line), from)?;
                self.is_open |= from == Streams::Terminal;
            }
        }
        Ok(())
    }

    /// The prompt that the last line is.
    pub(super) fn prompt(&self) -> Option<String> {
        let line = seen(&self.line);
        let is_debugger = line.starts_with(DEBUGGER) && line.ends_with(") ");
        let is_shell = line.ends_with(' ') && typed_at_prompt(&line) == Some("");
        (is_debugger || is_shell || QUESTIONS.contains(&line.as_str())).then_some(line)
    }

    /// What was printed before it.
    pub(super) fn before_prompt(&self) -> String {
        let text = plain(&self.all);
        text.rfind('\n').map_or(String::new(), |end| text[..=end].to_owned())
    }
}

/// Whether a line may become a prompt.
fn begins_as_prompt(line: &str) -> bool {
    let is_path = line.starts_with('/') || line.contains('@');
    let is_question = QUESTIONS.iter().any(|question| question.starts_with(line));
    is_question
        || DEBUGGER.starts_with(line)
        || line.starts_with(DEBUGGER)
        || is_path && line.len() < 200 && !line.trim_end_matches([' ', '#', '$']).contains(' ')
}

/// One line as a terminal shows it, after all that moves the cursor within it: editors of lines draw a prompt so. See ECMA-48, 8.3.
fn seen(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut cells: Vec<char> = Vec::new();
    let mut column = 0;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => {
                if letters.next() != Some('[') {
                    continue;
                }
                let mut parameter = String::new();
                let last = letters.by_ref().find(|letter| {
                    let is_last = ('@'..='~').contains(letter);
                    parameter.extend((!is_last).then_some(*letter));
                    is_last
                });
                let count = parameter.parse::<usize>().unwrap_or(1).min(WIDEST);
                match last {
                    Some('C') => column += count,
                    Some('D') => column = column.saturating_sub(count),
                    Some('K' | 'J') => cells.truncate(column),
                    // What paints, and what asks the terminal something.
                    Some(_) | None => {}
                }
            }
            '\r' => column = 0,
            '\u{8}' => column = column.saturating_sub(1),
            letter if letter.is_control() => {}
            letter if column < WIDEST => {
                cells.resize(cells.len().max(column + 1), ' ');
                cells[column] = letter;
                column += 1;
            }
            // Too far to the right to be a prompt.
            _ => {}
        }
    }
    cells.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_seen_however_it_is_drawn() {
        let drawn = b"\x1b[?2004h\x1b[?2026h\r\x1b[K\x1b[2m(layerlab 1/5) \x1b[0m\r\x1b[15C\x1b[?2026l";
        assert_eq!(seen(drawn), "(layerlab 1/5) ");
        assert_eq!(seen(b"\x1b[6n/ # \x1b[J"), "/ # ");
        let mut printed = Printed::new(false);
        printed.line = drawn.to_vec();
        assert_eq!(printed.prompt().as_deref(), Some("(layerlab 1/5) "));
        assert!(["/", "/ #", "/ # ", "/app $ ", "root@3f2a:/# "].iter().all(|line| begins_as_prompt(line)));
        assert!(!begins_as_prompt("/bin/sh: no such file"));
        printed.line = b"/ # ls".to_vec();
        assert_eq!(printed.prompt(), None);
    }
}
