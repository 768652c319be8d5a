//! The folder that a bundle is written to, held open from the beginning.
//!
//! The document has the whole environment in it, and the files may be programs that run as their owner: so nobody but us may enter the folder.
//! And whoever may rename the folders above it could put another one in its place, or a link: so nothing is found by its path again.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::limits::Bound;
use crate::runtime::Error;
use crate::world::World;

/// The files of the container's root.
const ROOT: &str = "rootfs";

/// The document.
const DOCUMENT: &str = "config.json";

/// See the module.
pub(super) struct Place {
    path: PathBuf,
    folder: File,
    rootfs: OwnedFd,
    /// The folder above it and its name there, where we have made it.
    made: Option<(OwnedFd, OsString)>,
}

impl Place {
    /// Makes the folder where there is none, and in it that of the files.
    ///
    /// # Errors
    /// It has a bundle, belongs to somebody else, or is open to others and not empty; or the kernel refuses.
    pub(super) fn make(path: &Path) -> Result<Place, Error> {
        // Without a slash at the end, which would follow a link.
        let path: PathBuf = path.components().collect();
        let (folder, made) = open_folder(&path)?;
        match prepare(&path, &folder) {
            Ok(rootfs) => Ok(Place { path, folder, rootfs, made }),
            Err(error) => {
                remove_made(made.as_ref());
                Err(error)
            }
        }
    }

    /// Fills it; where that fails, nothing of it stays.
    ///
    /// # Errors
    /// Those of `fill`.
    pub(super) fn fill(self, world: &World, fill: impl FnOnce(&Place) -> Result<(), Error>) -> Result<(), Error> {
        let filled = fill(&self);
        if filled.is_err() {
            // The first error is the one to tell. The name is that of our descriptor, in the process that removes, too.
            let held = PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd()));
            let _ = world.identity.remove_dir_all(&held.join(ROOT));
            let _ = unlinkat(&self.folder, DOCUMENT, UnlinkatFlags::NoRemoveDir);
            remove_made(self.made.as_ref());
        }
        filled
    }

    /// The folder of the files, for whoever makes them.
    ///
    /// # Errors
    /// There are too many descriptors.
    pub(super) fn rootfs(&self) -> Result<OwnedFd, Error> {
        self.rootfs.try_clone().map_err(Error::foreign("open", self.root_path()))
    }

    /// What it is called, for messages.
    pub(super) fn root_path(&self) -> PathBuf {
        self.path.join(ROOT)
    }

    /// The text of a file of the container's; nothing where there is none, or it is behind a link, or too large.
    pub(super) fn text(&self, name: &str, bound: Bound) -> String {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
        let Ok(file) = openat2(&self.rootfs, name, how).map(File::from) else { return String::new() };
        let is_read = file.metadata().is_ok_and(|found| found.is_file() && found.len() <= bound.most);
        let mut bytes = Vec::new();
        if !is_read || file.take(bound.most).read_to_end(&mut bytes).is_err() {
            return String::new();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes the document, which is new.
    ///
    /// # Errors
    /// There is one, or it can't be written.
    pub(super) fn write_document(&self, text: &str) -> Result<(), Error> {
        let failed = || Error::foreign("write", self.path.join(DOCUMENT));
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&self.folder, DOCUMENT, flags, Mode::S_IRUSR | Mode::S_IWUSR);
        let mut file = File::from(file.map_err(|errno| failed()(errno.into()))?);
        file.write_all(text.as_bytes()).map_err(failed())
    }
}

/// Opens the folder, or makes it.
fn open_folder(path: &Path) -> Result<(File, Option<(OwnedFd, OsString)>), Error> {
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |errno: Errno| Error::foreign(operation, path)(errno.into())
    };
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Not so `.`, `..` and `/`, which are there.
    let Some(name) = path.file_name() else {
        let folder = openat(AT_FDCWD, path, flags, Mode::empty()).map_err(failed("open", path))?;
        return Ok((folder.into(), None));
    };
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(above).map_err(Error::foreign("create", &above))?;
    let above = openat(AT_FDCWD, above, flags, Mode::empty()).map_err(failed("open", above))?;
    let is_made = match mkdirat(&above, name, Mode::S_IRWXU) {
        Ok(()) => true,
        Err(Errno::EEXIST) => false,
        Err(errno) => return Err(failed("create", path)(errno)),
    };
    let folder = openat(&above, name, flags | OFlag::O_NOFOLLOW, Mode::empty()).map_err(failed("open", path))?;
    Ok((folder.into(), is_made.then(|| (above, name.to_owned()))))
}

/// Closes the folder to others, and makes that of the files.
fn prepare(path: &Path, folder: &File) -> Result<OwnedFd, Error> {
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |errno: Errno| Error::foreign(operation, path)(errno.into())
    };
    let found = folder.metadata().map_err(Error::foreign("stat", path))?;
    let shown = path.display();
    if found.uid() != geteuid().as_raw() {
        let message = format!("`{shown}` belongs to another user, who could change the bundle while it is written");
        return Err(Error::argument(message, "name a folder that isn't there yet, or one of your own"));
    }
    let names = names(folder).map_err(failed("read", path))?;
    if names.iter().any(|name| [ROOT, DOCUMENT].contains(&name.as_str())) {
        let message = format!("`{shown}` has a bundle already");
        return Err(Error::argument(message, "choose another folder, or remove that one"));
    }
    if found.mode() & 0o077 != 0 {
        if !names.is_empty() {
            let message = format!("others may enter `{shown}`, and a bundle has programs that run as their owner");
            return Err(Error::argument(message, "`chmod 700 DIR` closes it, or name a folder that isn't there yet"));
        }
        folder.set_permissions(Permissions::from_mode(0o700)).map_err(Error::foreign("chmod", path))?;
    }
    let rootfs = path.join(ROOT);
    mkdirat(folder, ROOT, Mode::from_bits_truncate(0o755)).map_err(failed("create", &rootfs))?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(folder, ROOT, flags, Mode::empty()).map_err(failed("open", &rootfs))
}

/// The names in a folder.
fn names(folder: &File) -> Result<Vec<String>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut names = Vec::new();
    for entry in Dir::openat(folder, ".", flags, Mode::empty())?.iter() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes the folder again, which is empty.
fn remove_made(made: Option<&(OwnedFd, OsString)>) {
    if let Some((above, name)) = made {
        let _ = unlinkat(above, name.as_os_str(), UnlinkatFlags::RemoveDir);
    }
}
