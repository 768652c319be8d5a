//! The build context: the folder that COPY and ADD read from, after `.dockerignore`.
//!
//! [`Context::open`] finds the folder and its patterns, [`Context::scan`] walks it and gives a [`Snapshot`]: a
//! [`Tree`] whose files lie on the machine. Nothing is copied and no content is read. What COPY's cache key needs of a file is known from
//! an earlier build by the [`StatCache`], or [`learn`] reads it.
//!
//! As in BuildKit, files belong to 0:0 whoever owns them on the machine, modes and times are the machine's, and the
//! context's own folder counts as 0755, and a socket becomes an empty file. A context that comes as an archive or over a network is a tree
//! already, and only its ignore file counts ([`Snapshot::of_tree`]).
//!
//! Read [`patterns`] and [`glob`] for what is in the context and what a wildcard takes, then `walk.rs`, [`stat_cache`] and
//! `digest.rs`.

mod attributes;
mod clean;
mod digest;
mod error;
pub(crate) mod glob;
pub mod ignore;
mod names;
pub(crate) mod patterns;
mod regexp;
pub(crate) mod stat_cache;
pub(crate) mod text;
mod walk;

pub(crate) use digest::Contents;
pub use digest::learn;
pub use error::Error;
pub(crate) use glob::Glob;
pub use glob::{BadPattern, expand, go_match};

/// Whether a regular expression of the few that are read is found in a text.
///
/// # Errors
/// [`BadPattern`] for what is not such an expression.
pub(crate) fn is_found(expression: &str, text: &str) -> Result<bool, BadPattern> {
    Ok(regexp::Regexp::parse_search(expression)?.matches(text.as_bytes()))
}

pub(crate) use patterns::PatternError;
pub use patterns::Patterns;
pub use stat_cache::StatCache;
pub use walk::Excluded;

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::limits::Limits;
use crate::progress::{Meter, Work};
use crate::store;
use crate::tree::{Folder, FoundFile, Tree, TreePath};

/// A folder to build from, and what is left out of it.
#[derive(Debug)]
pub struct Context {
    root: PathBuf,
    ignore_file: Option<PathBuf>,
    patterns: Patterns,
    meter: Option<Meter>,
}

/// A context as it was at one moment.
#[derive(Debug)]
pub struct Snapshot {
    tree: Tree,
    excluded: Vec<Excluded>,
    summary: Summary,
    /// The folders that have files in them.
    folders: Vec<Arc<Folder>>,
    /// How many of the files were known from an earlier build.
    recognised: usize,
    /// The real time at which the walk began.
    started: SystemTime,
}

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
    pub fn open(directory: &Path, dockerfile: Option<&Path>, limits: &Limits) -> Result<Context, Error> {
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
            let Some(text) = ignore::read(&file, &root, limits)? else { continue };
            let lines = ignore::parse(&String::from_utf8_lossy(&text));
            let patterns = match Patterns::numbered(lines) {
                Ok(patterns) => patterns,
                Err(source) => return Err(Error::Pattern { file, source }),
            };
            return Ok(Context { root, ignore_file: Some(file), patterns, meter: None });
        }
        Ok(Context { root, ignore_file: None, patterns: Patterns::default(), meter: None })
    }

    /// Counts the files of a walk on a meter, by which it can be stopped.
    pub(crate) fn counted_on(mut self, meter: &Meter) -> Context {
        self.meter = Some(meter.clone());
        self
    }

    /// The ignore file that is in force.
    pub fn ignore_file(&self) -> Option<&Path> {
        self.ignore_file.as_deref()
    }

    /// The patterns that are in force.
    pub fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Walks the folder. `now` is the real time at which the walk begins (see [`Snapshot::save`]).
    ///
    /// # Errors
    /// [`Error::Io`] for the first thing that can't be read, [`Error::Pattern`] for a pattern that turns out unusable,
    /// [`Error::Stopped`] where that was wished.
    pub fn scan(&self, cache: &StatCache, now: SystemTime) -> Result<Snapshot, Error> {
        let directory = self.open_root()?;
        let task = self.meter.as_ref().map(|meter| meter.begin(Work::Listing, None));
        let walk = walk::walk(&self.root, directory, &self.patterns, task.as_ref()).map_err(|error| match error {
            Error::Pattern { source, .. } => {
                Error::Pattern { file: self.ignore_file.clone().unwrap_or_default(), source }
            }
            other => other,
        })?;
        let mut snapshot = Snapshot::assemble(walk, now);
        cache.recognise(snapshot.files());
        snapshot.recognised = snapshot.known();
        Ok(snapshot)
    }

    /// Walks the folder without remembering anything, and returns its tree.
    ///
    /// # Errors
    /// As [`Context::scan`].
    pub fn tree(&self) -> Result<Tree, Error> {
        Ok(self.scan(&StatCache::none(), SystemTime::UNIX_EPOCH)?.tree)
    }

    fn open_root(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(CWD, &self.root, flags, Mode::empty()).map_err(|errno| Error::io("openat", &self.root, errno.into()))
    }
}

impl Snapshot {
    /// Puts the listings together, parents first.
    fn assemble(walk: walk::Walk, started: SystemTime) -> Snapshot {
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
        let summary = Summary::default();
        let mut snapshot =
            Snapshot { tree: Tree::empty(), excluded, summary, folders: Vec::new(), recognised: 0, started };
        for listing in walk.listings {
            if listing.excluded && !needed.contains(&listing.path) {
                continue;
            }
            snapshot.tree.graft(&TreePath::new(&listing.path), &listing.tree);
            for file in listing.folder.iter().flat_map(|folder| folder.files()) {
                snapshot.summary.files += 1;
                snapshot.summary.bytes += file.identity().size();
            }
            snapshot.folders.extend(listing.folder);
        }
        snapshot
    }

    /// The files of a context that is no folder of this machine, after its ignore file, which messages call `name`.
    ///
    /// # Errors
    /// [`Error::Pattern`].
    pub(crate) fn of_tree(all: &Tree, name: &Path, ignored: &[u8]) -> Result<Snapshot, Error> {
        let wrong = |source| Error::Pattern { file: name.to_owned(), source };
        let lines = ignore::parse(&String::from_utf8_lossy(ignored));
        let patterns = Patterns::numbered(lines).map_err(wrong)?;
        let mut tree = Tree::empty();
        let (mut summary, mut excluded) = (Summary::default(), Vec::new());
        for (path, node) in all.walk(&TreePath::root()).skip(1) {
            if let Some(pattern) = patterns.decide(path.relative()).map_err(wrong)?.filter(|pattern| !pattern.negated) {
                let (path, pattern, line) = (path.relative().to_vec(), pattern.text.clone(), pattern.line);
                excluded.push(Excluded { path, pattern, line });
                continue;
            }
            for above in path.ancestors() {
                if let (None, Some(node)) = (tree.get(&above), all.get(&above)) {
                    tree.insert(&above, node.clone());
                }
            }
            if let Some(content) = node.content() {
                summary.files += 1;
                summary.bytes += content.size;
            }
            tree.insert(&path, node.clone());
        }
        // What lies below an excluded directory is not listed, nor is one that an exception has kept something of.
        let all = excluded.iter().map(|one: &Excluded| TreePath::new(&one.path)).collect::<HashSet<_>>();
        excluded.retain(|one| {
            let path = TreePath::new(&one.path);
            tree.get(&path).is_none()
                && !path.ancestors().iter().any(|above| all.contains(above) && tree.get(above).is_none())
        });
        let started = SystemTime::UNIX_EPOCH;
        Ok(Snapshot { tree, excluded, summary, folders: Vec::new(), recognised: 0, started })
    }

    /// The files; their contents are at [`Place::Seen`](crate::tree::Place::Seen). A file has no extended attributes here: they come with
    /// its content, see [`Known`](crate::tree::Known).
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

    /// Whether more is known of the files than when they were found.
    pub(crate) fn has_learnt(&self) -> bool {
        self.known() > self.recognised
    }

    fn known(&self) -> usize {
        self.files().filter(|file| file.known().is_some()).count()
    }

    /// Keeps for the next build what this one has learnt of the files: see [`StatCache::save`].
    ///
    /// # Errors
    /// [`store::Error`] if the cache can't be written. The build can go on without.
    pub fn save(&self, cache: &StatCache) -> Result<(), store::Error> {
        cache.save(self.files(), self.started)
    }

    fn files(&self) -> impl Iterator<Item = &FoundFile> {
        self.folders.iter().flat_map(|folder| folder.files())
    }
}
