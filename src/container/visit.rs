//! A look at the files of a container, as its root sees them: mounts, volumes and owners included.
//!
//! The work is done in the container's own mount namespace and user namespace, by a process that shares our memory and our descriptors. So a
//! path means there what it means inside, and a link can't lead out. No process of the container sees this one: it stays in our own process
//! id namespace.

use std::os::fd::OwnedFd;

use super::error::{Error, Failure};
use super::identity::Identity;
use super::inside::Root;
use super::namespaces;
use super::processes;
use super::vfork;

/// Does some work with the files of the container that this process is in.
///
/// # Errors
/// The container has ended; the work panicked.
pub(crate) fn visit<R>(process: &OwnedFd, identity: &Identity, work: impl FnOnce(&Root) -> R) -> Result<R, Error> {
    let ended = vfork::call(|| {
        namespaces::join_files(process, identity)?;
        // Without us nobody wants the answer. After entering, which would undo it.
        processes::end_with_parent()?;
        let root = Root::open().map_err(|errno| Failure::refused("open", "/".as_ref(), errno))?;
        Ok(work(&root))
    });
    match ended.map_err(Error::call("clone"))?.answer {
        Some(Ok(answer)) => answer.map_err(Error::Setup),
        Some(Err(_)) => Err(Error::Within("panicked".to_owned())),
        None => Err(Error::Within("was killed".to_owned())),
    }
}
