//! What a command prints, on its way to the screen: the prompt at which it waits is held back, since the next line is typed elsewhere.

use std::borrow::Cow;
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
const QUESTIONS: [&str; 2] = ["Username: ", PASSWORD];
const PASSWORD: &str = "Password: ";

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
    /// What was shown since the last line ended, and how.
    last: (Vec<u8>, Option<Streams>),
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
        let bytes = without_eval(bytes);
        let mut bytes = bytes.as_ref();
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
            let shown = std::mem::take(line);
            self.show(&shown, from, user)?;
            self.is_open &= from != Streams::Terminal;
        }
        let line = if from == Streams::Terminal { &mut self.line } else { &mut self.piped };
        line.extend_from_slice(rest);
        if line.len() > LONGEST_LINE {
            let shown = std::mem::take(line);
            self.show(&shown, from, user)?;
        }
        let may_be_prompt = wait_for == WaitFor::Prompt && !self.is_open;
        if from == Streams::Terminal && !self.line.is_empty() && !(may_be_prompt && begins_as_prompt(&seen(&self.line)))
        {
            let shown = std::mem::take(&mut self.line);
            self.show(&shown, from, user)?;
            self.is_open = true;
        }
        Ok(())
    }

    fn show(&mut self, bytes: &[u8], from: Streams, user: &mut User<'_>) -> io::Result<()> {
        let after = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if after > 0 {
            self.last.0.clear();
        }
        let room = LONGEST_LINE.saturating_sub(self.last.0.len()).min(bytes.len() - after);
        self.last.0.extend_from_slice(&bytes[after..after + room]);
        self.last.1 = Some(from);
        (user.show)(bytes, from)
    }

    /// Shows what was held back.
    pub(super) fn end(&mut self, user: &mut User<'_>) -> io::Result<()> {
        for from in [Streams::Terminal, Streams::Piped] {
            let line = if from == Streams::Terminal { &mut self.line } else { &mut self.piped };
            let shown = std::mem::take(line);
            if !shown.is_empty() {
                self.show(&shown, from, user)?;
                self.is_open |= from == Streams::Terminal;
            }
        }
        Ok(())
    }

    /// The command has ended: what comes next begins a line of its own.
    pub(super) fn close(&mut self, user: &mut User<'_>) -> io::Result<()> {
        self.end(user)?;
        match self.last.1 {
            Some(from) if !seen(&self.last.0).trim().is_empty() => {
                let end: &[u8] = if from == Streams::Terminal { b"\r\n" } else { b"\n" };
                (user.show)(end, from)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The prompt that the last line is.
    pub(super) fn prompt(&self) -> Option<String> {
        let line = seen(&self.line);
        (is_debugger(&line) || is_shell(&line) || is_question(&line)).then_some(line)
    }

    /// What was printed before it.
    pub(super) fn before_prompt(&self) -> String {
        let text = plain(&self.all);
        text.rfind('\n').map_or(String::new(), |end| text[..=end].to_owned())
    }
}

/// Whether a prompt is that of the debugger.
pub(crate) fn is_debugger(prompt: &str) -> bool {
    prompt.starts_with(DEBUGGER) && prompt.ends_with(") ")
}

fn is_shell(prompt: &str) -> bool {
    prompt.ends_with(' ') && typed_at_prompt(prompt) == Some("") && !is_question(prompt)
}

/// Whether a prompt asks for something of the learner's own, such as a name: any answer is one.
pub(crate) fn is_question(prompt: &str) -> bool {
    QUESTIONS.contains(&prompt)
}

/// Whether what is typed at a prompt is not to be seen: its program has turned the echo off, and does not draw the line itself, as editors of
/// lines do.
pub(super) fn is_hidden(prompt: &str, has_echo: bool) -> bool {
    prompt == PASSWORD || !has_echo && !is_debugger(prompt) && !is_shell(prompt)
}

/// What was printed, without `sh: 1: eval: ` where a line begins so: that is how we have the shell carry out a command.
fn without_eval(bytes: &[u8]) -> Cow<'_, [u8]> {
    const BEGIN: &[u8] = b"sh: ";
    const END: &[u8] = b": eval: ";
    let prefix = |line: &[u8]| {
        let number = line.strip_prefix(BEGIN)?;
        let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
        number[digits..].starts_with(END).then_some(BEGIN.len() + digits + END.len())
    };
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    match lines().any(|line| prefix(line).is_some()) {
        true => lines().flat_map(|line| &line[prefix(line).unwrap_or(0)..]).copied().collect::<Vec<u8>>().into(),
        false => bytes.into(),
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

    #[test]
    fn how_a_command_is_carried_out_is_not_shown() {
        let shown = |text: &str| String::from_utf8(without_eval(text.as_bytes()).into_owned()).unwrap();
        assert_eq!(shown("a\nsh: 12: eval: dcoker: not found\r\n"), "a\ndcoker: not found\r\n");
        assert_eq!(shown("sh: 1: dcoker: not found\n"), "sh: 1: dcoker: not found\n");
    }

    #[test]
    fn passwords_are_hidden_and_lines_of_editors_are_not() {
        assert!(is_hidden("Password: ", true) && is_hidden("Token: ", false));
        assert!(!is_hidden("Username: ", true));
        assert!(!is_hidden("(layerlab 1/5) ", false) && !is_hidden("/ # ", false));
    }
}
