//! What is written down of how a container stands, while its monitor lives.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::container;
use crate::runtime::events;
use crate::runtime::record::{self, Record, Run, Status};
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
    one_at_a_time: Mutex<()>,
}

impl Standing {
    pub(super) fn of(world: &World, folder: &Path, record: &Record) -> Standing {
        let (home, clock) = (world.home().clone(), world.clock.clone());
        Standing { folder: folder.to_path_buf(), home, clock, record: record.clone(), one_at_a_time: Mutex::default() }
    }

    /// Lets those know who follow what happens.
    pub(super) fn tell(&self, action: &str, more: &[(&str, String)]) {
        events::of_container(&self.home, &self.clock, self.record.subject(), action, more);
    }

    /// Writes it down. Where that is not possible, the lock of the folder still tells whether the container runs.
    pub(super) fn note(&self, status: &Status) {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = record::set_status(&self.folder, status);
    }

    /// Does something to a container while it is not paused; `None` where it is.
    pub(super) fn while_it_runs<R>(&self, act: impl FnOnce() -> R) -> Option<R> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let is_paused = matches!(record::status(&self.home, &self.folder), Ok(Status::Paused(_)));
        (!is_paused).then(act)
    }

    /// Does something to a container that runs, and writes down how it stands then.
    pub(super) fn change(
        &self,
        act: impl FnOnce() -> Result<(), container::Error>,
        status: impl FnOnce(Run) -> Status,
    ) -> Result<(), container::Error> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        act()?;
        if let Ok(Status::Running(run) | Status::Paused(run)) = record::status(&self.home, &self.folder) {
            let _ = record::set_status(&self.folder, &status(run));
        }
        Ok(())
    }
}
