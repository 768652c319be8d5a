//! The terminal at which a learner's commands run: one shell for all of them, so that folders, variables and jobs stay.
//!
//! ```text
//! keyboard ──▶ master ══ pty ══▶ sh ──▶ command           Ctrl-C, Ctrl-Z, job control: the pty's own
//! screen   ◀── master ◀════════════════ its output        as at any terminal
//! screen   ◀────────── output (a pipe) ◀ its output       as it stands on the page: columns and colours are those of a pipe
//! ```
//!
//! The shell has the pty for its controlling terminal, and carries out the text of one file after another, as pages are replayed
//! ([`crate::lesson`]). What a person types meanwhile goes to the command; we are in another session, so no signal of the
//! keyboard reaches us. Where a command has a prompt of its own, such as the debugger, a line can be typed there and the terminal left
//! again, to read on.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process_group, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize};

use super::ahead::Ahead;
use super::driver::DRIVER;
use super::keyboard::{INTERRUPT, Presses, Raw, Unheard, is_copy};
use super::left::{Kept, Left};
use super::printed::{Printed, is_hidden};
use super::ready::{Ready, read};
use super::user::{Streams, User, WaitFor};
use crate::lesson::{heeding_signals, plain};

/// The size of the terminal where there is none whose size it could have. As wide as a page.
const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
/// How often somebody looks; so long there is quiet at a prompt.
const GLANCE: Duration = Duration::from_millis(80);
/// How long a command of a script may take to end after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long what was printed last is waited for, where it comes through a pipe.
const SETTLING: Duration = Duration::from_millis(5);
/// What the keyboard sends for Ctrl-D.
const END: &[u8] = b"\x04";

/// How far a command has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has ended, with an exit code.
    Ended(i32),
    /// It waits at this prompt.
    Waits(String),
    /// The shell has ended with it.
    Gone(i32),
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What it printed, without what moves the cursor and paints.
    pub(crate) output: String,
    pub(crate) stage: Stage,
}

/// The terminal, with a shell.
#[derive(Debug)]
pub(crate) struct Console {
    child: Child,
    master: File,
    requests: File,
    statuses: File,
    output: File,
    control: PathBuf,
    /// What was typed while commands ran, and nobody has read.
    pub(crate) ahead: Ahead,
}

impl Console {
    /// Starts a shell in a folder, with variables of its own, where the last one was; of that one's variables it has `kept`.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn start(
        control: &Path,
        folder: &Path,
        variables: &[(&str, impl AsRef<OsStr>)],
        (left, kept): (&Left, &Kept),
    ) -> io::Result<Console> {
        left.write(control, kept)?;
        let pipe = |name: &str| -> io::Result<File> {
            let path = control.join(name);
            // One that an earlier shell left may have something in it.
            let _ = std::fs::remove_file(&path);
            mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
            // For both, so that nobody waits for the other side.
            OpenOptions::new().read(true).write(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(path)
        };
        let (requests, statuses, output) = (pipe("requests")?, pipe("statuses")?, pipe("output")?);
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        tcsetwinsize(&master, SIZE)?;
        let device = ptsname(&master, Vec::new())?;
        let open = || {
            let options = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
            rustix::fs::open(device.as_c_str(), options, Mode::empty()).map(Stdio::from)
        };
        let mut command = Command::new("sh");
        heeding_signals(&mut command)
            .args([OsStr::new("-c"), OsStr::new(DRIVER), OsStr::new("sh"), control.as_os_str()])
            .current_dir(folder)
            .envs(variables.iter().map(|(name, value)| (*name, value.as_ref())))
            .stdin(open()?)
            .stdout(open()?)
            .stderr(open()?);
        // SAFETY: setsid(2) and ioctl(2) are safe between fork and exec, see signal-safety(7), and neither allocates. Descriptor 0 is the
        // terminal then, and open.
        unsafe {
            command.pre_exec(|| {
                setsid()?;
                Ok(ioctl_tiocsctty(BorrowedFd::borrow_raw(0))?)
            });
        }
        let child = command.spawn()?;
        let control = control.to_owned();
        Ok(Console { child, master: master.into(), requests, statuses, output, control, ahead: Ahead::new(device) })
    }

    /// Whether what is typed at a prompt is not to be seen.
    pub(crate) fn hides(&self, prompt: &str) -> bool {
        let has_echo = tcgetattr(&self.master).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ECHO));
        is_hidden(prompt, has_echo)
    }

    /// The folder where the shell is.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/cwd", self.child.id())).ok()
    }

    /// The number of its shell, which its session has, too.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }

    /// Carries out a command: to its end, or, where it is to be typed to, to its first prompt.
    ///
    /// # Errors
    /// What the kernel says; `ErrorKind::Interrupted` where everything should stop, `ErrorKind::TimedOut` where it takes too long.
    pub(crate) fn run(
        &mut self,
        command: &str,
        streams: Streams,
        wait_for: WaitFor,
        user: &mut User<'_>,
    ) -> io::Result<Seen> {
        std::fs::write(self.control.join("typed"), command)?;
        let word = match streams {
            Streams::Terminal => "terminal",
            Streams::Piped => "piped",
            Streams::Alone => "alone",
        };
        // It was not typed for this command.
        self.ahead.collect();
        let columns = user.keyboard.and_then(|keyboard| tcgetwinsize(keyboard).ok()).map(|size| size.ws_col);
        let columns = columns.filter(|columns| *columns > 0).map(|columns| columns.to_string()).unwrap_or_default();
        // As a whole: Ctrl-C comes before it or after it.
        self.requests.write_all(format!("{word} read {columns}\n").as_bytes())?;
        self.attend(streams, wait_for, false, user)
    }

    /// Types a line at the prompt where a command waits, up to its next one or its end.
    ///
    /// # Errors
    /// As [`Console::run`].
    pub(crate) fn type_line(&mut self, line: &str, user: &mut User<'_>) -> io::Result<Seen> {
        self.master.write_all(line.as_bytes())?;
        self.master.write_all(b"\r")?;
        self.attend(Streams::Terminal, WaitFor::Prompt, true, user)
    }

    /// Ends a command that waits at its prompt. One that asks again is asked again, a few times, and then hung up on.
    ///
    /// # Errors
    /// As [`Console::run`].
    pub(crate) fn leave(&mut self, user: &mut User<'_>) -> io::Result<Stage> {
        for _ in 0..3 {
            self.master.write_all(END)?;
            match self.attend(Streams::Terminal, WaitFor::Prompt, false, user)?.stage {
                Stage::Waits(_) => {}
                end => return Ok(end),
            }
        }
        self.signal(Signal::HUP);
        Ok(self.attend(Streams::Terminal, WaitFor::End, false, user)?.stage)
    }

    fn attend(&mut self, streams: Streams, wait_for: WaitFor, has_echo: bool, user: &mut User<'_>) -> io::Result<Seen> {
        let _raw = user.keyboard.map(|keyboard| Raw::begin(keyboard, streams)).transpose()?;
        let mut printed = Printed::new(has_echo);
        let mut last = Instant::now();
        let mut code = None;
        let mut interrupted = false;
        let (mut presses, mut unheard) = (Presses::default(), Unheard::default());
        let begun = Instant::now();
        // Since when everything is to stop.
        let mut stopped: Option<Instant> = None;
        let (output, stage) = loop {
            if user.interrupt.is_for_good() {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            let is_late = user.patience.is_some_and(|patience| begun.elapsed() > patience);
            // A person's Ctrl-C is a key like any other.
            if user.keyboard.is_none() && (user.interrupt.is_requested() || is_late) {
                self.stop(&mut stopped, &mut unheard)?;
            }
            if let Some(keyboard) = user.keyboard {
                self.fit(keyboard);
            }
            self.pass_on_ctrl_c(user, code.is_some(), &mut unheard)?;
            // A pipe has what was written before the end; a terminal may need a moment for it.
            let is_settled = code.is_some() && streams != Streams::Terminal;
            let patience = if is_settled { SETTLING } else { GLANCE / 2 };
            let ready = Ready::wait([&self.master, &self.output, &self.statuses], user.keyboard, patience)?;
            if let (true, Some(keyboard)) = (ready.keyboard, user.keyboard) {
                self.type_keys(keyboard, &mut presses, &mut unheard)?;
            }
            let is_quiet = self.show_printed(&ready, wait_for, &mut printed, user)?;
            if ready.statuses {
                let text = String::from_utf8_lossy(&read(&self.statuses)?).into_owned();
                code = text.lines().next_back().and_then(|line| line.trim().parse::<i32>().ok());
            }
            // What was printed before the end may come after it.
            if !is_quiet || ready.statuses {
                last = Instant::now();
                continue;
            }
            if let Some(code) = code {
                printed.close(user)?;
                break (plain(printed.all()), Stage::Ended(code));
            }
            if let Some(status) = self.child.try_wait()? {
                printed.close(user)?;
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
                break (plain(printed.all()), Stage::Gone(code));
            }
            if last.elapsed() < GLANCE {
                continue;
            }
            if let (WaitFor::Lines(lines), false) = (wait_for, interrupted)
                && user.keyboard.is_none()
                && plain(printed.all()).lines().count() >= lines
            {
                interrupted = true;
                self.press(INTERRUPT, &mut unheard)?;
            }
            if let (WaitFor::Prompt, Some(prompt)) = (wait_for, printed.prompt()) {
                break (printed.before_prompt(), Stage::Waits(prompt));
            }
            printed.end(user)?;
        };
        match stopped {
            Some(_) if user.interrupt.is_requested() => Err(io::Error::from(io::ErrorKind::Interrupted)),
            Some(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
            None => Ok(Seen { output, stage }),
        }
    }

    /// Passes on a Ctrl-C that came when the keyboard did not give its keys to the command yet, and one that only the shell may have heard.
    fn pass_on_ctrl_c(&mut self, user: &User<'_>, has_ended: bool, unheard: &mut Unheard) -> io::Result<()> {
        if user.keyboard.is_some() && user.interrupt.take() {
            self.press(INTERRUPT, unheard)?;
        }
        if !has_ended && let Some(program) = unheard.program(self.group(), is_copy) {
            // One that has ended needs no signal.
            let _ = kill_process_group(program, Signal::INT);
        }
        Ok(())
    }

    /// Passes on what is typed.
    fn type_keys(&mut self, keyboard: &File, presses: &mut Presses, unheard: &mut Unheard) -> io::Result<()> {
        let keys = read(keyboard)?;
        self.press(&keys, unheard)?;
        if presses.are_in_vain(&keys, &self.master, self.shell()) {
            self.signal(Signal::HUP);
            let _ = self.child.kill();
        }
        Ok(())
    }

    /// Types keys. A Ctrl-C among them is for what has the terminal now, whoever that is.
    fn press(&mut self, keys: &[u8], unheard: &mut Unheard) -> io::Result<()> {
        let before = self.group();
        self.master.write_all(keys)?;
        if keys.ends_with(INTERRUPT) {
            unheard.note(before, self.group(), self.shell());
        }
        Ok(())
    }

    /// Shows what was printed; says whether nothing was.
    fn show_printed(
        &mut self,
        ready: &Ready,
        wait_for: WaitFor,
        printed: &mut Printed,
        user: &mut User<'_>,
    ) -> io::Result<bool> {
        let mut is_quiet = true;
        for (is_ready, file, from) in
            [(ready.master, &self.master, Streams::Terminal), (ready.output, &self.output, Streams::Piped)]
        {
            let bytes = if is_ready { read(file)? } else { Vec::new() };
            is_quiet &= bytes.is_empty();
            printed.take(&bytes, from, wait_for, user)?;
        }
        Ok(is_quiet)
    }

    /// Ends the command of a script, as Ctrl-C does, and for good where it takes no notice: the next one must not find it running.
    fn stop(&mut self, stopped: &mut Option<Instant>, unheard: &mut Unheard) -> io::Result<()> {
        match stopped {
            None => {
                *stopped = Some(Instant::now());
                self.press(INTERRUPT, unheard)?;
            }
            Some(since) if since.elapsed() > PATIENCE => self.signal(Signal::KILL),
            Some(_) => {}
        }
        Ok(())
    }

    /// Signals the command that has the terminal. Where none has, the shell is spared.
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group().filter(|group| Some(*group) != self.shell()) {
            // A group that has ended needs no signal.
            let _ = kill_process_group(group, signal);
        }
    }

    /// What has the terminal.
    fn group(&self) -> Option<Pid> {
        rustix::termios::tcgetpgrp(&self.master).ok()
    }

    fn shell(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Makes the terminal as large as that of the keyboard.
    fn fit(&self, keyboard: &File) {
        // A size is no reason to end a lesson.
        if let (Ok(wanted), Ok(now)) = (tcgetwinsize(keyboard), tcgetwinsize(&self.master))
            && wanted.ws_col > 0
            && (wanted.ws_col, wanted.ws_row) != (now.ws_col, now.ws_row)
        {
            let _ = tcsetwinsize(&self.master, wanted);
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // The shell ends when nobody asks it for anything any more: what runs in the background goes on, as behind any shell that is left.
        if let Some(group) = self.shell() {
            let _ = kill_process_group(group, Signal::HUP);
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
