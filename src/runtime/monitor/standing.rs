//! What is written down of how a container stands, while its monitor lives.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::container::{self, Control};
use crate::runtime::events::Subject;
use crate::runtime::record::{self, Record, Run, Status, WhenEnded};
use crate::runtime::{Error, events};
use crate::store::Home;
use crate::world::{Clock, World};

/// What is written down of how the container stands. One does something to it and notes that, and then the next: else two who pause it
/// and let it go on at once could leave the note of one and the deed of the other.
pub(super) struct Standing {
    folder: PathBuf,
    home: Home,
    clock: Clock,
    /// As it was when it was started.
    record: Record,
    stops: Mutex<Stops>,
    /// Whether it does not start again.
    is_finished: Mutex<bool>,
    finished: Condvar,
}

/// For whom the container is stopped. It goes on when there is nobody left.
#[derive(Debug, Default)]
struct Stops {
    /// Whether somebody has paused it, until somebody says that it is to go on.
    paused: bool,
    /// How many read its files.
    holders: usize,
    /// How often it was stopped so far.
    count: u64,
}

impl Stops {
    fn is_stopped(&self) -> bool {
        self.paused || self.holders > 0
    }
}

impl Standing {
    pub(super) fn of(world: &World, folder: &Path, record: &Record) -> Standing {
        match record.when_ended {
            // Where there is none, the status at the end is written as all others are.
            WhenEnded::Keep => drop(record::reserve(folder)),
            WhenEnded::Remove => {}
        }
        Standing {
            folder: folder.to_path_buf(),
            home: world.home().clone(),
            clock: world.clock.clone(),
            record: record.clone(),
            stops: Mutex::default(),
            is_finished: Mutex::default(),
            finished: Condvar::new(),
        }
    }

    /// Lets those know who follow what happens.
    pub(super) fn tell(&self, action: &str, more: &[(&str, String)]) {
        let name = self.name();
        let subject = Subject { name: &name, ..self.record.subject() };
        events::of_container(&self.home, &self.clock, subject, action, more);
    }

    pub(super) fn id(&self) -> &str {
        &self.record.id
    }

    /// What it is called now.
    fn name(&self) -> String {
        let now = record::read(&self.home, &self.folder).ok().flatten();
        now.map_or_else(|| self.record.name.clone(), |now| now.name)
    }

    /// Writes it down. Where that is not possible, the lock of the folder still tells whether the container runs.
    pub(super) fn note(&self, status: &Status) {
        let _one = self.stops();
        let _ = record::set_status(&self.folder, status);
    }

    /// It does not start again.
    pub(super) fn finish(&self) {
        *self.is_finished.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.finished.notify_all();
    }

    /// Waits for so long, and no longer when it is not to start again. Says whether it is not.
    pub(super) fn is_finished_within(&self, time: Duration) -> bool {
        let is_finished = self.is_finished.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.finished.wait_timeout_while(is_finished, time, |is_finished| !*is_finished);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Does something to a container that is not stopped; `None` where it is.
    pub(super) fn while_it_runs<R>(&self, act: impl FnOnce() -> R) -> Option<R> {
        let stops = self.stops();
        (!stops.is_stopped()).then(act)
    }

    /// Does something that would let the container go on; `None` where somebody reads its files.
    pub(super) fn while_not_held<R>(&self, act: impl FnOnce() -> R) -> Option<R> {
        let stops = self.stops();
        (stops.holders == 0).then(act)
    }

    /// How often it was stopped so far.
    pub(super) fn count_of_stops(&self) -> u64 {
        self.stops().count
    }

    /// Stops it until it is to go on.
    pub(super) fn pause(&self, control: &Control) -> Result<(), Error> {
        let mut stops = self.stops();
        if stops.paused {
            return Err(Error::Refused(format!("container {} is already paused", self.name())));
        }
        self.stop(&mut stops, control)?;
        stops.paused = true;
        Ok(())
    }

    /// Lets it go on that was paused: at once, or when all have read its files who do so.
    pub(super) fn resume(&self, control: &Control) -> Result<(), Error> {
        let mut stops = self.stops();
        if !stops.paused {
            let name = self.name();
            return Err(Error::Refused(match stops.holders {
                0 => format!("container {name} is not paused"),
                _ => format!("the files of container {name} are being read: it goes on afterwards"),
            }));
        }
        if stops.holders == 0 {
            self.go_on(control)?;
        }
        stops.paused = false;
        Ok(())
    }

    /// Stops it for one who reads its files, until [`Standing::release`].
    pub(super) fn hold(&self, control: &Control) -> Result<(), Error> {
        let mut stops = self.stops();
        self.stop(&mut stops, control)?;
        stops.holders += 1;
        Ok(())
    }

    /// One of those who read its files has done so.
    pub(super) fn release(&self, control: &Control) {
        let mut stops = self.stops();
        stops.holders = stops.holders.saturating_sub(1);
        if !stops.is_stopped() {
            // It may have ended.
            let _ = self.go_on(control);
        }
    }

    fn stops(&self) -> MutexGuard<'_, Stops> {
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, stops: &mut Stops, control: &Control) -> Result<(), container::Error> {
        if stops.is_stopped() {
            return Ok(());
        }
        control.pause()?;
        stops.count += 1;
        self.write(Status::Paused);
        Ok(())
    }

    fn go_on(&self, control: &Control) -> Result<(), container::Error> {
        control.resume()?;
        self.write(Status::Running);
        Ok(())
    }

    /// Writes down how a container stands that has not ended.
    fn write(&self, status: impl FnOnce(Run) -> Status) {
        if let Ok(Status::Running(run) | Status::Paused(run)) = record::status(&self.home, &self.folder) {
            let _ = record::set_status(&self.folder, &status(run));
        }
    }
}
