//! A process of a container, as it is wished for: the other input of [`plan`](super::plan()).
//!
//! It is about what execve(2) is given and with which rights: the same for the first process of a container and for one that
//! joins it later. The room that it runs in is a [`Sandbox`](super::Sandbox).

use serde::{Deserialize, Serialize};

use super::allowance::ResourceLimit;
use super::capabilities::Capabilities;
use super::filter::Profile;
use crate::hidden::HiddenVariable;

/// A program in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The program and its arguments; the program is looked up on the PATH of `env` inside the
    /// container.
    pub args: Vec<String>,
    /// `NAME=value`, in order. HOME is added from the image's `/etc/passwd` where it is missing.
    pub env: Vec<String>,
    /// Variables that are written down nowhere; one of them takes the place of one of the same name in `env`.
    #[serde(skip)]
    pub secrets: Vec<HiddenVariable>,
    /// The working directory, an absolute path inside. Created (0755) where it is missing. Empty
    /// means `/`.
    pub cwd: String,
    /// `""`, `name`, `uid`, `name:group`, `uid:gid` …, resolved against the image's own
    /// `/etc/passwd` and `/etc/group`.
    pub user: String,
    /// Further groups of that user, by name or number.
    pub(crate) groups: Vec<String>,
    /// Whether a terminal is made for it.
    pub terminal: Terminal,
    /// What it may do.
    pub rights: Rights,
    /// Limits of its resources other than Docker's.
    pub(crate) limits: Vec<ResourceLimit>,
    /// What its parent is.
    pub(crate) init: Init,
}

impl Process {
    /// Runs `args` as root, in `/`, with Docker's rights, without a terminal and with an empty environment.
    pub fn new(args: Vec<String>) -> Process {
        Process {
            args,
            env: Vec::new(),
            secrets: Vec::new(),
            cwd: String::new(),
            user: String::new(),
            groups: Vec::new(),
            terminal: Terminal::No,
            rights: Rights::docker(),
            limits: Vec::new(),
            init: Init::None,
        }
    }
}

/// Whether the container's standard streams are a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terminal {
    /// They are what the caller gives: its own streams, or pipes.
    No,
    /// A pseudo-terminal from the container's own `/dev/pts`, which is also its `/dev/console`.
    Yes,
}

/// What waits for the processes that nobody else waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// The program itself is process 1.
    None,
    /// Process 1 is a tiny program of ours, which starts the program, passes signals on to it and ends with it.
    Reaper,
}

/// What a process may do, and all that it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// The capabilities that root has.
    pub capabilities: Capabilities,
    /// Which system calls are refused.
    pub(crate) seccomp: Seccomp,
    /// Whether set-user-id programs may raise privileges.
    pub new_privileges: NewPrivileges,
}

impl Rights {
    /// What Docker gives by default.
    pub(crate) fn docker() -> Rights {
        Rights {
            capabilities: Capabilities::docker(),
            seccomp: Seccomp::Docker,
            new_privileges: NewPrivileges::Allowed,
        }
    }

    /// Every capability and no filter, as `RUN --security=insecure` has them. It goes with [`Paths::Open`](super::Paths::Open).
    pub fn insecure() -> Rights {
        Rights {
            capabilities: Capabilities::all(),
            seccomp: Seccomp::Unconfined,
            new_privileges: NewPrivileges::Allowed,
        }
    }
}

/// The system call filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    /// Docker's default profile.
    Docker,
    /// None.
    Unconfined,
    /// One of a file.
    Profile(Profile),
}

/// Whether executing a file may raise privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewPrivileges {
    /// As usual.
    Allowed,
    /// Never again: prctl(PR_SET_NO_NEW_PRIVS).
    Forbidden,
}
