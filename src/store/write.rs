//! The one place where files of the home are written, locked and removed.
//!
//! A file is written under a temporary name, synchronised, renamed, and its folder synchronised; so a name either is not
//! there, or names the whole content, also after a crash or a loss of power. Everything that changes the home goes
//! through these functions.
//!
//! What can be recreated (cache records, listings) is not synchronised: waiting for the disk twice would cost more than
//! all the rest of a step that changes no file. See [`atomic_replace`] for what its readers have to do in return.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, purpose};

// ANCHOR: atomic-write
/// Replaces a file by new content, or makes it; readers see the old or the new content and nothing between.
pub(crate) fn atomic_write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut temporary = Temporary::create(parent(path))?;
    temporary.write(bytes)?;
    temporary.persist(path)
}
// ANCHOR_END: atomic-write

/// As [`atomic_write`], but without waiting for the disk: for files that can be recreated.
///
/// When a process is killed, the name has the old or the new content. After a loss of power it may also be empty or have
/// lost its end, so whoever reads it has to tell a damaged file from a whole one, and do as if it were not there.
pub(crate) fn atomic_replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut temporary = Temporary::create(parent(path))?;
    temporary.write(bytes)?;
    temporary.replace(path)
}

/// A file under a temporary name; it is removed when it is dropped before [`Temporary::persist`].
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    file: File,
    persisted: bool,
    /// Whether the last bytes are a hole, which the file's length does not count yet.
    ends_in_hole: bool,
}

/// So many zeros become a hole.
const SMALLEST_HOLE: usize = 64 << 10;

impl Temporary {
    /// Makes an empty file `.<process>-<number>.tmp` in a folder.
    pub(crate) fn create(folder: &Path) -> Result<Temporary, Error> {
        let (path, file) =
            with_temporary_name(folder, |path| OpenOptions::new().read(true).write(true).create_new(true).open(path))?;
        Ok(Temporary { path, file, persisted: false, ends_in_hole: false })
    }

    /// The open file.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The temporary name.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds bytes to the file.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.append(bytes).map_err(Error::io("write", &self.path))
    }

    /// Adds bytes to the file. A large piece of nothing but zeros takes no room on the disk: a sparse file in a layer is
    /// written in full, since few programs read it otherwise, and costs as little as it did where it came from.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ends_in_hole = bytes.len() >= SMALLEST_HOLE && is_zero(bytes);
        if self.ends_in_hole {
            let length = i64::try_from(bytes.len()).map_err(io::Error::other)?;
            return self.file.seek_relative(length);
        }
        self.file.write_all(bytes)
    }

    // ANCHOR: persist
    /// Gives the file its name, whole and on disk. What had the name before is replaced.
    pub(crate) fn persist(mut self, path: &Path) -> Result<(), Error> {
        self.close_hole().map_err(Error::io("extend", &self.path))?;
        self.file.sync_all().map_err(Error::io("synchronise", &self.path))?;
        self.replace(path)?;
        synchronise_folder(parent(path))
    }

    fn close_hole(&mut self) -> io::Result<()> {
        if !self.ends_in_hole {
            return Ok(());
        }
        let end = self.file.stream_position()?;
        self.file.set_len(end)
    }

    /// Gives the file its name without waiting for the disk; see [`atomic_replace`].
    ///
    /// # Errors
    /// [`Error::Io`] for what the kernel refuses.
    pub(crate) fn replace(mut self, path: &Path) -> Result<(), Error> {
        self.close_hole().map_err(Error::io("extend", &self.path))?;
        purpose::note("write", path);
        fs::rename(&self.path, path).map_err(Error::io("rename to", path))?;
        self.persisted = true;
        Ok(())
    }
    // ANCHOR_END: persist
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.persisted {
            // Nothing can be done about a failure here, and the next sweep tries again.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The least room that [`reserve`] takes, and the step in which it grows.
const ROOM: u64 = 16 << 10;

/// Sees to it that a file without meaning has the blocks for `size` bytes, for [`write_reserved`] on a full disk.
///
/// # Errors
/// [`Error::Io`] where the disk is full already.
pub(crate) fn reserve(spare: &Path, size: u64) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let file = options.open(spare).map_err(Error::io("open", spare))?;
    let metadata = file.metadata().map_err(Error::io("stat", spare))?;
    if metadata.len() >= size && metadata.len() > 0 {
        return Ok(());
    }
    // Twice as much as is needed, so that a growing file is not followed step by step.
    let room = i64::try_from(size.saturating_mul(2).max(ROOM)).unwrap_or(i64::MAX);
    // SAFETY: posix_fallocate(3) on a file of our own. It changes no memory.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, room) } {
        0 => Ok(()),
        number => Err(Error::io("make room in", spare)(io::Error::from_raw_os_error(number))),
    }
}

/// As [`atomic_write`], into the blocks that [`reserve`] has taken before.
///
/// # Errors
/// [`Error::Io`] where the spare file is not there, or too small.
pub(crate) fn write_reserved(spare: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(spare);
    let mut temporary = Temporary {
        path: spare.to_path_buf(),
        file: opened.map_err(Error::io("open", spare))?,
        persisted: false,
        ends_in_hole: false,
    };
    temporary.write(bytes)?;
    temporary.file.set_len(bytes.len() as u64).map_err(Error::io("shorten", spare))?;
    temporary.persist(path)
}

fn is_zero(bytes: &[u8]) -> bool {
    // A piece equals itself moved by one where all of its bytes are the same; comparing is as fast as the memory.
    bytes.first() == Some(&0) && bytes[1..] == bytes[..bytes.len() - 1]
}

/// Makes an empty folder with a temporary name inside another.
pub(crate) fn temporary_folder(folder: &Path) -> Result<PathBuf, Error> {
    with_temporary_name(folder, |path| fs::create_dir(path)).map(|(path, ())| path)
}

/// Gives a folder that was filled under a temporary name its final name, and says whether it was the first to do so:
/// when another process was faster, its folder stays and the caller's is left as it is.
pub(crate) fn publish_folder(temporary: &Path, path: &Path) -> Result<bool, Error> {
    match fs::rename(temporary, path) {
        Ok(()) => {
            purpose::note("make", path);
            synchronise_folder(parent(path)).map(|()| true)
        }
        Err(_) if path.is_dir() => Ok(false),
        Err(source) => Err(Error::Io { operation: "rename to", path: path.to_path_buf(), source }),
    }
}

/// Gives a file that is whole and on disk another name, durably.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("rename to", to))?;
    synchronise_folder(parent(to))
}

/// Makes a folder and those above it, if they are not there.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io("create", path))
}

/// The bits of a mode that let others than the owner come in.
pub(super) const OTHERS: u32 = 0o077;

/// Makes a folder that only its owner may enter, or takes the access of others away where it is there already.
///
/// Where that is refused (another's folder, a file system that is read-only), the folder stays as it is.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), Error> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create_folder(parent(path))?;
            match fs::DirBuilder::new().mode(0o777 & !OTHERS).create(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("create", path)(error));
                }
                _ => fs::metadata(path),
            }
        }
        found => found,
    };
    let mode = found.map_err(Error::io("stat", path))?.mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777 & !OTHERS)) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Err(Error::io("change the mode of", path)(error))
        }
        _ => Ok(()),
    }
}

/// Gives a folder a temporary name beside its own, under which nobody looks for it; returns that.
///
/// # Errors
/// [`Error::Io`] for what the kernel refuses.
pub(crate) fn move_away(path: &Path) -> Result<PathBuf, Error> {
    purpose::note("remove", path);
    with_temporary_name(parent(path), |name| match name.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(path, name),
    })
    .map(|(name, ())| name)
}

/// Removes a file; that it is not there is no error.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Ok(()) => {
            purpose::note("remove", path);
            Ok(())
        }
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { operation: "remove", path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

/// Removes a folder with everything in it; that it is not there is no error. Symbolic links are not followed.
pub(crate) fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Ok(()) => {
            purpose::note("remove", path);
            Ok(())
        }
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { operation: "remove", path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

/// Whether a file name is one that [`Temporary`] gives, `.<process>-<number>.tmp`: what somebody else has called so, no sweep removes.
pub(crate) fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let name = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".tmp")?.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.is_some_and(|(process, number)| is_number(process) && is_number(number))
}

/// Makes the names in a folder durable.
pub(crate) fn synchronise_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("synchronise", folder))
}

/// Whose temporary files and leases these are: the process's id, also in the children that it forks.
pub(super) fn owner() -> u32 {
    static OWNER: OnceLock<u32> = OnceLock::new();
    *OWNER.get_or_init(std::process::id)
}

/// The owner of a temporary file, by its name.
pub(super) fn owner_of(name: &std::ffi::OsStr) -> Option<u32> {
    if !is_temporary(name) {
        return None;
    }
    name.to_str()?.strip_prefix('.')?.split_once('-')?.0.parse().ok()
}

/// Tries numbered names until one is free: the owner alone is not enough, because process ids differ from one PID namespace
/// to the other.
fn with_temporary_name<T>(folder: &Path, make: impl Fn(&Path) -> io::Result<T>) -> Result<(PathBuf, T), Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".{}-{number}.tmp", owner()));
        match make(&path) {
            Ok(made) => return Ok((path, made)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(Error::Io { operation: "create", path, source });
            }
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
