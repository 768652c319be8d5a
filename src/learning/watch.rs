//! Notices saved files: inotify(7) on a folder and those below it.
//!
//! Editors write a file in several steps, so changes are reported only after a moment without any.

use std::collections::BTreeSet;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

/// How often the kernel is asked for changes, and so how long the moment is.
const GLANCE: Duration = Duration::from_millis(150);
/// At most so many folders are watched.
const MOST_FOLDERS: usize = 500;

/// Watches a folder, in a thread of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Calls `changed` each time files below a folder have changed. Changes that it makes itself do not count.
    ///
    /// # Errors
    /// The kernel has no watch left.
    pub(crate) fn start(folder: &Path, mut changed: impl FnMut() + Send + 'static) -> io::Result<Watch> {
        let mut watched =
            Watched { inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?, folders: BTreeSet::new() };
        watched.add(folder);
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, folder) = (is_over.clone(), folder.to_owned());
        let work = move || {
            let mut is_dirty = false;
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(GLANCE);
                if watched.has_changed() {
                    is_dirty = true;
                } else if std::mem::take(&mut is_dirty) {
                    changed();
                    watched.add(&folder);
                    watched.has_changed();
                }
            }
        };
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(work)?;
        Ok(Watch { is_over, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was told there.
            let _ = thread.join();
        }
    }
}

struct Watched {
    inotify: OwnedFd,
    folders: BTreeSet<PathBuf>,
}

impl Watched {
    /// Watches a folder and those below it.
    fn add(&mut self, folder: &Path) {
        let mut folders = vec![folder.to_owned()];
        while let Some(inner) = folders.pop() {
            if self.folders.len() >= MOST_FOLDERS {
                return;
            }
            let kinds = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVE
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::ATTRIB;
            // A folder that is gone by now needs no watch.
            if inotify::add_watch(&self.inotify, &inner, kinds | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW).is_err()
            {
                continue;
            }
            self.folders.insert(inner.clone());
            let entries = std::fs::read_dir(&inner).into_iter().flatten().flatten();
            folders.extend(
                entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
            );
        }
    }

    /// Whether something has changed since the last call.
    fn has_changed(&mut self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut is_changed = false;
        while reader.next().is_ok() {
            is_changed = true;
        }
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_file_is_noticed_and_what_the_answer_writes_is_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let (sender, seen) = std::sync::mpsc::channel();
        let answer = folder.path().join("answer");
        let _watch = Watch::start(folder.path(), move || {
            std::fs::write(&answer, "x").unwrap();
            sender.send(()).unwrap();
        });
        std::fs::write(folder.path().join("inner/file"), "x").unwrap();
        seen.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(seen.recv_timeout(Duration::from_secs(1)).is_err());
    }
}
