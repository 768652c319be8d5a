//! The shell at which a page types: one for the whole page, so that folders, variables and jobs stay from command to command.
//!
//! It is `sh`, which carries out the file of each command in turn. It is told when, and says how one has ended, on a socket that no command has:
//! nothing that a command or a container of it prints can say that it has ended. All that a command starts is in its process group, which Ctrl-C
//! goes to.

use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::driver::{Answer, DRIVER};
use super::printed::Printed;
use super::signals::heeding_signals;
use super::terminal::{GLANCE, Terminal};
use crate::progress::Interrupt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::process::{Pid, Signal, kill_process_group};

/// The file that is there when everything is to stop.
const FINISH: &str = "finish";
/// How long a line may take to end when everything is to stop.
const GRACE: Duration = Duration::from_secs(3);
/// How long it is listened to what a shell has printed that has ended, if somebody else goes on to print.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How many pieces of output wait to be read, of a pipe's size at most. A command that prints faster waits.
const MOST_WAITING: usize = 16;
const LONGEST_ANSWER: usize = 100;
/// How long the end of a shell takes that has closed its streams.
const MOMENT: Duration = Duration::from_millis(5);

/// A shell that runs.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    requests: UnixStream,
    heard: Receiver<Heard>,
    /// Where the file of the command and its input are.
    control: PathBuf,
    /// What the name of a turn is made of: nobody can know the next one.
    names: RandomState,
    turns: u64,
    /// Options that only commands have.
    options: String,
}

/// What is heard of a shell.
#[derive(Debug)]
enum Heard {
    /// Something was printed.
    Output(Vec<u8>),
    /// A command has ended. All that it has printed came before.
    End(Answer),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With an exit code.
    Exit(i32),
    /// It had to be killed, after so long.
    TimedOut(Duration),
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct CommandResult {
    pub(crate) output: String,
    /// Whether it printed more than is kept.
    pub(crate) is_cut: bool,
    pub(crate) end: End,
    /// Whether the shell ended with it.
    pub(crate) is_last: bool,
}

/// Says of what was printed since Ctrl-C was pressed last, and of how often it was, whether it is time for the next.
pub(crate) type IsTime<'t> = &'t dyn Fn(&str, usize) -> bool;

/// What is done while a command runs.
pub(crate) struct Typing<'t> {
    pub(crate) input: &'t str,
    /// Whether it is typed at a terminal, line by line as prompts ask for it.
    pub(crate) is_at_terminal: bool,
    /// When Ctrl-C is pressed, if it is.
    pub(crate) is_time_for_ctrl_c: Option<IsTime<'t>>,
    pub(crate) patience: Duration,
    pub(crate) interrupt: &'t Interrupt,
}

impl<'t> Typing<'t> {
    /// Nothing is typed: the command runs by itself.
    pub(crate) fn nothing(patience: Duration, interrupt: &'t Interrupt) -> Typing<'t> {
        Typing { input: "", is_at_terminal: false, is_time_for_ctrl_c: None, patience, interrupt }
    }
}

impl Shell {
    /// Starts a shell in a folder. `variables` are put into its environment.
    pub(super) fn start(control: &Path, folder: &Path, variables: &[(&str, &OsStr)]) -> io::Result<Shell> {
        Shell::begin(Command::new("sh").envs(variables.iter().copied()), control, folder)
    }

    /// Starts a shell whose environment has these variables and no others.
    pub(super) fn start_clean(control: &Path, folder: &Path, variables: &[(&OsStr, &OsStr)]) -> io::Result<Shell> {
        Shell::begin(Command::new("/bin/sh").env_clear().envs(variables.iter().copied()), control, folder)
    }

    fn begin(command: &mut Command, control: &Path, folder: &Path) -> io::Result<Shell> {
        let (reader, writer) = io::pipe()?;
        let (requests, answers) = UnixStream::pair()?;
        let child = heeding_signals(command)
            .args([OsStr::new("-c"), OsStr::new(DRIVER), OsStr::new("sh"), control.as_os_str()])
            .current_dir(folder)
            .stdin(Stdio::from(OwnedFd::from(answers)))
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .spawn()?;
        let (sender, heard) = sync_channel(MOST_WAITING);
        let answers = requests.try_clone()?;
        std::thread::spawn(move || listen(reader, answers, |heard| sender.send(heard).is_ok()));
        let (control, names) = (control.to_owned(), RandomState::new());
        Ok(Shell { child, requests, heard, control, names, turns: 0, options: String::new() })
    }

    /// Carries out a command to its end.
    pub(super) fn run(&mut self, command: &str, typing: &Typing<'_>) -> io::Result<CommandResult> {
        let options = if self.options.is_empty() { String::new() } else { format!("set -{}; ", self.options) };
        std::fs::write(self.control.join("command"), format!("{options}{command}\n"))?;
        std::fs::write(self.control.join("input"), typing.input)?;
        let _ = std::fs::remove_file(self.control.join(FINISH));
        self.turns += 1;
        let turn = self.names.hash_one(self.turns);
        // A shell that has ended takes no command: its output says so.
        let mut terminal = typing.is_at_terminal.then(|| Terminal::open(typing.input)).transpose()?;
        let device = terminal.as_ref().map(|terminal| terminal.device.display().to_string()).unwrap_or_default();
        let _ = writeln!(self.requests, "{turn} {device}");
        // More is no limit.
        let deadline = Instant::now() + typing.patience.min(Duration::from_secs(u32::MAX.into()));
        let mut output = Printed::default();
        let (mut pressed, mut since) = (0, 0);
        let mut due = None;
        // Since when everything is to stop.
        let mut stopped: Option<Instant> = None;
        let (end, is_last) = loop {
            if let Some(terminal) = &mut terminal {
                terminal.attend()?;
            }
            if let Some(is_time) = typing.is_time_for_ctrl_c
                && is_time(&String::from_utf8_lossy(&output.bytes[since..]), pressed)
                // A person takes a moment as well. In it, a shell that has printed something starts what the key is to end.
                && Instant::now() >= *due.get_or_insert_with(|| Instant::now() + GLANCE)
            {
                due = None;
                output.add(b"^C\n");
                (pressed, since) = (pressed + 1, output.bytes.len());
                self.signal(Signal::INT);
            }
            self.heed(typing.interrupt, &mut stopped)?;
            match self.heard.recv_timeout(GLANCE.min(deadline.saturating_duration_since(Instant::now()))) {
                Ok(Heard::Output(bytes)) => output.add(&bytes),
                // Whoever wrote it is not the shell.
                Ok(Heard::End(answer)) if answer.turn != turn => {}
                Ok(Heard::End(_)) if stopped.is_some() => return Err(io::Error::from(io::ErrorKind::Interrupted)),
                Ok(Heard::End(answer)) => {
                    self.options = answer.options;
                    break (End::Exit(answer.code), false);
                }
                Err(RecvTimeoutError::Timeout) => {}
                // It ends, or another program that says nothing has taken its place: `exec`.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(MOMENT),
            }
            if let Some(status) = self.child.try_wait()? {
                if stopped.is_some() {
                    return Err(io::Error::from(io::ErrorKind::Interrupted));
                }
                self.hear_last_words(&mut output);
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                break (End::Exit(code), true);
            }
            // Also where something is printed all the time.
            if Instant::now() >= deadline {
                self.signal(Signal::KILL);
                self.child.wait()?;
                break (End::TimedOut(typing.patience), true);
            }
        };
        let shown = terminal.as_mut().map(Terminal::finish).unwrap_or_default();
        let is_cut = output.is_cut || terminal.is_some_and(|terminal| terminal.printed.is_cut);
        let text = shown + &String::from_utf8_lossy(&output.bytes);
        Ok(self.result(&text, is_cut, end, is_last))
    }

    /// Has the command end if there is a wish to stop, and notes since when. One that does not end is killed.
    fn heed(&self, interrupt: &Interrupt, stopped: &mut Option<Instant>) -> io::Result<()> {
        if interrupt.is_requested() && stopped.is_none() {
            *stopped = Some(Instant::now());
            std::fs::write(self.control.join(FINISH), "")?;
            self.signal(Signal::INT);
        }
        if stopped.is_some_and(|since| interrupt.is_for_good() || since.elapsed() > GRACE) {
            self.signal(Signal::KILL);
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        Ok(())
    }

    /// Takes what a shell has printed that has ended.
    fn hear_last_words(&self, output: &mut Printed) {
        let end = Instant::now() + LAST_WORDS;
        while Instant::now() < end
            && let Ok(heard) = self.heard.recv_timeout(GLANCE)
        {
            match heard {
                Heard::Output(bytes) => output.add(&bytes),
                Heard::End(_) => {}
            }
        }
    }

    fn result(&self, printed: &str, is_cut: bool, end: End, is_last: bool) -> CommandResult {
        // A mistake in a command is one in its file, of which the page knows nothing.
        let file = format!("{}: ", self.control.join("command").display());
        CommandResult { output: printed.replace("\r\n", "\n").replace(&file, ""), is_cut, end, is_last }
    }

    /// The number of its process, which its group has, too.
    pub(super) fn number(&self) -> u32 {
        self.child.id()
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

/// Passes on what is printed and how commands end, until nobody wants it, or nobody has the pipe and the socket any more.
fn listen(reader: PipeReader, answers: UnixStream, mut pass: impl FnMut(Heard) -> bool) {
    let (mut reader, mut answers) = (Some(reader), Some(answers));
    let mut buffer = vec![0; 64 << 10];
    let mut answer = Vec::new();
    loop {
        let mut open: Vec<PollFd<'_>> = reader.iter().map(|reader| PollFd::new(reader, PollFlags::IN)).collect();
        open.extend(answers.iter().map(|answers| PollFd::new(answers, PollFlags::IN)));
        match poll(&mut open, None) {
            _ if open.is_empty() => return,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        let is_ready = |one: &PollFd<'_>| !one.revents().is_empty();
        let is_answered = answers.is_some() && open.last().is_some_and(is_ready);
        let is_printed = reader.is_some() && open.first().is_some_and(is_ready);
        if let Some(pipe) = &mut reader
            && (is_answered || is_printed)
        {
            // What was printed before the answer is in the pipe by now; of what goes on in the background there may be more.
            let waiting = ioctl_fionread(&*pipe).map_or(0, |count| usize::try_from(count).unwrap_or(0));
            let mut left = if is_answered { waiting } else { buffer.len() };
            while left > 0 {
                let most = left.min(buffer.len());
                let Ok(count @ 1..) = pipe.read(&mut buffer[..most]) else {
                    reader = None;
                    break;
                };
                left = if is_answered { left - count } else { 0 };
                if !pass(Heard::Output(buffer[..count].to_vec())) {
                    return;
                }
            }
        }
        if let Some(socket) = &mut answers
            && is_answered
        {
            match socket.read(&mut buffer) {
                Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
                Ok(0) | Err(_) => answers = None,
            }
            while let Some(end) = answer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = answer.drain(..=end).collect();
                let heard = Answer::read(String::from_utf8_lossy(&line).trim_end_matches('\n'));
                if !heard.is_none_or(|answer| pass(Heard::End(answer))) {
                    return;
                }
            }
            // No answer is so long.
            answer.truncate(LONGEST_ANSWER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes on in the background between two commands is kept waiting, and not kept.
    #[test]
    fn output_without_end_waits_for_who_reads_it() {
        let place = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::new().unwrap();
        let typing = Typing::nothing(Duration::from_secs(60), &interrupt);
        let mut shell = Shell::start(place.path(), place.path(), &[]).unwrap();
        let begun = shell.run("yes & echo $! > number", &typing).unwrap();
        assert_eq!(begun.end, End::Exit(0), "{begun:?}");
        let number = std::fs::read_to_string(place.path().join("number")).unwrap();
        let written = || std::fs::read_to_string(format!("/proc/{}/io", number.trim())).unwrap();
        let mut before = written();
        let is_waiting = (0..120).any(|_| {
            std::thread::sleep(Duration::from_millis(500));
            std::mem::replace(&mut before, written()) == before
        });
        assert!(is_waiting, "{before}");
        assert_eq!(shell.run("kill $!", &typing).unwrap().end, End::Exit(0));
    }
}
