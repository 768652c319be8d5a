//! Who sees to it that a call of `git` ends: when somebody wishes to stop, when nothing comes any more, when too much comes, and when whoever
//! reads its output has had enough.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::Error;
use crate::limits::{Bound, Limit};
use crate::progress::Work;
use crate::store::Store;

/// What may come of a repository, compressed: as much as a layer.
pub(super) const REPOSITORY: Limit = Limit::bytes("git repository", "LAYERLAB_MAX_REPOSITORY", 64 << 30);

/// How often it is looked whether to go on.
const PERIOD: Duration = Duration::from_millis(20);
/// How long a server may say nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// The most bytes that are kept of what it says.
const SAID: usize = 16 << 10;

/// What a call has to do with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum With {
    /// A server, which may say nothing, or too much.
    Server,
    /// What has come.
    Objects,
}

/// Why it was ended.
pub(super) enum Ended {
    Stopped,
    Silent,
    TooLarge(Bound),
}

/// What it says on its standard error, and how much.
#[derive(Default)]
pub(super) struct Said {
    last: Mutex<Vec<u8>>,
    bytes: AtomicU64,
}

impl Said {
    pub(super) fn listen(&self, mut stream: ChildStderr) {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            self.bytes.fetch_add(count as u64, Ordering::Relaxed);
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.extend_from_slice(&piece[..count]);
            let surplus = last.len().saturating_sub(SAID);
            last.drain(..surplus);
        }
    }

    pub(super) fn text(&self) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Progress overwrites its line.
        String::from_utf8_lossy(&last).replace('\r', "\n")
    }
}

/// Who sees to it that a call ends.
pub(super) struct Watch<'w> {
    pub(super) store: &'w Store,
    /// Where what it brings comes to.
    pub(super) folder: &'w Path,
    pub(super) with: With,
    pub(super) said: &'w Said,
    /// Whether whoever reads the output has failed, when it is read.
    pub(super) is_enough: Receiver<bool>,
}

impl Watch<'_> {
    /// Waits for the end of a process, and brings it about where that is needed.
    pub(super) fn until_end(self, mut child: Child) -> Result<(ExitStatus, Option<Ended>), Error> {
        let group = Pid::from_child(&child);
        let meter = self.store.meter();
        let bound = self.store.home().bound(&REPOSITORY);
        let task = (self.with == With::Server).then(|| meter.begin(Work::Downloading, None));
        let (mut seen, mut last) = ((0, 0), Instant::now());
        let (mut ended, mut is_read) = (None, false);
        loop {
            let mut end = false;
            if ended.is_none() {
                ended = meter.check().is_err().then_some(Ended::Stopped);
            }
            if let (Some(task), None) = (&task, &ended) {
                let now = (self.said.bytes.load(Ordering::Relaxed), size(&self.folder.join("objects")));
                if now != seen {
                    let _ = task.add(now.1.saturating_sub(seen.1));
                    (seen, last) = (now, Instant::now());
                }
                ended = match () {
                    () if now.1 > bound.most => Some(Ended::TooLarge(bound)),
                    () if last.elapsed() > PATIENCE => Some(Ended::Silent),
                    () => None,
                };
            }
            match self.is_enough.recv_timeout(if is_read { Duration::from_millis(1) } else { PERIOD }) {
                Ok(has_failed) => {
                    (is_read, end) = (true, has_failed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(1)),
            }
            // It has not been waited for, so its number is still its own.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let has_ended = !matches!(waitid(WaitId::Pid(group), options), Ok(None));
            if has_ended || end || ended.is_some() {
                // What it has started may live on, and hold its streams.
                let _ = kill_process_group(group, Signal::KILL);
            }
            if has_ended {
                let status = child.wait().map_err(|source| Error::Io {
                    operation: "wait for git in",
                    path: self.folder.to_owned(),
                    source,
                })?;
                return Ok((status, ended));
            }
        }
    }
}

/// The bytes in the files below a folder, packed or not.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size_of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size_of).sum()
}
