//! Progress: how far long work has come, as others see it, and the wish that it should stop.
//!
//! Whoever does something that can take long begins a [`Task`] on a [`Meter`] and counts what it has done, piece by piece. The same
//! call tells it whether somebody wishes that it should stop, so work that counts can be stopped. Nobody is told anything: whoever
//! wants to show progress samples the meter as often as it likes, and where nobody looks, counting is one addition a piece.
//!
//! | file | what it is |
//! |---|---|
//! | `mod` | the meter, and the tasks that are counted on it |
//! | `interrupt` | the wish to stop |
//!
//! Left out: time (whoever samples has a clock, and computes rates), and who shows what.

mod interrupt;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use interrupt::Interrupt;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The files of a folder are listed.
    Listing,
    /// Files are read for their digests.
    Hashing,
    /// What is stored is read for its digest.
    Verifying,
    /// An archive is read.
    Reading,
    /// A layer or an archive is written.
    Writing,
    /// A compressed layer is expanded.
    Expanding,
    /// A layer is unpacked into a directory.
    Unpacking,
    /// What a process has changed is looked for.
    Comparing,
    /// What the files of the store are kept for is looked for.
    Surveying,
    /// Bytes come from a registry.
    Downloading,
    /// Bytes go to a registry.
    Uploading,
    /// Files are removed.
    Removing,
    /// A lock is waited for, or a server.
    Waiting,
}

/// What the numbers of a task count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Files,
    /// Nothing: there are no numbers.
    Nothing,
}

impl Work {
    /// What its numbers count.
    pub fn unit(self) -> Unit {
        match self {
            Work::Hashing
            | Work::Verifying
            | Work::Reading
            | Work::Writing
            | Work::Expanding
            | Work::Unpacking
            | Work::Downloading
            | Work::Uploading => Unit::Bytes,
            Work::Listing | Work::Comparing | Work::Surveying | Work::Removing => Unit::Files,
            Work::Waiting => Unit::Nothing,
        }
    }
}

/// Somebody wished that it should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Stopped;

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> io::Error {
        io::Error::other(stopped)
    }
}

/// Where work is counted. Clones are the same meter.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    interrupt: Interrupt,
    /// The tasks under way, in the order in which they began.
    tasks: Mutex<Vec<Arc<Counter>>>,
}

#[derive(Debug)]
struct Counter {
    work: Work,
    done: AtomicU64,
    /// Zero: nobody knows it.
    total: u64,
}

/// One task, as it is at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub work: Work,
    pub done: u64,
    /// `None`: nobody knows it.
    pub total: Option<u64>,
}

impl Meter {
    /// A meter on which nothing is counted yet.
    ///
    /// # Errors
    /// The kernel has no descriptor left.
    pub fn new() -> io::Result<Meter> {
        let interrupt = Interrupt::new()?;
        Ok(Meter(Arc::new(Shared { interrupt, tasks: Mutex::default() })))
    }

    /// The wish that what is counted here should stop.
    pub fn interrupt(&self) -> &Interrupt {
        &self.0.interrupt
    }

    /// Begins a task. It is under way until it is dropped.
    pub fn begin(&self, work: Work, total: Option<u64>) -> Task {
        let counter = Arc::new(Counter { work, done: AtomicU64::new(0), total: total.unwrap_or(0) });
        self.tasks().push(Arc::clone(&counter));
        Task { meter: self.clone(), counter }
    }

    /// For work that is not counted: whether to go on.
    ///
    /// # Errors
    /// [`Stopped`] where somebody wishes that it should stop.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.0.interrupt.is_requested() { Err(Stopped) } else { Ok(()) }
    }

    /// The task that began last, as it is now: it is what the others wait for.
    pub fn sample(&self) -> Option<Sample> {
        let counter = Arc::clone(self.tasks().last()?);
        let done = counter.done.load(Ordering::Relaxed);
        Some(Sample { work: counter.work, done, total: (counter.total > 0).then_some(counter.total) })
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Arc<Counter>>> {
        // The list is whole even where another thread has panicked.
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work under way. Several threads can count on one.
#[derive(Debug)]
pub struct Task {
    meter: Meter,
    counter: Arc<Counter>,
}

impl Task {
    /// Counts what was done, and asks whether to go on.
    ///
    /// # Errors
    /// [`Stopped`] where somebody wishes that it should stop.
    pub fn add(&self, amount: u64) -> Result<(), Stopped> {
        self.counter.done.fetch_add(amount, Ordering::Relaxed);
        self.meter.check()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.meter.tasks().retain(|other| !Arc::ptr_eq(other, &self.counter));
    }
}

/// Counts what is read through it.
pub(crate) struct Counted<'t, R> {
    pub(crate) reader: R,
    pub(crate) task: &'t Task,
}

impl<R: io::Read> io::Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Before, too: a read from a pipe may have been waited for when the wish was made.
        self.task.add(0)?;
        let count = self.reader.read(buffer)?;
        self.task.add(count as u64)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::{Meter, Sample, Stopped, Work};

    #[test]
    fn the_task_that_began_last_is_seen() {
        let meter = Meter::new().unwrap();
        assert_eq!(meter.sample(), None);
        let outer = meter.begin(Work::Writing, Some(10));
        outer.add(3).unwrap();
        let inner = meter.clone().begin(Work::Expanding, None);
        inner.add(7).unwrap();
        assert_eq!(meter.sample(), Some(Sample { work: Work::Expanding, done: 7, total: None }));
        drop(inner);
        assert_eq!(meter.sample(), Some(Sample { work: Work::Writing, done: 3, total: Some(10) }));
        meter.interrupt().request();
        assert_eq!(outer.add(1), Err(Stopped));
        drop(outer);
        assert_eq!(meter.sample(), None);
    }
}
