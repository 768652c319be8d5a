//! What was typed while a command ran that did not read it: as at any terminal, it is there for the prompt that comes next.
//!
//! It waits in the terminal of the learner's commands. The next command must not find it, so it is taken out before one begins.

use std::ffi::CString;
use std::fs::File;
use std::io::Read as _;

use rustix::fs::{Mode, OFlags};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

/// The most that is kept, in bytes.
const MOST_KEPT: usize = 4096;

/// Keys that nobody has read yet.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// The side of the pty that commands have.
    device: CString,
    typed: Vec<u8>,
}

/// What comes next of it.
#[derive(Debug)]
pub(crate) enum TypedAhead {
    Line(String),
    /// Of a line that has no end yet; may be empty.
    Beginning(String),
}

impl Ahead {
    pub(super) fn new(device: CString) -> Ahead {
        Ahead { device, typed: Vec::new() }
    }

    /// Takes out of the terminal what is there. Without one, nothing was typed.
    pub(super) fn collect(&mut self) {
        let options = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(device) = rustix::fs::open(self.device.as_c_str(), options, Mode::empty()) else { return };
        let Ok(before) = tcgetattr(&device) else { return };
        // A line that has no end yet can be read only where lines are nothing to the terminal.
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ICANON;
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        if tcsetattr(&device, OptionalActions::Now, &modes).is_err() {
            return;
        }
        let mut device = File::from(device);
        let mut buffer = [0; MOST_KEPT];
        while let Ok(count @ 1..) = device.read(&mut buffer) {
            let room = MOST_KEPT - self.typed.len();
            self.typed.extend_from_slice(&buffer[..count.min(room)]);
        }
        // The terminal may be gone.
        let _ = tcsetattr(&device, OptionalActions::Now, &before);
    }

    /// The first line that was typed, without those after it; else the beginning of one. Enter alone says nothing: what it would do was not seen
    /// yet. The same goes for keys that are not text.
    pub(crate) fn take(&mut self) -> TypedAhead {
        self.collect();
        let is_end = |byte: &u8| [b'\n', b'\r'].contains(byte);
        while let Some(end) = self.typed.iter().position(is_end) {
            let rest = self.typed.split_off(end + 1);
            let line = text(&std::mem::replace(&mut self.typed, rest)[..end]);
            if !line.trim().is_empty() {
                return TypedAhead::Line(line);
            }
        }
        TypedAhead::Beginning(text(&std::mem::take(&mut self.typed)))
    }

    /// Forgets all of it.
    pub(crate) fn forget(&mut self) {
        self.collect();
        self.typed.clear();
    }
}

/// What was typed, if it is text.
fn text(keys: &[u8]) -> String {
    let text = String::from_utf8_lossy(keys).into_owned();
    if text.contains(char::is_control) { String::new() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_then_the_beginning_of_one() {
        let taken = |typed: &str| {
            let mut ahead = Ahead { device: CString::default(), typed: typed.into() };
            let mut lines = Vec::new();
            loop {
                match ahead.take() {
                    TypedAhead::Line(line) => lines.push(line),
                    TypedAhead::Beginning(begun) => break format!("{lines:?} {begun:?}"),
                }
            }
        };
        assert_eq!(taken("\n\r"), r#"[] """#);
        assert_eq!(taken("docker ps\n\nls\rec"), r#"["docker ps", "ls"] "ec""#);
        assert_eq!(taken("\u{1b}[A\nls\n\u{1b}"), r#"["ls"] """#);
    }
}
