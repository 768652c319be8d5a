//! Users and owners where only one id exists.
//!
//! A user namespace with one id has no other user to become and nobody to give a file to: the kernel refuses chown(2), setuid(2) and their kin.
//! Installing packages takes them, and so does every USER. So a second filter has the kernel ask *us* for these calls, by
//! seccomp_unotify(2), and this module answers:
//!
//! ```text
//! the command ──chown──▶ kernel ──asks──▶ supervisor: gives the file to the one user there is,
//!      ▲                                  │           writes the owner beside it (crate::owner)
//!      └────────────── 0 ◀────────────────┘
//! ```
//!
//! - **Ids** are numbers that a process is told ([`ids`]). A process carries the number of its credentials ([`table`]), so that its children and
//!   the programs that it executes have the same ([`target`]).
//! - **Owners** are attributes of the files ([`files`]): chown(2) writes them, stat(2) is answered from them.
//!
//! **It gives no rights.** What the kernel does for a process, it does with the rights that the process has; what the supervisor does in its
//! place, any process of the container that is root may do by itself: give a file of the one user to that user, set an attribute, look at a file.
//! A process that believes to be another user is still the one user to the kernel, so the users of such a container are not kept apart from
//! each other. See [`target`] for what a hostile process may try.
//!
//! **Who lives how long.** A container has one supervisor ([`supervisor`]). The keeper forks it, and each process that comes in later is let in by
//! it; it ends with the keeper. Where it ends before, the calls fail with ENOSYS, which no program expects of them: so the guard ends the container.
//! It is never in the container's control group, as what is frozen there may wait for an answer. What it uses has an end instead: it has a few
//! threads, and a table of a few hundred kilobytes to a few megabytes at most.
//!
//! **Speed.** A call that is asked about costs two switches between processes and a dozen system calls. All others cost nothing: the
//! kernel knows from the filter that their numbers are always allowed, and does not run it.
//!
//! **32-bit programs** are answered as others are, by the numbers that their calls have ([`calls`]). The calls of the x32 interface do not exist, as on
//! nearly every kernel.
//!
//! Left out: who owns the files that another user than the container's first process makes (that user does); what access(2), open(2) and
//! kill(2) would refuse to another user; set-user-id programs; device nodes; a further listener in the container, as the kernel has one only.
//!
//! Read [`supervisor`] for how calls come in, [`answers`] for what they are told.

mod answers;
mod calls;
mod files;
mod ids;
mod keeping;
mod listener;
mod memory;
mod supervisor;
mod table;
mod target;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{ForkResult, Pid, fork};

use super::account::Account;
use super::capabilities::Capabilities;
use super::error::Failure;
use super::processes::{self, pidfd};
use super::seccomp;
use super::supervision::Supervision;
use crate::link::{Heard, Link};
use crate::owner;
use supervisor::{Begin, Listening};

/// The supervisor's process. Dropped, it is killed.
pub(super) struct Supervisor(Pid);

impl Supervisor {
    /// Forks it, in the container's user namespace.
    pub(crate) fn fork() -> Result<(Supervisor, Supervision), Failure> {
        let (link, their_link) = Link::pair().map_err(|errno| Failure::call("socketpair", errno))?;
        // SAFETY: fork(2): the child keeps to the rules of `keeper`, but for its threads, and never returns. It may have some: whoever forked it
        // has one, which has no lock, and the C library makes its own usable.
        match unsafe { fork() }.map_err(|errno| Failure::call("fork", errno))? {
            ForkResult::Child => {
                drop(link);
                // A panic must not unwind into what our copy of the stack holds of the caller.
                let _ = catch_unwind(AssertUnwindSafe(|| supervisor::supervise(their_link)));
                // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => {
                let supervisor = Supervisor(child);
                let process = pidfd(child).map_err(|errno| Failure::call("pidfd_open", errno))?;
                Ok((supervisor, Supervision::of(link, process)))
            }
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // SAFETY: kill(2) on our own child; it was not waited for yet, so the number is its.
        unsafe { libc::kill(self.0.as_raw(), libc::SIGKILL) };
        // It is our child, and nobody else waits for it.
        let _ = processes::wait(self.0);
    }
}

/// Which of a container's processes begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginner {
    /// Its own: what it makes is its user's.
    First,
    Further,
}

/// What came of it.
pub(super) enum Begun {
    Answered,
    /// Nobody can be asked here, for this reason, and whoever stays root can do without.
    Without(Failure),
}

/// Installs the filter in this process, which begins as that user, and waits until somebody answers.
pub(super) fn begin(
    way: &Supervision,
    root: BorrowedFd<'_>,
    account: &Account,
    capabilities: Capabilities,
    beginner: Beginner,
) -> Result<Begun, Failure> {
    if account.uid != 0 {
        no_capabilities_of_root()?;
    }
    let is_root = (account.uid, account.gid) == (0, 0);
    if !is_root && beginner == Beginner::First {
        // On a file system without attributes they are root's.
        let _ = xattr::set("/", owner::MAKER, owner::text(account.uid, account.gid).as_bytes());
    }
    let listener = match can_carry().and_then(|()| listen()) {
        Ok(listener) => listener,
        Err(failure) if is_root && account.further.is_empty() => return Ok(Begun::Without(failure)),
        Err(failure) => return Err(failure),
    };
    let (ours, theirs) = Link::pair().map_err(|errno| Failure::call("socketpair", errno))?;
    let begin = Begin { uid: account.uid, gid: account.gid, groups: account.groups.clone(), capabilities };
    let is_told = way.link().say_with_all(&begin, &[listener.as_fd(), root, theirs.as_fd()]);
    drop(theirs);
    match ours.hear() {
        Heard::Message(Listening, _) if is_told => Ok(Begun::Answered),
        Heard::Message(Listening, _) | Heard::Nothing | Heard::End => {
            Err(Failure::call("waiting for the supervisor", Errno::ESRCH)
                .hint("too many processes were begun in this container, or as too many different users"))
        }
    }
}

/// Whether a process can carry who it believes to be.
fn can_carry() -> Result<(), Failure> {
    let (_, hard) = getrlimit(Resource::RLIMIT_LOCKS).map_err(|errno| Failure::call("getrlimit", errno))?;
    if hard > answers::FIRST + u64::from(u32::MAX) {
        return Ok(());
    }
    Err(Failure::call("users and owners can't be emulated: the limit of file locks", Errno::EPERM)
        .hint("each process carries its user in it: `ulimit -H -x unlimited` where this program is called from"))
}

fn listen() -> Result<OwnedFd, Failure> {
    let asked = |abi| calls::calls_of(abi).map(|(name, form)| (name, form.call.first_argument())).collect();
    seccomp::listen(asked)
}

/// Has the kernel give no capabilities to the programs that this process executes: to the kernel it stays the namespace's root.
fn no_capabilities_of_root() -> Result<(), Failure> {
    const NO_ROOT_AND_LOCKED: libc::c_ulong = 0b11;
    // SAFETY: prctl(2): PR_SET_SECUREBITS takes a number and touches no memory.
    let set = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, NO_ROOT_AND_LOCKED, 0, 0, 0) };
    Errno::result(set).map(drop).map_err(|errno| Failure::call("prctl(PR_SET_SECUREBITS)", errno))
}
