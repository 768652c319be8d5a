//! Walking the context: which files there are, and which `.dockerignore` leaves out.
//!
//! Each directory is opened relative to its parent's descriptor, its names are read, and every name that is not excluded is
//! asked about once. Directories wait on a stack that several threads take from; the newest goes first, which bounds the
//! number of open descriptors by the depth of the tree.
//!
//! An excluded directory is not opened, unless an exception could bring back something in it. Then it is part of the
//! context only if something below it is.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;

use super::attributes;
use super::error::Error;
use super::names::Names;
use super::patterns::{Inherited, Patterns};
use crate::progress;
use crate::tree::{
    Content, FileIdentity, Folder, FoundFile, Kind, LinkId, Metadata, Node, Place, Seen, Tree, TreePath, Xattrs,
};

/// More threads than this wait for each other in the kernel's directory cache.
const MOST_THREADS: usize = 4;

/// One directory of the context.
#[derive(Debug)]
pub(super) struct Listing {
    /// Relative to the context; empty for the context itself.
    pub(crate) path: Vec<u8>,
    /// The directory itself is excluded and was searched for exceptions only.
    pub(crate) excluded: bool,
    /// What is directly in it; the root stands for the directory.
    pub(crate) tree: Tree,
    /// The regular files in it.
    pub(crate) folder: Option<Arc<Folder>>,
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
    pub(crate) listings: Vec<Listing>,
    pub(crate) excluded: Vec<Excluded>,
}

/// A directory that nobody has opened yet.
struct Task {
    parent: Arc<OwnedFd>,
    name: Arc<[u8]>,
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
    counted: Option<&'a progress::Task>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Walks the directory `root`, which is open as `directory`.
///
/// # Errors
/// As [`super::Context::scan`].
pub(super) fn walk(
    root: &Path,
    directory: OwnedFd,
    patterns: &Patterns,
    counted: Option<&progress::Task>,
) -> Result<Walk, Error> {
    let walker = Walker {
        root,
        patterns,
        counted,
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
    // Nothing to share out, and asking for the processors alone takes some twenty system calls.
    let threads = match first.len() {
        0 => 1,
        tasks => std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(tasks),
    };
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
        Listing { path, excluded, tree: Tree::of_directory(node, []), folder: None }
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

    fn visit(&self, mut task: Task, walk: &mut Walk) -> Result<Vec<Task>, Error> {
        let path = &task.listing.path;
        match openat(&*task.parent, &*task.name, DIRECTORY, Mode::empty()) {
            Ok(directory) => {
                drop(task.parent);
                let xattrs = attributes::of_file(&directory);
                let xattrs = xattrs.map_err(|source| Error::io("flistxattr", self.host_path(path), source))?;
                if !xattrs.is_empty() {
                    task.listing.tree.update(&TreePath::root(), |node| node.metadata.xattrs = xattrs);
                }
                self.list(Arc::new(directory), task.listing, &task.inherited, walk)
            }
            // What is excluded need not be readable.
            Err(Errno::ACCESS) if task.listing.excluded => Ok(Vec::new()),
            Err(errno) => Err(Error::io("openat", self.host_path(path), errno.into())),
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
        let names = Names::read(&directory);
        let names = names.map_err(|errno| Error::io("getdents", self.host_path(&listing.path), errno.into()))?;
        let mut tasks = Vec::new();
        let mut below = Inherited::default();
        let mut child = listing.path.clone();
        if !child.is_empty() {
            child.push(b'/');
        }
        let prefix = child.len();
        let mut found = Vec::with_capacity(names.len());
        for name in names.sorted() {
            self.counted.map_or(Ok(()), |counted| counted.add(1))?;
            child.truncate(prefix);
            child.extend_from_slice(name.to_bytes());
            let Some(excluded) = self.decide(&child, inherited, &mut below, walk)? else {
                continue;
            };
            let Some(one) = self.look_at(&directory, name, &child, excluded)? else {
                continue;
            };
            if matches!(one.what, What::Other(Kind::Directory)) {
                let listing = Listing::new(child.clone(), excluded, one.node(Kind::Directory));
                let name = Arc::clone(&one.name);
                tasks.push(Task { parent: Arc::clone(&directory), name, inherited: below.clone(), listing });
            }
            if !excluded {
                found.push(one);
            }
        }
        self.fill(&mut listing, found);
        walk.listings.push(listing);
        Ok(tasks)
    }

    /// Puts what was found in a directory into its listing.
    fn fill(&self, listing: &mut Listing, found: Vec<Found>) {
        let file =
            |one: &Found| matches!(one.what, What::File).then(|| FoundFile::new(Arc::clone(&one.name), one.identity));
        let files: Vec<FoundFile> = found.iter().filter_map(file).collect();
        let folder = (!files.is_empty()).then(|| Folder::new(self.host_path(&listing.path), files));
        let mut next = 0;
        let nodes = found.into_iter().map(|mut one| {
            let kind = match (std::mem::replace(&mut one.what, What::File), &folder) {
                (What::Other(kind), _) => kind,
                (What::File, folder) => {
                    let seen = Seen::new(folder.as_ref().expect("a folder with files is made"), next);
                    next += 1;
                    Kind::File(Content { size: one.identity.size(), place: Place::Seen(seen) })
                }
            };
            let node = one.node(kind);
            (one.name, node)
        });
        let directory = listing.tree.get(&TreePath::root()).cloned().expect("every tree has a root");
        listing.tree = Tree::of_directory(directory, nodes);
        listing.folder = folder;
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
    fn look_at(&self, directory: &OwnedFd, name: &CStr, path: &[u8], excluded: bool) -> Result<Option<Found>, Error> {
        let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // It was removed since its name was read.
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Error::io("fstatat", self.host_path(path), errno.into())),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if excluded && kind != FileType::Directory {
            return Ok(None);
        }
        let (major, minor) = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
        let what = match kind {
            FileType::Directory => What::Other(Kind::Directory),
            FileType::RegularFile => What::File,
            FileType::Symlink => {
                let target = readlinkat(directory, name, Vec::new());
                let target = target.map_err(|errno| Error::io("readlinkat", self.host_path(path), errno.into()))?;
                What::Other(Kind::Symlink(target.into_bytes()))
            }
            FileType::CharacterDevice => What::Other(Kind::CharDevice { major, minor }),
            FileType::BlockDevice => What::Other(Kind::BlockDevice { major, minor }),
            FileType::Fifo => What::Other(Kind::Fifo),
            // A socket is the address of a running program, which an image can't hold: an empty file is left of it.
            FileType::Socket => What::Other(Kind::File(Content { size: 0, place: Place::Bytes(Arc::from([])) })),
            FileType::Unknown => return Ok(None),
        };
        // Those of files and directories are read when they are open. A link can have none that COPY takes along.
        let xattrs = match kind {
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Fifo | FileType::Socket => {
                let host = self.host_path(path);
                attributes::of_path(&host).map_err(|source| Error::io("llistxattr", host, source))?
            }
            _ => Xattrs::default(),
        };
        let identity = identity(&stat);
        let mode = stat.st_mode & 0o7777;
        let link =
            (kind == FileType::RegularFile && stat.st_nlink > 1).then_some(LinkId::new(stat.st_dev, stat.st_ino));
        Ok(Some(Found { name: Arc::from(name.to_bytes()), what, identity, mode, xattrs, link }))
    }

    fn host_path(&self, path: &[u8]) -> PathBuf {
        // Room for all of it at once: this happens for every file.
        let mut host = PathBuf::with_capacity(self.root.as_os_str().len() + 1 + path.len());
        host.push(self.root);
        host.push(std::ffi::OsStr::from_bytes(path));
        host
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Something in a directory.
struct Found {
    name: Arc<[u8]>,
    what: What,
    identity: FileIdentity,
    mode: u32,
    xattrs: Xattrs,
    link: Option<LinkId>,
}

/// What it is.
enum What {
    /// A regular file, which gets its place when all files of the folder are known.
    File,
    Other(Kind),
}

impl Found {
    fn node(&self, kind: Kind) -> Node {
        let (mtime, mtime_nanos) = self.identity.modified();
        let metadata = Metadata { mode: self.mode, uid: 0, gid: 0, mtime, mtime_nanos, xattrs: self.xattrs.clone() };
        Node { metadata, kind, link: self.link }
    }
}

fn identity(stat: &Stat) -> FileIdentity {
    let nanoseconds = |raw| u32::try_from(raw).expect("a file's nanoseconds are below 10⁹");
    FileIdentity::new(
        stat.st_dev,
        stat.st_ino,
        stat.st_size.unsigned_abs(),
        (stat.st_mtime, nanoseconds(stat.st_mtime_nsec)),
        (stat.st_ctime, nanoseconds(stat.st_ctime_nsec)),
    )
}
