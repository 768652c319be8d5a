//! The room that processes run in, as it is wished for: one of the two inputs of [`plan`](super::plan()).
//!
//! A sandbox says what is wanted and nothing about how: no flags of the kernel, no order. What runs in it is a
//! [`Process`](super::Process): the first one that a container starts with, and any that joins it later.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::allowance::Allowance;
use super::error::Error;
use crate::hidden::Hidden;
use crate::netlink::Mac;

/// A root file system, and what else those who run in it share.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The unpacked layers, the top one first. May be empty (`FROM scratch`).
    pub lower: Vec<PathBuf>,
    /// The directory that takes every change. It must exist, and it keeps its changes after the
    /// container's end. Its own mode, owner and times are those that `/` has inside.
    pub upper: PathBuf,
    /// A scratch directory of this container alone, on the same file system as `upper`. It must
    /// exist. The mount point of the root and the container's own `/etc/hosts` are made in it.
    /// Removable afterwards with [`Identity::remove_dir_all`](super::Identity::remove_dir_all).
    pub(crate) work: PathBuf,
    /// Whether `upper` is to survive a crash of the machine.
    pub durability: Durability,
    /// Whether the root file system takes changes.
    pub root: Access,
    /// The host name, and what `/etc/hostname` says.
    pub hostname: Hostname,
    /// Further lines of `/etc/hosts`: name and address.
    pub extra_hosts: Vec<(Hostname, IpAddr)>,
    /// Which of the files of /etc are the container's own.
    pub etc: Etc,
    /// The directory with those files of another container, where they are that one's, too.
    pub(crate) lent: Option<PathBuf>,
    /// Further mounts, in order.
    pub mounts: Vec<Mount>,
    /// Which network the container sees.
    pub network: Network,
    /// Whom it asks for the addresses of names, where that is not as its network has it.
    pub names: Names,
    /// The name of the container's control group, in our own; `None` for no group of its own.
    pub cgroup: Option<String>,
    /// Whether parts of /proc and /sys are hidden or made read-only.
    pub paths: Paths,
    /// What else it is given, or kept from.
    pub(crate) allowance: Allowance,
}

impl Sandbox {
    /// The name of [`Sandbox::mount_point`] in `work`.
    pub(super) const MOUNT_POINT: &str = "root";
    /// The name of [`Sandbox::overlay_work`] in `work`.
    pub(crate) const OVERLAY_WORK: &str = "overlay";

    /// Where the root is mounted.
    pub(super) fn mount_point(&self) -> PathBuf {
        self.work.join(Sandbox::MOUNT_POINT)
    }

    /// The directory that overlayfs wants beside the one that takes the changes.
    pub(super) fn overlay_work(&self) -> PathBuf {
        self.work.join(Sandbox::OVERLAY_WORK)
    }

    /// Where its files of /etc are written.
    pub(super) fn etc_files(&self) -> &Path {
        self.lent.as_deref().unwrap_or(&self.work)
    }

    /// A room with Docker's defaults, without further mounts, in the host's network.
    pub fn new(lower: Vec<PathBuf>, upper: PathBuf, work: PathBuf) -> Sandbox {
        Sandbox {
            lower,
            upper,
            work,
            durability: Durability::Scratch,
            root: Access::ReadWrite,
            hostname: Hostname("layerlab".to_owned()),
            extra_hosts: Vec::new(),
            etc: Etc::Launch,
            lent: None,
            mounts: Vec::new(),
            network: Network::Host,
            names: Names::default(),
            cgroup: None,
            paths: Paths::Protected,
            allowance: Allowance::docker(),
        }
    }
}

/// The name of a machine, as it may stand in `/etc/hosts`: it begins with a letter or a digit; hyphens, underscores and dots
/// may follow; it has 64 bytes at most, which is what sethostname(2) takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hostname(String);

impl Hostname {
    /// The most bytes that the kernel takes, HOST_NAME_MAX.
    const LONGEST: usize = 64;

    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::Hostname`] for what is not one.
    pub fn parse(text: &str) -> Result<Hostname, Error> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric();
        let valid = text.len() <= Hostname::LONGEST
            && text.bytes().next().is_some_and(is_plain)
            && text.bytes().all(|byte| is_plain(byte) || b"-_.".contains(&byte));
        if valid { Ok(Hostname(text.to_owned())) } else { Err(Error::Hostname(text.to_owned())) }
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Hostname {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Which files of /etc are the container's own, mounted over the image's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Etc {
    /// As `docker run`: hosts, hostname and resolv.conf, and the container may write to them.
    Launch,
    /// As RUN in BuildKit: hosts and resolv.conf, read-only.
    Build,
}

/// Whether an upper directory has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It is read once, right after the container's end: nothing is flushed to the disk (overlayfs
    /// `volatile`), which is what makes short commands fast. Such an upper can't be mounted a
    /// second time.
    Scratch,
    /// It is kept and mounted again.
    Kept,
}

/// Which network a container sees.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Network {
    /// The machine's own.
    #[default]
    Host,
    /// A new one with nothing but the loopback interface.
    None,
    /// A new one with cables into others.
    Wired(Vec<Wire>),
    /// That of another container, which is called so.
    Shared(String),
}

/// A cable into a network: what the container's end of it is to be. Whoever keeps that network has decided on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wire {
    /// What the network is called.
    pub(crate) network: String,
    /// What the container's end is called: `eth0`.
    pub(crate) interface: String,
    /// Its address of the second layer.
    pub(crate) mac: Mac,
    pub(crate) addresses: Vec<Local>,
    /// Where it sends what is for nobody nearby, by version of IP.
    pub(crate) gateways: Vec<IpAddr>,
}

/// An address, and how many bits of it those nearby share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

impl std::fmt::Display for Local {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

/// What a container's resolv.conf says, see resolv.conf(5).
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Whom to ask; none: as the network has it.
    pub(crate) servers: Vec<IpAddr>,
    /// Where a short name is looked for; none: where the machine does.
    pub(crate) search: Vec<String>,
    /// Further options.
    pub(crate) options: Vec<String>,
}

/// Whether something may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It may.
    ReadWrite,
    /// It may not.
    ReadOnly,
}

/// A further mount.
#[derive(Debug, Clone)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountKind,
    /// Where: an absolute path inside, followed through the image's symbolic links but never out
    /// of it, nor into the container's /proc and /dev. It is made where it is missing.
    pub target: String,
    /// Whether the container may write there.
    pub access: Access,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub enum MountKind {
    /// A directory or file of the machine, with everything that is mounted below it.
    Bind(PathBuf),
    /// The same, by a path that was found to have no symbolic link: where one has come into it since, nothing is mounted.
    Settled {
        /// The path.
        path: PathBuf,
        /// Whether mounts below it come along.
        recursion: Recursion,
    },
    /// A file of the machine that this program wrote, for a place of its own choosing below the container's /dev.
    Script(PathBuf),
    /// What a path leads to below a folder of the home, where a container may have been at work: links are followed inside that folder and
    /// never out of it. A directory, a file or a socket, without what is mounted below it.
    Below {
        /// The folder, which is no container's to choose.
        folder: PathBuf,
        /// The path in it.
        path: String,
    },
    /// An empty directory in memory. `options` are tmpfs(5)'s, such as `size=64m,mode=1777`.
    Tmpfs {
        /// Passed to the kernel as they are.
        options: String,
        /// Whether programs may be executed from there.
        programs: Programs,
    },
    /// The same as RUN has it: programs in it can be executed, and device nodes have no effect, though no flag says so.
    Memory {
        /// Passed to the kernel as they are.
        options: String,
    },
    /// A file in memory that holds a secret.
    Secret(SecretFile),
}

/// A file whose content is for the container alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// What is in it.
    pub content: Hidden,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner; where only one id exists, that one has it.
    pub uid: u32,
    /// Its group, likewise.
    pub gid: u32,
}

/// Whether mounts below the source come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recursion {
    /// They do.
    Tree,
    /// They do not.
    One,
}

/// Whether programs in a mount may be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Programs {
    /// They may.
    Executed,
    /// They may not.
    Refused,
}

/// Whether Docker's masked and read-only paths apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// They do.
    Protected,
    /// /proc and /sys are left as they are mounted.
    Open,
}

#[cfg(test)]
mod tests {
    use super::Hostname;

    #[test]
    fn what_is_a_host_name() {
        for good in ["a", "kitchen", "web-1.example_2", &"x".repeat(64)] {
            assert_eq!(Hostname::parse(good).map(|name| name.to_string()).ok().as_deref(), Some(good));
        }
        for bad in ["", "a b", "a\nb", "a\tb", "-a", ".a", "ä", "a#", "a/b", "a\0", "a\u{7f}", &"x".repeat(65)] {
            assert!(Hostname::parse(bad).is_err(), "{bad:?}");
        }
    }
}
