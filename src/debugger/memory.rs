//! What the past builds have of this one, and the image at its end.
//!
//! A session is one build after another: whoever goes back, or goes on behind a finished image, begins the next. Each is remembered
//! as far as it came, for the explanations of later ones.

use super::{Debugger, Error, Sink};
use crate::machine::{Event, Finished};

/// What the past builds have of the steps taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Memory {
    /// Nothing happened that would be worth a past build.
    #[default]
    Fresh,
    /// Steps were taken, or one failed, that no past build has yet.
    Unwritten,
    /// They are a past build: what comes is another.
    Written,
}

impl Debugger {
    /// The image of the last state, once it is written.
    pub fn finished(&self) -> Option<&Finished> {
        self.finished.as_ref()
    }

    /// Remembers the build so far among the past builds. Idempotent; done by itself before the debugger goes back or reloads.
    ///
    /// # Errors
    /// What writing a past build can say.
    pub fn record(&mut self) -> Result<(), Error> {
        if let Some(machine) = &self.machine
            && self.memory == Memory::Unwritten
        {
            machine.remember(None)?;
            self.memory = Memory::Written;
        }
        Ok(())
    }

    /// A step is going to be taken: where the build was remembered already, it belongs to the next.
    pub(super) fn begin_record(&mut self) -> Result<(), Error> {
        if self.memory == Memory::Written {
            self.machine_mut()?.begin_anew()?;
            self.memory = Memory::Fresh;
        }
        Ok(())
    }

    /// Writes the image of the last state, once. Build arguments that no ARG asked for are told as warnings.
    ///
    /// # Errors
    /// What writing an image can say.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<Finished, Error> {
        if let Some(finished) = &self.finished {
            return Ok(finished.clone());
        }
        self.begin_record()?;
        let machine = self.machine()?;
        let unused = machine.unused_build_args();
        let finished = machine.finish(&[], sink)?;
        self.memory = Memory::Written;
        for name in unused {
            sink(&Event::warning(format!("the build argument `{name}` was not used by any ARG")));
        }
        self.finished = Some(finished.clone());
        Ok(finished)
    }
}
