//! Several pages at the same time.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does something with each of several things, some at a time: as many as there are processors, if nothing else is said. The results are in
/// their order.
pub(crate) fn on_each<T: Sync, R: Send>(
    things: &[T],
    jobs: Option<NonZeroUsize>,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = things.iter().map(|_| Mutex::default()).collect();
    let take = || {
        while let Some((thing, result)) = {
            let number = next.fetch_add(1, Ordering::Relaxed);
            things.get(number).zip(results.get(number))
        } {
            let done = work(thing);
            *result.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(done);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(things.len()) {
            scope.spawn(take);
        }
    });
    let taken = |result: Mutex<Option<R>>| result.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.into_iter().filter_map(taken).collect()
}
