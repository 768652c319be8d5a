//! The signals that a page's shell begins with: those of a shell at a terminal.
//!
//! What we ignore is inherited, and a shell can set no trap for it: sh(1), execve(2). Started in the background of a script, we ignore Ctrl-C; and
//! always the signal for a file that grows too large.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Has a command begin with the default for what we may ignore.
pub(crate) fn heeding_signals(command: &mut Command) -> &mut Command {
    let heed = || {
        for number in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGXFSZ] {
            // SAFETY: signal(2) with an action that runs no code.
            unsafe { signal(number, SigHandler::SigDfl) }?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes system calls only, see signal-safety(7), and takes no memory.
    unsafe { command.pre_exec(heed) }
}
