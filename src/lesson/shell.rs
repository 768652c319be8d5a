//! The shell at which a page types: one for the whole page, so that folders, variables and jobs stay from command to command.
//!
//! It is `sh`, which carries out the file of each command in turn and says on its output when one has ended, with a word that no command knows.
//! All that a command starts is in its process group, which Ctrl-C goes to.

use std::ffi::OsStr;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::terminal::{GLANCE, Terminal};
use crate::progress::Interrupt;
use rustix::process::{Pid, Signal, kill_process_group};

/// The most of an output that is kept, in bytes: a page shows no more.
const MOST_OUTPUT: usize = 16 << 20;

/// Waits for the names of commands on its standard input. Ctrl-C ends the command and not the shell; `command` keeps a mistake in one from
/// ending it.
const DRIVER: &str = r#"
trap : INT
while IFS=' ' read -r layerlab_mark layerlab_terminal; do
    if [ -n "$layerlab_terminal" ]; then
        command . "$1/command" < "$layerlab_terminal" > "$layerlab_terminal" 2>&1
    else
        command . "$1/command" < "$1/input"
    fi
    printf '%s %s\n' "$layerlab_mark" "$?"
done
"#;

/// A shell that runs.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    requests: ChildStdin,
    output: Receiver<Vec<u8>>,
    /// Where the file of the command and its input are.
    control: PathBuf,
    count: u32,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With an exit code.
    Exit(i32),
    /// It had to be killed, after so long.
    TimedOut(Duration),
}

/// What a command did.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) output: String,
    pub(super) end: End,
    /// Whether the shell ended with it.
    pub(super) is_last: bool,
}

/// What is done while a command runs.
pub(super) struct Typing<'t> {
    pub(super) input: &'t str,
    /// Whether it is typed at a terminal, line by line as prompts ask for it.
    pub(super) is_at_terminal: bool,
    /// Says of what was printed so far whether it is time for Ctrl-C.
    pub(super) is_time_for_ctrl_c: Option<&'t dyn Fn(&str) -> bool>,
    pub(super) patience: Duration,
    pub(super) interrupt: &'t Interrupt,
}

impl Shell {
    /// Starts a shell in a folder. `variables` are put into its environment.
    pub(super) fn start(control: &Path, folder: &Path, variables: &[(&str, &OsStr)]) -> io::Result<Shell> {
        let (reader, writer) = io::pipe()?;
        let mut child = Command::new("sh")
            .args([OsStr::new("-c"), OsStr::new(DRIVER), OsStr::new("sh"), control.as_os_str()])
            .current_dir(folder)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        let requests = child.stdin.take().ok_or_else(|| io::Error::other("the shell has no standard input"))?;
        let (sender, output) = channel();
        std::thread::spawn(move || listen(reader, |bytes| sender.send(bytes).is_ok()));
        Ok(Shell { child, requests, output, control: control.to_owned(), count: 0 })
    }

    /// Carries out a command to its end.
    pub(super) fn run(&mut self, command: &str, typing: &Typing<'_>) -> io::Result<Outcome> {
        std::fs::write(self.control.join("command"), format!("{command}\n"))?;
        std::fs::write(self.control.join("input"), typing.input)?;
        self.count += 1;
        let mark = format!("\u{1e}layerlab-{}-{}\u{1e}", std::process::id(), self.count);
        // A shell that has ended takes no command: its output says so.
        let mut terminal = typing.is_at_terminal.then(|| Terminal::open(typing.input)).transpose()?;
        let device = terminal.as_ref().map(|terminal| terminal.device.display().to_string()).unwrap_or_default();
        let _ = writeln!(self.requests, "{mark} {device}");
        let deadline = Instant::now() + typing.patience;
        let mut output = Vec::new();
        let mut is_interrupted = typing.is_time_for_ctrl_c.is_none();
        loop {
            if let Some(terminal) = &mut terminal {
                terminal.attend()?;
            }
            if let Some((text, code)) = ended(&output, &mark) {
                let text = terminal.map(Terminal::finish).unwrap_or_default() + &text;
                return Ok(Outcome { output: text, end: End::Exit(code), is_last: false });
            }
            if let (false, Some(is_time)) = (is_interrupted, typing.is_time_for_ctrl_c)
                && is_time(&String::from_utf8_lossy(&output))
            {
                is_interrupted = true;
                output.extend_from_slice(b"^C\n");
                self.signal(Signal::INT);
            }
            if typing.interrupt.is_requested() {
                self.signal(Signal::KILL);
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            match self.output.recv_timeout(GLANCE.min(deadline.saturating_duration_since(Instant::now()))) {
                Ok(bytes) if output.len() < MOST_OUTPUT => output.extend(bytes),
                // Only its end matters.
                Ok(bytes) => output.splice(MOST_OUTPUT.., bytes).for_each(drop),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.signal(Signal::KILL);
                    self.child.wait()?;
                    let end = End::TimedOut(typing.patience);
                    return Ok(Outcome { output: text(&output), end, is_last: true });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                    return Ok(Outcome { output: text(&output), end: End::Exit(code), is_last: true });
                }
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // A group that has ended needs no signal.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        // It can't be waited for only where that was done already.
        let _ = self.child.wait();
    }
}

/// Passes on what is written to a pipe, until nobody wants it.
fn listen(mut reader: PipeReader, mut pass: impl FnMut(Vec<u8>) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        if !pass(buffer[..count].to_vec()) {
            return;
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

/// The output before the mark of its end, and the exit code behind it.
fn ended(output: &[u8], mark: &str) -> Option<(String, i32)> {
    let tail = output.len().saturating_sub(mark.len() + 256);
    let found = output[tail..].windows(mark.len()).rposition(|window| window == mark.as_bytes())?;
    let (before, after) = output.split_at(tail + found);
    let code = std::str::from_utf8(&after[mark.len()..]).ok()?.strip_suffix('\n')?.trim().parse().ok()?;
    Some((text(before), code))
}
