//! Who we are to the kernel while a container's files and processes are handled.
//!
//! An image's files belong to many users, and only a privileged process may create such files. Root
//! simply does. Anyone else enters a *user namespace*, in which user 0 is an ordinary user outside:
//! `newuidmap(1)` and `newgidmap(1)` may map a whole range of further ids that `subuid(5)` grants;
//! without a grant only one id exists inside, and it is 0. See user_namespaces(7).
//!
//! This module detects which of the three it is, and runs a closure with that identity. How a namespace is entered is in
//! [`userns`]; the container itself enters one of its own, see [`super::keeper`].

use std::path::Path;

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};

use super::error::Error;
use super::grants;
use super::processes;
use super::userns::{self, IdMap, Mapper, Range};
use super::vfork;

// ANCHOR: identity
/// The three ways to be root in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// We are root, with the capabilities that mounting needs: no user namespace.
    Root,
    /// A user namespace with many ids, mapped by the set-user-id helpers.
    Mapped {
        /// The user ids, beginning with our own as 0.
        uid_ranges: Vec<Range>,
        /// The group ids, beginning with our own as 0.
        gid_ranges: Vec<Range>,
    },
    /// A user namespace in which only one user and one group exist: ours, and they are 0.
    Single,
}
// ANCHOR_END: identity

impl Identity {
    /// Finds out which of the three this process has.
    ///
    /// Reads `/etc/subuid` and `/etc/subgid` (one `name-or-uid:first:count` a line) and looks for
    /// the helpers on PATH. Changes nothing; whether the kernel lets users make namespaces at all
    /// is for [`Host`](super::Host) to try.
    pub fn detect() -> Identity {
        if Uid::effective().is_root() && grants::may_mount() {
            return Identity::Root;
        }
        let uid_ranges = grants::granted_ranges(Path::new("/etc/subuid"), Uid::effective().as_raw());
        let gid_ranges = grants::granted_ranges(Path::new("/etc/subgid"), Gid::effective().as_raw());
        match (uid_ranges, gid_ranges) {
            (Some(uid_ranges), Some(gid_ranges))
                if !grants::no_new_privileges()
                    && grants::find_on_path("newuidmap").is_some()
                    && grants::find_on_path("newgidmap").is_some() =>
            {
                Identity::Mapped { uid_ranges, gid_ranges }
            }
            _ => Identity::Single,
        }
    }

    /// Whether owners on disk mean what the image says. With [`Identity::Single`] they can't:
    /// every file belongs to the one id there is, and the owner has to be kept elsewhere.
    pub(crate) fn keeps_owners(&self) -> bool {
        match self {
            Identity::Root | Identity::Mapped { .. } => true,
            Identity::Single => false,
        }
    }

    /// Whether somebody has to answer for the kernel when users and owners are changed: it knows one of each.
    pub(super) fn needs_supervisor(&self) -> bool {
        !self.keeps_owners()
    }

    /// Whether a user namespace is entered, and so overlayfs has to keep its marks in `user.*`
    /// attributes.
    pub fn in_user_namespace(&self) -> bool {
        match self {
            Identity::Root => false,
            Identity::Mapped { .. } | Identity::Single => true,
        }
    }

    /// Which user ids and group ids exist in the user namespace that is entered; none where none is.
    pub(crate) fn ranges(&self) -> (Vec<Range>, Vec<Range>) {
        self.id_map().map_or_else(Default::default, |map| (map.uids, map.gids))
    }

    /// The ids of the user namespace that is entered; `None` where none is.
    pub(super) fn id_map(&self) -> Option<IdMap> {
        match self {
            Identity::Root => None,
            Identity::Mapped { uid_ranges, gid_ranges } => {
                Some(IdMap { uids: uid_ranges.clone(), gids: gid_ranges.clone(), mapper: Mapper::Helpers })
            }
            Identity::Single => Some(IdMap::single(Uid::effective().as_raw(), Gid::effective().as_raw())),
        }
    }

    /// Runs `work` as root of the user namespace, and gives back what it returned.
    ///
    /// As root it is called as any function. Otherwise it runs in a process of its own that shares our memory and our
    /// descriptors, while this thread waits: so it can do with both what this thread could do, and only who it is to the kernel
    /// is different.
    ///
    /// # Errors
    /// The namespace can't be made or mapped; `work` panicked, or its process died.
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> Result<R, Error> {
        match self {
            Identity::Root => Ok(work()),
            Identity::Mapped { .. } | Identity::Single => self.in_process(work),
        }
    }

    /// As [`Identity::within`], but in a process of its own even as root.
    pub(super) fn in_process<R>(&self, work: impl FnOnce() -> R) -> Result<R, Error> {
        let map = self.id_map();
        let namespace = match &map {
            Some(map) if map.mapper == Mapper::Helpers => Some(userns::mapped(map)?),
            Some(_) | None => None,
        };
        let ended = vfork::call(|| {
            match (&map, &namespace) {
                (_, Some(namespace)) => userns::join(namespace)?,
                (Some(map), None) => userns::enter(map, || false)?,
                (None, None) => {}
            }
            // Without us nobody wants the answer. After entering, which would undo it.
            processes::end_with_parent()?;
            Ok(work())
        });
        let ended = ended.map_err(Error::call("clone"))?;
        match ended.answer {
            Some(Ok(answer)) => answer.map_err(Error::Setup),
            Some(Err(panic)) => Err(Error::Within(format!("panicked: {}", panic_message(panic.as_ref())))),
            None => Err(Error::Within(describe(ended.status))),
        }
    }

    /// Removes `path` and everything below it, whoever owns it; not an error when it does not
    /// exist.
    ///
    /// Files made by a container may belong to mapped ids and lie in directories that only those
    /// may change, so this happens inside the namespace. Symbolic links are removed, not followed.
    ///
    /// # Errors
    /// What the kernel refuses to remove.
    pub fn remove_dir_all(&self, path: &Path) -> Result<(), Error> {
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(());
        }
        // Mostly there is nothing of others left in it, and no namespace has to be made.
        if self.in_user_namespace() && std::fs::remove_dir_all(path).is_ok() {
            return Ok(());
        }
        self.within(|| match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
            Ok(()) | Err(_) => Ok(()),
        })?
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Identity::Root => write!(formatter, "root"),
            Identity::Mapped { .. } => write!(formatter, "user namespace with mapped ids"),
            Identity::Single => write!(formatter, "user namespace with one id"),
        }
    }
}

fn describe(status: libc::c_int) -> String {
    if libc::WIFSIGNALED(status) {
        let number = libc::WTERMSIG(status);
        let name = Signal::try_from(number).map_or_else(|_| number.to_string(), |signal| signal.to_string());
        return format!("was killed by {name}");
    }
    format!("ended with status {} and no result", libc::WEXITSTATUS(status))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
