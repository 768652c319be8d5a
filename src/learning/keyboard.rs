//! The keyboard of a person while a command runs: its keys go to the command's own terminal, which makes lines and signals of them. See
//! termios(3).

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcgetpgrp, tcsetattr};

use super::user::Streams;

/// What the keyboard sends for Ctrl-C.
pub(super) const INTERRUPT: &[u8] = b"\x03";

/// A keyboard that gives each key as it is pressed; until it is dropped.
pub(super) struct Raw<'k> {
    keyboard: &'k File,
    before: Termios,
}

impl Raw<'_> {
    /// Changes the modes for a command.
    ///
    /// # Errors
    /// It is no terminal.
    pub(super) fn begin(keyboard: &File, streams: Streams) -> io::Result<Raw<'_>> {
        let before = tcgetattr(keyboard)?;
        let mut modes = before.clone();
        modes.make_raw();
        // What comes through a pipe ends its lines as files do.
        if streams != Streams::Terminal {
            modes.output_modes |= before.output_modes & (OutputModes::OPOST | OutputModes::ONLCR);
        }
        tcsetattr(keyboard, OptionalActions::Now, &modes)?;
        Ok(Raw { keyboard, before })
    }
}

/// How often Ctrl-C was pressed, and nothing else.
#[derive(Debug, Default)]
pub(super) struct Presses {
    count: usize,
    /// What had the terminal when it was pressed first.
    first: Option<Pid>,
}

impl Presses {
    /// So often, and nobody wants what still runs.
    const MOST: usize = 3;

    /// Notes what was pressed; says whether a line goes on with other programs however often Ctrl-C ends one, or its shell takes no notice.
    /// A single program may have its own use for the key, and is left alone.
    pub(super) fn are_in_vain(&mut self, keys: &[u8], terminal: &File, shell: Option<Pid>) -> bool {
        let is_signal = tcgetattr(terminal).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ISIG));
        if !is_signal || keys.iter().any(|key| [*key] != *INTERRUPT) {
            *self = Presses::default();
            return false;
        }
        let group = tcgetpgrp(terminal).ok();
        if self.count == 0 {
            self.first = group;
        }
        self.count += keys.len();
        self.count >= Presses::MOST && (group != self.first || group == shell)
    }
}

/// A Ctrl-C that the shell may have been given in the instant between two programs of a line: it looks for that before it starts the next
/// one, and again only when that has ended.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    shell: Option<Pid>,
    /// What has the terminal since then, and from when on.
    next: Option<(Pid, Instant)>,
}

impl Unheard {
    /// So long a process may be a copy of the shell before it becomes its program. A shell within the line stays one.
    const BECOMING: Duration = Duration::from_secs(1);

    /// Notes that Ctrl-C was pressed. `group` is what has the terminal now, and `before` what had it just before.
    pub(super) fn note(&mut self, before: Option<Pid>, group: Option<Pid>, shell: Option<Pid>) {
        let is_programs = before == group && group != shell;
        *self = Unheard { shell: shell.filter(|_| !is_programs), next: None };
    }

    /// The program that has to be told of it: it has the terminal since. A shell that has heard it starts none. As long as it is a copy of the
    /// shell, it would take it for that.
    pub(super) fn program(&mut self, group: Option<Pid>, is_copy: impl Fn(Pid, Pid) -> bool) -> Option<Pid> {
        let shell = self.shell?;
        let program = group.filter(|group| *group != shell)?;
        let next = self.next.filter(|(next, _)| *next == program).unwrap_or_else(|| (program, Instant::now()));
        self.next = Some(next);
        if is_copy(program, shell) && next.1.elapsed() < Unheard::BECOMING {
            return None;
        }
        self.shell = None;
        Some(program)
    }
}

/// Whether a process has the program of another one: it was made by that, and has not begun its own yet.
pub(super) fn is_copy(process: Pid, of: Pid) -> bool {
    let program = |process: Pid| std::fs::read_link(format!("/proc/{}/exe", process.as_raw_nonzero())).ok();
    program(process).is_some_and(|own| Some(own) == program(of))
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(self.keyboard, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_starts_after_a_key_for_the_shell_is_told_of_it() {
        let [shell, first, second] = [10, 11, 12].map(Pid::from_raw);
        let told = |before, group, later: &[Option<Pid>]| {
            let mut unheard = Unheard::default();
            unheard.note(before, group, shell);
            later.iter().map(|group| unheard.program(*group, |_, _| false)).collect::<Vec<_>>()
        };
        assert_eq!(told(first, first, &[first, shell, second]), [None; 3], "the program has heard it");
        assert_eq!(told(shell, shell, &[shell, first, first, second]), [None, first, None, None]);
        assert_eq!(told(first, shell, &[shell, None]), [None; 2], "the shell has ended the line");
        assert_eq!(told(first, second, &[second]), [second], "it may have come between them");
    }

    #[test]
    fn a_copy_of_the_shell_is_told_when_it_has_become_a_program() {
        let [shell, program] = [10, 11].map(Pid::from_raw);
        let mut unheard = Unheard::default();
        unheard.note(shell, shell, shell);
        assert_eq!(unheard.program(program, |_, _| true), None);
        assert_eq!(unheard.program(program, |_, _| false), program);
        assert_eq!(unheard.program(program, |_, _| false), None);
    }
}
