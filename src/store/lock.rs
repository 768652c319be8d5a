//! Locks on files of the home, see flock(2): who holds one, has it until the end of the process at the latest.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::write::remove_file;
use super::{Error, purpose};
use crate::progress::{Meter, Work};

/// How long a lock that another holds is left alone before it is tried again.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// How long it is waited first.
const FIRST_PAUSE: Duration = Duration::from_micros(100);

/// Whether others may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// Any number of shared locks at a time.
    Shared,
    /// Alone.
    Exclusive,
}

impl LockMode {
    fn word(self) -> &'static str {
        match self {
            LockMode::Shared => "shared with others",
            LockMode::Exclusive => "alone",
        }
    }
}

/// A lock that is held until it is dropped (or the process ends), see flock(2).
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Lock {
    /// The locked file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Its name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file of an exclusive lock, and then gives the lock up. Only for locks that [`try_claim`] gave: whoever waits for
    /// another sort would get a lock on a file without a name.
    pub(crate) fn remove(self) -> Result<(), Error> {
        remove_file(&self.path)
    }

    /// A lock that an open file holds already, where it is the one of that name. `None` where it is not, or where another holds it.
    ///
    /// # Errors
    /// The kernel can't lock it.
    pub(crate) fn adopt(file: OwnedFd, path: &Path) -> Result<Option<Lock>, Error> {
        let lock = Lock { file: file.into(), path: path.to_path_buf() };
        let is_held = lock.is_current() && acquire(&lock.file, path, LockMode::Exclusive, Wait::No)?;
        Ok(is_held.then_some(lock))
    }

    /// Whether the name still means the file that is locked: its former owner may have removed it.
    pub(crate) fn is_current(&self) -> bool {
        let id = |found: fs::Metadata| (found.dev(), found.ino());
        match (self.file.metadata(), fs::symlink_metadata(&self.path)) {
            (Ok(locked), Ok(named)) => id(locked) == id(named),
            _ => false,
        }
    }
}

/// Waits for a lock on a file, which is made if it is not there.
pub(crate) fn lock(path: &Path, mode: LockMode) -> Result<Lock, Error> {
    let file = open_lock(path)?;
    acquire(&file, path, mode, Wait::Yes)?;
    purpose::note_lock(path, mode.word());
    Ok(Lock { file, path: path.to_path_buf() })
}

/// As [`lock`], where another may hold it for long: it can be seen that it is waited for, and stopped. The kernel would not let us stop
/// for sure: a signal can come just before the call that waits.
///
/// # Errors
/// [`Error::Stopped`] where that was wished, [`Error::Io`] for what the kernel says.
pub(crate) fn lock_patiently(path: &Path, mode: LockMode, meter: &Meter) -> Result<Lock, Error> {
    let file = open_lock(path)?;
    acquire_patiently(&file, path, mode, meter)?;
    purpose::note_lock(path, mode.word());
    Ok(Lock { file, path: path.to_path_buf() })
}

/// As [`lock_patiently`], alone, for a folder itself: it may be another program's, in which a file for the lock would be left.
///
/// # Errors
/// As [`lock_patiently`].
pub(crate) fn lock_folder(path: &Path, meter: &Meter) -> Result<Lock, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    acquire_patiently(&file, path, LockMode::Exclusive, meter)?;
    purpose::note_lock(path, LockMode::Exclusive.word());
    Ok(Lock { file, path: path.to_path_buf() })
}

/// As [`lock`], but gives `None` at once when another holds it.
pub(crate) fn try_lock(path: &Path, mode: LockMode) -> Result<Option<Lock>, Error> {
    let file = open_lock(path)?;
    let acquired = acquire(&file, path, mode, Wait::No)?;
    Ok(acquired.then(|| Lock { file, path: path.to_path_buf() }))
}

/// As [`acquire`], and waits as [`lock_patiently`] does.
///
/// # Errors
/// As [`lock_patiently`].
pub(super) fn acquire_patiently(file: &File, path: &Path, mode: LockMode, meter: &Meter) -> Result<(), Error> {
    if acquire(file, path, mode, Wait::No)? {
        return Ok(());
    }
    let task = meter.begin(Work::Waiting, None);
    // Most are held for a moment only, and who takes one again and again leaves it free for less than that.
    let mut pause = FIRST_PAUSE;
    while !acquire(file, path, mode, Wait::No)? {
        task.add(0)?;
        std::thread::sleep(pause);
        pause = (pause * 2).min(BETWEEN_TRIES);
    }
    Ok(())
}

/// Opens the file of a lock in a folder that can't be written to: nothing is made there, so there may be none.
///
/// # Errors
/// [`Error::Io`] where there is a file that can't be opened.
pub(super) fn open_lock_for_reading(path: &Path) -> Result<Option<File>, Error> {
    match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { operation: "open", path: path.to_path_buf(), source }),
    }
}

/// As [`try_lock`] for an exclusive lock whose file is removed at its end, see [`Lock::remove`].
///
/// Between opening a file and locking it, its former owner may have removed it, and a third process may have made and locked
/// another of its name. So a lock counts only where the name still means the locked file.
pub(crate) fn try_claim(path: &Path) -> Result<Option<Lock>, Error> {
    loop {
        match try_lock(path, LockMode::Exclusive)? {
            Some(lock) if !lock.is_current() => {}
            claimed => return Ok(claimed),
        }
    }
}

/// Whether somebody holds a lock whose file is removed at its end. One that can't be looked at is not free either.
pub(crate) fn is_claimed(path: &Path) -> bool {
    path.exists() && !matches!(try_claim(path), Ok(Some(_)))
}

/// Whether to wait for a lock that another holds.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wait {
    Yes,
    No,
}

/// Opens the file of a lock, which is made if it is not there.
///
/// # Errors
/// [`Error::Io`] for what can't be opened or made.
pub(super) fn open_lock(path: &Path) -> Result<File, Error> {
    // A link in the place of the lock would make the file somewhere else.
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path).map_err(Error::io("open", path))
}

/// Locks an open file, or makes its lock another; says whether it is locked now. Giving up a shared lock for one that is not to be had
/// loses it.
///
/// # Errors
/// [`Error::Io`] for what the kernel says.
pub(super) fn acquire(file: &File, path: &Path, mode: LockMode, wait: Wait) -> Result<bool, Error> {
    loop {
        let result = match (mode, wait) {
            (LockMode::Shared, Wait::Yes) => file.lock_shared(),
            (LockMode::Exclusive, Wait::Yes) => file.lock(),
            (LockMode::Shared, Wait::No) => file.try_lock_shared().map_err(io::Error::from),
            (LockMode::Exclusive, Wait::No) => file.try_lock().map_err(io::Error::from),
        };
        match result {
            Ok(()) => return Ok(true),
            // A signal came while waiting.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(source) => {
                return Err(Error::Io { operation: "lock", path: path.to_path_buf(), source });
            }
        }
    }
}
