//! What is to be mounted, as it was written: the common form of `-v`, `--mount` and `--tmpfs`.
//!
//! It says what the text says and no more. What of it can be had, and what is to be done for it, says [`super::wish`].

use std::collections::BTreeMap;

/// A mount as it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// What kind of mount.
    pub kind: Kind,
    /// A path of the machine, or the name of a volume.
    pub source: Option<String>,
    /// Where it is to appear in the container.
    pub target: String,
    /// Whether the container must not write there.
    pub read_only: bool,
    /// What was said of a folder of the machine.
    pub bind: Option<BindOptions>,
    /// What was said of a volume.
    pub volume: Option<VolumeOptions>,
    /// What was said of a file system in memory.
    pub tmpfs: Option<TmpfsOptions>,
    /// The last part of `-v`, as it was written.
    pub mode: String,
}

/// The kinds of mounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A folder or file of the machine.
    Bind,
    /// A folder that is kept for containers.
    #[default]
    Volume,
    /// A file system in memory.
    Tmpfs,
    /// Anything else, by its name.
    Other(String),
}

impl Kind {
    /// Reads a name.
    pub(super) fn of(name: &str) -> Kind {
        match name {
            "bind" => Kind::Bind,
            "volume" => Kind::Volume,
            "tmpfs" => Kind::Tmpfs,
            other => Kind::Other(other.to_owned()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Kind::Bind => "bind",
            Kind::Volume => "volume",
            Kind::Tmpfs => "tmpfs",
            Kind::Other(name) => name,
        }
    }
}

/// What may be said of a folder of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindOptions {
    /// Whether mounts that come later spread; empty where it was not said.
    pub propagation: String,
    /// Whether a source that is missing is made.
    pub create_source: bool,
    /// Whether mounts below the source stay out.
    pub non_recursive: bool,
    /// Whether only the uppermost mount becomes read-only.
    pub read_only_non_recursive: bool,
    /// Whether it is an error if mounts below can't become read-only.
    pub read_only_force_recursive: bool,
}

/// What may be said of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeOptions {
    /// Whether the image's files stay out of a new one.
    pub no_copy: bool,
    /// Its labels, if it is made.
    pub labels: BTreeMap<String, String>,
    /// A folder in it.
    pub subpath: Option<String>,
    /// The program that keeps it, and what that is told.
    pub driver: Option<Driver>,
}

/// Who keeps a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Driver {
    /// Its name; empty where only options were given.
    pub name: String,
    /// What it is told.
    pub options: BTreeMap<String, String>,
}

/// What may be said of a file system in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TmpfsOptions {
    /// The most bytes.
    pub size: Option<u64>,
    /// The mode of its root.
    pub mode: Option<u32>,
    /// Further options, as `--tmpfs` has them.
    pub options: String,
}
