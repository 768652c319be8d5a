//! What a lesson is begun with.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use super::lines::Lines;
use crate::learning::{Catalogue, Lesson, Records};
use crate::progress::Interrupt;
use crate::view::palette::Palette;
use crate::view::screen::Screen;

/// What a lesson is begun with.
pub(crate) struct Setting<'t> {
    pub(crate) catalogue: &'t Catalogue,
    pub(crate) lesson: &'t Lesson,
    pub(crate) records: Records,
    /// The folder to work in, where another one than the usual is wished.
    pub(crate) folder: Option<PathBuf>,
    /// Whether it begins anew at once, whatever is kept of it.
    pub(crate) is_renewed: bool,
    pub(crate) out: Screen<'static>,
    pub(crate) palette: Palette,
    /// The terminal, where a person is at it.
    pub(crate) terminal: Option<File>,
    pub(crate) lines: Box<dyn Lines>,
    pub(crate) interrupt: Interrupt,
    /// How long a command may take, where nobody is there to end it.
    pub(crate) patience: Option<Duration>,
}
