//! What a command writes to: standard output and standard error, each with colours of its own.
//!
//! `layerlab build . 2>errors` has colours on the terminal and none in the file, and the other way round.

use std::io::{self, Write as _};

use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;
use crate::view::palette::{ColorChoice, Palette};
use crate::view::screen::Screen;

/// The two streams for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ui {
    /// The colours of standard output.
    pub(crate) palette: Palette,
    errors: Palette,
}

impl Ui {
    /// The streams of this process, under the user's choice of colours.
    pub(crate) fn new(color: ColorChoice) -> Ui {
        Ui { palette: Palette::for_stdout(color), errors: Palette::for_stderr(color) }
    }

    /// Standard output, in colour where it can have them.
    pub(crate) fn out(&self) -> Screen<'static> {
        Screen::stdout(self.palette)
    }

    /// Standard output for what has no colours: a table, a document.
    pub(crate) fn plain(&self) -> Screen<'static> {
        Screen::stdout(Palette::PLAIN)
    }

    /// Standard error.
    pub(crate) fn errors(&self) -> Screen<'static> {
        Screen::stderr(self.errors)
    }

    /// Standard output for bytes that another program reads; `None` where it is a terminal.
    pub(crate) fn bytes(&self) -> Option<Box<dyn io::Write>> {
        Screen::bytes()
    }

    /// Draws messages on standard error. `source` is the text that they point into.
    pub(crate) fn report(&self, diagnostics: &[Diagnostic], source: Option<&SourceFile>) {
        let mut stderr = self.errors();
        for diagnostic in diagnostics {
            // Nobody is left to be told when standard error is closed.
            let _ = writeln!(stderr, "{}", self.errors.diagnostic(&diagnostic.render(source)).trim_end());
        }
    }

    /// Says something on standard error that is neither an error nor a warning.
    pub(crate) fn note(&self, text: &str) {
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(self.errors(), "{text}");
    }

    /// Draws what clap says of arguments that it did not understand.
    pub(crate) fn usage(&self, message: &clap::builder::StyledStr) {
        let mut stderr = self.errors();
        let text = if self.errors.is_enabled() { message.ansi().to_string() } else { message.to_string() };
        // Nobody is left to be told when standard error is closed.
        let _ = write!(stderr, "{text}");
    }
}
