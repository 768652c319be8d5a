//! Control: how somebody else, in another thread or in the handler of a signal, acts on a machine that is at work.

use crate::world::Interrupt;

/// What acts on a machine from outside. Clones act on the same one, and on those that follow it when its text is edited.
#[derive(Clone, Debug)]
pub struct Control {
    interrupt: Interrupt,
}

impl Control {
    /// Control by a wish to stop that others may have, too.
    pub fn new(interrupt: Interrupt) -> Control {
        Control { interrupt }
    }

    /// The wish that what is under way should stop: a phase that begins fails with [`Error::Interrupted`], and the command
    /// of a RUN is ended.
    ///
    /// [`Error::Interrupted`]: super::Error::Interrupted
    pub fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }
}

/// Control is what goes to other threads.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Control>();
};
