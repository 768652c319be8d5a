//! The operations that only a [`Blueprint`](super::blueprint::Blueprint) has: where a manager prescribes what is otherwise Docker's default.

use std::fmt;
use std::path::PathBuf;

use super::capabilities::Sets;
use super::filter::Profile;
use super::node::Node;
use super::space::Space;

/// What is prescribed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prescribed {
    /// Make control groups, with those above them.
    MakeGroups { paths: Vec<PathBuf> },
    /// Join namespaces that there are, each of the kind that is meant.
    JoinNamespaces { spaces: Vec<Space> },
    /// Mount a directory of the machine on itself, to become the root.
    TakeRoot { path: PathBuf },
    /// Make device nodes in a file system of their own, and a mount of each, attached nowhere yet.
    MakeNodes { nodes: Vec<Node>, place: PathBuf },
    /// Look whether the mount that waits for a target is a device: this one, where its number is known.
    CheckDevice { source: PathBuf, target: String, node: Option<Node> },
    /// Hide a path.
    Cover { path: String },
    /// Make a path read-only.
    Protect { path: String },
    /// Take a user and groups by number.
    Identify { uid: u32, gid: u32, groups: Vec<u32> },
    /// Keep the capabilities when the user is changed.
    KeepCapabilities,
    /// Have what is permitted in effect again, after a change of the user.
    RaiseCapabilities,
    /// Set every set of capabilities.
    SetCapabilities { sets: Sets },
    /// Set the file creation mask.
    SetMask { mask: u32 },
    /// Look whether the command is there.
    FindCommand { args: Vec<String>, env: Vec<String> },
    /// Install a system call filter.
    InstallFilter { profile: Profile },
}

impl Prescribed {
    /// One sentence: what it is for.
    pub(super) fn why(&self) -> &'static str {
        match self {
            Prescribed::MakeGroups { .. } => "the manager finds the container's processes by them",
            Prescribed::JoinNamespaces { .. } => {
                "the manager has made them, or another container has: from outside, where their owner's rights are ours"
            }
            Prescribed::TakeRoot { .. } => "only a mount can become the root; nodes of devices in it have no effect",
            Prescribed::MakeNodes { .. } => "by number, and not by what the machine has under that name",
            Prescribed::CheckDevice { .. } => {
                "only if it is one: of a folder that has come in its place, the nodes would have an effect"
            }
            Prescribed::Cover { .. } => "the manager hides it",
            Prescribed::Protect { .. } => "the manager wants it read-only",
            Prescribed::Identify { .. } => "a number is a number: what the image calls its users does not matter",
            Prescribed::KeepCapabilities => "or a user other than root would have lost them before they are set",
            Prescribed::RaiseCapabilities => {
                "the filter that comes next is installed by whoever may administer the container"
            }
            Prescribed::SetCapabilities { .. } => "each of the five sets is prescribed",
            Prescribed::SetMask { .. } => "the manager asks for it",
            Prescribed::FindCommand { .. } => {
                "the manager is told at once of a command that is not there, and not when it starts the container"
            }
            Prescribed::InstallFilter { .. } => "the manager says which system calls are refused",
        }
    }

    /// Its row in the picture of a container, and what it adds to that.
    pub(super) fn row(&self) -> (&'static str, String) {
        match self {
            Prescribed::MakeGroups { .. } => ("control group", self.to_string()),
            Prescribed::JoinNamespaces { .. } => ("joined", self.to_string()),
            Prescribed::TakeRoot { path } => ("/", path.display().to_string()),
            Prescribed::MakeNodes { .. } | Prescribed::CheckDevice { .. } => ("/dev", self.to_string()),
            Prescribed::Cover { path } => ("hidden", path.clone()),
            Prescribed::Protect { path } => ("read-only", path.clone()),
            Prescribed::Identify { .. } => ("user", self.to_string()),
            Prescribed::KeepCapabilities | Prescribed::RaiseCapabilities => ("capabilities", String::new()),
            Prescribed::SetCapabilities { sets } => ("capabilities", sets.bounding.to_string()),
            Prescribed::SetMask { .. } => ("inherits", self.to_string()),
            Prescribed::FindCommand { .. } => ("command", String::new()),
            Prescribed::InstallFilter { .. } => ("system calls", "as the manager says".to_owned()),
        }
    }
}

impl fmt::Display for Prescribed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prescribed::MakeGroups { paths } => {
                write!(formatter, "make control group")?;
                paths.iter().try_for_each(|path| write!(formatter, " {}", path.display()))
            }
            Prescribed::JoinNamespaces { spaces } => {
                write!(formatter, "join")?;
                let mut paths = spaces.iter().filter_map(|space| space.path.as_ref());
                paths.try_for_each(|path| write!(formatter, " {}", path.display()))
            }
            Prescribed::TakeRoot { path } => write!(formatter, "mount {} on itself", path.display()),
            Prescribed::MakeNodes { nodes, .. } => {
                write!(formatter, "make the nodes")?;
                nodes.iter().try_for_each(|node| write!(formatter, " {}", node.path))
            }
            Prescribed::CheckDevice { source, .. } => {
                write!(formatter, "look whether {} is the device", source.display())
            }
            Prescribed::Cover { path } => write!(formatter, "cover {path}"),
            Prescribed::Protect { path } => write!(formatter, "make {path} read-only"),
            Prescribed::Identify { uid, gid, groups } => {
                write!(formatter, "take user {uid}, group {gid} and {} more", groups.len())
            }
            Prescribed::KeepCapabilities => write!(formatter, "keep capabilities when the user changes"),
            Prescribed::RaiseCapabilities => write!(formatter, "raise what is permitted"),
            Prescribed::SetCapabilities { sets } => {
                write!(formatter, "set capabilities: permitted {}; ambient {}", sets.permitted, sets.ambient)
            }
            Prescribed::SetMask { mask } => write!(formatter, "umask {mask:03o}"),
            Prescribed::FindCommand { args, .. } => {
                write!(formatter, "look for {}", args.first().map_or("the command", String::as_str))
            }
            Prescribed::InstallFilter { .. } => write!(formatter, "install the system call filter that is prescribed"),
        }
    }
}
