//! A container of which somebody else has decided everything: a manager that calls us as its runtime.
//!
//! A [`Sandbox`](super::Sandbox) says what is wanted and leaves the rest to Docker's defaults. A blueprint has no defaults: what is not in it is
//! not there. It is what a `config.json` of the OCI runtime specification comes to, once all its texts are understood;
//! [`follow`](super::follow()) makes a plan of it.
//!
//! Two things are kept that the specification leaves to the runtime: a mount gives device nodes no effect unless that is asked for, and the
//! root file system never does. So what a container's root can't reach does not hang on a control group for devices.

use std::path::PathBuf;

use super::allowance::{ResourceLimit, Setting};
use super::capabilities::Sets;
use super::cgroup::Groups;
use super::filter::Profile;
use super::node::Node;
use super::operation::Flags;
use super::process::{NewPrivileges, Terminal};
use super::sandbox::{Access, Recursion};
use super::space::{Space, SpaceKind};
use super::userns::IdMap;

/// A room and who runs in it, in every detail.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint {
    /// The directory that becomes `/`.
    pub(crate) root: PathBuf,
    pub(crate) access: Access,
    pub(crate) hostname: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) spaces: Vec<Space>,
    /// The ids of a new user namespace.
    pub(crate) ids: Option<IdMap>,
    /// In the order in which they are attached.
    pub(crate) mounts: Vec<Prescription>,
    /// Device nodes beside those that every container has.
    pub(crate) nodes: Vec<Node>,
    pub(crate) masked: Vec<String>,
    pub(crate) read_only: Vec<String>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) groups: Groups,
    pub(crate) task: Task,
}

impl Blueprint {
    /// Whether a namespace of this kind is joined that is there already.
    pub(crate) fn joins(&self, kind: SpaceKind) -> bool {
        self.spaces.iter().any(|space| space.kind == kind && space.path.is_some())
    }
}

/// A mount.
#[derive(Debug, Clone)]
pub(crate) struct Prescription {
    /// An absolute path inside, without `.` and `..`.
    pub(crate) target: String,
    pub(crate) flags: Flags,
    pub(crate) what: What,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A file system without a device.
    New {
        kind: &'static str,
        /// What the list of mounts has as its source.
        source: String,
        /// Passed to the kernel as they are.
        options: String,
    },
    /// A directory or file of the machine.
    Bind { source: PathBuf, recursion: Recursion },
    /// A device of the machine.
    Device { source: PathBuf },
    /// The control groups, as far as the container may see them.
    Groups,
}

/// A process: the first of a container, or one that joins it.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    pub(crate) cwd: String,
    pub(crate) terminal: Terminal,
    /// Rows and columns.
    pub(crate) window: Option<(u16, u16)>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) mask: Option<u32>,
    pub(crate) capabilities: Sets,
    pub(crate) limits: Vec<ResourceLimit>,
    pub(crate) new_privileges: NewPrivileges,
    pub(crate) oom_score: Option<i32>,
    pub(crate) filter: Option<Profile>,
}
