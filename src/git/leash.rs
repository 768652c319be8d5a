//! A program that ends, with all that it has started, when we end, however we end.
//!
//! prctl(2) knows a signal for the death of a parent, but whatever the program starts has a parent of its own, and waits for a server that says
//! nothing. So beside the program, in its process group, waits a process of ours:
//!
//! ```text
//! we ──────── holds the other end of a pipe ────────┐
//!  └─ git ──┬─ a process that reads the pipe ◀──────┘   its end comes when we have ended: it kills the group
//!           └─ git-remote-https ── index-pack …
//! ```

use std::ffi::{c_int, c_uint};
use std::io::{self, ErrorKind, PipeWriter};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// As long as this lives, the program may.
pub(super) struct Leash {
    _held: PipeWriter,
}

impl Leash {
    /// Puts a program on a leash that is to be the first of a process group. Whoever has started it ends the group when it has ended.
    ///
    /// # Errors
    /// What pipe(2) says.
    pub(super) fn put_on(command: &mut Command) -> io::Result<Leash> {
        let (reader, held) = io::pipe()?;
        // SAFETY: between fork and exec it makes one system call, clone(2), and takes no memory.
        unsafe { command.pre_exec(move || start_beside(reader.as_raw_fd())) };
        Ok(Leash { _held: held })
    }
}

/// Starts the process that waits.
fn start_beside(pipe: c_int) -> io::Result<()> {
    // SAFETY: clone(2) without flags is a fork(2) that asks for none of the C library's locks, which another thread may have held. The new
    // process makes system calls only.
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => wait_for_the_end(pipe),
        _ => Ok(()),
    }
}

fn wait_for_the_end(pipe: c_int) -> ! {
    let mut byte = 0_u8;
    // SAFETY: system calls on descriptors, of which this process has its own table, with one byte to write to. It holds nothing but the
    // pipe: no stream of the program, whose end others wait for, and no other pipe of this kind.
    unsafe {
        libc::dup2(pipe, 0);
        libc::syscall(libc::SYS_close_range, 1 as c_uint, c_uint::MAX, 0 as c_uint);
        while libc::read(0, (&raw mut byte).cast(), 1) != 0 {
            if io::Error::last_os_error().kind() != ErrorKind::Interrupted {
                break;
            }
        }
        libc::kill(0, libc::SIGKILL);
        libc::_exit(0)
    }
}
