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
//! - **Ids** are numbers that a process is told ([`ids`]). A process carries the number of its [`Credentials`], so that its children and the
//!   programs that it executes have the same ([`Target::carried`]).
//! - **Owners** are attributes of the files ([`files`]): chown(2) writes them, stat(2) is answered from them.
//!
//! **It gives no rights.** What the kernel does for a process, it does with the rights that the process has; what the supervisor does in its
//! place, any process of the container that is root may do by itself: give a file of the one user to that user, set an attribute, look at a file.
//! A process that believes to be another user is still the one user to the kernel, so the users of such a container are not kept apart from
//! each other. See [`target`] for what a hostile process may try.
//!
//! **Who lives how long.** The keeper forks the supervisor, which is never in the container's control group: what is frozen there may wait
//! for an answer. It ends with the last process that has the filter, and the keeper ends it. Where it is killed, the calls fail with ENOSYS,
//! and nobody waits.
//!
//! **Speed.** A call that is asked about costs two switches between processes and a dozen system calls. All others cost nothing: the
//! kernel knows from the filter that their numbers are always allowed, and does not run it.
//!
//! Left out: who owns the files that another user than the container's first process makes (that user does); what access(2), open(2) and
//! kill(2) would refuse to another user; set-user-id programs; device nodes; calls of 32-bit programs; a further listener in the container, as
//! the kernel has one only.

mod calls;
mod files;
mod ids;
mod keeping;
mod listener;
mod target;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::unistd::{ForkResult, Pid, dup2_stderr, dup2_stdin, dup2_stdout, fork};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::capabilities::Capabilities;
use super::error::Failure;
use super::processes;
use super::seccomp;
use crate::link::{Heard, Link};
use crate::owner;
use calls::{CALLS, Call, Naming, Sort};
use files::{Maker, Owned};
use ids::{Credentials, Power};
use keeping::Keeping;
use listener::{Answer, Asked, Listener};
use target::{Machine, Target};

/// What the first process tells the supervisor, with the listener and the root directory.
#[derive(Serialize, Deserialize)]
struct Begin {
    initial: Credentials,
    capabilities: Capabilities,
}

/// What the supervisor says when it can answer.
#[derive(Serialize, Deserialize)]
struct Listening;

/// The supervisor's process. Dropped, it is killed.
pub(super) struct Supervisor(Pid);

impl Supervisor {
    /// Forks it. The link leads to it, for the process that installs the filter. Where we are not in the container's user namespace, its
    /// first process leads there.
    pub(crate) fn fork(first: Option<&OwnedFd>) -> Result<(Supervisor, Link), Failure> {
        let (link, their_link) = Link::pair().map_err(|errno| Failure::call("socketpair", errno))?;
        // SAFETY: fork(2): the child keeps to the rules of `keeper`, and never returns.
        match unsafe { fork() }.map_err(|errno| Failure::call("fork", errno))? {
            ForkResult::Child => {
                drop(link);
                // A panic must not unwind into what our copy of the stack holds of the caller.
                let _ = catch_unwind(AssertUnwindSafe(|| supervise(&their_link, first)));
                // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => Ok((Supervisor(child), link)),
        }
    }
}

impl Supervisor {
    /// Lets it go on until nobody is left who could ask.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
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
    link: &Link,
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
    let listener = match seccomp::listen(CALLS.iter().map(|(name, call)| (*name, call.first_argument()))) {
        Ok(listener) => listener,
        Err(failure) if is_root && account.further.is_empty() => return Ok(Begun::Without(failure)),
        Err(failure) => return Err(failure),
    };
    let initial = Credentials::new(account.uid, account.gid, account.groups.clone());
    link.say_with_all(&Begin { initial, capabilities }, &[listener.as_fd(), root]);
    match link.hear() {
        Heard::Message(Listening, _) => Ok(Begun::Answered),
        Heard::Nothing | Heard::End => Err(Failure::call("waiting for the supervisor", Errno::ESRCH)),
    }
}

/// Has the kernel give no capabilities to the programs that this process executes: to the kernel it stays the namespace's root.
fn no_capabilities_of_root() -> Result<(), Failure> {
    const NO_ROOT_AND_LOCKED: libc::c_ulong = 0b11;
    // SAFETY: prctl(2): PR_SET_SECUREBITS takes a number and touches no memory.
    let set = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, NO_ROOT_AND_LOCKED, 0, 0, 0) };
    Errno::result(set).map(drop).map_err(|errno| Failure::call("prctl(PR_SET_SECUREBITS)", errno))
}

/// Runs as the supervisor.
fn supervise(link: &Link, first: Option<&OwnedFd>) -> Result<(), Errno> {
    let mut kept = vec![link.as_fd().as_raw_fd()];
    kept.extend(first.map(|first| first.as_raw_fd()));
    processes::close_all_but(kept)?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").map_err(|_| Errno::ENOENT)?;
    dup2_stdin(&null).and(dup2_stdout(&null)).and(dup2_stderr(&null))?;
    if let Some(first) = first {
        setns(first, CloneFlags::CLONE_NEWUSER)?;
    }
    let Heard::Message(Begin { initial, capabilities }, descriptors) = link.hear() else { return Ok(()) };
    let [listener, root] = <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| Errno::EBADF)?;
    let answering = Answering {
        machine: Machine::open()?,
        listener: Listener::new(listener),
        known: vec![initial],
        keeping: Keeping::default(),
        maker: Maker::of(&root),
        capabilities,
        calls: CALLS
            .iter()
            .filter_map(|(name, call)| Some((i32::try_from(seccomp::number(name)?).ok()?, *call)))
            .collect(),
    };
    drop(root);
    link.say(&Listening);
    answering.serve();
    Ok(())
}

/// The first number that a process may carry. One that carries none of ours is what the first process was.
const FIRST: u64 = 0x6c61_6200_0000;

/// As many different credentials are kept; a program has a few, and a hostile one would like to have our memory.
const MOST_CREDENTIALS: usize = 4096;

/// As many groups a process may have. The kernel allows 64 times as many.
const MOST_GROUPS: u64 = 1024;

struct Answering {
    machine: Machine,
    listener: Listener,
    /// By the number that processes carry, without [`FIRST`].
    known: Vec<Credentials>,
    keeping: Keeping,
    maker: Maker,
    /// What root of the container may do.
    capabilities: Capabilities,
    calls: BTreeMap<i32, Call>,
}

impl Answering {
    fn serve(mut self) {
        while let Some(asked) = self.listener.next() {
            let answer = match self.calls.get(&asked.call) {
                Some(call) => self.answer(*call, &asked).unwrap_or_else(Answer::Refused),
                None => Answer::Kernel,
            };
            self.listener.answer(&asked, answer);
        }
    }

    fn answer(&mut self, call: Call, asked: &Asked) -> Result<Answer, Errno> {
        let target = Target::new(&self.machine, asked.thread);
        let number = target.carried().and_then(|carried| usize::try_from(carried.checked_sub(FIRST)?).ok());
        let now = &self.known[number.filter(|number| *number < self.known.len()).unwrap_or(0)];
        let ids = |sort| if sort == Sort::User { now.user } else { now.group };
        match call {
            Call::Get(sort) => Ok(Answer::Value(ids(sort).real.into())),
            Call::GetEffective(sort) => Ok(Answer::Value(ids(sort).effective.into())),
            Call::GetThree(sort) => {
                let memory = target.memory()?;
                self.listener.still_waits(asked)?;
                let ids = ids(sort);
                for (address, id) in asked.args.iter().zip([ids.real, ids.effective, ids.saved]) {
                    memory.write(*address, &id.to_ne_bytes())?;
                }
                Ok(Answer::Value(0))
            }
            Call::GetGroups => self.tell_groups(&target, asked, now),
            Call::GiveFile(naming) => {
                let (file, place) = Owned::named(&target, naming, &asked.args)?;
                self.listener.still_waits(asked)?;
                let written = file.written();
                let before = self.maker.owner_of(&file, written);
                let wanted = (asked.args[place] as u32, asked.args[place + 1] as u32);
                if !now.may_give(before, wanted, now.power(self.capabilities.has("CHOWN"))) {
                    return Err(Errno::EPERM);
                }
                file.give(written, before, wanted).map(|()| Answer::Value(0))
            }
            // Whatever is in the way, the kernel knows better what to say of it.
            Call::Look(naming, place) => Ok(self.look(&target, asked, naming, place).unwrap_or(Answer::Kernel)),
            Call::ListAttributes(naming) => Ok(self.list(&target, asked, naming).unwrap_or_else(|errno| match errno {
                Errno::ERANGE => Answer::Refused(errno),
                _ => Answer::Kernel,
            })),
            Call::KeepCapabilities => {
                let has_any = now.user.effective == 0 || self.keeping.keeps(&target);
                self.keeping.note(&target, has_any && asked.args[1] != 0);
                Ok(Answer::Kernel)
            }
            Call::LookWithMask => Ok(self.look_with_mask(&target, asked).unwrap_or(Answer::Kernel)),
            Call::Set(sort, change) => {
                let mut next = now.clone();
                let (capability, field) = match sort {
                    Sort::User => ("SETUID", &mut next.user),
                    Sort::Group => ("SETGID", &mut next.group),
                };
                let before = field.files;
                let args = [0, 1, 2].map(|place| asked.args[place] as u32);
                *field = change.apply(*field, args, self.power(&target, now, capability))?;
                let value = if change == ids::Change::Files { before.into() } else { 0 };
                self.become_those(asked, next).map(|()| Answer::Value(value))
            }
            Call::SetGroups => {
                if self.power(&target, now, "SETGID") == Power::None {
                    return Err(Errno::EPERM);
                }
                let next = Credentials { groups: groups_in(&target, asked)?, ..now.clone() };
                self.become_those(asked, next).map(|()| Answer::Value(0))
            }
        }
    }

    /// stat(2) and its kin: of a file that is not root's we tell the owner, of any other the kernel does.
    fn look(&self, target: &Target<'_>, asked: &Asked, naming: Naming, place: usize) -> Result<Answer, Errno> {
        let (file, _) = Owned::named(target, naming, &asked.args)?;
        match self.maker.owner_of(&file, file.written()) {
            (0, 0) => Ok(Answer::Kernel),
            owner => self.put(target, asked, place, &file.stat(owner)?),
        }
    }

    /// As [`Answering::look`], for statx(2).
    fn look_with_mask(&self, target: &Target<'_>, asked: &Asked) -> Result<Answer, Errno> {
        let (file, _) = Owned::named(target, Naming::At { flags: 2 }, &asked.args)?;
        match self.maker.owner_of(&file, file.written()) {
            (0, 0) => Ok(Answer::Kernel),
            owner => self.put(target, asked, 4, &file.statx(owner, asked.args[2] as i32, asked.args[3] as u32)?),
        }
    }

    /// listxattr(2) and its kin.
    fn list(&self, target: &Target<'_>, asked: &Asked, naming: Naming) -> Result<Answer, Errno> {
        let (file, _) = Owned::named(target, naming, &asked.args)?;
        let Some(names) = file.attributes() else { return Ok(Answer::Kernel) };
        let (count, room) = (names.len() as u64, asked.args[2]);
        if room != 0 && room < count {
            return Err(Errno::ERANGE);
        }
        if room != 0 {
            self.put(target, asked, 1, &names)?;
        }
        Ok(Answer::Value(count as i64))
    }

    /// Writes a structure where an argument points to.
    fn put(&self, target: &Target<'_>, asked: &Asked, place: usize, structure: &[u8]) -> Result<Answer, Errno> {
        let memory = target.memory()?;
        self.listener.still_waits(asked)?;
        memory.write(asked.args[place], structure)?;
        Ok(Answer::Value(0))
    }

    /// What a process may do for which it takes this capability.
    fn power(&self, target: &Target<'_>, now: &Credentials, capability: &str) -> Power {
        match now.power(self.capabilities.has(capability)) {
            Power::None if self.keeping.keeps(target) && target.has(capability) => Power::Full,
            power => power,
        }
    }

    fn tell_groups(&self, target: &Target<'_>, asked: &Asked, now: &Credentials) -> Result<Answer, Errno> {
        let count = now.groups.len() as u64;
        match asked.args[0] as i32 {
            0 => {}
            room if i64::from(room) < count as i64 => return Err(Errno::EINVAL),
            _ => {
                let memory = target.memory()?;
                self.listener.still_waits(asked)?;
                memory.write(
                    asked.args[1],
                    &now.groups.iter().flat_map(|group| group.to_ne_bytes()).collect::<Vec<u8>>(),
                )?;
            }
        }
        Ok(Answer::Value(count as i64))
    }

    /// Has a process carry the number of these credentials.
    fn become_those(&mut self, asked: &Asked, next: Credentials) -> Result<(), Errno> {
        let number = match self.known.iter().position(|known| *known == next) {
            Some(number) => number,
            None if self.known.len() >= MOST_CREDENTIALS => return Err(Errno::EAGAIN),
            None => {
                self.known.push(next);
                self.known.len() - 1
            }
        };
        self.listener.still_waits(asked)?;
        Target::new(&self.machine, asked.thread).carry(FIRST + number as u64)
    }
}

/// The list of a setgroups(2).
fn groups_in(target: &Target<'_>, asked: &Asked) -> Result<Vec<u32>, Errno> {
    let count = asked.args[0] & 0xffff_ffff;
    if count > MOST_GROUPS {
        return Err(Errno::EINVAL);
    }
    let mut bytes = vec![0; count as usize * 4];
    if count > 0 {
        target.read(asked.args[1], &mut bytes)?;
    }
    let mut groups: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_ne_bytes(*chunk)).collect();
    groups.sort_unstable();
    Ok(groups)
}
