//! A line for each layer that comes from a registry or goes there, in Docker's words.
//!
//! ```text
//! 9824c27679d3: Downloading  [=====>              ]  3.1MB/11.8MB
//! 4f4fb700ef54: Already exists
//! ```
//!
//! On a terminal the lines stand below what was written and change where they are; in a pipe each change of words is a line. The layers are told
//! of by several threads.

use std::io::{self, Write as _};

use super::frame::Scene;
use super::layers::{Rows, is_in_numbers, words};
use super::palette::Palette;
use super::screen::Screen;
use crate::oci::Digest;
use crate::registry::Stage;
use crate::shown;

/// The layers that are shown.
pub(crate) struct Transfers {
    rows: Rows,
    sink: Sink,
    is_live: bool,
}

/// Where the lines go that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    Output,
    /// Standard error, where the output is that of a container.
    Errors,
}

impl Sink {
    /// A screen of the thread that asks.
    fn screen(self) -> Screen<'static> {
        match self {
            Sink::Output => Screen::stdout(Palette::PLAIN),
            Sink::Errors => Screen::stderr(Palette::PLAIN),
        }
    }
}

impl Transfers {
    /// Begins to show layers, none so far, on a screen that is this sink.
    pub(crate) fn begin(screen: &mut Screen<'_>, sink: Sink) -> Transfers {
        let rows = Rows::default();
        screen.begin(Scene::Transfers(rows.clone()));
        Transfers { rows, sink, is_live: screen.is_live() }
    }

    /// Writes a line above the layers, before the first of them.
    pub(crate) fn say(&self, text: &str) {
        // What nobody reads is noticed by what comes at the end.
        let _ = writeln!(self.sink.screen(), "{}", shown::line(text));
    }

    /// Shows how far a layer is.
    pub(crate) fn show(&self, layer: &Digest, stage: Stage) {
        let mut rows = self.rows.lock();
        let before = rows.set(layer, stage.clone());
        let is_same = before.is_some_and(|before| words(&before) == words(&stage));
        if !self.is_live && !is_same && !is_in_numbers(&stage) {
            self.say(&format!("{}: {}", layer.short(), words(&stage)));
        }
    }

    /// Ends: on a terminal the last line of each layer stays.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn end(self, screen: &mut Screen<'_>) -> io::Result<()> {
        screen.end()?;
        if self.is_live {
            for (layer, stage) in self.rows.lock().all() {
                writeln!(screen, "{}: {}", layer.short(), words(stage))?;
            }
        }
        screen.flush()
    }
}
