//! The calls that are answered for the kernel: their names, and what each asks.

use std::collections::BTreeMap;

use super::super::seccomp::{Abi, architecture, number};
use super::ids::Change;
use super::listener::Asked;

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

/// Every call, by its name in the kernel.
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

/// The same with whole numbers, for 32-bit programs: the names above mean 16 bits there.
const WHOLE: &[(&str, Call)] = &[
    ("getuid32", Call::Get(Sort::User)),
    ("getgid32", Call::Get(Sort::Group)),
    ("geteuid32", Call::GetEffective(Sort::User)),
    ("getegid32", Call::GetEffective(Sort::Group)),
    ("getresuid32", Call::GetThree(Sort::User)),
    ("getresgid32", Call::GetThree(Sort::Group)),
    ("setuid32", Call::Set(Sort::User, Change::One)),
    ("setgid32", Call::Set(Sort::Group, Change::One)),
    ("setreuid32", Call::Set(Sort::User, Change::Two)),
    ("setregid32", Call::Set(Sort::Group, Change::Two)),
    ("setresuid32", Call::Set(Sort::User, Change::Three)),
    ("setresgid32", Call::Set(Sort::Group, Change::Three)),
    ("setfsuid32", Call::Set(Sort::User, Change::Files)),
    ("setfsgid32", Call::Set(Sort::Group, Change::Files)),
    ("getgroups32", Call::GetGroups),
    ("setgroups32", Call::SetGroups),
    ("chown32", Call::GiveFile(Naming::Path)),
    ("lchown32", Call::GiveFile(Naming::Link)),
    ("fchown32", Call::GiveFile(Naming::Descriptor)),
    ("stat64", Call::Look(Naming::Path, 1)),
    ("lstat64", Call::Look(Naming::Link, 1)),
    ("fstat64", Call::Look(Naming::Descriptor, 1)),
    ("fstatat64", Call::Look(Naming::At { flags: 3 }, 2)),
];

/// How many bits an id has in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Whole,
    /// 16 bits: what 32-bit programs had before Linux 2.4.
    Half,
}

impl Width {
    /// The id that an argument says; all bits set is "leave it" in either.
    pub(crate) fn id(self, argument: u64) -> u32 {
        match self {
            Width::Whole => argument as u32,
            Width::Half if argument as u16 == u16::MAX => u32::MAX,
            Width::Half => (argument as u16).into(),
        }
    }

    /// An id as it is told: one that has no room is 65534, see /proc/sys/kernel/overflowuid.
    pub(crate) fn told(self, id: u32) -> u32 {
        match self {
            Width::Whole => id,
            Width::Half => u16::try_from(id).unwrap_or(65534).into(),
        }
    }

    /// The same, as it lies in memory.
    pub(crate) fn bytes(self, id: u32) -> Vec<u8> {
        match self {
            Width::Whole => id.to_ne_bytes().to_vec(),
            Width::Half => (self.told(id) as u16).to_ne_bytes().to_vec(),
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Width::Whole => 4,
            Width::Half => 2,
        }
    }
}

/// A call of a program, and what its arguments look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    pub(crate) call: Call,
    pub(crate) width: Width,
    pub(crate) abi: Abi,
}

/// Every call that the programs of a kind have, by name.
pub(super) fn calls_of(abi: Abi) -> impl Iterator<Item = (&'static str, Form)> {
    let form = move |width| move |(name, call): &(&'static str, Call)| (*name, Form { call: *call, width, abi });
    let whole = match abi {
        Abi::Native => &[][..],
        Abi::Compat => WHOLE,
    };
    let plain = CALLS.iter().filter(move |(name, call)| match (abi, call) {
        (Abi::Native, _) => true,
        // Those of the first Linux, with 16 bits for each number. No C library of this century makes them.
        (Abi::Compat, Call::Look(..)) => *name != "stat" && *name != "lstat" && *name != "fstat",
        (Abi::Compat, _) => true,
    });
    plain
        .map(move |entry| {
            let (name, call) = entry;
            let is_half = abi == Abi::Compat && *name != "fchownat" && has_ids(*call);
            form(if is_half { Width::Half } else { Width::Whole })(entry)
        })
        .chain(whole.iter().map(form(Width::Whole)))
}

fn has_ids(call: Call) -> bool {
    match call {
        Call::Get(_) | Call::GetEffective(_) | Call::GetThree(_) | Call::Set(..) => true,
        Call::GetGroups | Call::SetGroups | Call::GiveFile(_) => true,
        Call::Look(..) | Call::LookWithMask | Call::ListAttributes(_) | Call::KeepCapabilities => false,
    }
}

/// The calls of both kinds of programs, as they come in.
pub(super) struct Numbered(BTreeMap<(u32, i32), Form>);

impl Numbered {
    pub(crate) fn new() -> Numbered {
        let numbered = |abi| {
            calls_of(abi).filter_map(move |(name, form)| {
                Some(((architecture(abi)?, i32::try_from(number(name, abi)?).ok()?), form))
            })
        };
        Numbered(numbered(Abi::Native).chain(numbered(Abi::Compat)).collect())
    }

    /// Which call was made.
    pub(crate) fn find(&self, asked: &Asked) -> Option<Form> {
        self.0.get(&(asked.architecture, asked.call)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_number() {
        for (name, _) in WHOLE {
            assert!(number(name, Abi::Compat).is_some(), "{name}");
        }
        assert!(number("setresuid", Abi::Native).is_some() && number("setresuid32", Abi::Native).is_none());
        let halves: Vec<&str> =
            calls_of(Abi::Compat).filter(|(_, form)| form.width == Width::Half).map(|(name, _)| name).collect();
        assert!(halves.contains(&"setuid") && halves.contains(&"chown") && !halves.contains(&"fchownat"));
    }

    #[test]
    fn ids_of_16_bits_keep_their_meaning() {
        assert_eq!((Width::Half.id(0xffff), Width::Half.id(33), Width::Whole.id(0xffff)), (u32::MAX, 33, 0xffff));
        assert_eq!((Width::Half.told(70_000), Width::Half.told(33)), (65534, 33));
        assert_eq!(Width::Half.bytes(33), 33_u16.to_ne_bytes());
    }
}
