//! The shell at which a page types: one for the whole page, so that folders, variables and jobs stay from command to command.
//!
//! It is `sh`, which carries out the file of each command in turn. It is told when, and says how one has ended, on a socket that no command has:
//! nothing that a command or a container of it prints can say that it has ended. All that a command starts is in its process group, which Ctrl-C
//! goes to.

use std::ffi::OsStr;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::printed::Printed;
use super::signals::heeding_signals;
use super::terminal::{GLANCE, Terminal};
use crate::progress::Interrupt;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::process::{Pid, Signal, kill_process_group};

/// Waits for commands on its standard input, which is the socket; a command has another one. Ctrl-C ends the command and not the shell;
/// `command` keeps a mistake in one from ending it, and a function of the page from taking a place here.
///
/// Ctrl-C comes to the shell as well. Where it has killed what the shell was waiting for (130), it ends the whole line, with its loops, as at a
/// terminal: by `return`, or in dash and busybox by a mistake, which leaves functions, too. Where everything is to stop, the line is gone through to
/// its end: a check that has made a file removes it.
const DRIVER: &str = r#"
layerlab_control=$1
trap '[ $? != 130 ] || [ -e "$layerlab_control/finish" ] || {
    layerlab_is_ended=yes
    [ -n "${BASH_VERSION-}" ] || : "${layerlab_nothing:?}"
    return 130
} 2> /dev/null' INT
while IFS= command read -r layerlab_terminal; do
    layerlab_is_ended=
    if [ -n "$layerlab_terminal" ]; then
        command . "$1/command" < "$layerlab_terminal" > "$layerlab_terminal" 2>&1
    else
        command . "$1/command" < "$1/input"
    fi
    layerlab_status=$?
    [ -z "$layerlab_is_ended" ] || layerlab_status=130
    command printf '%s\n' "$layerlab_status" >&0
done
"#;

/// How long a line may take to end when everything is to stop.
const GRACE: Duration = Duration::from_secs(3);

/// A shell that runs.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    requests: UnixStream,
    heard: Receiver<Heard>,
    /// Where the file of the command and its input are.
    control: PathBuf,
}

/// What is heard of a shell.
#[derive(Debug)]
enum Heard {
    /// Something was printed.
    Output(Vec<u8>),
    /// The command has ended with this exit code. All that it has printed came before.
    End(i32),
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
        let (sender, heard) = channel();
        let answers = requests.try_clone()?;
        std::thread::spawn(move || listen(reader, answers, |heard| sender.send(heard).is_ok()));
        Ok(Shell { child, requests, heard, control: control.to_owned() })
    }

    /// Carries out a command to its end.
    pub(super) fn run(&mut self, command: &str, typing: &Typing<'_>) -> io::Result<CommandResult> {
        std::fs::write(self.control.join("command"), format!("{command}\n"))?;
        std::fs::write(self.control.join("input"), typing.input)?;
        let finish = self.control.join("finish");
        let _ = std::fs::remove_file(&finish);
        // A shell that has ended takes no command: its output says so.
        let mut terminal = typing.is_at_terminal.then(|| Terminal::open(typing.input)).transpose()?;
        let device = terminal.as_ref().map(|terminal| terminal.device.display().to_string()).unwrap_or_default();
        let _ = writeln!(self.requests, "{device}");
        // More is no limit.
        let deadline = Instant::now() + typing.patience.min(Duration::from_secs(u32::MAX.into()));
        let mut output = Printed::default();
        let (mut pressed, mut since) = (0, 0);
        let mut due = None;
        // Since when everything is to stop.
        let mut stopped: Option<Instant> = None;
        loop {
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
            if typing.interrupt.is_requested() && stopped.is_none() {
                stopped = Some(Instant::now());
                std::fs::write(&finish, "")?;
                self.signal(Signal::INT);
            }
            let is_for_good = typing.interrupt.is_for_good();
            if stopped.is_some_and(|since| is_for_good || since.elapsed() > GRACE) {
                self.signal(Signal::KILL);
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            match self.heard.recv_timeout(GLANCE.min(deadline.saturating_duration_since(Instant::now()))) {
                Ok(Heard::Output(bytes)) => output.add(&bytes),
                Ok(Heard::End(_)) if stopped.is_some() => return Err(io::Error::from(io::ErrorKind::Interrupted)),
                Ok(Heard::End(code)) => {
                    let shown = terminal.as_mut().map(Terminal::finish).unwrap_or_default();
                    let is_cut = output.is_cut || terminal.is_some_and(|terminal| terminal.printed.is_cut);
                    let text = shown + &String::from_utf8_lossy(&output.bytes);
                    return Ok(self.result(&text, is_cut, End::Exit(code), false));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    // One that has closed its streams is of no use.
                    self.signal(Signal::KILL);
                    let status = self.child.wait()?;
                    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                    let is_cut = output.is_cut || terminal.is_some_and(|terminal| terminal.printed.is_cut);
                    return Ok(self.result(&String::from_utf8_lossy(&output.bytes), is_cut, End::Exit(code), true));
                }
            }
            // Also where something is printed all the time.
            if Instant::now() >= deadline {
                self.signal(Signal::KILL);
                self.child.wait()?;
                let shown = terminal.as_mut().map(Terminal::finish).unwrap_or_default();
                let is_cut = output.is_cut || terminal.is_some_and(|terminal| terminal.printed.is_cut);
                let text = shown + &String::from_utf8_lossy(&output.bytes);
                return Ok(self.result(&text, is_cut, End::TimedOut(typing.patience), true));
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

/// Passes on what is printed and how commands end, until nobody wants it or the shell has ended. Who still has the pipe then is heard no more.
fn listen(mut reader: PipeReader, mut answers: UnixStream, mut pass: impl FnMut(Heard) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    let mut answer = Vec::new();
    loop {
        let mut both = [PollFd::new(&reader, PollFlags::IN), PollFd::new(&answers, PollFlags::IN)];
        match poll(&mut both, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return,
        }
        let [_, is_answered] = both.map(|one| !one.revents().is_empty());
        // What was printed before the answer is in the pipe by now; of what goes on in the background there may be more.
        let waiting = ioctl_fionread(&reader).map_or(0, |count| usize::try_from(count).unwrap_or(0));
        let mut left = if is_answered { waiting } else { buffer.len() };
        while left > 0 {
            let most = left.min(buffer.len());
            let Ok(count @ 1..) = reader.read(&mut buffer[..most]) else { return };
            left = if is_answered { left - count } else { 0 };
            if !pass(Heard::Output(buffer[..count].to_vec())) {
                return;
            }
        }
        if !is_answered {
            continue;
        }
        match answers.read(&mut buffer) {
            Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
            Ok(0) | Err(_) => return,
        }
        if answer.ends_with(b"\n") {
            let code = std::str::from_utf8(&answer).ok().and_then(|code| code.trim().parse().ok());
            answer.clear();
            if !pass(Heard::End(code.unwrap_or(1))) {
                return;
            }
        }
    }
}
