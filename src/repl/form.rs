//! What a command is asked for, where it has more than one way to answer.

use super::table::Entry;

/// How `plan` shows what is foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanForm {
    List,
    /// The stages, and what each takes from which.
    Graph,
    /// What hangs on what in the cache.
    Chain,
}

/// Who says what `edit` changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The user's editor.
    Editor,
    /// A script, by the hunks of a diff.
    Hunks(String),
}

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Kept,
    Replaced,
}

/// What `save` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// What was typed and shown.
    Session(String),
    /// A page about the build.
    Report(Option<String>),
}

/// What `help` is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Overview,
    All,
    Command(&'static Entry),
    /// A word that `explain` explains.
    Concept(&'static str),
}

/// What `why` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhyForm {
    /// The decision, and what differs.
    Reason,
    /// Everything that the key is made from, then and now.
    Full,
    /// The builds that there are to compare with.
    Builds,
}

/// How `layers` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayersForm {
    Table,
    /// With what later layers overwrite or delete.
    Bars,
    /// On one another, with the files that each changes.
    Stack,
}
