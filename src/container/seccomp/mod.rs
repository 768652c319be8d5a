//! The system call filter, see seccomp(2).
//!
//! The kernel runs a small program (classic BPF) before every system call of the container. Ours
//! is made from two tables: which calls are allowed (`profile`, Docker's default) and which number
//! each call has on which architecture (`numbers.txt`, the kernel's). A 64-bit kernel also runs
//! 32-bit programs, whose calls have other numbers: a filter that knew only one table would let
//! them call something else under an allowed number.
//!
//! As in runc, a call whose number is higher than all that the profile names gets ENOSYS, not
//! EPERM: it is newer than the profile, and programs that probe for a new call fall back to an old
//! one only on ENOSYS.
//!
//! A manager that calls us as its runtime prescribes a profile of its own (`custom`), whose rules may test every
//! argument.
//!
//! Left out: machines other than x86_64 and aarch64.

mod asking;
mod compile;
mod custom;
mod profile;

use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use libc::sock_filter;
use nix::errno::Errno;

use super::capabilities::Capabilities;
use super::error::Failure;
use super::filter::Profile;
use super::operation::{Operation, Phase};
use super::plan::Plan;
use super::prescribed::Prescribed;
use super::process::{Rights, Seccomp};
use super::tuning::Tuning;

use asking::AskedCall;
pub(super) use asking::{Abi, architecture, number};

/// The filters that were made, in the life of this process: few, as few sets of capabilities are ever asked for.
static MADE: Mutex<Vec<(Capabilities, Arc<[sock_filter]>)>> = Mutex::new(Vec::new());

/// The filter for a container with `capabilities`; `None` where the numbers of this machine are not known.
///
/// Making it takes a twentieth of the time of a short RUN, so it is kept, and made in our own process: what a container's
/// processes make is gone with them.
fn filter(capabilities: Capabilities) -> Option<Arc<[sock_filter]>> {
    // What a panic left behind is whole: entries are only ever added.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, filter)) = made.iter().find(|(of, _)| *of == capabilities) {
        return Some(filter.clone());
    }
    let filter: Arc<[sock_filter]> = compile::program(capabilities)?.into();
    made.push((capabilities, filter.clone()));
    Some(filter)
}

/// Makes the filter of processes with these rights, before one is planned: it takes no time then.
pub(crate) fn make(rights: &Rights) {
    match &rights.seccomp {
        Seccomp::Docker => drop(filter(rights.capabilities)),
        // One of a file is the container's alone.
        Seccomp::Unconfined | Seccomp::Profile(_) => {}
    }
}

/// The filter that a plan installs, if it does.
pub(super) fn of(plan: &Plan) -> Option<Arc<[sock_filter]>> {
    plan.of(Phase::Leaving).find_map(|operation| match operation {
        Operation::InstallFilter { capabilities } => filter(*capabilities),
        Operation::Prescribed(Prescribed::InstallFilter { profile }) | Operation::Tune(Tuning::Filter { profile }) => {
            custom::program(profile).map(Arc::from)
        }
        _ => None,
    })
}

/// Whether the kernel takes the filter of a profile: BPF_MAXINSNS. Of a machine whose numbers are not known nobody can say.
pub(crate) fn fits(profile: &Profile) -> bool {
    const MOST: usize = 4096;
    custom::program(profile).is_none_or(|program| program.len() <= MOST)
}

/// The names of all calls that a machine of these has.
pub(crate) fn known_calls() -> impl Iterator<Item = &'static str> {
    compile::NUMBERS.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.starts_with('#'))
}

/// Docker's default profile for a container with these capabilities, as somebody would prescribe it.
pub(crate) fn docker(capabilities: Capabilities) -> Profile {
    custom::of_table(capabilities)
}

/// What may be the reason of whatever fails under a filter that we did not choose.
pub(super) const FILTERED_HINT: &str = "the filter of `--security-opt seccomp=FILE` holds here, too: it may refuse a call that is needed to start a program";

/// Installs a filter. It stays for this process and all it starts.
///
/// Needs CAP_SYS_ADMIN in the user namespace, or no_new_privs.
pub(super) fn install(filter: Option<&[sock_filter]>) -> Result<(), Failure> {
    let filter = filter.ok_or_else(|| {
        Failure::call("seccomp", Errno::ENOSYS).hint(
            "the system call numbers of this machine are not known: the filter has to be \
                 switched off",
        )
    })?;
    set(filter, 0).map(drop).map_err(|errno| Failure::call("seccomp", errno))
}

/// Installs a further filter that has the kernel ask for these calls of each kind of programs, and gives the descriptor by which it asks.
pub(super) fn listen(calls: impl Fn(Abi) -> Vec<AskedCall>) -> Result<OwnedFd, Failure> {
    const NEW_LISTENER: libc::c_ulong = 1 << 3;
    // Linux 5.19: once somebody works on the answer, only a deadly signal ends the call. Else some calls would be made twice.
    const WAIT_KILLABLE: libc::c_ulong = 1 << 5;
    let refused = |errno| {
        Failure::call("users and owners can't be emulated: seccomp(SECCOMP_FILTER_FLAG_NEW_LISTENER)", errno)
            .hint("EBUSY means that another program is asked already: that of the container which this one runs in")
    };
    let filter = asking::program(&calls).ok_or_else(|| refused(Errno::ENOSYS))?;
    let made = match set(&filter, NEW_LISTENER | WAIT_KILLABLE) {
        Err(Errno::EINVAL) => set(&filter, NEW_LISTENER),
        made => made,
    };
    let number = made.and_then(|number| i32::try_from(number).map_err(|_| Errno::EBADF)).map_err(refused)?;
    // SAFETY: seccomp(2) has just made this descriptor, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn set(filter: &[sock_filter], flags: libc::c_ulong) -> Result<libc::c_long, Errno> {
    const SET_MODE_FILTER: libc::c_ulong = 1;
    // Docker's default: programs are not slowed down by the mitigation of speculative store bypass.
    const SPEC_ALLOW: libc::c_ulong = 1 << 2;
    let length = filter.len().try_into().map_err(|_| Errno::E2BIG)?;
    let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
    // SAFETY: seccomp(2) reads `len` instructions, which live until it returns, and writes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, SPEC_ALLOW | flags, &raw const program) };
    Errno::result(answer)
}
