//! The operations a container is set up with: pure data, one line and one reason each.
//!
//! An operation says what is done, in the order in which it stands in a [`Plan`](super::Plan), and
//! nothing is done that is not an operation. [`super::execute`] carries them out. Paths of the
//! machine are `PathBuf`; paths inside the container are `String` and begin with `/`.

use std::fmt;
use std::path::PathBuf;

use super::capabilities::Capabilities;
use super::identity::Range;
use super::spec::Access;

// ANCHOR: phase
/// Where and when an operation is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// In our own process, before anything is forked.
    Outside,
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
}
// ANCHOR_END: phase

impl Phase {
    /// Every phase in order.
    pub const ALL: [Phase; 6] =
        [Phase::Outside, Phase::Entering, Phase::Guarding, Phase::Inside, Phase::Rooted, Phase::Leaving];
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Phase::Outside => "outside",
            Phase::Entering => "in the new namespaces",
            Phase::Guarding => "as the guard",
            Phase::Inside => "as the container's first process",
            Phase::Rooted => "in the new root",
            Phase::Leaving => "just before the command",
        })
    }
}

/// One step of the set-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Make a directory of the machine.
    CreateDirectory { path: PathBuf },
    /// Write one of the container's own /etc files.
    WriteFile { path: PathBuf, content: String },
    /// Make a control group under each of these hierarchies.
    CreateCgroup { paths: Vec<PathBuf> },

    /// Put ourselves, and so the container, into the control group.
    JoinCgroup { paths: Vec<PathBuf> },
    /// Enter a new user namespace with these ids and become its user 0.
    EnterUserNamespace { uid_ranges: Vec<Range>, gid_ranges: Vec<Range>, helpers: bool },
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
    /// Switch the loopback interface on.
    LoopbackUp,
    /// Keep hold of these files and directories of the machine.
    OpenSources { paths: Vec<PathBuf> },
    /// Make this directory the root.
    PivotRoot { root: PathBuf },

    /// Mount a file system that has no device.
    MountFileSystem { kind: &'static str, target: String, flags: Flags, options: String },
    /// Mount a directory or file of the machine.
    Bind { source: PathBuf, target: String, access: Access, recursion: Recursion },
    /// Take the effect from device nodes on a mount, and on those below it.
    ForbidDevices { target: String, recursion: Recursion },
    /// Make a symbolic link.
    Symlink { path: String, target: String },
    /// Let go of the machine's tree.
    DetachOldRoot,
    /// Make a path read-only.
    ProtectPath { path: String },
    /// Hide a path.
    MaskPath { path: String },
    /// Make one mount read-only.
    ProtectMount { target: String },

    /// Take a new session, and the terminal as its own where there is one.
    NewSession { terminal: bool },
    /// Join a new session keyring.
    NewKeyring,
    /// Look the user up in the image.
    ResolveUser { user: String },
    /// Make the working directory where it is missing.
    CreateWorkingDirectory { path: String },
    /// Promise that no executed file raises privileges.
    ForbidNewPrivileges,
    /// Drop capabilities for good.
    BoundCapabilities { keep: Capabilities },
    /// Install the system call filter of Docker's default profile, for a container with these
    /// capabilities.
    InstallFilter { capabilities: Capabilities },
    /// Make the program that will execute the command.
    SealTrampoline,
    /// Become the user, with its groups.
    SwitchUser,
    /// Enter the working directory.
    ChangeDirectory { path: String },
    /// Limit what the process has to what it may keep.
    LimitCapabilities { keep: Capabilities },
    /// Reset signals and the file creation mask, close what must not be inherited.
    CleanUp,
    /// Become the command.
    Execute { args: Vec<String>, env: Vec<String> },
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
    pub lower: Vec<PathBuf>,
    /// Takes the changes.
    pub upper: PathBuf,
    /// overlayfs' own scratch directory.
    pub work: PathBuf,
    /// Where it is mounted.
    pub root: PathBuf,
    /// `userxattr`, `volatile` …
    pub options: Vec<&'static str>,
    /// Which interface of the kernel is used.
    pub interface: OverlayInterface,
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

/// Whether mounts below the source come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recursion {
    /// They do.
    Tree,
    /// They do not.
    One,
}

/// Mount flags as mount(2) has them, with the names that mount(8) prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub(super) libc::c_ulong);

impl Flags {
    /// nosuid, noexec, nodev: no program and no device may come from here.
    pub(super) const INERT: Flags = Flags(libc::MS_NOSUID | libc::MS_NOEXEC | libc::MS_NODEV);
    /// nosuid, noexec: devices only.
    pub(super) const DEVICES: Flags = Flags(libc::MS_NOSUID | libc::MS_NOEXEC);

    pub(super) fn with(self, bits: libc::c_ulong) -> Flags {
        Flags(self.0 | bits)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (libc::MS_RDONLY, "ro"),
            (libc::MS_NOSUID, "nosuid"),
            (libc::MS_NODEV, "nodev"),
            (libc::MS_NOEXEC, "noexec"),
            (libc::MS_STRICTATIME, "strictatime"),
        ];
        let set: Vec<&str> = names.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| *name).collect();
        formatter.write_str(&set.join(","))
    }
}
