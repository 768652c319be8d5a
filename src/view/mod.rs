//! Views: what people and programs see of the machine's events.
//!
//! A view gets one event after another and writes text; it recomputes nothing. `classic` is the transcript that tutorials
//! show; `plain` is BuildKit's numbered one; `tty` keeps one live line; `quiet` gives the image id alone; `json` is for
//! programs; `debugger` is what the debugger's prompt shows of a step. `palette` is the only place that knows colours, `screen`
//! the only writer: through it passes all that is shown, and nothing that a terminal would act on. Views get events as they
//! are; a text in them that has one line passes `shown::line`. `program` is what a program in a container printed.

pub mod classic;
pub mod debugger;
pub mod json;
pub mod palette;
pub mod plain;
pub mod program;
pub mod quiet;
pub mod screen;
pub mod table;
pub mod tty;
pub mod units;

use std::io;

use self::screen::Screen;
use crate::machine::{Event, Warning};
use crate::shown;

/// Something that shows events.
pub trait View {
    /// Shows one event on `out`.
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()>;
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
            Progress::Json => Box::new(json::Json::default()),
            Progress::Quiet => Box::new(quiet::Quiet),
        }
    }
}

/// A warning on one line: `Dockerfile:3:1: blank line inside of an instruction [NoEmptyContinuation] (remove it, …)`.
fn warning(warning: &Warning) -> String {
    let Warning { kind, message, hint, place } = warning;
    let kind = kind.map(|kind| format!(" [{kind}]")).unwrap_or_default();
    let place = place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let hint = hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    shown::line(&format!("{place}{message}{kind}{hint}")).into_owned()
}
