//! Something that is there or not, and the same or another, in an earlier step and in a later one.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// How the later one differs. Where nothing differs, there is no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change<T> {
    Added(T),
    Removed(T),
    Became { before: T, after: T },
}

impl<T> Change<T> {
    /// From what was there to what is there; `None` where that is nothing, or the same.
    pub(crate) fn between(before: Option<T>, after: Option<T>) -> Option<Change<T>>
    where
        T: PartialEq,
    {
        match (before, after) {
            (None, Some(after)) => Some(Change::Added(after)),
            (Some(before), None) => Some(Change::Removed(before)),
            (Some(before), Some(after)) => (before != after).then_some(Change::Became { before, after }),
            (None, None) => None,
        }
    }

    pub(crate) fn before(&self) -> Option<&T> {
        match self {
            Change::Removed(before) | Change::Became { before, .. } => Some(before),
            Change::Added(_) => None,
        }
    }

    pub(crate) fn after(&self) -> Option<&T> {
        match self {
            Change::Added(after) | Change::Became { after, .. } => Some(after),
            Change::Removed(_) => None,
        }
    }

    /// The same of what a function makes of it.
    pub(crate) fn map<U>(self, mut make: impl FnMut(T) -> U) -> Change<U> {
        match self {
            Change::Added(after) => Change::Added(make(after)),
            Change::Removed(before) => Change::Removed(make(before)),
            Change::Became { before, after } => Change::Became { before: make(before), after: make(after) },
        }
    }

    pub(crate) fn as_ref(&self) -> Change<&T> {
        match self {
            Change::Added(after) => Change::Added(after),
            Change::Removed(before) => Change::Removed(before),
            Change::Became { before, after } => Change::Became { before, after },
        }
    }
}

/// `{"before": …, "after": …}`, with `null` where there was or is nothing.
impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Change", 2)?;
        fields.serialize_field("before", &self.before())?;
        fields.serialize_field("after", &self.after())?;
        fields.end()
    }
}
