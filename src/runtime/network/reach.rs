//! How the keeper of the networks is reached, and started where there is none.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::{ForkResult, fork};

use super::mark::Mark;
use super::remembered;
use super::switch::Switch;
use super::talk::{Ask, LOCK, Member, SOCKET, Tell};
use crate::container::{self, Wire};
use crate::deeds::{self, Group};
use crate::link::{Heard, Link, Listener};
use crate::runtime::Error;
use crate::store::{Lock, try_claim};
use crate::world::World;

/// How long somebody who begins or ends has for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an answer may take: several networks may have to come about first, each with a program.
const ANSWER: Duration = Duration::from_secs(60);

/// How long a container may take to come to the next keeper.
const RETURN: Duration = Duration::from_secs(5);

/// Asks the keeper of the networks, if there is one. Those whom it names are listened to before its last word.
pub(super) fn ask(world: &World, question: &Ask, listen: &mut dyn FnMut(Member, Wire)) -> Result<Option<Tell>, Error> {
    let (folder, begin) = (folder(world)?, Instant::now());
    loop {
        let link = match Link::connect(&folder, SOCKET) {
            Ok(link) => link,
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(None),
            Err(errno) => return Err(Error::Call { call: "connect to the keeper of the networks", errno }),
        };
        note(question);
        link.say(question);
        let mut is_first = true;
        loop {
            match link.hear_within(ANSWER) {
                Heard::Message(Tell::Member(member, wire), _) => listen(member, wire),
                Heard::Message(answer, _) => return Ok(Some(answer)),
                Heard::Nothing => return Err(Error::Refused("the keeper of the networks does not answer".to_owned())),
                // It was just about to end.
                Heard::End if is_first && begin.elapsed() < PATIENCE => break,
                Heard::End => return Err(Error::Refused("the keeper of the networks ended".to_owned())),
            }
            is_first = false;
        }
    }
}

/// Asks for a change of a container that runs. One whose keeper was killed is about to come to the next one, and is waited for.
///
/// # Errors
/// It is in no network, or what the keeper says.
pub(super) fn change(world: &World, question: &Ask) -> Result<(), Error> {
    let begin = Instant::now();
    loop {
        let is_coming = match ask(world, question, &mut |_, _| {})? {
            Some(Tell::Done) => return Ok(()),
            Some(Tell::Refused { message, hint }) => return Err(Error::Network { message, hint }),
            Some(Tell::NotYet) => true,
            None => !remembered::read(world.home()).places.is_empty(),
            Some(other) => return Err(unexpected(&other)),
        };
        if !is_coming || begin.elapsed() > RETURN {
            return Err(Error::Refused("the container is in no network".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A place that was asked for, over a link that stays. The keeper works beside us until the answer is wanted.
#[derive(Debug)]
pub(super) struct Entering {
    world: Arc<World>,
    question: Ask,
    descriptor: OwnedFd,
    begin: Instant,
    link: Link,
}

/// Asks for a place.
///
/// # Errors
/// The keeper can't be started.
pub(super) fn enter(world: &Arc<World>, question: Ask, descriptor: OwnedFd) -> Result<Entering, Error> {
    let begin = Instant::now();
    let link = reach(world, begin)?;
    note(&question);
    link.say_with(&question, &descriptor);
    Ok(Entering { world: world.clone(), question, descriptor, begin, link })
}

impl Entering {
    /// Waits for the answer, which is no refusal. Gives the link, too.
    ///
    /// # Errors
    /// What the keeper says; or it ends, or can't be started.
    pub(super) fn answer(mut self) -> Result<(Link, Tell), Error> {
        loop {
            match self.link.hear_within(ANSWER) {
                Heard::Message(Tell::Refused { message, hint }, _) => return Err(Error::Network { message, hint }),
                Heard::Message(answer, _) => return Ok((self.link, answer)),
                Heard::Nothing => return Err(Error::Refused("the keeper of the networks does not answer".to_owned())),
                // It was just about to end.
                Heard::End if self.begin.elapsed() < PATIENCE => {}
                Heard::End => return Err(Error::Refused("the keeper of the networks ended".to_owned())),
            }
            self.link = reach(&self.world, self.begin)?;
            note(&self.question);
            self.link.say_with(&self.question, &self.descriptor);
        }
    }
}

/// Notes what is asked.
fn note(question: &Ask) {
    let (what, why) = question.in_words();
    deeds::note(Group::Messages, || format!("ask the keeper of the networks: {what}"), why);
}

/// It comes from another version of this program.
pub(super) fn unexpected(answer: &Tell) -> Error {
    Error::Refused(format!("the keeper of the networks says what was not asked: {answer:?}"))
}

/// Connects to the keeper of the networks, which is started where there is none.
fn reach(world: &Arc<World>, begin: Instant) -> Result<Link, Error> {
    let folder = folder(world)?;
    loop {
        match Link::connect(&folder, SOCKET) {
            Ok(link) => return Ok(link),
            Err(_) if begin.elapsed() < PATIENCE => {}
            Err(errno) => return Err(Error::Call { call: "connect to the keeper of the networks", errno }),
        }
        match try_claim(&world.home().networks_dir().join(LOCK))? {
            Some(lock) => start(world, &folder, lock)?,
            // It begins or ends just now.
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn folder(world: &World) -> Result<File, Error> {
    let folder = world.home().networks_dir();
    File::open(&folder).map_err(Error::io("open", &folder))
}

/// Starts the keeper of the networks. Its socket is there when this returns.
fn start(world: &Arc<World>, folder: &File, lock: Lock) -> Result<(), Error> {
    let path = world.home().networks_dir();
    // One that was killed.
    let _ = fs::remove_file(path.join(SOCKET));
    let listener =
        Listener::bind(folder, SOCKET).map_err(|errno| Error::io("bind", path.join(SOCKET))(errno.into()))?;
    let refused = |errno| Error::Call { call: "fork", errno };
    // SAFETY: fork(2). Of us only this thread goes on in the child, and it never returns to what it is a copy of. Of the locks that another
    // thread may have held it needs that of the allocator, which fork(3) leaves free, and the locks of files, which belong to no thread.
    match unsafe { fork() }.map_err(refused)? {
        ForkResult::Child => {
            deeds::forget();
            // Twice, so that it is nobody's child.
            // SAFETY: as above.
            if let Ok(ForkResult::Child) = unsafe { fork() } {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| keep(world, listener, lock)));
            }
            // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            let why = "one process has the bridges of this home and answers for names, as long as somebody is on them";
            deeds::note(Group::Processes, || "fork the keeper of the networks".to_owned(), why);
            let _ = nix::sys::wait::waitpid(child, None);
            Ok(())
        }
    }
}

/// Is the keeper of the networks.
fn keep(world: &Arc<World>, listener: Listener, lock: Lock) {
    if container::stand_alone(vec![listener.as_fd().as_raw_fd(), lock.as_fd().as_raw_fd()]).is_err() {
        return;
    }
    let folder = world.home().networks_dir();
    if let Ok(mark) = Mark::choose(world) {
        Switch::new(world.clone(), listener, mark).keep();
    }
    // Whoever connects from now on gets no answer and tries again: with the lock.
    let _ = fs::remove_file(folder.join(SOCKET));
    let _ = lock.remove();
}
