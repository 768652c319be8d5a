//! What becomes of the wish that a command should end: it is passed on, and [patience](super::patience) says what comes after that.

use std::time::Instant;

use super::console::Console;
use super::control::Control;
use super::patience::{Act, Patience, Wish};
use super::processes::{self, Disposition};

/// The wishes that came for a command.
pub(super) struct Wishes {
    /// `None`: they are passed on, and nothing more is done about them. A process that is not process 1 has no say in most of them.
    patience: Option<Patience>,
    /// Process 1 had a handler when the last one came. At its end a program may take its handlers back.
    was_handled: bool,
}

impl Wishes {
    /// For a container's process 1.
    pub(crate) fn patient() -> Wishes {
        Wishes { patience: Some(Patience::default()), was_handled: false }
    }

    /// For any other process.
    pub(crate) fn passed_on() -> Wishes {
        Wishes { patience: None, was_handled: false }
    }

    /// One has come, and is about to be passed on.
    pub(crate) fn come(&mut self, wish: Wish, control: &Control, console: Option<&Console>) -> Act {
        let Some(patience) = &mut self.patience else { return Act::Pass };
        self.was_handled = disposition(wish, control, console) == Some(Disposition::Handled);
        patience.wish(wish, Instant::now())
    }

    /// When it is to be looked whether one was followed.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.patience.as_ref().and_then(Patience::deadline)
    }

    /// Looks, if it is time.
    pub(crate) fn look(&mut self, control: &Control, console: Option<&Console>) -> Act {
        let now = Instant::now();
        match &mut self.patience {
            Some(patience) if patience.deadline().is_some_and(|deadline| deadline <= now) => {
                let disposition = patience.asked().and_then(|wish| disposition(wish, control, console));
                patience.look(now, if self.was_handled { Some(Disposition::Handled) } else { disposition })
            }
            Some(_) | None => Act::Pass,
        }
    }
}

/// The wish behind a signal.
pub(super) fn wish_of(signal: i32) -> Option<Wish> {
    match signal {
        libc::SIGINT | libc::SIGQUIT => Some(Wish::Interrupt),
        libc::SIGTERM | libc::SIGHUP => Some(Wish::Terminate),
        _ => None,
    }
}

/// What process 1 does with the signal of a wish; `None` where there is no process 1, or the key was for another process.
fn disposition(wish: Wish, control: &Control, console: Option<&Console>) -> Option<Disposition> {
    let number = processes::number(control.first()?)?;
    match wish {
        Wish::Interrupt => processes::disposition(number, libc::SIGINT),
        Wish::Terminate => processes::disposition(number, libc::SIGTERM),
        Wish::Key if console?.foreground() == Some(number) => processes::disposition(number, libc::SIGINT),
        Wish::Key => None,
    }
}
