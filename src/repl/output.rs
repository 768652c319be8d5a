//! Where a session writes: the screen, and a copy in memory for `save`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use crate::view::palette::Palette;
use crate::view::screen::Screen;

/// How much of a session is kept for `save`, in bytes: the end of it.
const MOST_KEPT: usize = 64 << 20;

/// Writes, and remembers what was written.
pub(super) struct Output<'o> {
    screen: Screen<'o>,
    transcript: Rc<RefCell<Transcript>>,
}

impl<'o> Output<'o> {
    pub fn new(out: &'o mut dyn Write, palette: Palette) -> Output<'o> {
        let transcript = Rc::<RefCell<Transcript>>::default();
        let both = Both { out, transcript: Rc::clone(&transcript) };
        Output { screen: Screen::new(both, palette), transcript }
    }

    /// Where views write.
    pub fn screen(&mut self) -> &mut Screen<'o> {
        &mut self.screen
    }

    /// Notes what somebody else put on the screen: the prompt and what was typed there.
    pub fn note(&mut self, text: &str) {
        self.transcript.borrow_mut().push(crate::shown::text(text).as_bytes());
    }

    /// The session so far, without colours.
    pub fn transcript(&self) -> Vec<u8> {
        let transcript = self.transcript.borrow();
        let start = if transcript.is_cut { "(the beginning is left out)\n" } else { "" };
        [start.as_bytes(), &without_colours(&transcript.text)].concat()
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.screen.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.screen.flush()
    }
}

/// What was shown so far.
#[derive(Default)]
struct Transcript {
    text: Vec<u8>,
    is_cut: bool,
}

impl Transcript {
    fn push(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        // Seldom, as moving the rest to the front costs something.
        if self.text.len() > 2 * MOST_KEPT {
            let from = self.text.len() - MOST_KEPT;
            let line = self.text[from..].iter().position(|byte| *byte == b'\n').map_or(from, |at| from + at + 1);
            self.text.drain(..line);
            self.is_cut = true;
        }
    }
}

/// Writes to both.
struct Both<'o> {
    out: &'o mut dyn Write,
    transcript: Rc<RefCell<Transcript>>,
}

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.transcript.borrow_mut().push(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Takes the sequences `ESC [ … m` out.
fn without_colours(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        if first == 0x1b
            && let Some(sequence) = after.strip_prefix(b"[")
            && let Some(end) = sequence.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';')
            && sequence[end] == b'm'
        {
            rest = &sequence[end + 1..];
        } else {
            plain.push(first);
            rest = after;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_transcript_has_no_colours() {
        assert_eq!(super::without_colours(b"\x1b[1;31mred\x1b[0m \x1b[2K\x1b"), b"red \x1b[2K\x1b");
    }
}
