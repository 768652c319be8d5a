//! Views: what people and programs see of the machine's events.
//!
//! A view gets one event after another and writes text; it recomputes nothing. `classic` is the transcript that tutorials
//! show; `plain` is BuildKit's numbered one; `tty` keeps one live line; `quiet` gives the image id alone; `json` is for
//! programs; `debugger` is what the debugger's prompt shows of a step. `palette` is the only place that knows colours.

pub mod classic;
pub mod debugger;
pub mod json;
pub mod palette;
pub mod plain;
pub mod quiet;
pub mod table;
pub mod tty;
pub mod units;

use std::io::{self, Write};

use crate::build::Event;

/// Something that shows events.
pub trait View {
    /// Shows one event on `out`.
    fn event(&mut self, event: &Event, out: &mut dyn Write) -> io::Result<()>;
}

/// How a build's progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// `Step 2/4 : …`, as tutorials have it.
    Classic,
    /// One line an event, numbered by step.
    Plain,
    /// A live line for the step under way.
    Tty,
    /// One JSON object an event.
    Json,
    /// Only the image id.
    Quiet,
}

impl Progress {
    /// The view of this kind.
    pub fn view(self, palette: palette::Palette) -> Box<dyn View> {
        match self {
            Progress::Classic => Box::new(classic::Classic::default()),
            Progress::Plain => Box::new(plain::Plain::default()),
            Progress::Tty => Box::new(tty::Tty::new(palette)),
            Progress::Json => Box::new(json::Json),
            Progress::Quiet => Box::new(quiet::Quiet),
        }
    }
}
