//! How a build's progress is shown: which ways there are.

use super::palette::Palette;
use super::showing::View;
use super::{classic, json, plain, quiet, tty};

/// How a build's progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Progress {
    /// `Step 2/4 : …`, as in tutorials.
    Classic,
    /// One line per event, numbered by step.
    Plain,
    /// A live line for the current step.
    Tty,
    /// One JSON object per event.
    #[value(alias = "rawjson")]
    Json,
    /// The image id only.
    Quiet,
    /// As if nothing were said.
    #[value(hide = true)]
    Auto,
}

impl Progress {
    /// The view of this kind.
    pub(crate) fn view(self, palette: Palette) -> Box<dyn View> {
        match self {
            Progress::Classic | Progress::Auto => Box::new(classic::Classic::default()),
            Progress::Plain => Box::new(plain::Plain::default()),
            Progress::Tty => Box::new(tty::Tty::new(palette)),
            Progress::Json => Box::new(json::Json::default()),
            Progress::Quiet => Box::new(quiet::Quiet::new(palette)),
        }
    }
}
