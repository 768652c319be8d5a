//! A container that belongs to whoever called us: set up by us, and left to wait for its start.
//!
//! ```text
//! manager ──▶ create ──fork──▶ maker ──fork──▶ first process ──execve──▶ the command
//!    ▲          │               │ namespaces,     │ carries out the rest of the plan,
//!    │          │               │ control group   │ and waits at a socket for `start`
//!    │          ◀─ Word::Ready ─┼─────────────────┘
//!    └──────────── both end: the first process is the child of the manager now
//! ```
//!
//! A manager of containers (Podman's conmon, containerd's shim) is the reaper of the processes below it: see prctl(2),
//! PR_SET_CHILD_SUBREAPER. It waits for the container's first process by its number, and so nothing of ours may stand in between. That is the
//! opposite of our own containers, which end with us (`keeper`): this one ends when the manager has it killed, and the manager takes away
//! what is left.
//!
//! A process that joins such a container is made in the same way, but it starts at once, and whoever wants it hears whether it could.

use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{ForkResult, Pid, fork, getpid, pipe2, read};
use rustix::termios::Winsize;

use super::channel::{Ends, Joins, Order, Word};
use super::error::{Error, Failure};
use super::execute::Setup;
use super::found::Found;
use super::keeper;
use super::operation::{Operation, Phase};
use super::outside::Outside;
use super::plan::Plan;
use super::processes::{self, pidfd};
use super::seccomp;
use super::trampoline;
use super::userns::{self, Mapper};
use crate::link::{Heard, Link, Listener};

/// The first process of a container that waits for its start, or one that has joined a container and runs.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) process: OwnedFd,
    /// Its number here.
    pub(crate) number: i32,
    /// Our end of its terminal, where it has one.
    pub(crate) terminal: Option<OwnedFd>,
    /// What leads to one that waits. It ends with that, unless it is [kept](Orphan::keep).
    link: Link,
}

impl Orphan {
    /// Lets it wait on when we have gone: it is written down where it is found.
    pub(crate) fn keep(&self) {
        // Of one that has ended its manager will see that it has.
        self.link.say(&Order::Kept);
    }
}

/// Sets a container up. Its first process inherits our standard streams, and executes the command when somebody says so at the
/// socket: see [`begin`].
///
/// # Errors
/// An operation was refused; then nothing is left but the control groups.
pub(crate) fn lay(plan: &Plan, listener: Listener, window: Option<(u16, u16)>) -> Result<Orphan, Error> {
    let mut outside = Outside::begin(plan)?;
    drop(outside.tidy());
    let ends = ends(plan, window)?;
    make(plan, Ends { listener: Some(listener), ..ends.theirs }, ends.link, None)
}

/// Makes a process in a container of which `first` is one, and gives it when it has executed its command.
///
/// # Errors
/// An operation was refused, or the command can't be executed.
pub(crate) fn lay_in(plan: &Plan, first: OwnedFd, window: Option<(u16, u16)>) -> Result<Orphan, Error> {
    let (is_born, born) = pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))?;
    let (errno, their_errno) = pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))?;
    let ends = ends(plan, window)?;
    let theirs =
        Ends { joins: Some(Joins { first, born, groups: Vec::new() }), errno: Some(their_errno), ..ends.theirs };
    ends.link.say(&Order::Start);
    drop(is_born);
    make(plan, theirs, ends.link, Some(errno))
}

/// Has the container start whose first process waits at the socket `name` in `folder`.
///
/// # Errors
/// Nobody waits there, or the command can't be executed.
pub(crate) fn begin(folder: &impl AsFd, name: &str) -> Result<(), Error> {
    let link = Link::connect(folder, name).map_err(Error::call("connect"))?;
    let (errno, their_errno) = pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))?;
    link.say_with(&Order::Start, &their_errno);
    drop(their_errno);
    let mut found = Found::default();
    loop {
        match link.hear() {
            Heard::Message(Word::First { program, missing }, _) => {
                found.executing = Some((program, missing));
                return executed(&errno, found);
            }
            Heard::Message(Word::Failed(failure), _) => return Err(Error::Setup(failure)),
            Heard::Message(..) => {}
            Heard::Nothing | Heard::End => return Err(Error::Within("ended before it was started".to_owned())),
        }
    }
}

/// Whether somebody waits at the socket `name` in `folder`: see [`begin`].
pub(crate) fn is_awaited(folder: &impl AsFd, name: &str) -> bool {
    Link::connect(folder, name).is_ok()
}

/// Whether the trampoline has executed the command: then its end of the pipe is closed and nothing was written.
fn executed(pipe: &OwnedFd, mut found: Found) -> Result<(), Error> {
    let mut buffer = [0; 4];
    loop {
        match read(pipe, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                found.not_executed = trampoline::failed_with(&buffer[..count]);
                return found.conclude(false).map(drop);
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::Call { call: "read", errno }),
        }
    }
}

struct BothEnds {
    link: Link,
    theirs: Ends,
}

fn ends(plan: &Plan, window: Option<(u16, u16)>) -> Result<BothEnds, Error> {
    let (link, their_link) = Link::pair().map_err(Error::call("socketpair"))?;
    let theirs = Ends {
        link: their_link,
        errno: None,
        listener: None,
        plug: None,
        shared: None,
        parent: pidfd(getpid()).map_err(Error::call("pidfd_open"))?,
        joins: None,
        supervisor: None,
        namespace: None,
        streams: None,
        window: window.map(|(ws_row, ws_col)| Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }),
        filter: seccomp::of(plan),
    };
    Ok(BothEnds { link, theirs })
}

/// Forks the maker, and hears what becomes of it.
///
/// What it makes becomes our child first, and the manager's only when we end: a manager that heard of its end before it knew its number would
/// wait for ever.
fn make(plan: &Plan, ends: Ends, link: Link, errno: Option<OwnedFd>) -> Result<Orphan, Error> {
    nix::sys::prctl::set_child_subreaper(true).map_err(Error::call("prctl(PR_SET_CHILD_SUBREAPER)"))?;
    // SAFETY: fork(2): the child keeps to the rules of `keeper` and never returns.
    let maker = match unsafe { fork() }.map_err(Error::call("fork"))? {
        ForkResult::Child => be_maker(plan, ends),
        ForkResult::Parent { child } => child,
    };
    drop(ends);
    match listen(plan, &link, errno.as_ref(), maker) {
        Ok((process, terminal)) => {
            processes::wait(maker).map_err(Error::call("waitpid"))?;
            // One that has ended has no number: the manager will see that it is gone.
            let number = processes::number(&process).unwrap_or_default();
            Ok(Orphan { process, number, terminal, link })
        }
        Err(error) => {
            // It may wait for an order that does not come.
            link.stop_saying();
            processes::wait(maker).map_err(Error::call("waitpid"))?;
            reap(&link);
            Err(error)
        }
    }
}

/// Waits for the end of a process that came to nothing, if it is our child: its namespace does not end before it.
fn reap(link: &Link) {
    while matches!(link.hear::<Word>(), Heard::Message(..)) {}
    // We have no others. Of one that is somebody else's nobody is told.
    while processes::wait(Pid::from_raw(-1)).is_ok() {}
}

fn listen(plan: &Plan, link: &Link, errno: Option<&OwnedFd>, maker: Pid) -> Result<(OwnedFd, Option<OwnedFd>), Error> {
    let mut terminal = None;
    loop {
        let (word, descriptor) = match link.hear() {
            Heard::Message(word, descriptors) => (word, descriptors.into_iter().next()),
            Heard::Nothing | Heard::End => return Err(Error::Within("ended while it was set up".to_owned())),
        };
        match (word, descriptor) {
            (Word::IdsWanted, _) => {
                map_ids(plan, maker)?;
                link.say(&Order::IdsMapped);
            }
            (Word::Terminal, master) => terminal = master,
            (Word::Ready, Some(process)) => return Ok((process, terminal)),
            (Word::First { program, missing }, Some(process)) => {
                let found = Found { executing: Some((program, missing)), ..Found::default() };
                if let Some(errno) = errno {
                    executed(errno, found)?;
                }
                return Ok((process, terminal));
            }
            (Word::Failed(failure), _) => return Err(Error::Setup(failure)),
            (Word::Supervised | Word::Ready | Word::First { .. } | Word::Untidy(_) | Word::Ended(_), _) => {}
        }
    }
}

fn map_ids(plan: &Plan, maker: Pid) -> Result<(), Error> {
    let map = plan.of(Phase::Entering).find_map(|operation| match operation {
        Operation::EnterUserNamespace { map } => Some(map),
        _ => None,
    });
    match map {
        Some(map) if map.mapper == Mapper::Caller => userns::write_by_ourselves(map, maker),
        Some(map) => userns::write_by_helpers(map, maker),
        None => Ok(()),
    }
}

/// Runs as the maker in the process just forked; never returns.
fn be_maker(plan: &Plan, mut ends: Ends) -> ! {
    let made = catch_unwind(AssertUnwindSafe(|| keeper::prepare(&ends).and_then(|()| enter(plan, &mut ends))));
    match made {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => drop(ends.link.say(&Word::Failed(failure))),
        Err(_) => drop(ends.link.say(&Word::Failed(Failure::panicked()))),
    }
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(0) }
}

/// Carries out what has to happen before the first process exists, and makes it.
fn enter(plan: &Plan, ends: &mut Ends) -> Result<(), Failure> {
    for phase in [Phase::Joining, Phase::Entering] {
        for operation in plan.of(phase) {
            if *operation != Operation::ForkInit {
                Setup::new(&plan.identity, Some(ends)).execute(operation)?;
                continue;
            }
            // SAFETY: fork(2): this process has one thread, and the child never returns.
            if let ForkResult::Child = unsafe { fork() }.map_err(|errno| Failure::call("fork", errno))? {
                become_command(plan, ends);
            }
        }
    }
    Ok(())
}

/// Runs as the first process; never returns. The status says why the command was not executed, as a shell's does.
fn become_command(plan: &Plan, ends: &Ends) -> ! {
    let mut setup = Setup::new(&plan.identity, Some(ends));
    let went = catch_unwind(AssertUnwindSafe(|| {
        setup.know_ourselves()?;
        [Phase::Inside, Phase::Rooted, Phase::Leaving]
            .into_iter()
            .flat_map(|phase| plan.of(phase))
            .try_for_each(|operation| setup.execute(operation))
    }));
    let failure = match went {
        Ok(Ok(())) => Failure::call("the plan has no command", Errno::ENOEXEC),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::panicked(),
    };
    setup.link().say(&Word::Failed(failure.clone()));
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(Error::Setup(failure).status()) }
}

/// A process by its number, as long as it is the one that began at this time.
///
/// # Errors
/// ESRCH where it has ended.
pub(crate) fn find(number: i32, began: u64) -> Result<OwnedFd, Errno> {
    let process = pidfd(Pid::from_raw(number))?;
    let is_it = begin_of(number) == Some(began) && !processes::has_ended(&process);
    if is_it { Ok(process) } else { Err(Errno::ESRCH) }
}

/// When a process began, in the kernel's own units; `None` for one that is gone. See proc_pid_stat(5).
pub(crate) fn begin_of(number: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // Its name may have blanks and brackets.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(19)?.parse().ok()
}

/// Sends a signal.
///
/// # Errors
/// As pidfd_send_signal(2).
pub(crate) fn signal(process: &OwnedFd, number: i32) -> Result<(), Errno> {
    processes::signal(process, number)
}
