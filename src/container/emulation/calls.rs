//! The calls that are answered for the kernel: their names, and what each asks.

use super::ids::Change;

/// Of users or of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    User,
    Group,
}

/// How a call names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// A path, from the working directory; a link at its end is followed.
    Path,
    /// The same, and the link itself is meant.
    Link,
    /// A descriptor.
    Descriptor,
    /// A directory's descriptor, a path, and flags in the argument at that place.
    At { flags: usize },
}

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Get(Sort),
    GetEffective(Sort),
    GetThree(Sort),
    Set(Sort, Change),
    GetGroups,
    SetGroups,
    GiveFile(Naming),
    /// Where the structure is to be put: the place of this argument.
    Look(Naming, usize),
    LookWithMask,
    ListAttributes(Naming),
    /// prctl(2), with PR_SET_KEEPCAPS alone.
    KeepCapabilities,
}

impl Call {
    /// What the first argument has to be for the kernel to ask, where that depends on it.
    pub(super) fn first_argument(self) -> Option<u32> {
        match self {
            Call::KeepCapabilities => Some(libc::PR_SET_KEEPCAPS.cast_unsigned()),
            _ => None,
        }
    }
}

/// Every call, by its name in the kernel. Those of 32-bit programs are left out: the kernel refuses them.
// ANCHOR: calls
pub(super) const CALLS: &[(&str, Call)] = &[
    ("getuid", Call::Get(Sort::User)),
    ("getgid", Call::Get(Sort::Group)),
    ("geteuid", Call::GetEffective(Sort::User)),
    ("getegid", Call::GetEffective(Sort::Group)),
    ("getresuid", Call::GetThree(Sort::User)),
    ("getresgid", Call::GetThree(Sort::Group)),
    ("setuid", Call::Set(Sort::User, Change::One)),
    ("setgid", Call::Set(Sort::Group, Change::One)),
    ("setreuid", Call::Set(Sort::User, Change::Two)),
    ("setregid", Call::Set(Sort::Group, Change::Two)),
    ("setresuid", Call::Set(Sort::User, Change::Three)),
    ("setresgid", Call::Set(Sort::Group, Change::Three)),
    ("setfsuid", Call::Set(Sort::User, Change::Files)),
    ("setfsgid", Call::Set(Sort::Group, Change::Files)),
    ("getgroups", Call::GetGroups),
    ("setgroups", Call::SetGroups),
    ("chown", Call::GiveFile(Naming::Path)),
    ("lchown", Call::GiveFile(Naming::Link)),
    ("fchown", Call::GiveFile(Naming::Descriptor)),
    ("fchownat", Call::GiveFile(Naming::At { flags: 4 })),
    ("stat", Call::Look(Naming::Path, 1)),
    ("lstat", Call::Look(Naming::Link, 1)),
    ("fstat", Call::Look(Naming::Descriptor, 1)),
    ("newfstatat", Call::Look(Naming::At { flags: 3 }, 2)),
    ("statx", Call::LookWithMask),
    ("listxattr", Call::ListAttributes(Naming::Path)),
    ("llistxattr", Call::ListAttributes(Naming::Link)),
    ("flistxattr", Call::ListAttributes(Naming::Descriptor)),
    ("prctl", Call::KeepCapabilities),
];
// ANCHOR_END: calls
