//! The program on a pseudo-terminal, as a person would have it in front of them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A running program and the person's end of its terminal. Dropped, the program is killed.
pub struct Pty {
    pub keyboard: File,
    /// What appears, in pieces; no character is in two of them.
    pub output: Receiver<Vec<u8>>,
    pub child: Child,
}

impl Pty {
    /// Starts a command on a terminal of so many columns and rows.
    pub fn start(mut command: Command, (columns, rows): (u16, u16)) -> Pty {
        let (keyboard, slave) = terminal();
        set_size(&keyboard, columns, rows);
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        // SAFETY: setsid(2) and ioctl(2) are safe between fork and exec, see signal-safety(7); descriptor 0 is the terminal.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                if nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) == -1 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        drop(command);
        let (sender, output) = channel();
        let mut reader = keyboard.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let mut bytes = Vec::new();
            // On Linux reading ends with EIO when the last descriptor of the other side is closed.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..count]);
                // A character may be in two pieces.
                let whole = match std::str::from_utf8(&bytes) {
                    Err(error) if error.error_len().is_none() => error.valid_up_to(),
                    Ok(_) | Err(_) => bytes.len(),
                };
                let rest = bytes.split_off(whole);
                if sender.send(std::mem::replace(&mut bytes, rest)).is_err() {
                    break;
                }
            }
        });
        Pty { keyboard, output, child }
    }

    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// The terminal gets another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        set_size(&self.keyboard, columns, rows);
    }
}

/// A terminal: the person's end, and the program's. No program that is started meanwhile has the person's end: it would never be hung up.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = File::options().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open(name).unwrap();
    (File::from(master), slave)
}

fn set_size(terminal: &File, columns: u16, rows: u16) {
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
