//! The signals that the program itself handles: Ctrl-C while it builds, and the end of a file that may not grow.

use std::sync::OnceLock;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};

use super::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::world::Interrupt;

/// Made by Ctrl-C while the program itself handles it.
static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

/// From now on a write beyond the limit on a file's size (`ulimit -f`) fails with EFBIG, which has a message; the signal would end us
/// without one. Containers begin with the default again.
pub(super) fn refuse_to_die_of_large_files() {
    // SAFETY: signal(2) with an action that runs no code.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// From now on Ctrl-C makes this wish to stop instead of ending the program.
pub(super) fn catch_interrupts(interrupt: &Interrupt) {
    extern "C" fn note(_: libc::c_int) {
        if let Some(interrupt) = INTERRUPT.get() {
            interrupt.request();
        }
    }
    INTERRUPT.get_or_init(|| interrupt.clone());
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler reads a cell that is filled, and what `request` does is safe in a signal handler.
    let _ = unsafe { sigaction(Signal::SIGINT, &action) };
}

/// A wish that nobody makes yet.
///
/// # Errors
/// The kernel has no descriptor left.
pub(super) fn new_interrupt() -> Result<Interrupt, Failure> {
    Interrupt::new().map_err(|error| Diagnostic::error(format!("eventfd: {}", errno::describe(&error))).into())
}
