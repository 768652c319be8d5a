//! What the program works in: the store, the clock, and who it is to the kernel.
//!
//! One value, made when the program starts and shared from then on: everything that works in the world keeps an `Arc` of it, so a
//! machine, a container or a server can go to a thread of its own.
//!
//! | file | what it is |
//! |---|---|
//! | `clock` | the one source of time and of random names |
//! | `interrupt` | the wish that what is under way should stop |
//!
//! Left out: what was asked for (options, Dockerfiles, requests), and where it is shown.

mod clock;
mod interrupt;

pub use clock::Clock;
pub(crate) use clock::Stopwatch;
pub use interrupt::Interrupt;

use crate::container::Identity;
use crate::store::{Home, Store};

/// The store, the clock, the identity.
#[derive(Debug)]
pub struct World {
    /// Images, records and containers on disk.
    pub store: Store,
    /// Time and ids.
    pub clock: Clock,
    /// Which users a container can have.
    pub identity: Identity,
}

impl World {
    /// The folder that everything is kept in.
    pub fn home(&self) -> &Home {
        self.store.home()
    }
}

/// The world is shared between threads.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<World>();
    is_shared::<Interrupt>();
};
