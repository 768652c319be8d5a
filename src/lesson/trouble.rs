//! What goes wrong while a page is replayed, beside what it shows.

/// Something that went wrong while a page was replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The line of the page, from 1.
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// What was printed, where that helps.
    pub(crate) output: String,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command did not end as shown, or not at all.
    Command,
    /// A block does not change the file that it names.
    Change,
    /// A link of the lesson leads out of it.
    Link,
    /// A task is done before its solution.
    DoneBefore,
    /// A digest stands for something else on another page.
    Digest,
    /// The store is damaged.
    Store,
}
