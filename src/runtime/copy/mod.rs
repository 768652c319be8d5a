//! Files copied into a container or out of it: `cp`.
//!
//! ```text
//! source ──pack──▶ tar ──pipe──▶ unpack ──▶ destination        `-`: the tar comes from standard input, or goes to standard output
//! ```
//!
//! One side is this machine, the other one the container, visited by a process that sees its files as the container's root does. Both sides
//! resolve paths the same way, from descriptor to descriptor below their root: what a hostile container puts in the way leads nowhere else.
//! A container that does not run is set up as if it were to run, and its command is never executed.
//!
//! What is copied where follows `docker cp`. Left out: extended attributes; sockets; and on the way out, device nodes and, without `-a`, the
//! set-user-id and set-group-id bits.

mod pack;
mod place;
mod target;
mod unpack;
mod wish;

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::pack::{Followed, Source};
use self::target::{Place, Target};
use self::unpack::Kept;
pub(crate) use self::wish::{Copied, Links, Owners, Side, Wish};
use super::found::find;
use super::session::Session;
use super::stored;
use super::{Error, lent, prepare::Prepared};
use crate::container::{self, Io, Root, Running, visit};
use crate::deeds::{self, Group};
use crate::layer::Limits;
use crate::world::World;

/// Copies.
///
/// # Errors
/// There is no such container or file; the rules do not allow this destination; something can't be read or written.
pub(crate) fn copy(world: &Arc<World>, wish: &Wish) -> Result<Copied, Error> {
    match (&wish.from, &wish.to) {
        (Side::Container { name, path }, to) => copy_out(&Visited::of(world, name)?, path, to, wish),
        (from, Side::Container { name, path }) => copy_in(&Visited::of(world, name)?, from, path, wish),
        (Side::Machine(_) | Side::Archive, Side::Machine(_) | Side::Archive) => {
            Err(Error::argument("neither side is a container", "name it before a colon, as in `web:/etc/hosts`"))
        }
    }
}

fn copy_out(container: &Visited, path: &Path, to: &Side, wish: &Wish) -> Result<Copied, Error> {
    let followed = Followed::of(path, wish.links);
    let source = Source { path, shown: &wish.from.shown(), followed };
    let pack = |root: &Root, out: &mut dyn Write, prefix: &Path| pack::pack(root, source, prefix, out);
    match to {
        Side::Archive => {
            let prefix = place::name_of(path).map_or(PathBuf::from("."), PathBuf::from);
            container.visit(|root| pack(root, &mut std::io::BufWriter::new(standard(1)?), &prefix))?
        }
        Side::Machine(target) => {
            let place =
                Place { path: &std::path::absolute(target).map_err(Error::foreign("resolve", target))?, shown: target };
            let kept = match wish.owners {
                Owners::New => Kept::Neither,
                Owners::Same => Kept::Owners,
            };
            let (reader, mut writer) = std::io::pipe().map_err(Error::io("make", "a pipe"))?;
            std::thread::scope(|scope| {
                let limits = own(&container.world);
                let unpacking = scope.spawn(move || {
                    let root = Root::open().map_err(|errno| Error::Call { call: "open", errno })?;
                    let target = Target::at(&root, place, place::name_of(path), place::is_contents(path))?;
                    unpack::unpack(reader, &limits, &target, kept, unpack::Devices::LeftOut)
                });
                let packed = container.visit(move |root| pack(root, &mut writer, Path::new(".")));
                both(packed.and_then(|packed| packed), joined(unpacking), target)
            })
        }
        Side::Container { .. } => {
            Err(Error::argument("copying between containers is not supported", "copy to this machine first"))
        }
    }
}

fn copy_in(container: &Visited, from: &Side, path: &Path, wish: &Wish) -> Result<Copied, Error> {
    let kept = match wish.owners {
        Owners::New => Kept::Modes,
        Owners::Same => Kept::Owners,
    };
    let place = Place { path, shown: &wish.to.shown() };
    match from {
        Side::Archive => container.visit(|root| {
            let limits = Limits::of(container.world.store.limits());
            let target = Target::folder(root, place)?;
            unpack::unpack(standard(0)?, &limits, &target, kept, unpack::Devices::Made)
        })?,
        Side::Machine(source) => {
            let whole = std::path::absolute(source).map_err(Error::foreign("resolve", source))?;
            let from = Source { path: &whole, shown: source, followed: Followed::of(source, wish.links) };
            let (reader, mut writer) = std::io::pipe().map_err(Error::io("make", "a pipe"))?;
            std::thread::scope(|scope| {
                let packing = scope.spawn(move || {
                    let root = Root::open().map_err(|errno| Error::Call { call: "open", errno })?;
                    pack::pack(&root, from, Path::new("."), &mut writer)
                });
                let limits = own(&container.world);
                let unpacked = container.visit(move |root| {
                    let target = Target::at(root, place, place::name_of(source), place::is_contents(source))?;
                    unpack::unpack(reader, &limits, &target, kept, unpack::Devices::Made)
                });
                both(joined(packing), unpacked.and_then(|unpacked| unpacked), place.shown)
            })
        }
        Side::Container { .. } => unreachable!("what comes from a container is copied out"),
    }
}

/// The bounds of an archive that we have packed ourselves: it is as large as the files are.
fn own(world: &World) -> Limits {
    let (size, entries, metadata) = (u64::MAX, u64::MAX, u64::MAX);
    Limits { size, entries, metadata, ..Limits::of(world.store.limits()) }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What came of both ends of a pipe. A broken pipe is only what the other end's failure looks like from here, and so is an archive that
/// ends too early.
fn both(packed: Result<Copied, Error>, unpacked: Result<Copied, Error>, place: &Path) -> Result<Copied, Error> {
    let is_broken = |error: &Error| matches!(error, Error::Foreign { source, .. } if source.kind() == std::io::ErrorKind::BrokenPipe);
    match (packed, unpacked) {
        (Ok(packed), Ok(unpacked)) => Ok(Copied {
            left_out: packed.left_out + unpacked.left_out,
            bytes: packed.bytes.max(unpacked.bytes),
            ..unpacked
        }),
        (Err(error), Ok(unpacked)) => Err(error.unfinished(unpacked.files, place)),
        (Err(error), Err(unpacked)) if is_broken(&error) => Err(unpacked),
        (Ok(_), Err(error)) | (Err(error), Err(_)) => Err(error),
    }
}

/// One of our standard streams.
fn standard(number: usize) -> Result<File, Error> {
    let stream = container::standard_streams()[number].try_clone_to_owned();
    Ok(File::from(stream.map_err(container::Error::descriptor)?))
}

/// A container whose files are looked at.
struct Visited {
    world: Arc<World>,
    process: OwnedFd,
    held: Option<Setup>,
}

/// One that does not run: set up, and waiting for an order that never comes.
struct Setup {
    running: Option<Running>,
    _prepared: Prepared,
}

impl Visited {
    fn of(world: &Arc<World>, name: &str) -> Result<Visited, Error> {
        let found = find(world, name)?;
        lent::check(&found.record)?;
        if found.is_running()
            && let Some(session) = Session::open(world, &found.record.id)?
        {
            return Ok(Visited { world: world.clone(), process: session.first()?, held: None });
        }
        let (prepared, _) = stored::claim(world, &found.record.id)?.prepare_to_look(world)?;
        let mut running = prepared.spawn(Io::Captured { input: None }, None)?;
        running.until_ready()?;
        let control = running.control();
        let held = Some(Setup { running: Some(running), _prepared: prepared });
        let process = control.inside().ok_or(container::Error::NotStarted)?;
        let process = process.try_clone().map_err(container::Error::descriptor)?;
        Ok(Visited { world: world.clone(), process, held })
    }

    fn visit<R>(&self, work: impl FnOnce(&Root) -> R) -> Result<R, Error> {
        let why = "its files are seen as the container's root sees them, and no link in it leads out of it";
        let what = || {
            "enter the container's user and mount namespaces with a process that shares our memory (clone, setns)"
                .to_owned()
        };
        deeds::note(Group::Processes, what, why);
        Ok(visit(&self.process, &self.world.identity, work)?)
    }
}

impl Drop for Visited {
    fn drop(&mut self) {
        if let Some(running) = self.held.as_mut().and_then(|held| held.running.take()) {
            running.control().kill();
            // It was killed before it began.
            let _ = running.wait(&mut |_| {});
        }
    }
}
