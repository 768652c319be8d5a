//! What this thread does to the machine, told while somebody listens.
//!
//! ```text
//! listen(work) ─▶ work … note(Deed) …  at the place where it is done ─▶ the list of all, in order
//! ```
//!
//! Whoever changes a file of the home, takes a lock, says something to another process or makes one notes that, in the function that does it:
//! so the list is what was done and not what somebody has once written about it. Nobody listens, most of the time: then a note costs a look
//! at one flag, and its text is not made.
//!
//! Left out: what other threads do, and what is only read.

use std::cell::RefCell;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) group: Group,
    /// In one line.
    pub(crate) what: String,
    /// In one sentence.
    pub(crate) why: &'static str,
}

/// What a deed is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Locks,
    Files,
    Messages,
    Processes,
    /// What a registry is asked.
    Requests,
    /// The operations that set a container up.
    Container,
}

impl Group {
    pub(crate) const ALL: [Group; 6] =
        [Group::Requests, Group::Locks, Group::Files, Group::Messages, Group::Processes, Group::Container];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Group::Locks => "locks",
            Group::Files => "files of the store",
            Group::Messages => "sockets and messages",
            Group::Processes => "processes",
            Group::Requests => "requests to the registry",
            Group::Container => "in the container, by its monitor",
        }
    }
}

thread_local! {
    /// The deeds so far; `None` while nobody listens.
    static HEARD: RefCell<Option<Vec<Deed>>> = const { RefCell::new(None) };
}

/// Does something, and gives what it has noted.
pub(crate) fn listen<R>(work: impl FnOnce() -> R) -> (R, Vec<Deed>) {
    HEARD.set(Some(Vec::new()));
    let result = work();
    (result, HEARD.take().unwrap_or_default())
}

/// Notes what another thread has noted for this one.
pub(crate) fn pass_on(deeds: Vec<Deed>) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard {
            heard.extend(deeds);
        }
    });
}

/// From now on nobody listens: said by a process that was forked and goes on without us.
pub(crate) fn forget() {
    HEARD.set(None);
}

/// Notes what is done. The same as the last one is noted once.
pub(crate) fn note(group: Group, what: impl FnOnce() -> String, why: &'static str) {
    HEARD.with_borrow_mut(|heard| {
        let Some(deeds) = heard else { return };
        let deed = Deed { group, what: what(), why };
        if deeds.last() != Some(&deed) {
            deeds.push(deed);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Group, forget, listen, note};

    #[test]
    fn what_is_noted_while_somebody_listens() {
        let write = || note(Group::Files, || "write a".to_owned(), "it is wanted");
        note(Group::Files, || unreachable!("nobody listens"), "");
        let ((), deeds) = listen(|| (0..3).for_each(|_| write()));
        assert_eq!(deeds.len(), 1);
        let ((), deeds) = listen(|| {
            forget();
            write();
        });
        assert!(deeds.is_empty());
    }
}
