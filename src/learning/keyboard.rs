//! The keyboard of a person while a command runs: its keys go to the command's own terminal, which makes lines and signals of them. See
//! termios(3).

use std::fs::File;
use std::io;

use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};

use super::user::Streams;

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

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = tcsetattr(self.keyboard, OptionalActions::Now, &self.before);
    }
}
