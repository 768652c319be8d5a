//! Packs: lessons that are not those of this program, from a folder or from a repository.
//!
//! ```text
//! learning/packs/<commit>/            the files of a commit, written once
//! learning/packs/<commit>.agreed      the user has agreed to its commands
//! ```
//!
//! The commands of a pack are run as the user. A folder of the machine is the user's own; to what comes from a repository they have to agree,
//! once for each commit. Only regular files and folders are written: a link could lead out of the pack. How a commit comes here is said in
//! [`crate::git`], which also bounds its size.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::commit::{Commit, folder_below};
use super::error::Error;
use crate::layer;
use crate::oci::Digest;
use crate::shown::is_harmful;
use crate::store::{Store, atomic_write, create_private_folder, write};
use crate::tree::{Kind, Tree, TreePath};

/// The folder of the packs.
const PACKS: &str = "packs";

/// Lessons that are not those of this program.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    /// Where its lessons are.
    pub(crate) folder: PathBuf,
    /// Where they come from, if it is not a folder of the user's.
    pub(crate) origin: Option<Origin>,
    /// What `--pack` is given to find it, without a password.
    pub(crate) address: String,
}

/// A folder of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The address of the repository, without a password.
    pub(crate) repository: String,
    /// The folder in it, without a `/` at its front or end. Empty: all of it.
    #[serde(deserialize_with = "folder_below")]
    pub(crate) folder: String,
    pub(crate) commit: Commit,
}

/// The packs of a home that come from repositories.
#[derive(Debug)]
pub(crate) struct Packs {
    folder: PathBuf,
}

/// A commit that somebody learns with: its files stay as long as the value lives.
#[derive(Debug)]
pub(crate) struct InUse {
    _lock: File,
}

impl Pack {
    /// What all of it is kept under. A later commit of a repository is the same course. The folder of a pack that has no other origin is
    /// absolute.
    pub(crate) fn key(&self) -> String {
        let digest = match &self.origin {
            None => Digest::of(self.folder.as_os_str().as_encoded_bytes()),
            Some(origin) => Digest::of(format!("{}#:{}", origin.repository, origin.folder).as_bytes()),
        };
        format!("pack-{:.16}", digest.hex())
    }

    /// What it is called: as its folder, or as the repository.
    pub(super) fn name(&self) -> Cow<'_, str> {
        match &self.origin {
            None => self.folder.file_name().unwrap_or(OsStr::new("pack")).to_string_lossy(),
            Some(origin) => Cow::Borrowed(origin.name()),
        }
    }

    /// The same with an absolute folder.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn absolute(&self) -> Result<Pack, Error> {
        let folder = self.folder.canonicalize().map_err(Error::io("find", &self.folder))?;
        Ok(Pack { folder, ..self.clone() })
    }
}

impl Origin {
    /// Where it lies in the folder in which a home keeps what it knows of lessons.
    pub(super) fn place(&self, learning: &Path) -> PathBuf {
        let commit = learning.join(PACKS).join(self.commit.as_str());
        if self.folder.is_empty() { commit } else { commit.join(&self.folder) }
    }

    /// What the folder of its learners is called: as the folder, or as the repository.
    fn name(&self) -> &str {
        let path = if self.folder.is_empty() { &self.repository } else { &self.folder };
        let name = path.rsplit(['/', ':']).next().unwrap_or_default();
        let name = name.strip_suffix(".git").unwrap_or(name);
        let is_plain = name.chars().all(|one| one.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&one));
        if is_plain && !name.is_empty() && !name.starts_with('.') { name } else { "pack" }
    }
}

impl Packs {
    /// The packs of a home.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn open(home: &Path) -> Result<Packs, Error> {
        let learning = home.join("learning");
        let folder = learning.join(PACKS);
        create_private_folder(&learning)?;
        create_private_folder(&folder)?;
        Ok(Packs { folder })
    }

    /// Whether a path is one of the files of a commit that some home keeps. Nobody has said that their commands may run who only knows where they
    /// are.
    pub(crate) fn are_around(path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return false };
        path.ancestors().any(|folder| {
            let name = folder.file_name().and_then(OsStr::to_str).unwrap_or_default();
            let is_of_packs = folder.parent().is_some_and(|packs| packs.ends_with(Path::new("learning").join(PACKS)));
            is_of_packs && Commit::try_from(name.to_owned()).is_ok()
        })
    }

    /// Where the files of a commit are. `files` are written first where they are not there yet; gives what of them was left out. Atomic: a
    /// folder of this name is whole.
    ///
    /// # Errors
    /// A name that can't be shown; what the file system says.
    pub(crate) fn keep(&self, store: &Store, commit: &Commit, files: &Tree) -> Result<(PathBuf, Vec<String>), Error> {
        let folder = self.folder.join(commit.as_str());
        if folder.is_dir() {
            return Ok((folder, Vec::new()));
        }
        let temporary = write::temporary_folder(&store.home().temporary())?;
        let written = write_files(store, commit, files, &temporary)
            .and_then(|left_out| Ok((write::publish_folder(&temporary, &folder)?, left_out)));
        match written {
            Ok((true, left_out)) => Ok((folder, left_out)),
            Ok((false, left_out)) => write::remove_folder(&temporary).map(|()| (folder, left_out)).map_err(Error::from),
            Err(error) => {
                // What stays is removed by the next that opens the store.
                let _ = write::remove_folder(&temporary);
                Err(error)
            }
        }
    }

    /// Whether the user has agreed that the commands of a commit are run.
    pub(crate) fn is_agreed(&self, commit: &Commit) -> bool {
        self.agreement(commit).is_file()
    }

    /// Remembers that the user has agreed.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn agree(&self, commit: &Commit) -> Result<(), Error> {
        Ok(atomic_write(&self.agreement(commit), b"")?)
    }

    /// Keeps the files of a commit, to which the user has agreed, from being removed.
    ///
    /// # Errors
    /// They are gone by now; what the file system says.
    pub(crate) fn hold(&self, commit: &Commit) -> Result<InUse, Error> {
        let path = self.agreement(commit);
        let lock = File::open(&path).map_err(Error::io("open", &path))?;
        lock.lock_shared().map_err(Error::io("lock", &path))?;
        // Who removed them may have had the lock until now.
        let folder = self.folder.join(commit.as_str());
        folder.metadata().map_err(Error::io("find", &folder))?;
        Ok(InUse { _lock: lock })
    }

    /// Removes the files of a commit, unless somebody learns with it; says whether they are gone. That the user has agreed to it stays true.
    ///
    /// # Errors
    /// What the file system says.
    pub(super) fn remove(&self, commit: &Commit, temporary: &Path) -> Result<bool, Error> {
        let path = self.agreement(commit);
        // Until the files are gone.
        let _lock = match File::open(&path) {
            Ok(agreement) if agreement.try_lock().is_err() => return Ok(false),
            Ok(agreement) => Some(agreement),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        let folder = self.folder.join(commit.as_str());
        if folder.is_dir() {
            // Under another name first: what has this one is whole.
            let aside = write::temporary_folder(temporary)?;
            std::fs::rename(&folder, &aside).map_err(Error::io("rename", &folder))?;
            write::remove_folder(&aside)?;
        }
        Ok(true)
    }

    fn agreement(&self, commit: &Commit) -> PathBuf {
        self.folder.join(format!("{commit}.agreed"))
    }
}

/// Writes the regular files and folders of a tree below a folder; gives the names of all else.
fn write_files(store: &Store, commit: &Commit, files: &Tree, folder: &Path) -> Result<Vec<String>, Error> {
    let mut left_out = Vec::new();
    for (path, node) in files.walk(&TreePath::root()) {
        if path.is_root() {
            continue;
        }
        let name = path.relative();
        // They are shown, and are typed at a prompt.
        let is_shown = std::str::from_utf8(name)
            .is_ok_and(|name| !name.chars().any(|one| ['\n', '\t'].contains(&one) || is_harmful(one)));
        if !is_shown || path.components().any(|part| matches!(part, b".." | b"." | b"")) {
            let path = String::from_utf8_lossy(name).into_owned();
            return Err(Error::NoName { commit: commit.to_string(), path });
        }
        let place = folder.join(OsStr::from_bytes(name));
        match &node.kind {
            Kind::Directory => std::fs::create_dir(&place).map_err(Error::io("make", &place))?,
            Kind::File(content) => {
                let mut reader = layer::open(store, content)?;
                let mut file = File::create_new(&place).map_err(Error::io("make", &place))?;
                io::copy(&mut reader, &mut file).map_err(Error::io("write", &place))?;
                let mode = if node.metadata.mode & 0o100 == 0 { 0o644 } else { 0o755 };
                file.set_permissions(Permissions::from_mode(mode)).map_err(Error::io("change the mode of", &place))?;
                file.sync_all().map_err(Error::io("synchronise", &place))?;
            }
            Kind::Symlink(_) | Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                left_out.push(String::from_utf8_lossy(name).into_owned());
            }
        }
    }
    Ok(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_home_keeps_of_a_pack_is_no_folder_of_the_users() {
        let home = tempfile::tempdir().unwrap();
        let kept = home.path().join("learning/packs").join("a".repeat(40));
        std::fs::create_dir_all(kept.join("lessons/01-a")).unwrap();
        std::fs::create_dir_all(home.path().join("learning/packs/own")).unwrap();
        std::os::unix::fs::symlink(kept.join("lessons"), home.path().join("link")).unwrap();
        for inner in ["", "lessons", "lessons/01-a/..", "../../../link/01-a"] {
            assert!(Packs::are_around(&kept.join(inner)), "{inner}");
        }
        for outer in ["learning/packs/own", "learning/packs", "learning", "nothing"] {
            assert!(!Packs::are_around(&home.path().join(outer)), "{outer}");
        }
    }

    #[test]
    fn the_folder_of_learners_has_a_plain_name() {
        let name = |repository: &str, folder: &str| {
            let commit = Commit::try_from("1".repeat(40)).unwrap();
            let origin = Origin { repository: repository.to_owned(), folder: folder.to_owned(), commit };
            origin.name().to_owned()
        };
        assert_eq!(name("https://host/team/course.git", ""), "course");
        assert_eq!(name("git@host:course.git", ""), "course");
        assert_eq!(name("https://host/team/course.git", "packs/first"), "first");
        assert_eq!(name("https://host/team/...git", ""), "pack");
        assert_eq!(name("https://host/team/.git", ""), "pack");
        assert_eq!(name("https://host/team/a%20b.git", ""), "pack");
    }
}
