//! The modes of the terminal: kept while another program has it, and changed to read one key. See termios(3).

use std::io::{self, Write as _, stdin};

use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::view::screen::Screen;

/// The modes of standard input as they were. Dropped, they are put back. `None`: it is no terminal.
pub(super) struct Modes(Option<Termios>);

impl Modes {
    pub(super) fn keep() -> Modes {
        Modes(tcgetattr(stdin()).ok())
    }

    fn put_back(&self) {
        if let Some(modes) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Now, modes);
        }
    }

    /// From now on the terminal gives each key as it is typed, and shows none.
    fn give_single_keys(&self) -> io::Result<()> {
        let Some(mut modes) = self.0.clone() else { return Ok(()) };
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        Ok(tcsetattr(stdin(), OptionalActions::Now, &modes)?)
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// Asks for one key, Ctrl-C being one too. `None`: there is nobody any more.
///
/// The terminal gives single keys before the question can be read: whoever answers at once is heard.
///
/// # Errors
/// The question can't be written, or standard input not be read.
pub(super) fn ask(question: &str, out: &mut Screen<'_>) -> io::Result<Option<u8>> {
    let kept = single_keys()?;
    loop {
        write!(out, "{question}")?;
        out.flush()?;
        match key()? {
            Some(SUSPEND) => suspend(&kept, out)?,
            key => return Ok(key),
        }
    }
}

/// What was typed, and not seen.
pub(crate) enum Unseen {
    Line(Vec<u8>),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or there is nobody any more.
    End,
}

/// Asks for a line that is not seen while it is typed.
///
/// # Errors
/// As [`ask`].
pub(crate) fn ask_hidden(question: &str, out: &mut Screen<'_>) -> io::Result<Unseen> {
    const LONGEST: usize = 64 << 10;
    let kept = single_keys()?;
    write!(out, "{question}")?;
    out.flush()?;
    let mut line = Vec::new();
    let typed = loop {
        match key()? {
            Some(SUSPEND) => {
                suspend(&kept, out)?;
                write!(out, "{question}")?;
                out.flush()?;
            }
            Some(INTERRUPT) => break Unseen::Interrupted,
            None => break Unseen::End,
            Some(END) if line.is_empty() => break Unseen::End,
            Some(b'\r' | b'\n' | END) => break Unseen::Line(line),
            Some(BACKSPACE | DELETE) => drop(line.pop()),
            Some(KILL) => line.clear(),
            Some(byte) if line.len() < LONGEST => line.push(byte),
            Some(_) => {}
        }
    };
    writeln!(out)?;
    Ok(typed)
}

/// Ctrl-Z: the shell has the terminal, in the modes in which it was, until `fg`.
fn suspend(kept: &Modes, out: &mut Screen<'_>) -> io::Result<()> {
    writeln!(out)?;
    out.flush()?;
    kept.put_back();
    // All of the job, as the terminal would. Where no shell could go on with it, nothing is stopped.
    kill_current_process_group(Signal::TSTP)?;
    kept.give_single_keys()
}

/// What a terminal sends for Ctrl-C, Ctrl-D, Ctrl-H, Ctrl-U, Ctrl-Z, and for the key that deletes.
const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: u8 = 8;
const KILL: u8 = 21;
const SUSPEND: u8 = 26;
const DELETE: u8 = 127;

/// From now on the terminal gives each key as it is typed, and shows none; until what this gives is dropped.
fn single_keys() -> io::Result<Modes> {
    let kept = Modes::keep();
    kept.give_single_keys()?;
    Ok(kept)
}

/// One key. `None`: there is nobody any more.
fn key() -> io::Result<Option<u8>> {
    let mut byte = [0];
    // Not by the buffer of the standard library: what is typed ahead is for the prompt.
    let count = rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut byte))?;
    Ok((count == 1).then_some(byte[0]))
}
