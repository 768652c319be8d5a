//! What the program works in: the store, the clock, and who it is to the kernel.
//!
//! One value, made when the program starts and shared from then on: everything that works in the world keeps an `Arc` of it, so a
//! machine, a container or a server can go to a thread of its own.
//!
//! | file | what it is |
//! |---|---|
//! | `clock` | the one source of time and of random names |
//!
//! Left out: what was asked for (options, Dockerfiles, requests), and where it is shown.

mod clock;

pub use clock::Clock;
pub(crate) use clock::{Stopwatch, parse_http_date};

use crate::container::Identity;
use crate::progress::{Interrupt, Meter};
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

    /// Where all long work in this world is counted.
    pub(crate) fn meter(&self) -> &Meter {
        self.store.meter()
    }

    /// The wish that what is under way in this world should stop.
    pub fn interrupt(&self) -> &Interrupt {
        self.store.meter().interrupt()
    }
}

/// The world is shared between threads.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<World>();
};
