//! A namespace of a container, by its kind, and by its file where it is there already: see namespaces(7).

use std::path::PathBuf;

/// A namespace: a new one, or one that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    pub(crate) kind: SpaceKind,
    /// The file that stands for it, see namespaces(7).
    pub(crate) path: Option<PathBuf>,
}

/// The kinds of namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpaceKind {
    User,
    Mount,
    Pid,
    Network,
    Ipc,
    Uts,
    Cgroup,
}

impl SpaceKind {
    /// The name of its file in /proc/PID/ns.
    pub(crate) fn file(self) -> &'static str {
        match self {
            SpaceKind::User => "user",
            SpaceKind::Mount => "mnt",
            SpaceKind::Pid => "pid",
            SpaceKind::Network => "net",
            SpaceKind::Ipc => "ipc",
            SpaceKind::Uts => "uts",
            SpaceKind::Cgroup => "cgroup",
        }
    }
}
