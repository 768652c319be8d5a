//! A further process in a container that runs: planned, and made.
//!
//! ```text
//! monitor ──fork──▶ joiner ──clone──▶ first a copy of us, then the command, a process of the container
//!                     │ joins every namespace of the container's process 1 that is not its own
//! who wants it ◀──────┘ Word::First, Word::Ended …
//! ```
//!
//! The one who watches over the container makes it, since that one is what the container's own processes came of: the same limits, the same
//! control group, the same rights in the user namespace. Who wants it may go and the command goes on; it ends with the container, as
//! everything in its process id namespace does.
//!
//! **What a hostile container can do to it.** The container's processes see the joiner's child as soon as it exists, and it has still our
//! rights, our memory and the descriptors that lead to us (CVE-2016-9962). So before it joins anything it becomes a process that nobody may
//! look into or trace; only the kernel makes it an ordinary one again, when it executes the [trampoline](super::trampoline). Nothing is left
//! open of the machine's folders (CVE-2024-21626): the root is the container's, every name is looked up in it (`inside`), and every
//! descriptor above 2 is closed by execve(2).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{ForkResult, Pid, fork, getpid, pipe2};
use rustix::termios::Winsize;

use super::cgroup;
use super::channel::{Ends, Joins, Order, Word};
use super::control::Control;
use super::error::{Error, Failure};
use super::execute::{Left, Setup};
use super::host;
use super::identity::Identity;
use super::init;
use super::keeper;
use super::operation::{Joining, Operation, Phase};
use super::plan::{Plan, RootKind, leaving};
use super::process::{Process, Terminal};
use super::processes::{self, pidfd};
use super::seccomp;
use super::supervision::Supervision;
use super::vfork;
use crate::link::{Heard, Link};

/// The way into a container: what of its plan a further process goes through as well.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    identity: Identity,
    before: Vec<Operation>,
    last_capability: u8,
}

impl Entrance {
    /// That of a container with this plan.
    pub(crate) fn of(plan: &Plan) -> Entrance {
        let is_shared = |operation: &Operation| matches!(operation, Operation::SetOomScore { .. });
        let last_capability = plan.of(Phase::Leaving).find_map(|operation| match operation {
            Operation::BoundCapabilities { last, .. } => Some(*last),
            _ => None,
        });
        Entrance {
            identity: plan.identity.clone(),
            before: plan
                .in_order()
                .map(|(_, operation)| operation)
                .filter(|operation| is_shared(operation))
                .cloned()
                .collect(),
            last_capability: last_capability.unwrap_or(u8::MAX),
        }
    }

    /// The way of a process into a container that somebody else has planned; `None` where the kernel's capabilities can't be counted.
    pub(crate) fn foreseen(process: &Process) -> Option<Plan> {
        let last_capability = host::last_capability().ok()?;
        Some(Entrance { identity: Identity::Root, before: Vec::new(), last_capability }.plan(process))
    }

    /// Plans a process that goes this way.
    pub(crate) fn plan(&self, process: &Process) -> Plan {
        let mut operations: Vec<(Phase, Operation)> =
            self.before.iter().map(|operation| (Phase::Joining, operation.clone())).collect();
        for operation in
            [Operation::Join(Joining::HideOurselves), Operation::Join(Joining::Namespaces), Operation::ForkInit]
        {
            operations.push((Phase::Joining, operation));
        }
        let mut rooted = vec![
            Operation::Join(Joining::Groups),
            Operation::Join(Joining::OpenRoot),
            Operation::NewSession { terminal: Terminal::No },
        ];
        match process.terminal {
            Terminal::No => {}
            Terminal::Yes => rooted.push(Operation::Join(Joining::OpenTerminal)),
        }
        operations.extend(rooted.into_iter().map(|operation| (Phase::Rooted, operation)));
        let leaving = leaving(process, &self.identity, self.last_capability);
        operations.extend(leaving.into_iter().map(|operation| (Phase::Leaving, operation)));
        Plan {
            operations,
            notes: Vec::new(),
            ports: Vec::new(),
            identity: self.identity.clone(),
            root: RootKind::Overlay,
            upper: "/".into(),
        }
    }
}

/// What the one who wants a further process gives to the one who makes it.
pub(crate) struct Wanted {
    pub(crate) process: Process,
    pub(crate) link: OwnedFd,
    /// Where the trampoline writes why the command could not be executed.
    pub(crate) errno: OwnedFd,
    pub(crate) streams: [OwnedFd; 3],
    /// The size that its terminal begins with: rows and columns.
    pub(crate) window: Option<(u16, u16)>,
}

/// The process that watches over a further one. Somebody has to [wait](Joiner::wait) for it.
pub(crate) struct Joiner(Pid);

impl Joiner {
    /// Waits for its end, which comes with that of the command.
    pub(crate) fn wait(self) {
        // It is our child, and nobody else waits for it.
        let _ = processes::wait(self.0);
    }
}

/// Makes a further process in a container, as far as that there is one inside. All else is told over the link that was given.
///
/// May be called with other threads running.
///
/// # Errors
/// The container does not run, or no process can be made.
pub(crate) fn join(entrance: &Entrance, container: &Control, wanted: Wanted) -> Result<Joiner, Error> {
    let plan = entrance.plan(&wanted.process);
    let first = container.first().ok_or(Error::NotStarted)?;
    let (is_born, born) = pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))?;
    let ends = Ends {
        link: Link::from(wanted.link),
        plug: None,
        shared: None,
        listener: None,
        errno: Some(wanted.errno),
        parent: pidfd(getpid()).map_err(Error::call("pidfd_open"))?,
        namespace: None,
        joins: Some(Joins {
            first: first.try_clone().map_err(Error::descriptor)?,
            born,
            groups: cgroup::open_lists(&container.groups()).map_err(Error::Setup)?,
        }),
        supervisor: container.supervisor().map(Supervision::by),
        streams: Some(wanted.streams),
        window: wanted.window.map(|(ws_row, ws_col)| Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }),
        filter: seccomp::of(&plan),
    };
    // SAFETY: fork(2): the child keeps to the rules of `keeper` and never returns.
    let joiner = match unsafe { fork() }.map_err(Error::call("fork"))? {
        ForkResult::Child => be_joiner(&plan, ends),
        ForkResult::Parent { child } => Joiner(child),
    };
    drop(ends);
    // A byte, or the end of the joiner.
    let _ = nix::unistd::read(&is_born, &mut [0]);
    Ok(joiner)
}

/// Runs as the joiner in the process just forked; never returns.
fn be_joiner(plan: &Plan, mut ends: Ends) -> ! {
    let joined = catch_unwind(AssertUnwindSafe(|| keeper::prepare(&ends).and_then(|()| enter(plan, &mut ends))));
    match joined {
        Ok(Ok(status)) => ends.link.say(&Word::Ended(status)),
        Ok(Err(failure)) => ends.link.say(&Word::Failed(failure)),
        Err(_) => ends.link.say(&Word::Failed(Failure::panicked())),
    };
    // That was the last word: nobody has to wait until our memory is given back.
    ends.link.shut_down();
    // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
    unsafe { libc::_exit(0) }
}

/// Goes in, and waits for the end of the command. Gives its status as waitpid(2) writes it.
fn enter(plan: &Plan, ends: &mut Ends) -> Result<i32, Failure> {
    for operation in plan.of(Phase::Joining).filter(|operation| **operation != Operation::ForkInit) {
        Setup::new(&plan.identity, Some(ends)).execute(operation)?;
    }
    let mut left = Left::default();
    let (child, answer) = vfork::until_exec(|| {
        if let Some(Joins { born, .. }) = &ends.joins {
            // Nobody may be waiting.
            let _ = nix::unistd::write(born, &[0]);
        }
        init::become_command(plan, ends, &mut left)
    })
    .map_err(|errno| Failure::call("clone", errno))?;
    // Only the command writes to them from now on.
    (ends.errno, ends.joins, ends.supervisor) = (None, None, None);
    processes::close_standard_streams();
    match answer {
        // It has executed the command, or was killed.
        None => {}
        Some(Ok(failure)) => drop(ends.link.say(&Word::Failed(failure))),
        Some(Err(_)) => drop(ends.link.say(&Word::Failed(Failure::panicked()))),
    }
    watch(child, &ends.link).map_err(|errno| Failure::call("waitpid", errno))
}

/// Waits for the end of the command. Of one that was left with a terminal, somebody has to read what it writes there.
fn watch(child: Pid, link: &Link) -> Result<i32, Errno> {
    let process = pidfd(child)?;
    let (mut link, mut terminal) = (Some(link), None::<OwnedFd>);
    let mut buffer = [0; 4 << 10];
    loop {
        let link_end = link.map(AsFd::as_fd);
        let ends: Vec<BorrowedFd<'_>> =
            [Some(process.as_fd()), link_end, terminal.as_ref().map(AsFd::as_fd)].into_iter().flatten().collect();
        let mut polled: Vec<PollFd<'_>> = ends.iter().map(|end| PollFd::new(*end, PollFlags::POLLIN)).collect();
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        if processes::has_ended(&process) {
            return processes::wait(child);
        }
        if let Some(heard) = link.map(Link::hear_now::<Order>) {
            match heard {
                Heard::Message(Order::Detach, descriptors) => terminal = descriptors.into_iter().next(),
                Heard::Message(Order::Start | Order::IdsMapped | Order::Kept, _) | Heard::Nothing => {}
                Heard::End => link = None,
            }
        }
        if let Some(master) = &terminal
            && !matches!(nix::unistd::read(master, &mut buffer), Ok(1..) | Err(Errno::EAGAIN | Errno::EINTR))
        {
            terminal = None;
        }
    }
}
