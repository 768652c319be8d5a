//! A motion in a thread of its own: whoever shows it hears of each event, and can stop it.
//!
//! The debugger goes to the thread and comes back at the end, so nobody can look at a machine that is half on its way. What was looked
//! up before ([`Files`](super::Files), rows of steps) stays valid: states never change.

use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::Debugger;
use super::error::Error;
use super::moving::Stopped;
use super::work::Sink;
use crate::machine::{Control, Event};

/// A debugger on its way.
pub struct Going {
    /// What happens, in order; closed when the motion has come to its end.
    pub events: Receiver<Event>,
    control: Control,
    thread: JoinHandle<(Debugger, Result<Stopped, Error>)>,
}

impl Going {
    /// Lets a motion go on in a thread of its own.
    ///
    /// ```no_run
    /// # use layerlab::debugger::{Debugger, Going};
    /// # fn f(debugger: Debugger) {
    /// let going = Going::start(debugger, |debugger, sink| debugger.step(1, sink));
    /// for event in &going.events {
    ///     println!("{event:?}");
    /// }
    /// let (debugger, stopped) = going.finish();
    /// # }
    /// ```
    pub fn start(
        mut debugger: Debugger,
        motion: impl FnOnce(&mut Debugger, &mut Sink<'_>) -> Result<Stopped, Error> + Send + 'static,
    ) -> Going {
        let (sender, events) = channel();
        let control = debugger.control().clone();
        let thread = std::thread::spawn(move || {
            // Nobody may want to hear of it any more.
            let stopped = motion(&mut debugger, &mut |event| drop(sender.send(event.clone())));
            (debugger, stopped)
        });
        Going { events, control, thread }
    }

    /// What acts on the motion from here. A wish to stop ends the step under way as if it had not begun.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Whether the motion has come to its end.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end, and gives the debugger back.
    ///
    /// # Panics
    /// Where the motion did.
    pub fn finish(self) -> (Debugger, Result<Stopped, Error>) {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
