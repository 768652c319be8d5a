//! Differences between two steps: by ingredient, and for copied files by file and attribute.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::fmt;

use super::change::Change;
use super::ingredient::Kind;
use super::{EntryKind, Origin, Roots};
use crate::oci::Digest;
use crate::tree::name_text;

/// One thing that differs between an earlier step and a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub(crate) subject: Subject,
    /// The values, as a person reads them.
    pub(crate) values: Change<String>,
    /// For files: which of them, and what of each.
    pub files: Vec<FileChange>,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// An ingredient of this kind.
    Ingredient(Kind),
    /// Copied files of which it is known where they lay: what the instruction names, and in which tree.
    Files { source: String, origin: Origin },
    /// Nothing but the order of the ingredients.
    Order,
}

/// One attribute of one file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file's path where it was copied from (see [`Roots::paths`]).
    pub(crate) path: String,
    pub(crate) attribute: Attribute,
}

/// What of a file differs, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    /// It is there or not, or another kind of file.
    Kind(Change<EntryKind>),
    Content {
        before: Digest,
        after: Digest,
    },
    /// Which device it is.
    Device {
        before: EntryKind,
        after: EntryKind,
    },
    /// What a symbolic link leads to.
    Target {
        before: Vec<u8>,
        after: Vec<u8>,
    },
    Mode {
        before: u32,
        after: u32,
    },
    /// Its user and its group.
    Owner {
        before: (u32, u32),
        after: (u32, u32),
    },
    /// An extended attribute of this name.
    Xattr(Vec<u8>, Change<Vec<u8>>),
}

impl Attribute {
    /// The values, as a person reads them.
    pub(crate) fn values(&self) -> Change<String> {
        match self {
            Attribute::Kind(kinds) => kinds.as_ref().map(EntryKind::to_string),
            Attribute::Content { before, after } => became(before, after, Digest::to_string),
            Attribute::Device { before, after } => became(before, after, EntryKind::to_string),
            Attribute::Target { before, after } => became(before, after, |target| name_text(target)),
            Attribute::Mode { before, after } => became(before, after, |mode| format!("{mode:04o}")),
            Attribute::Owner { before, after } => became(before, after, |(user, group)| format!("{user}:{group}")),
            Attribute::Xattr(_, values) => values.as_ref().map(|value| name_text(value)),
        }
    }
}

fn became<T>(before: &T, after: &T, text: impl Fn(&T) -> String) -> Change<String> {
    Change::Became { before: text(before), after: text(after) }
}

impl Difference {
    /// Whether it is the state that the step starts from: with no other difference, the step only follows.
    pub(crate) fn is_parent(&self) -> bool {
        self.subject == Subject::Ingredient(Kind::Parent)
    }

    /// What the files of it are copied from.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        match &self.subject {
            Subject::Files { origin, .. } => Some(origin),
            Subject::Ingredient(_) | Subject::Order => None,
        }
    }
}

impl Subject {
    pub(super) fn files(roots: &Roots) -> Subject {
        Subject::Files { source: roots.source.clone(), origin: roots.origin.clone() }
    }
}

/// What people call it.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Ingredient(kind) => kind.fmt(formatter),
            Subject::Files { source, origin: Origin::Context | Origin::Repository } => {
                write!(formatter, "files of {source}")
            }
            Subject::Files { source, origin: Origin::Url } => write!(formatter, "content of {source}"),
            Subject::Files { source, origin } => write!(formatter, "files of {source} in {origin}"),
            Subject::Order => write!(formatter, "order of the ingredients"),
        }
    }
}

/// What people call it.
impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Attribute::Kind(Change::Added(_)) => "added",
            Attribute::Kind(Change::Removed(_)) => "removed",
            Attribute::Kind(Change::Became { .. }) => "type",
            Attribute::Content { .. } => "content",
            Attribute::Device { .. } => "device",
            Attribute::Target { .. } => "target",
            Attribute::Mode { .. } => "mode",
            Attribute::Owner { .. } => "owner",
            Attribute::Xattr(name, _) => return formatter.pad(&format!("xattr {}", name_text(name))),
        })
    }
}

/// `{"path": …, "attribute": …, "before": …, "after": …}`.
impl Serialize for FileChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("FileChange", 4)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("attribute", &self.attribute.to_string())?;
        let values = self.attribute.values();
        fields.serialize_field("before", &values.before())?;
        fields.serialize_field("after", &values.after())?;
        fields.end()
    }
}

/// `{"ingredient": …, "before": …, "after": …, "parent": …, "origin": …, "files": […]}`, with `origin` only for files.
impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let origin = self.origin();
        let mut fields = serializer.serialize_struct("Difference", if origin.is_some() { 6 } else { 5 })?;
        fields.serialize_field("ingredient", &self.subject.to_string())?;
        fields.serialize_field("before", &self.values.before())?;
        fields.serialize_field("after", &self.values.after())?;
        fields.serialize_field("parent", &self.is_parent())?;
        match origin {
            Some(origin) => fields.serialize_field("origin", origin)?,
            None => fields.skip_field("origin")?,
        }
        fields.serialize_field("files", &self.files)?;
        fields.end()
    }
}
