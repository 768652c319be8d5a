//! Control: how somebody else, in another thread or in the handler of a signal, acts on a machine that is at work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use crate::container;
use crate::progress::Interrupt;
use crate::world::World;

/// What acts on a machine from outside. Clones act on the same one, and on those that follow it when its text is edited.
#[derive(Clone, Debug)]
pub struct Control {
    interrupt: Interrupt,
    /// The container of the RUN under way.
    running: Arc<Mutex<Option<container::Control>>>,
}

/// Whether there was something to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acted {
    OnContainer,
    /// No command runs now.
    OnNothing,
}

impl Control {
    /// Control of what is done in a world, whose wish to stop it is.
    pub fn of(world: &World) -> Control {
        Control { interrupt: world.interrupt().clone(), running: Arc::default() }
    }

    /// The wish that what is under way should stop: a step fails with [`Error::Interrupted`], and the command of a
    /// RUN is ended.
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// Stops the processes of the RUN under way where they are, until [`Control::resume`].
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn pause(&self) -> Result<Acted, Error> {
        match self.running().as_ref() {
            Some(container) => Ok(container.pause().map(|_| Acted::OnContainer)?),
            None => Ok(Acted::OnNothing),
        }
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn resume(&self) -> Result<Acted, Error> {
        match self.running().as_ref() {
            Some(container) => Ok(container.resume().map(|()| Acted::OnContainer)?),
            None => Ok(Acted::OnNothing),
        }
    }

    /// Puts a container under control for as long as what this gives is kept.
    pub(super) fn hold(&self, container: container::Control) -> Held {
        *self.running() = Some(container);
        Held(self.clone())
    }

    fn running(&self) -> MutexGuard<'_, Option<container::Control>> {
        // It is whole even where another thread has panicked.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A container that is under control.
pub(super) struct Held(Control);

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.running() = None;
    }
}

/// Control is what goes to other threads.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Control>();
};
