//! Everybody who is connected to a monitor: what the container writes goes to those who are attached, and what they write to it.
//!
//! Each of the attached has a thread that writes to its streams. So one who reads nothing (a terminal after Ctrl-S) holds up the container
//! when it is a good deal behind, and nobody else; and what is left is written when the container has ended already.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::talk::{Failed, Tell};
use crate::container::Stream;
use crate::link::Link;
use crate::runtime::record::Input;

/// So much may wait for one who is attached before the container has to wait for it.
const MOST_PENDING: usize = 1 << 20;

/// How long something is waited for before it is looked whether that still makes sense.
const A_MOMENT: Duration = Duration::from_millis(100);

/// The connections of a monitor.
pub(super) struct Hub {
    connections: Mutex<Connections>,
    /// The other end of the container's standard input, while that is open.
    input: Mutex<Option<Arc<OwnedFd>>>,
    kind: Input,
    /// Whether the container waits for those who see what it writes.
    is_let_go: AtomicBool,
}

#[derive(Default)]
struct Connections {
    links: Vec<Arc<Link>>,
    viewers: Vec<Arc<Viewer>>,
    writers: Vec<JoinHandle<()>>,
    /// What everybody was told at the end, and whoever comes later is.
    end: Option<Tell>,
}

/// One who sees what the container writes.
struct Viewer {
    link: Arc<Link>,
    output: OwnedFd,
    errors: OwnedFd,
    pending: Mutex<Pending>,
    changed: Condvar,
    /// It does not listen any more.
    is_gone: AtomicBool,
}

#[derive(Default)]
struct Pending {
    pieces: VecDeque<(Stream, Vec<u8>)>,
    size: usize,
    /// What comes behind the last piece.
    end: Option<Tell>,
}

impl Hub {
    pub(super) fn new(input: Option<OwnedFd>, kind: Input) -> Hub {
        Hub {
            connections: Mutex::default(),
            input: Mutex::new(input.map(Arc::new)),
            kind,
            is_let_go: AtomicBool::new(false),
        }
    }

    /// Somebody has connected, and is told what everybody is told: the end at once, where that has come.
    pub(super) fn connect(&self, link: &Arc<Link>) {
        let mut connections = held(&self.connections);
        match &connections.end {
            Some(end) => drop(link.say(end)),
            None => connections.links.push(link.clone()),
        }
    }

    /// Somebody has gone.
    pub(super) fn disconnect(&self, link: &Arc<Link>) {
        let mut connections = held(&self.connections);
        connections.links.retain(|other| !Arc::ptr_eq(other, link));
        for viewer in connections.viewers.extract_if(.., |viewer| Arc::ptr_eq(&viewer.link, link)) {
            viewer.is_gone.store(true, Ordering::SeqCst);
            viewer.changed.notify_all();
        }
    }

    /// Somebody wants to see what the container writes, and may want to write to it.
    pub(super) fn attach(self: &Arc<Hub>, link: &Arc<Link>, streams: [OwnedFd; 3], reads: bool) {
        let [input, output, errors] = streams;
        let viewer = Arc::new(Viewer {
            link: link.clone(),
            output,
            errors,
            pending: Mutex::default(),
            changed: Condvar::new(),
            is_gone: AtomicBool::new(false),
        });
        let mut connections = held(&self.connections);
        if let Some(end) = &connections.end {
            link.say(end);
            return;
        }
        // Its end is told by its writer, behind everything else.
        connections.links.retain(|other| !Arc::ptr_eq(other, link));
        connections.viewers.push(viewer.clone());
        let for_input = viewer.clone();
        let writer = thread::Builder::new().name("writer".to_owned()).spawn(move || viewer.write());
        connections.writers.extend(writer.ok());
        drop(connections);
        if reads && self.kind != Input::Closed {
            let hub = self.clone();
            let _ = thread::Builder::new().name("reader".to_owned()).spawn(move || hub.copy_input(&for_input, &input));
        }
    }

    /// Gives a piece of output to all who see it.
    pub(super) fn output(&self, stream: Stream, bytes: &[u8]) {
        let viewers = held(&self.connections).viewers.clone();
        for viewer in viewers {
            viewer.push(stream, bytes, &self.is_let_go);
        }
    }

    /// From now on nobody is waited for: what one who is far behind does not get is in the log.
    pub(super) fn let_go(&self) {
        self.is_let_go.store(true, Ordering::SeqCst);
        for viewer in &held(&self.connections).viewers {
            viewer.changed.notify_all();
        }
    }

    /// Tells those who see the container something.
    pub(super) fn notice(&self, text: &str) {
        for viewer in &held(&self.connections).viewers {
            viewer.link.say(&Tell::Notice(text.to_owned()));
        }
    }

    /// Tells everybody that it runs.
    pub(super) fn started(&self) {
        let connections = held(&self.connections);
        for link in connections.links.iter().chain(connections.viewers.iter().map(|viewer| &viewer.link)) {
            link.say(&Tell::Started);
        }
    }

    /// Tells everybody how it ended, and waits until all have been told who listen.
    pub(super) fn end(&self, status: i32) {
        self.conclude(Tell::Ended(status));
    }

    /// Tells everybody how the run has ended of one that starts again, and waits for nobody.
    pub(super) fn tell_again(&self, status: i32) {
        self.announce(Tell::Again(status));
    }

    /// Tells everybody that it was not started.
    pub(super) fn failed(&self, failed: Failed) {
        self.conclude(Tell::Failed(failed));
    }

    fn conclude(&self, end: Tell) {
        self.announce(end);
        let writers = std::mem::take(&mut held(&self.connections).writers);
        for writer in writers {
            let _ = writer.join();
        }
    }

    fn announce(&self, end: Tell) {
        let mut connections = held(&self.connections);
        for link in connections.links.drain(..) {
            link.say(&end);
        }
        for viewer in &connections.viewers {
            held(&viewer.pending).end = Some(end.clone());
            viewer.changed.notify_all();
        }
        connections.end = Some(end);
    }

    /// Copies what somebody writes to the container.
    fn copy_input(&self, viewer: &Viewer, from: &OwnedFd) {
        let mut buffer = [0; 16 << 10];
        while !viewer.is_gone.load(Ordering::SeqCst) {
            let Some(to) = held(&self.input).clone() else { return };
            // Not read(2), which would wait, and take what is typed when it has gone.
            if !is_ready(from, PollFlags::POLLIN) {
                continue;
            }
            match rustix::io::read(from, &mut buffer) {
                Ok(0) => break,
                Ok(_) if viewer.is_gone.load(Ordering::SeqCst) => return,
                Ok(count) => {
                    if write_all(&to, &buffer[..count]).is_err() {
                        return;
                    }
                }
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
                Err(_) => break,
            }
        }
        if self.kind == Input::Once && !viewer.is_gone.load(Ordering::SeqCst) {
            held(&self.input).take();
        }
    }
}

impl Viewer {
    fn push(&self, stream: Stream, bytes: &[u8], is_let_go: &AtomicBool) {
        let mut pending = held(&self.pending);
        while pending.size >= MOST_PENDING && !self.is_gone.load(Ordering::SeqCst) {
            if is_let_go.load(Ordering::SeqCst) {
                return;
            }
            let waited = self.changed.wait_timeout(pending, A_MOMENT);
            pending = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        pending.size += bytes.len();
        pending.pieces.push_back((stream, bytes.to_vec()));
        self.changed.notify_all();
    }

    /// Writes what comes until the end.
    fn write(&self) {
        let mut is_broken = false;
        loop {
            let mut pending = held(&self.pending);
            while pending.pieces.is_empty() && pending.end.is_none() && !self.is_gone.load(Ordering::SeqCst) {
                pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
            }
            if self.is_gone.load(Ordering::SeqCst) {
                return;
            }
            let Some((stream, bytes)) = pending.pieces.pop_front() else {
                if let Some(end) = pending.end.take() {
                    self.link.say(&end);
                }
                return;
            };
            pending.size -= bytes.len();
            drop(pending);
            self.changed.notify_all();
            let to = match stream {
                Stream::Stdout => &self.output,
                Stream::Stderr => &self.errors,
            };
            // One whose stream is closed goes on to see the other one, and the end.
            if is_broken && stream == Stream::Stdout {
                continue;
            }
            if let (Err(error), Stream::Stdout) = (write_all(to, &bytes), stream)
                && error.kind() == io::ErrorKind::BrokenPipe
            {
                is_broken = true;
                self.link.say(&Tell::Broken);
            }
        }
    }
}

fn write_all(to: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&to, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            // Who has started us may read without waiting, and so we may not wait either.
            Err(rustix::io::Errno::AGAIN) => drop(is_ready(&to, PollFlags::POLLOUT)),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Whether something can be read or written, within a moment.
fn is_ready(end: &impl AsFd, wanted: PollFlags) -> bool {
    let mut polled = [PollFd::new(end.as_fd(), wanted)];
    matches!(poll(&mut polled, PollTimeout::from(A_MOMENT.as_millis() as u8)), Ok(count) if count > 0)
}

/// What a panic leaves behind here is whole: lists are only added to and taken from.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
