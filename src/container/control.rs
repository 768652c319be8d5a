//! What can be done to a running container from anywhere: signals, a pause, the end.
//!
//! A [`Control`] can be cloned and sent to other threads, and goes on to be valid when the container has ended: then nothing
//! happens.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nix::errno::Errno;
use rustix::termios::{Winsize, tcsetwinsize};

use super::cgroup::{self, Groups};
use super::error::{Error, Failure, answer};
use super::freeze::{self, Paused};
use super::hierarchies::ControlGroups;
use super::processes;
use super::resources::Resources;
use crate::link::Link;

/// A hold on a container. Clones hold the same one.
#[derive(Debug, Clone)]
pub struct Control(Arc<Held>);

#[derive(Debug)]
struct Held {
    /// Of the container itself; a further process has none.
    keeper: Option<OwnedFd>,
    /// The container's first process, once it becomes the command.
    first: OnceLock<OwnedFd>,
    /// The same process, while it waits for the order to start.
    waiting: OnceLock<OwnedFd>,
    /// Where a further process is let in by its supervisor, where it has one, as long as it runs.
    supervisor: Mutex<Option<Link>>,
    /// Our end of its terminal, where it has one.
    terminal: OnceLock<OwnedFd>,
    /// The size that it is to have as soon as it is there.
    size: Mutex<Option<Winsize>>,
    /// The container's own control groups.
    groups: Mutex<Vec<PathBuf>>,
    /// Those of them that were made while it ran: ours as long as these are open.
    late: Mutex<Vec<OwnedFd>>,
    was_killed: AtomicBool,
}

impl Control {
    pub(super) fn new(keeper: Option<OwnedFd>, groups: Vec<PathBuf>) -> Control {
        Control(Arc::new(Held {
            keeper,
            first: OnceLock::new(),
            waiting: OnceLock::new(),
            supervisor: Mutex::default(),
            terminal: OnceLock::new(),
            size: Mutex::new(None),
            groups: Mutex::new(groups),
            late: Mutex::default(),
            was_killed: AtomicBool::new(false),
        }))
    }

    pub(super) fn started(&self, first: OwnedFd) {
        // There is only one first process.
        let _ = self.0.first.set(first);
        if self.was_killed() {
            self.kill();
        }
    }

    pub(crate) fn first(&self) -> Option<&OwnedFd> {
        self.0.first.get()
    }

    /// Our end of its terminal, where it has one.
    pub(super) fn terminal(&self) -> Option<&OwnedFd> {
        self.0.terminal.get()
    }

    pub(super) fn has_terminal(&self, master: OwnedFd) {
        // There is only one terminal.
        let _ = self.0.terminal.set(master);
        let size = *self.0.size.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(size), Some(master)) = (size, self.0.terminal.get()) {
            // It keeps the size that it had.
            let _ = tcsetwinsize(master, size);
        }
    }

    /// The container's first process, as soon as all is set up.
    pub(crate) fn inside(&self) -> Option<&OwnedFd> {
        self.first().or(self.0.waiting.get())
    }

    /// Where a further process is let in; `None` where nobody has to.
    pub(super) fn supervisor(&self) -> Option<Link> {
        self.0.supervisor.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.duplicate().ok()
    }

    /// From now on there is such a place, or none any more: it is there as long as somebody has a link to it.
    pub(super) fn is_supervised(&self, by: Option<Link>) {
        *self.0.supervisor.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    pub(super) fn waits(&self, process: OwnedFd) {
        // It waits once.
        let _ = self.0.waiting.set(process);
    }

    /// The number that the command has for us; `None` before it is executed and when it has ended.
    pub(crate) fn process(&self) -> Option<i32> {
        processes::number(self.first()?)
    }

    /// The command's network namespace; `None` when it does not run.
    pub(crate) fn network(&self) -> Option<File> {
        let number = self.process()?;
        let network = File::open(format!("/proc/{number}/ns/net")).ok()?;
        // Else the number may have been another's by then.
        (self.process() == Some(number)).then_some(network)
    }

    /// Gives the container's terminal another size; without a terminal there is nothing to do.
    ///
    /// # Errors
    /// As ioctl(2), TIOCSWINSZ.
    pub(crate) fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        *self.0.size.lock().unwrap_or_else(PoisonError::into_inner) = Some(size);
        let Some(terminal) = self.0.terminal.get() else { return Ok(()) };
        tcsetwinsize(terminal, size).map_err(|errno| Error::Call { call: "ioctl(TIOCSWINSZ)", errno: answer(errno) })
    }

    /// Sends a signal to the command. One that has ended gets nothing.
    ///
    /// # Errors
    /// [`Error::NotStarted`] before the command is executed.
    pub fn signal(&self, number: i32) -> Result<(), Error> {
        let first = self.first().ok_or(Error::NotStarted)?;
        match processes::signal(first, number) {
            Ok(()) | Err(Errno::ESRCH) => {
                if number == libc::SIGKILL {
                    freeze::let_end(&self.groups());
                }
                Ok(())
            }
            Err(errno) => Err(Error::Call { call: "pidfd_send_signal", errno }),
        }
    }

    /// Ends the container at once, also one that is still being set up.
    pub fn kill(&self) {
        self.0.was_killed.store(true, Ordering::SeqCst);
        // Process 1 takes all others of the container with it, and the keeper tidies up after it. Before there is a process 1 of
        // the container's own, the keeper itself is ended: the others share its memory and may be in the midst of changing it.
        // It can only have ended.
        let _ = match (self.first(), &self.0.keeper) {
            (Some(first), Some(_)) => processes::signal(first, libc::SIGKILL),
            // A further process takes nobody with it.
            (Some(first), None) => processes::signal_group(first, libc::SIGKILL),
            (None, Some(keeper)) => processes::signal(keeper, libc::SIGKILL),
            (None, None) => Ok(()),
        };
        freeze::let_end(&self.groups());
    }

    /// Whether somebody has ended it.
    pub(super) fn was_killed(&self) -> bool {
        self.0.was_killed.load(Ordering::SeqCst)
    }

    /// Ends everything at once, the keeper included: nothing is tidied up.
    pub(super) fn abandon(&self) {
        if let Some(keeper) = &self.0.keeper {
            // It can only have ended.
            let _ = processes::signal(keeper, libc::SIGKILL);
        }
        self.is_supervised(None);
        freeze::let_end(&self.groups());
    }

    /// Its own control groups.
    pub(super) fn groups(&self) -> Vec<PathBuf> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has control groups of its own.
    pub(crate) fn has_groups(&self) -> bool {
        !self.groups().is_empty()
    }

    /// Changes what its control groups limit. One that has none gets some, of this name; it may not be paused then.
    ///
    /// # Errors
    /// [`Error::NotStarted`] before the command is executed; [`Error::Limit`] where nobody may make a group; the kernel refuses a limit.
    pub(crate) fn limit(&self, resources: &Resources, name: &str) -> Result<(), Error> {
        let mut groups = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.is_empty() {
            let first = self.first().ok_or(Error::NotStarted)?;
            let host = ControlGroups::detect()?;
            cgroup::check(&host, resources)?;
            let paths = Groups::plan(&host, name, resources).paths;
            let locks = cgroup::create(&paths).map_err(Error::Setup)?;
            if let Err(failure) = cgroup::gather(&paths, || freeze::members(first).unwrap_or_default()) {
                // Groups that have only some of its processes would pause and limit only those.
                cgroup::give_back(&paths);
                return Err(Error::Setup(failure));
            }
            *groups = paths;
            self.0.late.lock().unwrap_or_else(PoisonError::into_inner).extend(locks);
        }
        cgroup::update(&groups, resources).map_err(Error::Setup)
    }

    /// Removes the groups that were made while it ran, when it has ended.
    pub(super) fn remove_late_groups(&self) -> Result<(), Failure> {
        let late = std::mem::take(&mut *self.0.late.lock().unwrap_or_else(PoisonError::into_inner));
        if late.is_empty() { Ok(()) } else { self.groups().iter().try_for_each(|path| cgroup::remove(path)) }
    }

    pub(super) fn ran_out_of_memory(&self) -> bool {
        cgroup::ran_out_of_memory(&self.groups())
    }

    /// Stops every process of the container, and says by which means: the freezer of its control group where it has one of its
    /// own, else signals. With signals a process that had been stopped before goes on at [`Control::resume`], too.
    ///
    /// # Errors
    /// [`Error::NotStarted`] before the command is executed; what the kernel refuses.
    pub fn pause(&self) -> Result<Paused, Error> {
        freeze::pause(self.first().ok_or(Error::NotStarted)?, &self.groups())
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// As [`Control::pause`].
    pub fn resume(&self) -> Result<(), Error> {
        freeze::resume(self.first().ok_or(Error::NotStarted)?, &self.groups())
    }
}

/// A hold can go to other threads.
const _: fn() = || {
    fn is_shared<T: Send + Sync + Clone>() {}
    is_shared::<Control>();
};
