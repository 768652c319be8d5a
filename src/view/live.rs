//! The live part of a terminal: a few lines below all that is written, drawn anew ten times a second while something is under way.
//!
//! A thread draws them; it samples the meter, so whoever works need not tell anything. It begins to draw when something has taken a
//! moment, so a step that is in the cache costs nothing.
//!
//! The cursor stays where the text ends, above the live lines. So erasing them is one sequence, "erase what is below", and needs no count of
//! rows: what was drawn for a terminal that has become smaller since is erased as well, however the terminal has wrapped it. `indicatif`,
//! which draws such lines for others, keeps the cursor below them, counts their rows, and is wrong after a resize; and its bars
//! are moved by whoever works, who would have to know of them.
//!
//! Left out: what the lines say (`frame.rs`), and what a terminal acts on (`screen.rs`, which is the only one to write).

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::frame::{self, Moment, Rate, Scene};
use super::palette::Palette;
use super::table;
use crate::progress::Meter;

/// How often the lines are drawn.
const PERIOD: Duration = Duration::from_millis(100);
/// What takes no longer than this has no live lines.
const PATIENCE: Duration = Duration::from_millis(200);
/// How far apart the tabs of a terminal are.
const TAB: usize = 8;

/// Draws lines below the cursor, which is in this column. What the lines are depends on how many columns and rows there are.
pub(super) type Draw = fn(Palette, &dyn Fn(usize, usize) -> Vec<String>, usize) -> io::Result<()>;

/// The live lines of a terminal. Dropped, they are not drawn any more; who drops them erases them before.
pub(super) struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    meter: Meter,
    palette: Palette,
    draw: Draw,
    state: Mutex<State>,
    changed: Condvar,
}

/// What the thread and whoever writes share. Who has it, has the terminal.
#[derive(Default)]
pub(super) struct State {
    /// What is under way, and since when.
    scene: Option<(Scene, Instant)>,
    rate: Rate,
    /// In which column the text ends.
    column: usize,
    pub(super) is_drawn: bool,
    /// The thread waits until something begins.
    is_asleep: bool,
    is_over: bool,
}

impl Live {
    pub(super) fn new(meter: &Meter, palette: Palette, draw: Draw) -> Live {
        let (state, changed) = Default::default();
        Live { shared: Arc::new(Shared { meter: meter.clone(), palette, draw, state, changed }), thread: None }
    }

    /// Something begins: from now on it is seen.
    pub(super) fn begin(&mut self, scene: Scene) {
        let mut state = self.shared.lock();
        state.scene = Some((scene, Instant::now()));
        state.rate = Rate::default();
        if std::mem::take(&mut state.is_asleep) {
            self.shared.changed.notify_one();
        }
        drop(state);
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            // Without a thread there are no live lines, and nothing else is lost.
            self.thread = std::thread::Builder::new().name("live".to_owned()).spawn(move || shared.work()).ok();
        }
    }

    /// The last lines of a command's output are these by now.
    pub(super) fn set_tail(&self, lines: Vec<String>) {
        if let Some((Scene::Step { tail, .. }, _)) = &mut self.shared.lock().scene {
            *tail = lines;
        }
    }

    /// Nothing is under way any more. Gives the terminal, on which the lines may still be.
    pub(super) fn end(&self) -> MutexGuard<'_, State> {
        let mut state = self.shared.lock();
        state.scene = None;
        state
    }

    /// Takes the terminal for writing.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, nothing would be lost but live lines.
            let _ = thread.join();
        }
    }
}

impl State {
    /// Follows the cursor over a text that is written.
    pub(super) fn follow(&mut self, text: &str) {
        let line = match text.rsplit_once('\n') {
            Some((_, line)) => {
                self.column = 0;
                line
            }
            None => text,
        };
        for (index, part) in line.split('\t').enumerate() {
            if index > 0 {
                self.column += TAB - self.column % TAB;
            }
            self.column += table::visible_width(part);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What is in it is whole even where another thread has panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws until it is over.
    fn work(&self) {
        let mut state = self.lock();
        while !state.is_over {
            state = if state.scene.is_some() {
                self.changed.wait_timeout(state, PERIOD).unwrap_or_else(PoisonError::into_inner).0
            } else {
                state.is_asleep = true;
                self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
            self.tick(&mut state);
        }
    }

    fn tick(&self, state: &mut State) {
        let State { scene, rate, column, is_drawn, .. } = state;
        let Some((scene, begun)) = scene else { return };
        let elapsed = begun.elapsed();
        if elapsed < PATIENCE {
            return;
        }
        let work = self.meter.sample().map(|sample| (sample, rate.observe(elapsed, &sample)));
        let moment = Moment { elapsed, work, is_stopping: self.meter.check().is_err() };
        let lines = |columns, rows| frame::frame(scene, &moment, self.palette, columns, rows);
        // A terminal that is gone is noticed by whoever writes what counts.
        *is_drawn |= (self.draw)(self.palette, &lines, *column).is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn the_cursor_is_followed() {
        let mut state = State::default();
        let columns = ["ab", "\tc", "日本\x1b[31m", "x\ny", "\n"].map(|text| {
            state.follow(text);
            state.column
        });
        assert_eq!(columns, [2, 9, 13, 1, 0]);
    }
}
