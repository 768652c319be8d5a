//! Walking the context: which files there are, and which `.dockerignore` leaves out.
//!
//! Each directory is opened relative to its parent's descriptor, its names are read, and every name that is not excluded is
//! asked about once. Directories wait on a stack that several threads take from; the newest goes first, which bounds the
//! number of open descriptors by the depth of the tree.
//!
//! An excluded directory is not opened, unless an exception could bring back something in it. Then it is part of the
//! context only if something below it is.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use crate::tree::{Content, Kind, LinkId, Metadata, Node, Place, SeenFile, Tree, TreePath};

use super::attributes;
use super::error::Error;
use super::patterns::{Inherited, Patterns};
use super::stat_cache::{Attributes, StatCache};
use super::system::{self, FileStat};

/// More threads than this wait for each other in the kernel's directory cache.
const MOST_THREADS: usize = 4;

/// One directory of the context.
#[derive(Debug)]
pub(super) struct Listing {
    /// Relative to the context; empty for the context itself.
    pub path: Vec<u8>,
    /// The directory itself is excluded and was searched for exceptions only.
    pub excluded: bool,
    /// What is directly in it; the root stands for the directory.
    pub tree: Tree,
    /// The regular files in it, with their paths on the machine.
    pub files: Vec<(Arc<Path>, FileStat)>,
    /// What the cache didn't know.
    pub unknown: Vec<(FileStat, Attributes)>,
}

/// A path that `.dockerignore` leaves out; what lies below an excluded directory is not listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// Relative to the context.
    pub path: Vec<u8>,
    /// The deciding pattern as the file has it.
    pub pattern: String,
    /// The pattern's line, counted from 1.
    pub line: usize,
}

/// Everything that the walk found, sorted by path.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub listings: Vec<Listing>,
    pub excluded: Vec<Excluded>,
}

/// A directory that nobody has opened yet.
struct Task {
    parent: Arc<OwnedFd>,
    name: Box<CStr>,
    inherited: Inherited,
    listing: Listing,
}

/// The directories to do, and how many are being done.
#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    busy: usize,
    failed: bool,
}

struct Walker<'a> {
    root: &'a Path,
    patterns: &'a Patterns,
    cache: &'a StatCache,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Walks the directory `root`, which is open as `directory`.
pub(super) fn walk(root: &Path, directory: OwnedFd, patterns: &Patterns, cache: &StatCache) -> Result<Walk, Error> {
    let walker = Walker {
        root,
        patterns,
        cache,
        queue: Mutex::new(Queue { busy: 1, ..Queue::default() }),
        changed: Condvar::new(),
    };
    // The directories are read one by one until there are some to share out: a small context needs no threads.
    let mut walk = Walk::default();
    let root = Listing::new(Vec::new(), false, Node::directory(0o755));
    let mut first = walker.list(Arc::new(directory), root, &Inherited::default(), &mut walk)?;
    while first.len() == 1 {
        let only = first.remove(0);
        first = walker.visit(only, &mut walk)?;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let threads = threads.min(first.len()).max(1);
    walker.finish(first);
    let outcomes = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(|| walker.work())).collect();
        let mut outcomes = vec![walker.work()];
        outcomes.extend(helpers.into_iter().map(|helper| helper.join().expect("the walk does not panic")));
        outcomes
    });
    for outcome in outcomes {
        let part = outcome?;
        walk.listings.extend(part.listings);
        walk.excluded.extend(part.excluded);
    }
    walk.listings.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    walk.excluded.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(walk)
}

impl Listing {
    /// A directory of which nothing is known but itself.
    fn new(path: Vec<u8>, excluded: bool, node: Node) -> Listing {
        let mut tree = Tree::empty();
        tree.insert(&TreePath::root(), node);
        Listing { path, excluded, tree, files: Vec::new(), unknown: Vec::new() }
    }

    /// Whether nothing in it is part of the context.
    pub(super) fn is_empty(&self) -> bool {
        self.tree.children(&TreePath::root()).next().is_none()
    }
}

impl Walker<'_> {
    /// Takes directories until none is left and nobody can add one.
    fn work(&self) -> Result<Walk, Error> {
        let mut walk = Walk::default();
        while let Some(task) = self.next() {
            let outcome = self.visit(task, &mut walk);
            match outcome {
                Ok(found) => self.finish(found),
                Err(error) => {
                    let mut queue = self.queue.lock().expect("the walk does not panic");
                    queue.failed = true;
                    queue.busy -= 1;
                    self.changed.notify_all();
                    return Err(error);
                }
            }
        }
        Ok(walk)
    }

    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock().expect("the walk does not panic");
        loop {
            if queue.failed {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.busy += 1;
                return Some(task);
            }
            if queue.busy == 0 {
                return None;
            }
            queue = self.changed.wait(queue).expect("the walk does not panic");
        }
    }

    /// Adds the directories that were found in one, which is done.
    fn finish(&self, found: Vec<Task>) {
        let mut queue = self.queue.lock().expect("the walk does not panic");
        queue.tasks.extend(found);
        queue.busy -= 1;
        self.changed.notify_all();
    }

    fn visit(&self, task: Task, walk: &mut Walk) -> Result<Vec<Task>, Error> {
        match system::open_directory(task.parent.as_fd(), task.name.to_bytes()) {
            Ok(directory) => {
                drop(task.parent);
                self.list(Arc::new(directory), task.listing, &task.inherited, walk)
            }
            // What is excluded need not be readable.
            Err(error) if task.listing.excluded && error.kind() == std::io::ErrorKind::PermissionDenied => {
                Ok(Vec::new())
            }
            Err(source) => Err(Error::io("openat", self.host_path(&task.listing.path), source)),
        }
    }

    /// Fills in the listing of an open directory and returns the directories in it.
    fn list(
        &self,
        directory: Arc<OwnedFd>,
        mut listing: Listing,
        inherited: &Inherited,
        walk: &mut Walk,
    ) -> Result<Vec<Task>, Error> {
        let mut names: Vec<Box<CStr>> = Vec::new();
        system::for_each_name(directory.as_fd(), |name| names.push(name.into()))
            .map_err(|source| Error::io("getdents", self.host_path(&listing.path), source))?;
        names.sort_unstable();
        let mut tasks = Vec::new();
        let mut below = Inherited::default();
        let mut child = listing.path.clone();
        if !child.is_empty() {
            child.push(b'/');
        }
        let prefix = child.len();
        for name in names {
            child.truncate(prefix);
            child.extend_from_slice(name.to_bytes());
            let Some(excluded) = self.decide(&child, inherited, &mut below, walk)? else {
                continue;
            };
            let Some((stat, node)) = self.look_at(&directory, &name, &child, excluded, &mut listing)? else {
                continue;
            };
            if !excluded {
                listing.tree.insert(&TreePath::new(name.to_bytes()), node.clone());
            }
            if stat.file_type() == libc::S_IFDIR {
                let listing = Listing::new(child.clone(), excluded, node);
                tasks.push(Task { parent: Arc::clone(&directory), name, inherited: below.clone(), listing });
            }
        }
        walk.listings.push(listing);
        Ok(tasks)
    }

    /// Says whether a path is excluded, and puts what its patterns hand down into `below`. `None` if it need not even be
    /// looked at.
    fn decide(
        &self,
        path: &[u8],
        inherited: &Inherited,
        below: &mut Inherited,
        walk: &mut Walk,
    ) -> Result<Option<bool>, Error> {
        if self.patterns.is_empty() {
            return Ok(Some(false));
        }
        let decisive = self.patterns.decide_below(path, inherited, below).map_err(|source| {
            let file = self.root.to_owned();
            Error::Pattern { file, source }
        })?;
        let Some(pattern) = decisive.filter(|pattern| !pattern.negated) else {
            return Ok(Some(false));
        };
        walk.excluded.push(Excluded { path: path.to_owned(), pattern: pattern.text.clone(), line: pattern.line });
        Ok(self.patterns.may_keep_below(path).then_some(true))
    }

    /// Asks about one name. `None` if it is gone or not of a kind that is part of a context.
    fn look_at(
        &self,
        directory: &OwnedFd,
        name: &CStr,
        path: &[u8],
        excluded: bool,
        listing: &mut Listing,
    ) -> Result<Option<(FileStat, Node)>, Error> {
        let stat = match system::stat_at(directory.as_fd(), name) {
            Ok(stat) => stat,
            // It was removed since its name was read.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io("fstatat", self.host_path(path), source)),
        };
        if excluded && stat.file_type() != libc::S_IFDIR {
            return Ok(None);
        }
        let (major, minor) = stat.special;
        let kind = match stat.file_type() {
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFREG => {
                let host: Arc<Path> = self.host_path(path).into();
                listing.files.push((Arc::clone(&host), stat));
                let seen = SeenFile { path: host, identity: stat.identity() };
                Kind::File(Content { size: stat.size, place: Place::Seen(Arc::new(seen)) })
            }
            libc::S_IFLNK => {
                let target = system::read_link(directory.as_fd(), name);
                Kind::Symlink(target.map_err(|source| Error::io("readlinkat", self.host_path(path), source))?)
            }
            libc::S_IFCHR => Kind::CharDevice { major, minor },
            libc::S_IFBLK => Kind::BlockDevice { major, minor },
            libc::S_IFIFO => Kind::Fifo,
            // A socket is the address of a running program, which an image can't hold: an empty file is left of it.
            libc::S_IFSOCK => Kind::File(Content { size: 0, place: Place::Bytes(Arc::from([])) }),
            _ => return Ok(None),
        };
        let attributes = match (&kind, self.cache.get(&stat)) {
            // A link can have no attributes that COPY takes along.
            (Kind::Symlink(_), _) => None,
            (_, Some(entry)) => entry.attributes.clone(),
            (_, None) => {
                let attributes = attributes::read(&self.host_path(path))?;
                listing.unknown.push((stat, attributes.clone()));
                attributes
            }
        };
        let metadata = Metadata {
            mode: stat.mode & 0o7777,
            uid: 0,
            gid: 0,
            mtime: stat.modified.0,
            mtime_nanos: stat.modified.1,
            xattrs: attributes::to_tree(&attributes),
        };
        let link = (stat.file_type() == libc::S_IFREG && stat.links > 1).then_some(LinkId(stat.device, stat.inode));
        Ok(Some((stat, Node { metadata, kind, link })))
    }

    fn host_path(&self, path: &[u8]) -> PathBuf {
        // Room for all of it at once: this happens for every file.
        let mut host = PathBuf::with_capacity(self.root.as_os_str().len() + 1 + path.len());
        host.push(self.root);
        host.push(std::ffi::OsStr::from_bytes(path));
        host
    }
}
