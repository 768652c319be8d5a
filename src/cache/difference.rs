//! Differences between two steps: by ingredient, and for copied files by file and attribute.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use std::fmt;

use super::ingredient::Kind;
use super::{Origin, Roots};

/// One thing that differs between an earlier step and a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub(crate) subject: Subject,
    /// `None`: the earlier step had no such ingredient.
    pub(crate) before: Option<String>,
    /// `None`: the later step has none.
    pub(crate) after: Option<String>,
    /// For files: which of them, and what of each.
    pub files: Vec<AttributeChange>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeChange {
    /// The file's path where it was copied from (see [`Roots::paths`]), with escapes for what can't be shown.
    pub(crate) path: String,
    pub(crate) attribute: Attribute,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// What of a file differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    /// It was not there before.
    Added,
    /// It is there no more.
    Removed,
    Content,
    Mode,
    Owner,
    Type,
    /// What a symbolic link leads to.
    Target,
    /// Which device it is.
    Device,
    /// An extended attribute of this name.
    Xattr(String),
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
            Subject::Files { source, origin: Origin::Context } => write!(formatter, "files of {source}"),
            Subject::Files { source, origin } => write!(formatter, "files of {source} in {origin}"),
            Subject::Order => write!(formatter, "order of the ingredients"),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Attribute::Added => "added",
            Attribute::Removed => "removed",
            Attribute::Content => "content",
            Attribute::Mode => "mode",
            Attribute::Owner => "owner",
            Attribute::Type => "type",
            Attribute::Target => "target",
            Attribute::Device => "device",
            Attribute::Xattr(name) => return formatter.pad(&format!("xattr {name}")),
        };
        formatter.pad(name)
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `{"ingredient": …, "before": …, "after": …, "parent": …, "origin": …, "files": […]}`, with `origin` only for files.
impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let origin = self.origin();
        let mut fields = serializer.serialize_struct("Difference", if origin.is_some() { 6 } else { 5 })?;
        fields.serialize_field("ingredient", &self.subject.to_string())?;
        fields.serialize_field("before", &self.before)?;
        fields.serialize_field("after", &self.after)?;
        fields.serialize_field("parent", &self.is_parent())?;
        match origin {
            Some(origin) => fields.serialize_field("origin", origin)?,
            None => fields.skip_field("origin")?,
        }
        fields.serialize_field("files", &self.files)?;
        fields.end()
    }
}
