//! A terminal for a command that shows prompts only there, such as a shell in a container: `docker run -it alpine sh`.
//!
//! A line is typed when a prompt waits for it, as a person would; where the page types nothing more, Ctrl-D ends the session. What is printed
//! loses the terminal's control sequences. See pty(7).

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use super::printed::Printed;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::ioctl_fionbio;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// As wide as a page.
const SIZE: Winsize = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
/// What the line ends with at which somebody is to type.
const PROMPTS: [&str; 5] = ["# ", "$ ", "> ", "Username: ", "Password: "];
/// How often somebody looks whether there is something to do.
pub(super) const GLANCE: Duration = Duration::from_millis(100);
/// How many pieces of output wait to be taken. A command that prints faster waits.
const MOST_WAITING: usize = 64;
/// How long what a command has printed may take to arrive when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Ends a session at its prompt.
const CTRL_D: &[u8] = b"\x04";

/// A terminal, and what is still to be typed there.
#[derive(Debug)]
pub(super) struct Terminal {
    master: File,
    /// The device that a command opens.
    pub(super) device: PathBuf,
    output: Receiver<Vec<u8>>,
    pub(super) printed: Printed,
    /// How much of it there was when the last line was typed.
    answered: usize,
    input: Vec<String>,
    /// What of the line that is typed the terminal has not taken yet.
    typed: Vec<u8>,
}

impl Terminal {
    /// Makes a terminal at which these lines are typed.
    pub(super) fn open(input: &str) -> io::Result<Terminal> {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        tcsetwinsize(&master, SIZE)?;
        let device = PathBuf::from(ptsname(&master, Vec::new())?.to_string_lossy().into_owned());
        // A program need not take what is typed: nobody waits for that.
        ioctl_fionbio(&master, true)?;
        let master = File::from(master);
        let mut reader = master.try_clone()?;
        let (sender, output) = sync_channel(MOST_WAITING);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                // What is wrong is said when it is read.
                let _ = poll(&mut [PollFd::new(&reader, PollFlags::IN)], None);
                match reader.read(&mut buffer) {
                    Ok(count @ 1..) if sender.send(buffer[..count].to_vec()).is_ok() => {}
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                    // EIO: nobody has the terminal open any more.
                    Ok(_) | Err(_) => return,
                }
            }
        });
        let input = input.lines().rev().map(|line| format!("{line}\r")).collect();
        let (printed, typed) = (Printed::default(), Vec::new());
        Ok(Terminal { master, device, output, printed, answered: 0, input, typed })
    }

    /// Takes what was printed, and types the next line where a prompt waits for it.
    pub(super) fn attend(&mut self) -> io::Result<()> {
        // Somebody may print all the time.
        let end = Instant::now() + GLANCE;
        while Instant::now() < end
            && let Ok(bytes) = self.output.try_recv()
        {
            self.printed.add(&bytes);
        }
        if self.typed.is_empty() && self.is_at_prompt() {
            self.answered = self.printed.bytes.len();
            self.typed = self.input.pop().map_or(CTRL_D.to_vec(), String::into_bytes);
        }
        while !self.typed.is_empty() {
            match self.master.write(&self.typed) {
                Ok(count) => drop(self.typed.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_at_prompt(&self) -> bool {
        let new = self.printed.bytes.get(self.answered..).unwrap_or_default();
        let last = plain(new.rsplit(|byte| *byte == b'\n').next().unwrap_or_default());
        last.len() > 1 && PROMPTS.iter().any(|prompt| last.ends_with(prompt))
    }

    /// All that was printed, when the command has ended. What it has left behind may go on to print.
    pub(super) fn finish(&mut self) -> String {
        let end = Instant::now() + LAST_WORDS;
        while Instant::now() < end
            && let Ok(bytes) = self.output.recv_timeout(GLANCE)
        {
            self.printed.add(&bytes);
        }
        plain(&self.printed.bytes)
    }
}

/// A text without what moves the cursor and paints.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            // A control sequence ends with its first letter: ECMA-48, 5.4.
            '\u{1b}' => {
                if letters.next() == Some('[') {
                    letters.by_ref().find(|letter| ('@'..='~').contains(letter));
                }
            }
            '\u{8}' => drop(plain.pop()),
            '\u{7}' => {}
            // Back to the beginning of the line, which is written anew; before a newline it only ends it.
            '\r' => {
                while letters.next_if_eq(&'\r').is_some() {}
                if letters.peek().is_some_and(|next| *next != '\n') {
                    plain.truncate(plain.rfind('\n').map_or(0, |end| end + 1));
                }
            }
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_are_left_out() {
        assert_eq!(plain(b"\x1b[6n/ # \x1b[Jls\r\nbin\x1b[1;34m dev\x1b[m\r\n"), "/ # ls\nbin dev\n");
        assert_eq!(plain(b"a\r\n/ # \r/ # ls\r\r\n"), "a\n/ # ls\n");
    }
}
