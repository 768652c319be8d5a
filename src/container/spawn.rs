//! From a plan to a running container.

use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{ForkResult, Pid, fork, getpid, pipe2};

use super::channel::{Ends, Order, Shared, Word};
use super::console;
use super::control::Control;
use super::error::Error;
use super::heard::{Exit, Heard, Stream};
use super::keeper;
use super::operation::{Operation, Phase};
use super::outside::Outside;
use super::plan::Plan;
use super::processes::{self, pidfd};
use super::relay::{Inlets, Relay};
use super::running::{Keeper, Running};
use super::seccomp;
use super::signals::Caught;
use super::userns;
use super::wishes::Wishes;
use crate::link::{Heard as Message, Link};

/// Where the container's standard streams lead.
#[derive(Debug)]
pub enum Io {
    /// They are ours, or with a terminal in the plan, that terminal is connected to ours. Signals
    /// that we get are passed on.
    Inherited,
    /// What is written is [heard](Heard::Output) as it comes. With a terminal in the plan everything is [`Stream::Stdout`]. Signals
    /// are not touched.
    Captured {
        /// Descriptor 0, or what is typed at the terminal; `None` for an empty one.
        input: Option<OwnedFd>,
    },
    /// These descriptors, such as files of a log; with a terminal in the plan, what is read from and written to it. Signals are
    /// not touched.
    Given {
        /// Descriptor 0.
        input: OwnedFd,
        /// Descriptor 1.
        output: OwnedFd,
        /// Descriptor 2.
        error: OwnedFd,
    },
}

/// Runs a container from its beginning to its end: [`spawn`], [`Running::start`], [`Running::wait`].
///
/// # Errors
/// As [`spawn`] and [`Running::wait`].
pub fn run(plan: &Plan, io: Io, listen: &mut dyn FnMut(Heard<'_>)) -> Result<Exit, Error> {
    let running = spawn(plan, io)?;
    running.start();
    running.wait(listen)
}

/// Makes the standard input of this process, and so of the containers it runs with [`Io::Inherited`], an empty one.
///
/// # Errors
/// There is no `/dev/null`.
pub fn close_input() -> Result<(), Error> {
    nix::unistd::dup2_stdin(&null()?).map_err(Error::call("dup2"))
}

/// Begins to set a container up. It executes the command when it is [started](Running::start).
///
/// When our own process dies, or only the calling thread, the kernel ends the container. May be called from several threads, for
/// different plans.
///
/// # Errors
/// What has to be done outside was refused, or the ids can't be mapped. What is refused inside is told by [`Running::wait`].
pub fn spawn(plan: &Plan, io: Io) -> Result<Running, Error> {
    spawn_plugged(plan, io, None, None)
}

/// As [`spawn`], with a link to whoever puts in the cables that the plan has, and the network that it enters.
///
/// # Errors
/// As [`spawn`].
pub(crate) fn spawn_plugged(plan: &Plan, io: Io, plug: Option<Link>, shared: Option<Shared>) -> Result<Running, Error> {
    let outside = Outside::begin(plan)?;
    let (link, their_link) = Link::pair().map_err(Error::call("socketpair"))?;
    let (errno, their_errno) = pipe()?;
    let streams = Streams::new(io, plan)?;
    let ends = Ends {
        link: their_link,
        errno: Some(their_errno),
        plug,
        shared,
        listener: None,
        parent: pidfd(getpid()).map_err(Error::call("pidfd_open"))?,
        namespace: plan
            .of(Phase::Outside)
            .any(|operation| *operation == Operation::MakeUserNamespace)
            .then(userns::of_all_ids)
            .flatten(),
        streams: streams.theirs,
        joins: None,
        supervisor: None,
        window: if streams.caught.is_some() { console::window_size() } else { None },
        filter: seccomp::of(plan),
    };
    // SAFETY: fork(2): the child keeps to the rules of `keeper` and never returns.
    let child = match unsafe { fork() }.map_err(Error::call("fork"))? {
        ForkResult::Child => keeper::keep(plan, ends),
        ForkResult::Parent { child } => child,
    };
    drop(ends);
    let control = hold(child, plan)?;
    let keeper = Keeper { process: Some(child), control: control.clone() };
    map_ids(plan, child, &link)?;
    let inlets = Inlets {
        link,
        errno,
        outputs: streams.ours,
        far: streams.far,
        feed: None,
        keys: None,
        caught: streams.caught,
        wishes: Wishes::patient(),
    };
    Ok(Running { relay: Relay::new(inlets), control, keeper, outside, thread: PhantomData })
}

fn hold(keeper: Pid, plan: &Plan) -> Result<Control, Error> {
    let groups = plan.of(Phase::Inside).find_map(|operation| match operation {
        Operation::JoinCgroup { paths } => Some(paths.clone()),
        _ => None,
    });
    match pidfd(keeper) {
        Ok(descriptor) => Ok(Control::new(Some(descriptor), groups.unwrap_or_default())),
        Err(errno) => {
            // SAFETY: kill(2) on our own child; it was not waited for yet, so the number is its.
            unsafe { libc::kill(keeper.as_raw(), libc::SIGKILL) };
            processes::wait(keeper).map_err(Error::call("waitpid"))?;
            Err(Error::Call { call: "pidfd_open", errno })
        }
    }
}

/// Runs the helpers once the keeper is in its namespace, where the plan has helpers.
fn map_ids(plan: &Plan, keeper: Pid, link: &Link) -> Result<(), Error> {
    let map = plan.of(Phase::Entering).find_map(|operation| match operation {
        Operation::EnterUserNamespace { map } if map.mapper == userns::Mapper::Helpers => Some(map),
        _ => None,
    });
    let Some(map) = map else { return Ok(()) };
    match link.hear() {
        Message::Message(Word::IdsWanted, _) => {
            userns::write_by_helpers(map, keeper)?;
            link.say(&Order::IdsMapped);
            Ok(())
        }
        Message::Message(Word::Failed(failure), _) => Err(Error::Setup(failure)),
        Message::Message(..) | Message::Nothing | Message::End => {
            Err(Error::Within("ended before it had a user namespace".to_owned()))
        }
    }
}

/// The container's standard streams, and what of them is at our side.
struct Streams {
    theirs: Option<[OwnedFd; 3]>,
    ours: Vec<(Stream, OwnedFd)>,
    /// Where a terminal leads.
    far: console::Far,
    caught: Option<Caught>,
}

impl Streams {
    fn new(io: Io, plan: &Plan) -> Result<Streams, Error> {
        let streams = |theirs, far| Streams { theirs, ours: Vec::new(), far, caught: None };
        match io {
            Io::Inherited => {
                // Before the fork, so that no signal is lost in between.
                Ok(Streams { caught: Some(Caught::begin()?), ..streams(None, console::Far::Ours) })
            }
            Io::Given { input, output, error } if plan.has_terminal() => {
                let theirs = Some([null()?, null()?, error]);
                Ok(streams(theirs, console::Far::Given { input, output }))
            }
            Io::Given { input, output, error } => {
                Ok(streams(Some([input, output, error]), console::Far::Caller { input: None }))
            }
            Io::Captured { input } => {
                let (typed, input) = if plan.has_terminal() { (input, None) } else { (None, input) };
                let input = input.map_or_else(null, Ok)?;
                let (output, their_output) = pipe()?;
                let (errors, their_errors) = pipe()?;
                let ours = vec![(Stream::Stdout, output), (Stream::Stderr, errors)];
                let theirs = Some([input, their_output, their_errors]);
                Ok(Streams { ours, ..streams(theirs, console::Far::Caller { input: typed }) })
            }
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    pipe2(OFlag::O_CLOEXEC).map_err(Error::call("pipe2"))
}

fn null() -> Result<OwnedFd, Error> {
    let path = Path::new("/dev/null");
    Ok(std::fs::File::open(path).map_err(Error::io("open", path))?.into())
}
