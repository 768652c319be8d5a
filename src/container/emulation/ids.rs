//! The users and groups that a process believes to have: credentials(7) without the kernel.
//!
//! The rules are those of setresuid(2) and its kin, with user 0 as the one who may do everything.

use std::sync::Arc;

use nix::errno::Errno;

/// "Leave it as it is", where a call takes several ids.
pub(super) const KEEP: u32 = u32::MAX;

/// The four ids of one sort that a process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(crate) real: u32,
    pub(crate) effective: u32,
    pub(crate) saved: u32,
    /// The one that files are judged by.
    pub(crate) files: u32,
}

impl Ids {
    fn all(id: u32) -> Ids {
        Ids { real: id, effective: id, saved: id, files: id }
    }

    fn has(self, id: u32) -> bool {
        [self.real, self.effective, self.saved].contains(&id)
    }

    // ANCHOR: set
    /// setuid(2), setgid(2).
    fn set(self, id: u32, power: Power) -> Result<Ids, Errno> {
        match power {
            Power::Full => Ok(Ids::all(id)),
            Power::None if id == self.real || id == self.saved => Ok(Ids { effective: id, files: id, ..self }),
            Power::None => Err(Errno::EPERM),
        }
    }
    // ANCHOR_END: set

    /// setreuid(2), setregid(2).
    fn set_two(self, real: u32, effective: u32, power: Power) -> Result<Ids, Errno> {
        let may_real = real == KEEP || [self.real, self.effective].contains(&real);
        let may_effective = effective == KEEP || self.has(effective);
        if power == Power::None && !(may_real && may_effective) {
            return Err(Errno::EPERM);
        }
        let mut ids = self;
        ids.real = if real == KEEP { self.real } else { real };
        ids.effective = if effective == KEEP { self.effective } else { effective };
        if real != KEEP || (effective != KEEP && effective != self.real) {
            ids.saved = ids.effective;
        }
        ids.files = ids.effective;
        Ok(ids)
    }

    /// setresuid(2), setresgid(2).
    fn set_three(self, wanted: [u32; 3], power: Power) -> Result<Ids, Errno> {
        if power == Power::None && !wanted.iter().all(|id| *id == KEEP || self.has(*id)) {
            return Err(Errno::EPERM);
        }
        let [real, effective, saved] = wanted;
        let or = |wanted, before| if wanted == KEEP { before } else { wanted };
        let effective = or(effective, self.effective);
        Ok(Ids { real: or(real, self.real), effective, saved: or(saved, self.saved), files: effective })
    }

    /// setfsuid(2), setfsgid(2): says nothing of success.
    fn set_files(self, id: u32, power: Power) -> Ids {
        if power == Power::Full || self.has(id) || self.files == id { Ids { files: id, ..self } } else { self }
    }
}

/// How a call changes one sort of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    One,
    Two,
    Three,
    Files,
}

impl Change {
    /// The ids after a call with these arguments.
    pub(crate) fn apply(self, ids: Ids, args: [u32; 3], power: Power) -> Result<Ids, Errno> {
        match self {
            Change::One if args[0] == KEEP => Err(Errno::EINVAL),
            Change::One => ids.set(args[0], power),
            Change::Two => ids.set_two(args[0], args[1], power),
            Change::Three => ids.set_three(args, power),
            Change::Files => Ok(ids.set_files(args[0], power)),
        }
    }
}

/// Whether the rules for ordinary users hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    Full,
    None,
}

/// All that a process has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(crate) user: Ids,
    pub(crate) group: Ids,
    pub(crate) groups: Arc<[u32]>,
}

impl Credentials {
    pub(crate) fn new(uid: u32, gid: u32, groups: Vec<u32>) -> Credentials {
        Credentials { user: Ids::all(uid), group: Ids::all(gid), groups: groups.into() }
    }

    /// What the process may do where the container has the capability that it takes.
    pub(crate) fn power(&self, is_in_container: bool) -> Power {
        if is_in_container && self.user.effective == 0 { Power::Full } else { Power::None }
    }

    // ANCHOR: may-give
    /// Whether a file of this owner may be given to another one, see chown(2).
    pub(crate) fn may_give(&self, owner: (u32, u32), wanted: (u32, u32), power: Power) -> bool {
        if power == Power::Full {
            return true;
        }
        let is_owner = self.user.files == owner.0;
        let is_member = |group| group == owner.1 || group == self.group.files || self.groups.contains(&group);
        let user = wanted.0 == KEEP || (is_owner && wanted.0 == owner.0);
        let group = wanted.1 == KEEP || (is_owner && is_member(wanted.1));
        user && group
    }
    // ANCHOR_END: may-give
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_becomes_a_user_for_good() {
        let root = Ids::all(0);
        let user = root.set(33, Power::Full).expect("root may");
        assert_eq!(user, Ids::all(33));
        assert_eq!(user.set(0, Power::None), Err(Errno::EPERM));
        assert_eq!(user.set(33, Power::None), Ok(user));
    }

    #[test]
    fn a_user_for_a_while_comes_back() {
        let user = Ids::all(0).set_three([KEEP, 33, KEEP], Power::Full).expect("root may");
        assert_eq!(user, Ids { real: 0, effective: 33, saved: 0, files: 33 });
        assert_eq!(user.set_two(KEEP, 0, Power::None), Ok(Ids::all(0)));
        assert_eq!(user.set_three([7, KEEP, KEEP], Power::None), Err(Errno::EPERM));
        assert_eq!(user.set_two(33, 0, Power::None), Ok(Ids { real: 33, effective: 0, saved: 0, files: 0 }));
    }

    #[test]
    fn files_are_given_by_root_and_within_ones_groups() {
        let user = Credentials::new(33, 33, vec![33, 44]);
        let may = |owner, wanted| user.may_give(owner, wanted, user.power(true));
        assert!(may((33, 33), (KEEP, 44)) && may((33, 33), (33, 44)) && may((7, 7), (KEEP, KEEP)));
        assert!(!may((33, 33), (7, KEEP)) && !may((33, 33), (KEEP, 7)) && !may((7, 44), (KEEP, 44)));
        let root = Credentials::new(0, 0, vec![]);
        assert!(root.may_give((33, 33), (7, 7), root.power(true)) && !root.may_give((0, 0), (7, 7), root.power(false)));
    }
}
