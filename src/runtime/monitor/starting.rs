//! How a monitor comes into being: as a copy of the process that starts a container, or as the program that goes on with one, see [`again`](super::again).

use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::sync::Arc;

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

use super::talk::Ask;
use super::{Turn, run};
use crate::deeds::{self, Group};
use crate::link::Link;
use crate::runtime::care::Again;
use crate::runtime::folder::Folder;
use crate::runtime::record::{self, End, Status, WhenEnded};
use crate::runtime::session::Session;
use crate::runtime::stored::{Anonymous, Claimed};
use crate::runtime::{Error, neighbour, occupant, ports};
use crate::world::World;

/// Starts a container under a monitor of its own. The session is with that; nothing is attached yet, and it begins to run when
/// [`Session::begin`] says so.
///
/// # Errors
/// It can't be planned, or no process be made.
pub(crate) fn start(world: &Arc<World>, container: Claimed) -> Result<Session, Error> {
    let doors = match ports::open(&container.record.ports) {
        Ok(doors) => doors,
        Err(error) => {
            let error = occupant::explained(world, error, &container.record.ports);
            // One that was to be removed at its end is at it.
            if container.record.when_ended == WhenEnded::Remove {
                container.remove(world, Anonymous::Removed)?;
            }
            return Err(error);
        }
    };
    for bound in doors.iter().filter_map(|door| door.bound().ok()) {
        let why = "the monitor listens there and passes on who comes; a port in use is found before anything runs";
        deeds::note(Group::Messages, || format!("listen on {} for port {}", bound.address, bound.inside()), why);
    }
    let entered = neighbour::meet(world, &container.record)?;
    let (prepared, record) = container.prepare(world, entered)?;
    let refused = |call| move |errno| Error::Call { call, errno };
    let (ours, theirs) = Link::pair().map_err(refused("socketpair"))?;
    // SAFETY: fork(2). We have one thread here, as every command that starts containers has; the child goes on in `run` and never
    // returns to what it is a copy of.
    match unsafe { fork() }.map_err(refused("fork"))? {
        ForkResult::Child => {
            deeds::forget();
            drop(ours);
            let turn = Turn { prepared, record, doors, starter: theirs, again: Again::default() };
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(world, turn)));
            // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
            unsafe { libc::_exit(if ended.is_ok() { 0 } else { 1 }) }
        }
        ForkResult::Parent { .. } => {
            let why = "it lives as long as the container: it sets it up, writes its log, forwards its ports and hears what is wanted";
            deeds::note(Group::Processes, || "fork the monitor".to_owned(), why);
            prepared.note();
            prepared.into_folder().leave();
            Ok(Session::new(ours))
        }
    }
}

/// Goes on with a container that starts again, as its monitor; `lock` is the open lock of its folder, and the doors to its published ports
/// are open.
///
/// # Errors
/// Nobody has begun this with the lock of that container.
pub(crate) fn resume(
    world: &Arc<World>,
    id: &str,
    lock: RawFd,
    again: Again,
    doors: &[ports::Kept],
) -> Result<(), Error> {
    // For ps(1): the kernel has it from the name of what is executed, which is that of a link.
    let _ = nix::sys::prctl::set_name(c"layerlab");
    // SAFETY: fcntl(2) on a number that may be none of a descriptor: then it says so.
    let is_open = lock > 2 && unsafe { libc::fcntl(lock, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
    // SAFETY: the descriptor is open, and it was opened by the program that we were before: nothing here owns it.
    let lock = is_open.then(|| unsafe { OwnedFd::from_raw_fd(lock) });
    let folder = lock.map(|lock| Folder::adopt(world, id, lock)).transpose()?.flatten();
    let folder = folder.ok_or_else(|| Error::Refused(format!("this does not go on with container {id}")))?;
    reap();
    let path = folder.path().to_path_buf();
    match turn(world, folder, again, doors) {
        Ok(turn) => {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(world, turn)));
            // SAFETY: _exit(2): descriptors of the home that are known here were closed.
            unsafe { libc::_exit(if ended.is_ok() { 0 } else { 1 }) }
        }
        Err(error) => {
            if let Ok(Status::Restarting(end)) = record::status(world.home(), &path) {
                // Where it can't be written, the lock still tells.
                let _ = record::set_status(&path, &Status::Exited(End { error: Some(error.to_string()), ..end }));
            }
            Err(error)
        }
    }
}

fn turn(world: &Arc<World>, folder: Folder, again: Again, doors: &[ports::Kept]) -> Result<Turn, Error> {
    let record = record::read(world.home(), folder.path())?;
    let record = record.ok_or_else(|| Error::NoContainer(folder.path().display().to_string()))?;
    let doors = ports::open_again(doors, &record.ports)?;
    let entered = neighbour::meet(world, &record)?;
    let (prepared, record) = Claimed { folder, record }.prepare(world, entered)?;
    let (ours, starter) = Link::pair().map_err(|errno| Error::Call { call: "socketpair", errno })?;
    // Nobody has to be waited for.
    ours.say(&Ask::Begin);
    Ok(Turn { prepared, record, doors, starter, again })
}

/// Takes note of the children of the run before that nobody waits for any more.
fn reap() {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return;
        }
    }
}
