//! A motion in a thread of its own: whoever shows it hears of each event, and can stop it.
//!
//! The debugger goes to the thread and comes back at the end, so nobody can look at a machine that is half on its way. What was looked
//! up before ([`Files`](super::Files), rows of steps) stays valid: states never change.

use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::{Debugger, Error, Sink, Stopped};
use crate::machine::Event;
use crate::world::Interrupt;

/// A debugger on its way.
pub struct Going {
    /// What happens, in order; closed when the motion has come to its end.
    pub events: Receiver<Event>,
    interrupt: Interrupt,
    thread: JoinHandle<(Debugger, Result<Stopped, Error>)>,
}

impl Debugger {
    /// Lets a motion go on in a thread of its own.
    ///
    /// ```no_run
    /// # fn f(debugger: layerlab::debugger::Debugger) {
    /// let going = debugger.start(|debugger, sink| debugger.step(1, sink));
    /// for event in &going.events {
    ///     println!("{event:?}");
    /// }
    /// let (debugger, stopped) = going.finish();
    /// # }
    /// ```
    pub fn start(
        mut self,
        motion: impl FnOnce(&mut Debugger, &mut Sink<'_>) -> Result<Stopped, Error> + Send + 'static,
    ) -> Going {
        let (sender, events) = channel();
        let interrupt = self.interrupt.clone();
        let thread = std::thread::spawn(move || {
            // Nobody may want to hear of it any more.
            let stopped = motion(&mut self, &mut |event| drop(sender.send(event.clone())));
            (self, stopped)
        });
        Going { events, interrupt, thread }
    }
}

impl Going {
    /// Stops what is under way: the step is as if it had not begun.
    pub fn interrupt(&self) {
        self.interrupt.request();
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
