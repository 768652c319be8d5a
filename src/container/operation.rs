//! The operations that set up a container: pure data, one line and one reason each.
//!
//! Operations are carried out in the order in which a [`Plan`](super::Plan) lists them, and nothing
//! is done that is not an operation. [`super::execute`] carries them out. Paths of the
//! machine are `PathBuf`; paths inside the container are `String` and begin with `/`.

use std::fmt;
use std::path::PathBuf;

use super::capabilities::Capabilities;
use super::limits::Limit;
use super::networking::Networking;
use super::prescribed::Prescribed;
use super::process::{Init, Terminal};
use super::sandbox::{Access, Recursion, SecretFile};
use super::tuning::Tuning;
use super::userns::IdMap;
use crate::hidden::HiddenVariable;

// ANCHOR: phase
/// Where and when an operation is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// In our own process, before anything is forked.
    Outside,
    /// In a process that goes into a container which runs already: see `super::join`.
    Joining,
    /// In the first child, which becomes the keeper of the namespaces and waits for the
    /// container's end.
    Entering,
    /// In its child, the guard: process 1 of an outer process id namespace, which waits as well.
    Guarding,
    /// In the container's first process, which still sees the machine's files.
    Inside,
    /// In the same process, for which `/` is now the container's root.
    Rooted,
    /// The same process gives up its rights and becomes the command.
    Leaving,
    /// In the keeper again, when nothing of the container is left.
    Ending,
    /// In our own process, at the end of all.
    Ended,
}
// ANCHOR_END: phase

impl Phase {
    /// Every phase in order.
    pub(crate) const ALL: [Phase; 9] = [
        Phase::Outside,
        Phase::Joining,
        Phase::Entering,
        Phase::Guarding,
        Phase::Inside,
        Phase::Rooted,
        Phase::Leaving,
        Phase::Ending,
        Phase::Ended,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Phase::Outside => "outside",
            Phase::Joining => "on the way into the container",
            Phase::Entering => "in the new namespaces",
            Phase::Guarding => "as the guard",
            Phase::Inside => "as the container's first process",
            Phase::Rooted => "in the new root",
            Phase::Leaving => "just before the command",
            Phase::Ending => "in the first namespaces, when the container has ended",
            Phase::Ended => "outside, at the end",
        })
    }
}

/// One step of the set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Join a container that runs.
    Join(Joining),

    /// Make a directory of the machine.
    CreateDirectory { path: PathBuf },
    /// Write one of the container's own /etc files.
    WriteFile { path: PathBuf, content: String },
    /// Make a user namespace that nobody enters but to make file systems.
    MakeUserNamespace,
    /// Make a control group under each of these hierarchies.
    CreateCgroup { paths: Vec<PathBuf> },

    /// Fork the one who answers for the kernel where only one id exists.
    ForkSupervisor,
    /// Set how soon the kernel ends us, and so the container, when memory runs out.
    SetOomScore { score: i32 },
    /// Put ourselves, and so the container, into the control group.
    JoinCgroup { paths: Vec<PathBuf> },
    /// Enter a new user namespace with these ids and become its user 0.
    EnterUserNamespace { map: IdMap },
    /// Enter further namespaces.
    Unshare { namespaces: Vec<Namespace> },
    /// Have the kernel end this process with the one that forked it.
    EndWithParent,
    /// Fork the guard.
    ForkGuard,
    /// Fork the container's first process.
    ForkInit,

    /// Enter a new mount namespace and stop mounts from spreading.
    UnshareMounts,
    /// Mount the layers as one tree.
    MountOverlay { overlay: Overlay },
    /// Copy the layers into one tree, because overlayfs is refused.
    CopyLayers { lower: Vec<PathBuf>, upper: PathBuf, root: PathBuf, marker: PathBuf },
    /// Set the host name.
    SetHostname { name: String },
    /// Set the network up.
    Network(Networking),
    /// Make a file system that has no device, attached nowhere yet. Its source is a name in the list of mounts.
    MakeFileSystem { kind: &'static str, source: String, target: String, flags: Flags, options: String },
    /// Make a file system in memory that belongs to a user namespace of its own, attached nowhere yet.
    MakeMemory { target: String, flags: Flags, options: String },
    /// Make device nodes in a file system of their own, and a mount of each, attached nowhere yet.
    MakeDevices { devices: &'static [Device], place: PathBuf },
    /// Make a further mount of one of the machine's device nodes, attached nowhere yet.
    CloneDevice { device: Device, flags: Flags },
    /// Make a further mount of a directory or file of the machine, attached nowhere yet.
    CloneMount { source: PathBuf, target: String, flags: Flags, recursion: Recursion, links: Links },
    /// Make a further mount of what a path leads to below a folder of the home, attached nowhere yet.
    CloneBelow { folder: PathBuf, path: String, target: String, flags: Flags },
    /// Make a file in memory, in a file system of its own on `place`, and a mount of it, attached nowhere yet.
    MakeSecret { target: String, file: SecretFile, place: PathBuf },
    /// Make a symbolic link in the container's /dev.
    Symlink { path: String, target: String },
    /// Make this directory the root.
    PivotRoot { root: PathBuf },
    /// Let go of the machine's tree.
    DetachOldRoot,

    /// Attach one of the mounts that were made.
    Attach { target: String, place: Place },
    /// Make a path read-only.
    ProtectPath { path: String },
    /// Hide a path.
    MaskPath { path: String },
    /// Make one mount read-only.
    ProtectMount { target: String },
    /// Let go of the mounts' descriptors.
    CloseMounts,

    /// Change something of the kernel's that was asked for.
    Tune(Tuning),
    /// Do what only a manager prescribes.
    Prescribed(Prescribed),

    /// Take a new session, and the terminal as its own where there is one.
    NewSession { terminal: Terminal },
    /// Put the container's own /dev/null in the place of the machine's among the standard streams.
    OwnNull,
    /// Join a new session keyring.
    NewKeyring,
    /// Look the user up in the image.
    ResolveUser { user: String, groups: Vec<String> },
    /// Make the working directory where it is missing.
    CreateWorkingDirectory { path: String },
    /// Promise that no executed file raises privileges.
    ForbidNewPrivileges,
    /// Lower the resource limits that are above Docker's.
    LimitResources { limits: Vec<Limit> },
    /// Drop capabilities for good: all that the kernel knows, up to the number `last`, but these.
    BoundCapabilities { keep: Capabilities, last: u8 },
    /// Install the system call filter of Docker's default profile, for a container with these
    /// capabilities.
    InstallFilter { capabilities: Capabilities },
    /// Have the kernel ask the supervisor for the calls that change users and owners, for a container with these capabilities.
    EmulateUsers { capabilities: Capabilities },
    /// Make the program that will execute the command.
    SealTrampoline { init: Init },
    /// Become the user, with its groups.
    SwitchUser,
    /// Enter the working directory.
    ChangeDirectory { path: String },
    /// Limit what the process has to what it may keep.
    LimitCapabilities { keep: Capabilities },
    /// Reset signals and the file creation mask, close what must not be inherited.
    CleanUp,
    /// Wait until whoever made the container wants it to start.
    AwaitStart,
    /// Become the command.
    Execute { args: Vec<String>, env: Vec<String>, secrets: Vec<HiddenVariable> },

    /// Take away what was made in the root to be mounted on.
    RemoveMountPoints { upper: PathBuf },
    /// Remove a directory of the machine with everything in it.
    RemoveDirectory { path: PathBuf },
    /// Remove the control group.
    RemoveCgroup { paths: Vec<PathBuf> },
}

/// A step on the way into a container that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// Have the kernel let no other process look into this one.
    HideOurselves,
    /// Enter every namespace of the container's first process that is not ours already.
    Namespaces,
    /// Enter the container's control groups, whose lists were opened outside.
    Groups,
    /// Open the container's root.
    OpenRoot,
    /// Make a terminal of the container's own, and take it as the session's and as standard streams.
    OpenTerminal,
}

/// A namespace other than those of users and mounts, see namespaces(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// Process ids: the first process is 1, and all die with it.
    Pid,
    /// Host name.
    Uts,
    /// System V and POSIX message queues, shared memory.
    Ipc,
    /// Network interfaces.
    Network,
    /// The view of the control groups.
    Cgroup,
}

/// An overlay mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Top first.
    pub(crate) lower: Vec<PathBuf>,
    /// Takes the changes.
    pub(crate) upper: PathBuf,
    /// overlayfs' own scratch directory.
    pub(crate) work: PathBuf,
    /// Where it is mounted.
    pub(crate) root: PathBuf,
    /// `userxattr`, `volatile` …
    pub(crate) options: Vec<&'static str>,
    /// Which interface of the kernel is used.
    pub(crate) interface: OverlayInterface,
}

/// The two ways to ask for an overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlayInterface {
    /// fsopen(2) … fsmount(2): one call a layer, so neither the number of layers nor odd
    /// characters matter. Linux 6.5.
    Fsconfig,
    /// mount(2): everything in one page of text.
    Options,
}

/// What is done about symbolic links in the path of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// They are followed.
    Followed,
    /// The path had none when it was looked at. One that is there now was put there since.
    Refused,
}

/// Where a mount is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A directory right in the root, which must not be a symbolic link.
    Directory,
    /// A path of the image, followed through its links but not out of the root, nor into [`Place::Directory`] mounts other
    /// than /sys.
    Image,
    /// In the mount that the set-up attached there: no name of the image is involved.
    In(&'static str),
}

/// A device node that every container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Its name in /dev.
    pub(crate) name: &'static str,
    /// The numbers that the kernel knows it by.
    pub(crate) major: u32,
    /// See `major`.
    pub(crate) minor: u32,
}

impl Device {
    /// Its path in the container.
    pub(crate) fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }
}

/// Mount flags, `MOUNT_ATTR_*` of mount_setattr(2), with the names that mount(8) prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub(super) u64);

impl Flags {
    /// nodev: device nodes have no effect.
    pub(super) const NO_DEVICES: Flags = Flags(libc::MOUNT_ATTR_NODEV);
    /// nosuid, nodev: no device may come from here, and no rights.
    pub(super) const HARMLESS: Flags = Flags(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV);
    /// nosuid, noexec, nodev: no program and no device may come from here.
    pub(super) const INERT: Flags = Flags(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC | libc::MOUNT_ATTR_NODEV);
    /// nosuid, noexec: devices only.
    pub(super) const DEVICES: Flags = Flags(libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC);
    /// nosuid: programs run, with nobody's rights but the caller's.
    pub(super) const UNPRIVILEGED: Flags = Flags(libc::MOUNT_ATTR_NOSUID);
    /// ro: nothing can be changed; a device node still takes data.
    pub(super) const READ_ONLY: Flags = Flags(libc::MOUNT_ATTR_RDONLY);

    pub(super) const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// With [`Flags::READ_ONLY`] where nothing may be written.
    pub(super) fn for_access(self, access: Access) -> Flags {
        match access {
            Access::ReadWrite => self,
            Access::ReadOnly => self.and(Flags::READ_ONLY),
        }
    }
}

impl Flags {
    /// None.
    pub(crate) fn none() -> Flags {
        Flags(0)
    }

    /// With which device nodes have no effect.
    pub(crate) fn and_no_devices(self) -> Flags {
        self.and(Flags::NO_DEVICES)
    }

    /// Whether device nodes have an effect.
    pub(crate) fn have_devices(self) -> bool {
        self.0 & Flags::NO_DEVICES.0 == 0
    }

    /// The flags changed as an option of mount(8) says; `None` for what is not an option about flags.
    pub(crate) fn with_option(self, option: &str) -> Option<Flags> {
        let (bits, mask) = match option {
            "ro" => (libc::MOUNT_ATTR_RDONLY, libc::MOUNT_ATTR_RDONLY),
            "rw" => (0, libc::MOUNT_ATTR_RDONLY),
            "nosuid" => (libc::MOUNT_ATTR_NOSUID, libc::MOUNT_ATTR_NOSUID),
            "suid" => (0, libc::MOUNT_ATTR_NOSUID),
            "nodev" => (libc::MOUNT_ATTR_NODEV, libc::MOUNT_ATTR_NODEV),
            "dev" => (0, libc::MOUNT_ATTR_NODEV),
            "noexec" => (libc::MOUNT_ATTR_NOEXEC, libc::MOUNT_ATTR_NOEXEC),
            "exec" => (0, libc::MOUNT_ATTR_NOEXEC),
            "nosymfollow" => (libc::MOUNT_ATTR_NOSYMFOLLOW, libc::MOUNT_ATTR_NOSYMFOLLOW),
            "nodiratime" => (libc::MOUNT_ATTR_NODIRATIME, libc::MOUNT_ATTR_NODIRATIME),
            "diratime" => (0, libc::MOUNT_ATTR_NODIRATIME),
            "relatime" | "atime" | "nostrictatime" => (0, libc::MOUNT_ATTR__ATIME),
            "noatime" => (libc::MOUNT_ATTR_NOATIME, libc::MOUNT_ATTR__ATIME),
            "strictatime" => (libc::MOUNT_ATTR_STRICTATIME, libc::MOUNT_ATTR__ATIME),
            "defaults" => (0, 0),
            _ => return None,
        };
        Some(Flags(self.0 & !mask | bits))
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (libc::MOUNT_ATTR_RDONLY, "ro"),
            (libc::MOUNT_ATTR_NOSUID, "nosuid"),
            (libc::MOUNT_ATTR_NODEV, "nodev"),
            (libc::MOUNT_ATTR_NOEXEC, "noexec"),
            (libc::MOUNT_ATTR_STRICTATIME, "strictatime"),
        ];
        let set: Vec<&str> = names.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| *name).collect();
        formatter.write_str(&set.join(","))
    }
}
