//! The supervisor's process: it lets processes in, and has a few threads that answer their calls.
//!
//! ```text
//! link ───────┐                       ┌─ receives the next call ◀─ one thread, which has the reception
//! listener ───┼──▶ reception ─────────┤
//! listener ───┘                       └─ hands the reception over, and answers: each of the others
//! ```
//!
//! What is asked about may take for ever: a container that may mount can serve a file system itself, and then its files and its memory answer
//! when it likes. So whoever has received such a call lets another thread receive the next one. There is an end to the threads: when all of
//! them have been busy for a second, such calls are refused, and those that need no file are still answered.
//!
//! A thread that waits for such a file system holds up whoever looks for the same name in it, inside the kernel and whatever kills it. So as long
//! as some are busy it is looked after whether the container's first process is ending. Then we end, too, or it would wait for us for ever.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout};
use serde::{Deserialize, Serialize};

use super::super::capabilities::Capabilities;
use super::super::processes;
use super::answers::{Desk, Entrance};
use super::ids::Credentials;
use super::listener::Asked;
use super::target::Machine;
use crate::link::{Heard, Link};

/// As many threads answer at a time.
const MOST_THREADS: usize = 16;

/// As much stack each has; only what is used costs anything.
const STACK: usize = 256 << 10;

/// So long it is waited for one of them, when all are busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// As many processes that came in later may be there at a time, with their descendants.
const MOST_ENTRANCES: usize = 256;

/// What a process tells the supervisor that comes in, with the listener, the root directory, and the end of a link for the answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Begin {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
    pub(super) capabilities: Capabilities,
}

/// What the supervisor says when it can answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Listening;

/// Runs as the supervisor, until nobody is left who could let somebody in.
///
/// # Errors
/// What it needs can't be opened.
pub(super) fn supervise(link: Link) -> Result<(), Errno> {
    processes::close_all_but(vec![link.as_fd().as_raw_fd()])?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").map_err(|_| Errno::ENOENT)?;
    dup2_stdin(&null).and(dup2_stdout(&null)).and(dup2_stderr(&null))?;
    let office = Arc::new(Office {
        desk: Desk::open()?,
        reception: Mutex::new(Reception { link, entrances: Vec::new(), first: None }),
        crew: Mutex::new(Crew { hired: 1, free: 1 }),
        freed: Condvar::new(),
    });
    office.work();
    Ok(())
}

struct Office {
    desk: Desk,
    reception: Mutex<Reception>,
    crew: Mutex<Crew>,
    /// Somebody has become free.
    freed: Condvar,
}

/// The threads.
struct Crew {
    hired: usize,
    /// Those of them that have the reception or wait for it.
    free: usize,
}

impl Office {
    /// What each thread does. Comes back when there is nothing more to be done.
    fn work(self: &Arc<Office>) {
        if Machine::apart().is_err() {
            return;
        }
        loop {
            let mut reception = locked(&self.reception);
            let Some((entrance, asked)) = reception.next(&self.desk, self.is_busy()) else { return };
            if self.desk.is_quick(&asked) {
                self.desk.answer(&entrance, &asked);
            } else if self.leave_to_others() {
                drop(reception);
                self.desk.answer(&entrance, &asked);
                locked(&self.crew).free += 1;
                self.freed.notify_one();
            } else {
                self.desk.put_off(&entrance, &asked);
            }
        }
    }

    /// Whether somebody is answering.
    fn is_busy(&self) -> bool {
        let crew = locked(&self.crew);
        crew.free < crew.hired
    }

    /// Whether somebody else is there for the next call: then we are busy from now on.
    fn leave_to_others(self: &Arc<Office>) -> bool {
        let mut crew = locked(&self.crew);
        if crew.free == 1 && crew.hired < MOST_THREADS && self.hire().is_ok() {
            crew.hired += 1;
            crew.free += 1;
        }
        if crew.free == 1 {
            let none_is_free = |crew: &mut Crew| crew.free == 1;
            let waited = self.freed.wait_timeout_while(crew, PATIENCE, none_is_free);
            crew = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let is_left = crew.free > 1;
        crew.free -= usize::from(is_left);
        is_left
    }

    fn hire(self: &Arc<Office>) -> std::io::Result<()> {
        let office = self.clone();
        let work = move || {
            // Whoever asks would wait for ever for an answer that does not come: so it ends all of us, however it ends.
            let worked = catch_unwind(AssertUnwindSafe(|| office.work()));
            // SAFETY: _exit(2) ends this process without the exit handlers of the one it was forked from.
            unsafe { libc::_exit(worked.is_err().into()) }
        };
        // With the size given, nothing is read from the environment, which somebody may have locked when we were forked.
        std::thread::Builder::new().stack_size(STACK).spawn(work).map(drop)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends this process.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where processes and calls come in.
struct Reception {
    link: Link,
    entrances: Vec<Arc<Entrance>>,
    /// The container's first process, which came in first.
    first: Option<OwnedFd>,
}

impl Reception {
    /// The next call; `None` when the container and whoever watches over it are gone, or the container is ending while others of us are busy.
    fn next(&mut self, desk: &Desk, others_are_busy: bool) -> Option<(Arc<Entrance>, Asked)> {
        loop {
            let events = self.wait(others_are_busy)?;
            let (of_link, of_entrances) = events.split_first()?;
            if !of_link.is_empty() {
                match self.link.hear_now() {
                    Heard::Message(begin, descriptors) => self.admit(desk, begin, descriptors),
                    Heard::Nothing => {}
                    Heard::End => return None,
                }
            }
            let ready = of_entrances.iter().position(|events| events.contains(PollFlags::POLLIN));
            let called = ready.and_then(|place| {
                let entrance = self.entrances[place].clone();
                let asked = entrance.listener.receive()?;
                Some((entrance, asked))
            });
            let mut events = of_entrances.iter();
            // Of the new ones nothing is known yet.
            self.entrances
                .retain(|_| events.next().is_none_or(|events| events.is_empty() || events.contains(PollFlags::POLLIN)));
            if called.is_some() {
                // The others are served first.
                let turn = (ready.unwrap_or_default() + 1).min(self.entrances.len());
                self.entrances.rotate_left(turn);
                return called;
            }
        }
    }

    /// What has come in at the link, and at each entrance.
    fn wait(&self, others_are_busy: bool) -> Option<Vec<PollFlags>> {
        let a_while = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
        let timeout = if others_are_busy { a_while } else { PollTimeout::NONE };
        let ends =
            std::iter::once(self.link.as_fd()).chain(self.entrances.iter().map(|entrance| entrance.listener.as_fd()));
        let mut polled: Vec<PollFd<'_>> = ends.map(|end| PollFd::new(end, PollFlags::POLLIN)).collect();
        loop {
            match poll(&mut polled, timeout) {
                Ok(0) if self.first.as_ref().is_some_and(processes::is_ending) => return None,
                Ok(0) => {}
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
        Some(polled.iter().map(|end| end.revents().unwrap_or(PollFlags::POLLHUP)).collect())
    }

    /// Lets a process in, and says so. One that is not let in hears the end of its link.
    fn admit(&mut self, desk: &Desk, begin: Begin, descriptors: Vec<OwnedFd>) {
        let Ok([listener, root, reply]) = <[OwnedFd; 3]>::try_from(descriptors) else { return };
        if self.entrances.len() >= MOST_ENTRANCES {
            return;
        }
        if self.first.is_none() {
            // Whoever made the link, and waits at it now.
            let maker = getsockopt(&reply, PeerCredentials).map(|maker| Pid::from_raw(maker.pid()));
            self.first = maker.and_then(processes::pidfd).ok();
        }
        let initial = Credentials::new(begin.uid, begin.gid, begin.groups);
        if let Ok(entrance) = desk.admit(listener, &root, initial, begin.capabilities) {
            self.entrances.push(Arc::new(entrance));
            Link::from(reply).say(&Listening);
        }
    }
}
