//! How many there may be who come to the doors, and how much of theirs is held.

use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::resource::{Resource, getrlimit};

/// How much is copied at a time.
pub(super) const PIECE: usize = 64 << 10;

/// How many connections there are, senders of datagrams included.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// How many of them are senders of datagrams, whom anybody can make up.
static SENDERS: AtomicUsize = AtomicUsize::new(0);

/// So many descriptors are for everything else.
const RESERVED: u64 = 96;

/// How many connections there may be: each has two descriptors, and those who ask the monitor for something need some, too.
fn most_connections() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    usize::try_from(soft.saturating_sub(RESERVED) / 2).unwrap_or(usize::MAX).clamp(8, 4096)
}

/// Whether there may be no more of them.
pub(super) fn is_full() -> bool {
    CONNECTIONS.load(Ordering::SeqCst) >= most_connections()
}

/// A connection, counted as long as this lives.
pub(super) struct Counted(&'static AtomicUsize);

impl Counted {
    pub(super) fn connection() -> Counted {
        Counted::by(&CONNECTIONS)
    }

    /// The sender of datagrams, as one more connection; `None` where there are too many: half of all is for connections.
    pub(super) fn sender() -> Option<(Counted, Counted)> {
        let counted = (Counted::by(&SENDERS), Counted::by(&CONNECTIONS));
        let most = most_connections();
        let fits = SENDERS.load(Ordering::SeqCst) <= most / 2 && CONNECTIONS.load(Ordering::SeqCst) <= most;
        fits.then_some(counted)
    }

    fn by(counter: &'static AtomicUsize) -> Counted {
        counter.fetch_add(1, Ordering::SeqCst);
        Counted(counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
