//! The shared libraries of a program, found as the loader finds them.
//!
//! Specification: ld.so(8). For each name in `DT_NEEDED`: the `DT_RPATH` of the file and of those that led to it (unless
//! the file has a `DT_RUNPATH`), then its `DT_RUNPATH`, then the folders of `/etc/ld.so.conf`, then the usual ones. The
//! loader's own cache is not read: it lists what is in those folders. Left out: `LD_LIBRARY_PATH` and `LD_PRELOAD`, which are
//! the caller's affair and not the program's, and what a program opens by itself with dlopen(3).

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::Error;
use super::elf::{Linkage, linkage};
use crate::context::Glob;
use crate::document::{self, Links};
use crate::limits::{Bound, Limit, Limits};

/// Where libraries are looked for on this machine.
#[derive(Debug)]
pub struct Libraries {
    folders: Vec<PathBuf>,
    /// The largest program or library that is read.
    largest: Bound,
    /// What was read already: every program needs the same few.
    known: RefCell<HashMap<PathBuf, File>>,
}

/// One file that a program needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Where it was found, symbolic links not resolved.
    pub path: PathBuf,
    /// The file that names it.
    pub needed_by: PathBuf,
    /// How it is looked for.
    pub found: Found,
}

/// Which rule led to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The name is a path, or the file that needs it says where to look.
    AsNamed,
    /// It lies in one of the machine's folders for libraries.
    InLibraryFolder,
}

/// A file whose needs are still to be looked at.
struct Pending {
    path: PathBuf,
    linkage: Linkage,
    /// The `DT_RPATH` of what led here, nearest first, already expanded.
    inherited: Vec<PathBuf>,
}

impl Libraries {
    /// Reads the machine's configuration.
    pub fn of_this_machine(limits: &Limits) -> Libraries {
        let mut folders = Vec::new();
        read_configuration(Path::new("/etc/ld.so.conf"), limits.bound(&CONFIGURATION), &mut folders, 0);
        let processor = std::env::consts::ARCH;
        let abi = if processor == "arm" { "gnueabihf" } else { "gnu" };
        for folder in ["/lib", "/usr/lib"] {
            folders.push(PathBuf::from(format!("{folder}/{processor}-linux-{abi}")));
        }
        folders.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"].map(PathBuf::from));
        let mut seen = HashSet::new();
        folders.retain(|folder| folder.is_dir() && seen.insert(folder.clone()));
        Libraries { folders, largest: limits.bound(&PROGRAM), known: RefCell::default() }
    }

    /// Returns everything that the program `path` needs to start, each file once, nearest first.
    ///
    /// A script needs its interpreter and what that needs. A static program needs nothing.
    ///
    /// # Errors
    /// [`Error::Library`] if a library is nowhere, [`Error::Elf`] for a damaged file, [`Error::Io`] for one that can't be
    /// read.
    pub fn closure(&self, path: &Path) -> Result<Vec<Needed>, Error> {
        let mut needed: Vec<Needed> = Vec::new();
        let mut pending = Vec::new();
        match self.read(path)? {
            File::Elf(linkage) => pending.push(Pending { path: path.to_owned(), linkage, inherited: Vec::new() }),
            File::Script(interpreter) => {
                needed.push(Needed { path: interpreter.clone(), needed_by: path.to_owned(), found: Found::AsNamed });
                // An interpreter that is a script itself is no use to the kernel's first look, so one step is enough.
                if let File::Elf(linkage) = self.read(&interpreter)? {
                    pending.push(Pending { path: interpreter, linkage, inherited: Vec::new() });
                }
            }
            File::Other => {}
        }
        let mut next = 0;
        while next < pending.len() {
            self.look_into(next, &mut pending, &mut needed)?;
            next += 1;
        }
        Ok(needed)
    }

    fn look_into(&self, index: usize, pending: &mut Vec<Pending>, needed: &mut Vec<Needed>) -> Result<(), Error> {
        let Pending { path, linkage, inherited } = &pending[index];
        let (path, linkage) = (path.clone(), linkage.clone());
        let own =
            |list: &[String]| -> Vec<PathBuf> { list.iter().map(|folder| expand_origin(folder, &path)).collect() };
        let rpath = if linkage.runpath.is_empty() {
            own(&linkage.rpath).into_iter().chain(inherited.iter().cloned()).collect()
        } else {
            Vec::new()
        };
        let named_folders: Vec<PathBuf> = rpath.iter().cloned().chain(own(&linkage.runpath)).collect();
        if let Some(interpreter) = &linkage.interpreter
            && !needed.iter().any(|other| other.path == *interpreter)
        {
            needed.push(Needed { path: interpreter.clone(), needed_by: path.clone(), found: Found::AsNamed });
        }
        for name in &linkage.needed {
            // The loader itself may be named as a library too, as it is already there.
            if needed.iter().any(|other| other.path.file_name().is_some_and(|file| file == name.as_str())) {
                continue;
            }
            let (library, of_library, found) = self
                .find(name, &named_folders, linkage.machine)
                .ok_or_else(|| Error::Library { name: name.clone(), needed_by: path.clone() })?;
            needed.push(Needed { path: library.clone(), needed_by: path.clone(), found });
            pending.push(Pending { path: library, linkage: of_library, inherited: rpath.clone() });
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<File, Error> {
        if let Some(file) = self.known.borrow().get(path) {
            return Ok(file.clone());
        }
        let file = read(path, self.largest)?;
        self.known.borrow_mut().insert(path.to_owned(), file.clone());
        Ok(file)
    }

    /// Finds a library for a machine, and reads it.
    fn find(&self, name: &str, named_folders: &[PathBuf], machine: (u8, u16)) -> Option<(PathBuf, Linkage, Found)> {
        let fits = |path: PathBuf, found| match self.read(&path) {
            Ok(File::Elf(linkage)) if linkage.machine == machine => Some((path, linkage, found)),
            _ => None,
        };
        if name.contains('/') {
            return fits(PathBuf::from(name), Found::AsNamed);
        }
        let named = named_folders.iter().map(|folder| (folder, Found::AsNamed));
        let usual = self.folders.iter().map(|folder| (folder, Found::InLibraryFolder));
        named.chain(usual).find_map(|(folder, found)| fits(folder.join(name), found))
    }
}

/// A program or library of the machine, which is read whole for its headers.
pub(super) const PROGRAM: Limit = Limit::bytes("program", "LAYERLAB_MAX_PROGRAM", 1 << 30);

/// A file that tells the loader where libraries are.
const CONFIGURATION: Limit = Limit::bytes("loader configuration", "LAYERLAB_MAX_LOADER_CONFIGURATION", 8 << 20);

#[derive(Debug, Clone)]
enum File {
    Elf(Linkage),
    Script(PathBuf),
    Other,
}

fn read(path: &Path, bound: Bound) -> Result<File, Error> {
    let data = document::read(path, bound, Links::Follow)?;
    if let Some(rest) = data.strip_prefix(b"#!") {
        let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        return Ok(match line.split_whitespace().next() {
            Some(interpreter) => File::Script(PathBuf::from(interpreter)),
            None => File::Other,
        });
    }
    match linkage(&data) {
        Some(Ok(linkage)) => Ok(File::Elf(linkage)),
        Some(Err(error)) => Err(Error::Elf { path: path.to_owned(), reason: error.to_string() }),
        None => Ok(File::Other),
    }
}

/// Replaces `$ORIGIN` by the folder of the file that says it.
fn expand_origin(folder: &str, file: &Path) -> PathBuf {
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let origin = real.parent().map(|parent| parent.to_string_lossy().into_owned()).unwrap_or_default();
    PathBuf::from(folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin))
}

/// Adds the folders that a configuration file lists; it may include others, by wildcard.
fn read_configuration(file: &Path, bound: Bound, folders: &mut Vec<PathBuf>, depth: usize) {
    // The loader's configuration is the machine's own, but a file that includes itself must not hang us.
    if depth > 8 {
        return;
    }
    let Ok(text) = document::read(file, bound, Links::Follow) else {
        return;
    };
    let text = String::from_utf8_lossy(&text);
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line.strip_prefix("include").filter(|rest| rest.starts_with(char::is_whitespace)) {
            Some(pattern) => {
                let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern.trim());
                for included in files_matching(&pattern) {
                    read_configuration(&included, bound, folders, depth + 1);
                }
            }
            None if line.starts_with('/') => folders.push(PathBuf::from(line)),
            None => {}
        }
    }
}

fn files_matching(pattern: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let Ok(glob) = Glob::parse(name) else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| glob.matches(name.as_encoded_bytes())))
        .collect();
    files.sort();
    files
}
