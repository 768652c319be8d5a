//! The signals that the program itself handles: Ctrl-C, SIGTERM and SIGHUP, and the end of a file that may not grow.
//!
//! Ctrl-C makes the wish that what is under way should stop, and whoever works sees it within a moment. A third one ends the program at
//! once, whatever it does: it may be killed anywhere, and the store is whole. SIGTERM and SIGHUP do the same; who
//! sends them does not come back, so the program ends where a session would go on. SIGQUIT does what it always does, with the terminal
//! put in order first.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};

use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::progress::Interrupt;
use crate::view::screen;

/// So many wishes end the program.
const PATIENCE: u32 = 3;

/// What the handler needs; its process, too: a child that has our memory for a while gets the same Ctrl-C.
static CAUGHT: OnceLock<(Interrupt, u32)> = OnceLock::new();
/// The signal that came last; zero: none came.
static LAST: AtomicI32 = AtomicI32::new(0);

/// The modes of the terminal before anything changed them.
static MODES: OnceLock<libc::termios> = OnceLock::new();
/// What a terminal is told when no line is edited any more.
const NO_PASTE: &[u8] = b"\x1b[?2004l";

/// From now on a write beyond the limit on a file's size (`ulimit -f`) fails with EFBIG, which has a message; the signal would end us
/// without one. Containers begin with the default again.
pub(super) fn refuse_to_die_of_large_files() {
    // SAFETY: signal(2) with an action that runs no code.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// The wish that Ctrl-C, SIGTERM and SIGHUP make from now on, for a command that works without a world.
///
/// # Errors
/// No descriptor is free.
pub(super) fn caught() -> Result<Interrupt, Diagnostic> {
    let interrupt = Interrupt::new()
        .map_err(|error| Diagnostic::error(format!("can't wait for Ctrl-C: {}", errno::describe(&error))))?;
    catch(&interrupt);
    Ok(interrupt)
}

/// From now on Ctrl-C, SIGTERM and SIGHUP make this wish to stop instead of ending the program. What the caller has ignored, as a shell
/// does for what it starts in the background and nohup(1) for SIGHUP, stays ignored.
pub(super) fn catch(interrupt: &Interrupt) {
    CAUGHT.get_or_init(|| (interrupt.clone(), std::process::id()));
    for (signal, handler) in [
        (Signal::SIGINT, note as extern "C" fn(libc::c_int)),
        (Signal::SIGTERM, note),
        (Signal::SIGHUP, note),
        (Signal::SIGQUIT, quit),
    ] {
        let action = SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handlers are safe in a signal handler, see there.
        let before = unsafe { sigaction(signal, &action) };
        if let Ok(before) = before
            && matches!(before.handler(), SigHandler::SigIgn)
        {
            // SAFETY: the action that was there.
            let _ = unsafe { sigaction(signal, &before) };
        }
    }
    take_signals();
}

/// A thread that waits for a process with our memory has all signals blocked: another one is there to take them.
fn take_signals() {
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(|| {
        loop {
            std::thread::park();
        }
    });
}

/// From now on the terminal gets its modes of this moment back when a signal ends the program: the editor of lines changes them.
pub(super) fn keep_terminal() {
    // SAFETY: zeroes are a termios, and tcgetattr(3) fills it where standard input is a terminal.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a termios.
    if unsafe { libc::tcgetattr(0, &mut modes) } == 0 {
        let _ = MODES.set(modes);
    }
}

/// Puts the terminal's modes back, and ends bracketed paste. Safe in a signal handler, see signal-safety(7).
///
/// Behind Ctrl-Z the terminal is the shell's, which has put it in order; to change it then would only stop us again (SIGTTOU, tty_ioctl(4)).
fn restore_terminal() {
    // SAFETY: both only ask, and are in the list of signal-safety(7).
    let is_ours = || unsafe { libc::tcgetpgrp(0) == libc::getpgrp() };
    if let Some(modes) = MODES.get().filter(|_| is_ours()) {
        // SAFETY: the pointers are to a termios and to so many bytes.
        unsafe {
            libc::tcsetattr(0, libc::TCSANOW, modes);
            libc::write(1, NO_PASTE.as_ptr().cast(), NO_PASTE.len());
        }
    }
}

/// The status of a command that a signal has stopped, as a shell gives it: 128 and the signal's number. `None`: none has.
pub(super) fn status() -> Option<u8> {
    let (interrupt, _) = CAUGHT.get()?;
    let signal = LAST.load(Ordering::SeqCst);
    (interrupt.is_requested() && signal != 0).then(|| u8::try_from(128 + signal).unwrap_or(1))
}

/// The handler. It reads a cell that is filled and atomics, and calls what signal-safety(7) allows: getpid(2), write(2), tcgetpgrp(3),
/// getpgrp(2), tcsetattr(3), _exit(2).
extern "C" fn note(signal: libc::c_int) {
    let Some((interrupt, process)) = CAUGHT.get() else { return };
    if *process != std::process::id() {
        return;
    }
    LAST.store(signal, Ordering::SeqCst);
    let is_last = signal != libc::SIGINT;
    if is_last {
        interrupt.request_for_good();
    } else {
        interrupt.request();
    }
    if interrupt.times() >= PATIENCE || is_last && interrupt.is_idle() {
        screen::erase_at_the_end();
        restore_terminal();
        // SAFETY: _exit(2) ends the process; the kernel ends its containers.
        unsafe { libc::_exit(128 + signal) };
    }
}

/// The handler of SIGQUIT: the terminal is put in order, and the signal does what it does by itself once this returns. It calls what
/// signal-safety(7) allows.
extern "C" fn quit(signal: libc::c_int) {
    if CAUGHT.get().is_none_or(|(_, process)| *process != std::process::id()) {
        return;
    }
    screen::erase_at_the_end();
    restore_terminal();
    // SAFETY: signal(2) with the default action, and raise(3).
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
