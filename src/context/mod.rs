//! The build context: the folder that COPY and ADD read from, after `.dockerignore`.
//!
//! [`Context::open`] finds the folder and its patterns, [`Context::scan`] walks it and gives a [`Snapshot`]: a
//! [`Tree`] whose files lie on the machine. Nothing is copied and no content is read; the digests that COPY's cache key
//! needs come from a [`StatCache`], which reads only what changed.
//!
//! As in BuildKit, files belong to 0:0 whoever owns them on the machine, modes and times are the machine's, and the
//! context's own folder counts as 0755, and a socket becomes an empty file. Left out: contexts that are archives or come
//! from a URL.
//!
//! Read [`patterns`] and [`glob`] for what is in the context and what a wildcard takes, then `walk.rs`, then
//! [`stat_cache`].

mod attributes;
mod clean;
mod digest;
mod error;
pub mod glob;
pub mod ignore;
pub mod patterns;
mod regexp;
pub mod stat_cache;
mod system;
pub mod text;
mod walk;

pub use clean::clean;
pub use error::Error;
pub use glob::{BadPattern, Glob, expand, go_match};
pub use patterns::{Inherited, Pattern, PatternError, Patterns};
pub use stat_cache::StatCache;
pub use system::FileStat;
pub use walk::Excluded;

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::BuildHasherDefault;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use self::stat_cache::QuickHasher;
use crate::oci::Digest;
use crate::tree::{Tree, TreePath};

/// A folder to build from, and what is left out of it.
#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    ignore_file: Option<PathBuf>,
    patterns: Patterns,
}

/// A context as it was at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    tree: Tree,
    excluded: Vec<Excluded>,
    summary: Summary,
    stats: HashMap<HostPath, FileStat, BuildHasherDefault<QuickHasher>>,
}

/// A path as a key, letter by letter; [`Path`]'s own comparison takes it apart first.
#[derive(Debug, Clone)]
struct HostPath(Arc<Path>);

/// How much there is in a context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of regular files.
    pub files: usize,
    /// The bytes in them; hard links count each time.
    pub bytes: u64,
}

impl Context {
    /// Opens the folder `directory` and reads its ignore file.
    ///
    /// The ignore file is `<dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the folder; without
    /// either, nothing is left out.
    ///
    /// # Errors
    /// [`Error::Missing`] and [`Error::NotADirectory`] for the folder, [`Error::Pattern`] for a line of the ignore file,
    /// [`Error::IgnoreFile`] and [`Error::IgnoreFileOutside`] for one that must not be read, [`Error::Io`] for what can't be.
    pub fn open(directory: &Path, dockerfile: Option<&Path>) -> Result<Context, Error> {
        let metadata = std::fs::metadata(directory).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::Missing { path: directory.to_owned() },
            _ => Error::io("stat", directory, source),
        })?;
        if !metadata.is_dir() {
            return Err(Error::NotADirectory { path: directory.to_owned() });
        }
        let root = directory.canonicalize().map_err(|source| Error::io("realpath", directory, source))?;
        let beside_dockerfile = dockerfile.map(|dockerfile| {
            let mut name = dockerfile.as_os_str().to_owned();
            name.push(".dockerignore");
            PathBuf::from(name)
        });
        for file in beside_dockerfile.into_iter().chain([root.join(".dockerignore")]) {
            let Some(text) = ignore::read(&file, &root)? else { continue };
            let lines = ignore::parse(&String::from_utf8_lossy(&text));
            let patterns = match Patterns::numbered(lines) {
                Ok(patterns) => patterns,
                Err(source) => return Err(Error::Pattern { file, source }),
            };
            return Ok(Context { root, ignore_file: Some(file), patterns });
        }
        Ok(Context { root, ignore_file: None, patterns: Patterns::default() })
    }

    /// The folder's absolute path, symbolic links resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The ignore file that is in force.
    pub fn ignore_file(&self) -> Option<&Path> {
        self.ignore_file.as_deref()
    }

    /// The patterns that are in force.
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Walks the folder. `now` is the real time at which the walk begins (see [`StatCache::restart`]).
    ///
    /// # Errors
    /// [`Error::Io`] for the first thing that can't be read, [`Error::Pattern`] for a pattern that turns out unusable.
    pub fn scan(&self, cache: &mut StatCache, now: SystemTime) -> Result<Snapshot, Error> {
        cache.restart(now);
        let directory = self.open_root()?;
        let walk = walk::walk(&self.root, directory, &self.patterns, cache).map_err(|error| match error {
            Error::Pattern { source, .. } => {
                Error::Pattern { file: self.ignore_file.clone().unwrap_or_default(), source }
            }
            other => other,
        })?;
        Ok(Snapshot::assemble(walk, cache))
    }

    /// Walks the folder without remembering anything, and returns its tree.
    ///
    /// # Errors
    /// As [`Context::scan`].
    pub fn tree(&self) -> Result<Tree, Error> {
        let mut nothing = StatCache::load(Path::new(""));
        Ok(self.scan(&mut nothing, SystemTime::UNIX_EPOCH)?.tree)
    }

    fn open_root(&self) -> Result<OwnedFd, Error> {
        let path = self.root.as_os_str().as_bytes();
        system::open_directory(system::working_directory(), path)
            .map_err(|source| Error::io("openat", &self.root, source))
    }
}

impl Snapshot {
    /// Puts the listings together, parents first, and notes in the cache what it didn't know.
    fn assemble(walk: walk::Walk, cache: &mut StatCache) -> Snapshot {
        // An excluded directory is there for the sake of what an exception kept in it.
        let mut needed: HashSet<Vec<u8>> = HashSet::new();
        for listing in walk.listings.iter().rev().filter(|listing| listing.excluded) {
            if !listing.is_empty() || needed.contains(&listing.path) {
                needed.insert(listing.path.clone());
                needed.insert(
                    TreePath::new(&listing.path).parent().map_or_else(Vec::new, |path| path.relative().to_vec()),
                );
            }
        }
        let excluded = walk.excluded.into_iter().filter(|one| !needed.contains(&one.path)).collect();
        let mut snapshot = Snapshot { excluded, ..Snapshot::default() };
        snapshot.stats.reserve(walk.listings.iter().map(|listing| listing.files.len()).sum());
        cache.reserve(walk.listings.iter().map(|listing| listing.unknown.len()).sum());
        for listing in walk.listings {
            for (stat, attributes) in listing.unknown {
                cache.put(&stat, None, attributes);
            }
            if listing.excluded && !needed.contains(&listing.path) {
                continue;
            }
            snapshot.tree.graft(&TreePath::new(&listing.path), &listing.tree);
            for (path, stat) in listing.files {
                cache.touch(&stat);
                snapshot.summary.files += 1;
                snapshot.summary.bytes += stat.size;
                snapshot.stats.insert(HostPath(path), stat);
            }
        }
        snapshot
    }

    /// The files; their contents are at [`Place::Seen`](crate::tree::Place::Seen).
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What was left out, sorted by path, and the pattern that decided each.
    pub fn excluded(&self) -> &[Excluded] {
        &self.excluded
    }

    /// The number of files and bytes.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Returns the SHA-256 of the content of each of the context's files, in order; the paths are those in the tree's
    /// [`Place::Seen`](crate::tree::Place::Seen). Unchanged files are not touched at all, not even asked about again.
    ///
    /// # Errors
    /// As [`StatCache::digests`]. A path that is not of this snapshot is read like any other file.
    pub fn digests(&self, cache: &mut StatCache, paths: &[&Path]) -> Result<Vec<Digest>, Error> {
        let known: Vec<Option<&FileStat>> = paths.iter().map(|&path| self.stats.get(path.as_os_str())).collect();
        let mut others = Vec::new();
        for (&path, _) in paths.iter().zip(&known).filter(|(_, known)| known.is_none()) {
            others.push(system::stat_path(path).map_err(|source| Error::io("stat", path, source))?);
        }
        let mut others = others.iter();
        let stats = known.into_iter().map(|known| known.or_else(|| others.next()).expect("every path was looked up"));
        let files: Vec<(&Path, &FileStat)> = paths.iter().copied().zip(stats).collect();
        cache.digests(&files)
    }

    /// Hands over the content of one of the context's files, if [`Snapshot::digests`] has just read it and it is small; see
    /// [`StatCache::take_content`].
    pub fn take_content(&self, cache: &mut StatCache, path: &Path) -> Option<Box<[u8]>> {
        cache.take_content(self.stats.get(path.as_os_str())?)
    }
}

impl std::hash::Hash for HostPath {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        self.0.as_os_str().hash(hasher);
    }
}

impl PartialEq for HostPath {
    fn eq(&self, other: &HostPath) -> bool {
        self.0.as_os_str() == other.0.as_os_str()
    }
}

impl Eq for HostPath {}

impl Borrow<OsStr> for HostPath {
    fn borrow(&self) -> &OsStr {
        self.0.as_os_str()
    }
}
