//! The keyboard of a person while a command runs: its keys go to the command's own terminal, which makes lines and signals of them. See
//! termios(3).

use std::fs::File;
use std::io;

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

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(self.keyboard, OptionalActions::Now, &self.before);
    }
}
