//! Putting a root file system together from files of the machine.
//!
//! A file is put where it is on the machine, and the symbolic links on the way to it come along: with `/lib64` a link to
//! `usr/lib64` there, it is one here. So every path that leads to the file on the machine leads to it in the image, which
//! is what the loader's path in a program relies on. Owners, modes and times are made the same for all: 0:0, 0755 or 0644,
//! and the start of 1970, so that equal files make equal layers.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::Error;
use super::libraries::{Found, Libraries, Needed};
use crate::tree::{Content, Follow, Kind, Metadata, Node, Place, Tree, TreePath};

/// A file system in the making, and where everything in it comes from.
#[derive(Debug, Default)]
pub struct Rootfs {
    /// What there is so far.
    pub tree: Tree,
    /// What was taken from the machine, in the order of taking.
    pub taken: Vec<Taken>,
    /// Wanted commands that the machine hasn't got.
    pub missing: Vec<String>,
}

/// A file of the machine in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Where it was looked up.
    pub path: PathBuf,
    /// The file that the path leads to.
    pub real: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Why it is there.
    pub(crate) reason: Reason,
}

/// Why a file is in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is one of the commands.
    Command,
    /// Programs need it; the paths of those that name it.
    NeededBy(Vec<PathBuf>),
}

/// As many links as the kernel follows in one path.
const MOST_LINKS: usize = 40;

impl Rootfs {
    /// Goes on from a file system that is there already.
    pub(crate) fn on(tree: Tree) -> Rootfs {
        Rootfs { tree, ..Rootfs::default() }
    }

    /// Adds an empty directory.
    pub(crate) fn directory(&mut self, path: &str, mode: u32) {
        let path = TreePath::new(path);
        if self.tree.get(&path).is_none() {
            self.tree.insert(&path, Node::directory(mode));
        }
    }

    /// Adds a file with this text.
    pub(crate) fn file(&mut self, path: &str, text: &str) {
        self.tree.insert(&TreePath::new(path), Node::file(0o644, text.as_bytes()));
    }

    /// Adds a symbolic link, unless the path leads to something already.
    pub(crate) fn link(&mut self, path: &str, target: &str) {
        let path = TreePath::new(path);
        if self.tree.resolve(&path, Follow::Last).is_err() {
            self.insert(&path, Node::symlink(target));
        }
    }

    /// Adds a program of the machine, at the path where it is there, with all that it needs to start.
    ///
    /// # Errors
    /// As [`Libraries::closure`]; then nothing is added.
    pub fn program(&mut self, path: &Path, libraries: &Libraries) -> Result<(), Error> {
        let needed = libraries.closure(path)?;
        self.take(path, Reason::Command)?;
        self.take_needed(needed)
    }

    /// Adds a program of the machine at a path of the caller's choice, with all that it needs to start.
    ///
    /// # Errors
    /// As [`Libraries::closure`]; then nothing is added.
    pub(crate) fn program_at(&mut self, path: &Path, place: &str, libraries: &Libraries) -> Result<(), Error> {
        let needed = libraries.closure(path)?;
        let (size, node) = file_node(path)?;
        self.insert(&TreePath::new(place), node);
        let (path, real) = (path.to_owned(), path.to_owned());
        self.taken.push(Taken { path, real, size, reason: Reason::Command });
        self.take_needed(needed)
    }

    /// Adds the directory, or the link to one, that the machine has at a path.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none.
    pub(crate) fn same_as_here(&mut self, path: &str) -> Result<(), Error> {
        self.take_way(Path::new(path)).map(|_| ())
    }

    fn take_needed(&mut self, needed: Vec<Needed>) -> Result<(), Error> {
        let libc_folder = needed
            .iter()
            .find(|needed| needed.path.file_name().is_some_and(|name| name == "libc.so.6"))
            .and_then(|needed| needed.path.parent()?.canonicalize().ok());
        for needed in needed {
            self.take(&needed.path, Reason::NeededBy(vec![needed.needed_by]))?;
            // The image has no configuration for the loader: it looks only where it was built to look, and its own C
            // library certainly lies there.
            if needed.found == Found::InLibraryFolder
                && let (Some(folder), Some(name)) = (&libc_folder, needed.path.file_name())
                && needed.path.parent().and_then(|parent| parent.canonicalize().ok()).as_ref() != Some(folder)
            {
                self.link(&folder.join(name).to_string_lossy(), &needed.path.to_string_lossy());
            }
        }
        Ok(())
    }

    /// Adds one file of the machine at the path where it is there.
    pub(crate) fn take(&mut self, path: &Path, reason: Reason) -> Result<(), Error> {
        if let Some(taken) = self.taken.iter_mut().find(|taken| taken.path == path) {
            if let (Reason::NeededBy(all), Reason::NeededBy(more)) = (&mut taken.reason, reason) {
                let more: Vec<PathBuf> = more.into_iter().filter(|one| !all.contains(one)).collect();
                all.extend(more);
            }
            return Ok(());
        }
        let real = self.take_way(path)?;
        let (size, node) = file_node(&real)?;
        let place = TreePath::new(real.as_os_str().as_bytes());
        // Where a lower layer has a link in place of a directory, the file goes where the link leads.
        let place = self.tree.resolve_for_create(&place, Follow::Last).unwrap_or(place);
        self.tree.insert(&place, node);
        // A directory of a lower layer may stand where the machine has a link; then the path needs a link of its own.
        self.link(&path.to_string_lossy(), &place.to_string());
        self.taken.push(Taken { path: path.to_owned(), real, size, reason });
        Ok(())
    }

    /// Adds the directories and links on the way to a file of the machine, and returns where it really is.
    fn take_way(&mut self, path: &Path) -> Result<PathBuf, Error> {
        let mut waiting: VecDeque<OsString> = components(path);
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = waiting.pop_front() {
            if name == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&name);
            let metadata = std::fs::symlink_metadata(&next).map_err(|source| Error::Io {
                operation: "lstat",
                path: next.clone(),
                source,
            })?;
            let place = TreePath::new(next.as_os_str().as_bytes());
            if metadata.is_symlink() {
                links += 1;
                let target = std::fs::read_link(&next).map_err(|source| Error::Io {
                    operation: "readlink",
                    path: next.clone(),
                    source,
                })?;
                if links > MOST_LINKS {
                    let source = std::io::Error::from_raw_os_error(libc::ELOOP);
                    return Err(Error::Io { operation: "stat", path: path.to_owned(), source });
                }
                if self.tree.resolve(&place, Follow::Never).is_err() {
                    self.insert(&place, Node::symlink(target.as_os_str().as_bytes()));
                }
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                for name in components(&target).into_iter().rev() {
                    waiting.push_front(name);
                }
                continue;
            }
            if metadata.is_dir() && self.tree.resolve(&place, Follow::Last).is_err() {
                self.insert(&place, Node::directory(0o755));
            }
            here = next;
        }
        Ok(here)
    }

    /// Inserts at the place to which the path's parent leads in the tree.
    fn insert(&mut self, path: &TreePath, node: Node) {
        let place = self.tree.resolve_for_create(path, Follow::Never).unwrap_or_else(|_| path.clone());
        self.tree.insert(&place, node);
    }
}

/// The node for a file of the machine, and its size.
fn file_node(path: &Path) -> Result<(u64, Node), Error> {
    let io = |operation| move |source| Error::Io { operation, path: path.to_owned(), source };
    // Content is read without following links.
    let real = path.canonicalize().map_err(io("realpath"))?;
    let metadata = std::fs::metadata(&real).map_err(io("stat"))?;
    let mode = if metadata.permissions().mode() & 0o111 != 0 { 0o755 } else { 0o644 };
    let content = Content { size: metadata.size(), place: Place::Host(real.as_path().into()) };
    Ok((metadata.size(), Node::new(Metadata::root_owned(mode), Kind::File(content))))
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}
