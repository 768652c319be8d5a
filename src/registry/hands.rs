//! Several layers at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::deeds;

/// How many layers come or go at a time, as with Docker's downloads.
const AT_A_TIME: usize = 3;

/// Does something with each of these, a few at a time. What is noted meanwhile is noted for this thread.
///
/// # Errors
/// The first error; `end` ends the work of the others then.
pub(crate) fn each<T: Send, E: Send>(
    items: impl IntoIterator<Item = T>,
    end: impl Fn() + Sync,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let queue: Mutex<VecDeque<T>> = Mutex::new(items.into_iter().collect());
    let failed: Mutex<Option<E>> = Mutex::new(None);
    let next = || lock(&queue).pop_front().filter(|_| lock(&failed).is_none());
    let hand = || {
        while let Some(item) = next() {
            if let Err(error) = work(item) {
                lock(&failed).get_or_insert(error);
                end();
            }
        }
    };
    let hands = AT_A_TIME.min(lock(&queue).len());
    let done: Vec<_> = std::thread::scope(|scope| {
        let hands: Vec<_> = (0..hands).map(|_| scope.spawn(|| deeds::listen(hand).1)).collect();
        hands.into_iter().map(|hand| hand.join().expect("a hand that carries layers does not panic")).collect()
    });
    done.into_iter().for_each(deeds::pass_on);
    lock(&failed).take().map_or(Ok(()), Err)
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    // It is whole even where another thread has panicked.
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
