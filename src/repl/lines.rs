//! Where lines come from: here a script or a pipe; [`super::Terminal`] is a person at a terminal.
//!
//! A line is a whole command or instruction: physical lines are joined as long as an instruction is not complete.

use std::io::{self, BufRead};

use super::command::{self, Command, Line};
use super::hunks;
use super::meant::{self, behind_prompt};
use crate::limits::Limits;
use crate::prompt::{self, Next};

/// What completion and colours need to know of the session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The paths of the state's file system: directories end with `/`.
    pub(crate) image_paths: Vec<String>,
    /// Where a path without a leading `/` begins.
    pub(crate) workdir: String,
    /// The build context's folder.
    pub(crate) context: Option<std::path::PathBuf>,
    pub(crate) stages: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// The numbers of the breakpoints.
    pub(crate) breakpoints: Vec<String>,
}

/// A step that can be named.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) number: usize,
    /// Its first line.
    pub(crate) line: usize,
    pub(crate) instruction: String,
}

/// A source of lines.
pub(crate) trait Lines {
    /// The next line; `prompt` is shown where somebody sees it.
    fn next(&mut self, prompt: &str) -> io::Result<Next>;

    /// Whether the person is new here: only a few lines were ever typed.
    fn is_new(&self) -> bool {
        false
    }

    /// Whether a person is there, at a terminal: then the prompt and the line are on the screen already.
    fn is_interactive(&self) -> bool;

    /// Whether completion asks for [`Lines::surround`]; making them costs something.
    fn surround(&mut self, _surroundings: &mut dyn FnMut() -> Surroundings) {}
}

/// A command or an instruction that comes line by line.
///
/// Most lines tell by themselves that more has to come, so that the whole is parsed for a few of them only: else the time would grow with
/// the square of the length.
#[derive(Debug, Default)]
pub(super) struct Growing {
    pub(super) text: String,
    /// How much of the text names the heredocs that are open.
    heredocs: Option<usize>,
}

/// Whether more has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    Open,
    Complete,
}

impl Growing {
    /// Adds a line with its end.
    pub(super) fn push(&mut self, line: &str) -> Growth {
        let is_first = self.text.is_empty();
        self.text.push_str(line);
        let line = line.trim_end();
        let tells = match self.heredocs {
            Some(end) => is_name_of_heredoc(&self.text[..end], line.trim_start_matches('\t')),
            None => is_first || !line.ends_with('\\'),
        };
        if !tells {
            return Growth::Open;
        }
        if command::is_complete(&self.text) {
            return Growth::Complete;
        }
        if self.heredocs.is_none() && !line.ends_with('\\') && self.text.contains("<<") {
            self.heredocs = Some(self.text.len());
        }
        Growth::Open
    }

    /// The commands and instructions of a text that was pasted, each with its end.
    pub(super) fn lines(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut growing = Growing::default();
        for line in text.split_inclusive('\n') {
            let line = if growing.text.is_empty() { meant::without_prompt(line) } else { line };
            if growing.push(line) == Growth::Complete {
                lines.push(std::mem::take(&mut growing).text);
            }
        }
        lines.extend(Some(growing.text).filter(|rest| !rest.is_empty()));
        lines.retain(|line| !matches!(command::parse(line), Ok(Line::Empty)));
        lines
    }

    /// The commands and blocks of instructions in a text that was pasted. Instructions that follow one another are one block.
    pub(super) fn parts(text: &str) -> Vec<String> {
        let mut parts: Vec<(bool, String)> = Vec::new();
        for line in Growing::lines(text) {
            let is_block = matches!(command::parse(&line), Ok(Line::Instruction(_) | Line::Comment));
            match parts.last_mut() {
                Some((true, block)) if is_block => block.push_str(&line),
                Some(_) | None => parts.push((is_block, line)),
            }
        }
        parts.into_iter().map(|(_, text)| text.trim_end_matches(['\n', '\r']).to_owned()).collect()
    }
}

/// Whether a line may end a heredoc of an instruction.
fn is_name_of_heredoc(instruction: &str, line: &str) -> bool {
    let mut rest = instruction;
    while let Some(at) = rest.find("<<") {
        rest = &rest[at + 2..];
        let name = rest.trim_start_matches('-').trim_start_matches(['"', '\'']);
        let end =
            name.find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'')).unwrap_or(name.len());
        if &name[..end] == line {
            return true;
        }
    }
    false
}

/// The lines of a script file or of a pipe; of a session that `save` wrote, what was typed behind its prompts.
pub(crate) struct Script<R> {
    lines: prompt::Script<R>,
    /// `None`: nothing was read yet.
    kind: Option<Kind>,
    /// A line that was read too early.
    ahead: Option<Vec<u8>>,
}

/// What a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Commands,
    Session,
}

impl<R: BufRead> Script<R> {
    pub(crate) fn new(reader: R, limits: &Limits) -> Script<R> {
        Script { lines: prompt::Script::new(reader, limits), kind: None, ahead: None }
    }

    /// What it is, as its beginning tells: a saved session has a prompt soon.
    fn kind(&mut self) -> io::Result<Kind> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        let lines = self.lines.peek()?.split(|byte| *byte == b'\n');
        let has_prompt = lines.map(String::from_utf8_lossy).any(|line| is_prompt(&line));
        Ok(*self.kind.insert(if has_prompt { Kind::Session } else { Kind::Commands }))
    }

    /// Adds to an `edit` the change that follows it: in a script at once, in a saved session somewhere before the next prompt.
    fn with_change(&mut self, kind: Kind, mut line: String) -> io::Result<String> {
        if !matches!(command::parse(&line), Ok(Line::Command(Command::Edit { .. }))) {
            return Ok(line);
        }
        let mut reading = hunks::Reading::default();
        let mut is_found = false;
        loop {
            let bytes = self.physical_line(line.len())?;
            let text = String::from_utf8_lossy(&bytes);
            let belongs = !bytes.is_empty() && (is_found || text.starts_with(hunks::BEGIN)) && reading.takes(&text);
            if belongs {
                let gap = if is_found { "" } else { "\n" };
                line.push_str(&format!("{gap}{}\n", text.trim_end_matches(['\n', '\r'])));
                is_found = true;
                continue;
            }
            if bytes.is_empty() || is_found || kind == Kind::Commands || is_prompt(&text) {
                self.ahead = Some(bytes);
                return Ok(line);
            }
        }
    }

    /// One line with its end, behind `before` bytes of the same instruction.
    fn physical_line(&mut self, before: usize) -> io::Result<Vec<u8>> {
        match self.ahead.take() {
            Some(line) => Ok(line),
            None => self.lines.line(before),
        }
    }
}

/// Whether a line of a saved session begins with a prompt.
fn is_prompt(line: &str) -> bool {
    behind_prompt(line).is_some()
}

/// What was typed in a line of a saved session; `None` for what was shown. That it was saved is nothing to do again.
fn typed(line: &str) -> Option<&str> {
    behind_prompt(line).filter(|line| line.split_whitespace().next() != Some("save"))
}

impl<R: BufRead> Lines for Script<R> {
    fn next(&mut self, _prompt: &str) -> io::Result<Next> {
        let mut growing = Growing::default();
        loop {
            let read = self.kind().and_then(|kind| Ok((kind, self.physical_line(growing.text.len())?)));
            let (kind, bytes) = match read {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Next::Interrupted),
                Err(error) => return Err(error),
            };
            if bytes.is_empty() {
                // An instruction that the end cuts off is taken as it is: its parser says what is missing.
                return Ok(if growing.text.is_empty() { Next::End } else { Next::Line(growing.text) });
            }
            let line = String::from_utf8_lossy(&bytes);
            let line = match kind {
                Kind::Session if growing.text.is_empty() => match typed(&line) {
                    Some(line) => line,
                    None => continue,
                },
                Kind::Session | Kind::Commands => &line,
            };
            // Nobody presses Enter here: an empty line is there to be read more easily.
            if growing.text.is_empty() && line.trim().is_empty() {
                continue;
            }
            if growing.push(line) == Growth::Complete {
                let line = growing.text.trim_end_matches(['\n', '\r']).to_owned();
                return self.with_change(kind, line).map(Next::Line);
            }
        }
    }

    fn is_interactive(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Growing, Lines, Script};
    use crate::prompt::Next;

    #[test]
    fn an_instruction_is_read_whole() {
        let mut script =
            Script::new("step\r\nRUN <<EOF\na\nEOF\n\nRUN a \\\n  b".as_bytes(), &crate::limits::Limits::default());
        let mut lines = Vec::new();
        while let Next::Line(line) = script.next("").unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["step", "RUN <<EOF\na\nEOF", "RUN a \\\n  b"]);
    }

    #[test]
    fn a_saved_session_is_a_script() {
        let text = "Dockerfile: 2 steps\n\n1/2 ▶ FROM a\n(layerlab) ls\n(layerlab) step\n✓ hit\n(layerlab) \n(layerlab 2/2) RUN <<E\nls\nE\n✗ miss\n(layerlab) edit f\nerror: no\n@@ -1 +1 @@\n-a\n+b\n      edit\n(layerlab) edit\n      edit\n(layerlab) save f\n";
        let mut script = Script::new(text.as_bytes(), &crate::limits::Limits::default());
        let mut lines = Vec::new();
        while let Next::Line(line) = script.next("").unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["ls", "step", "RUN <<E\nls\nE", "edit f\n@@ -1 +1 @@\n-a\n+b\n", "edit"]);
    }

    #[test]
    fn long_instructions_are_read_in_time_that_grows_with_them() {
        let continued = "RUN a \\\n".to_owned() + &"b \\\n".repeat(50_000) + "c\n";
        let heredoc = "RUN <<-'EOF' <<B\n".to_owned() + &"EO\n".repeat(50_000) + "\tEOF\nB\n";
        for text in [continued, heredoc] {
            let Next::Line(line) = Script::new(text.as_bytes(), &crate::limits::Limits::default()).next("").unwrap()
            else {
                panic!("no line")
            };
            assert_eq!(line, text.trim_end());
        }
    }

    #[test]
    fn what_is_pasted_is_taken_apart() {
        let text = "FROM a\n\n# why\nRUN b \\\n c\nCOPY <<EOF /d\nls\nEOF\nls /\nstep\nRUN e";
        let parts = ["FROM a\n# why\nRUN b \\\n c\nCOPY <<EOF /d\nls\nEOF", "ls /", "step", "RUN e"];
        assert_eq!(Growing::parts(text), parts);
    }
}
