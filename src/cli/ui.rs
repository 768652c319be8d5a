//! What a command writes to: standard output and standard error, each with colours and a width of its own.
//!
//! `layerlab build . 2>errors` has colours on the terminal and none in the file, and the other way round.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write as _};

use super::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;
use crate::view::layout::Layout;
use crate::view::message::message;
use crate::view::page;
use crate::view::palette::{ColorChoice, Palette};
use crate::view::screen::{Screen, Width};
use crate::view::table::{self, Columns, TooWide};
use crate::world::Clock;

/// The two streams for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ui {
    /// The colours of standard output.
    pub(crate) palette: Palette,
    errors: Palette,
    /// The name by which messages and help name this program.
    pub(crate) called: Called,
}

/// The name by which this program was called, and by which messages and help name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Layerlab,
    Docker,
}

impl Called {
    /// The name itself.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Called::Layerlab => "layerlab",
            Called::Docker => "docker",
        }
    }

    /// A sentence in which commands of this program are named: `` `layerlab ps` ``.
    fn naming<'t>(self, text: &'t str) -> Cow<'t, str> {
        match self {
            Called::Layerlab => text.into(),
            Called::Docker => text.replace("`layerlab ", "`docker ").into(),
        }
    }
}

impl Ui {
    /// The streams of this process, under the user's choice of colours.
    pub(crate) fn new(color: ColorChoice, called: Called) -> Ui {
        Ui { palette: Palette::for_stdout(color), errors: Palette::for_stderr(color), called }
    }

    /// Standard output, in colour where it can have them.
    pub(crate) fn out(&self) -> Screen<'static> {
        Screen::stdout(self.palette)
    }

    /// Standard output for what has no colours: a table, a document.
    pub(crate) fn plain(&self) -> Screen<'static> {
        Screen::stdout(Palette::PLAIN)
    }

    /// The layout for standard output as it is now.
    pub(crate) fn layout(&self, clock: &Clock) -> Layout {
        Layout::new(self.palette, clock, Width::of_stdout())
    }

    /// Shows a table: as wide as the terminal at most, in a pipe a line for each row.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn table(&self, header: &[&str], rows: &[Vec<String>], too_wide: TooWide) -> Result<(), Failure> {
        let columns = Width::of_stdout().of_lines();
        Ok(self.plain().write_all(table::render(header, rows, columns, too_wide).as_bytes())?)
    }

    /// As [`Ui::table`], of rows that are made when they are needed, so that a long table is never in memory as a whole: each twice, once
    /// for the widths.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn long_table<R: Iterator<Item = Vec<String>>>(
        &self,
        header: &[&str],
        rows: impl Fn() -> R,
        too_wide: TooWide,
    ) -> Result<(), Failure> {
        let columns = Columns::of(header, rows(), Width::of_stdout().of_lines(), too_wide);
        let mut out = self.plain();
        out.write_all(columns.row(header).as_bytes())?;
        for row in rows() {
            out.write_all(columns.row(&row).as_bytes())?;
        }
        Ok(())
    }

    /// Shows lines: broken where the terminal is too narrow, in a pipe as they are.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn lines(&self, text: &str) -> Result<(), Failure> {
        let columns = Width::of_stdout().of_lines();
        Ok(self.plain().write_all(table::fill(text, columns).as_bytes())?)
    }

    /// Shows a page of Markdown: laid out for reading at a terminal, in a pipe as it is.
    ///
    /// # Errors
    /// What writing says.
    pub(crate) fn page(&self, markdown: &str) -> Result<(), Failure> {
        match Width::of_stdout() {
            Width::Terminal(columns) => {
                Ok(self.out().write_all(page::page(markdown, self.palette, columns).as_bytes())?)
            }
            Width::Piped(_) | Width::Anywhere => Ok(self.plain().write_all(markdown.as_bytes())?),
        }
    }

    /// Standard error.
    pub(crate) fn errors(&self) -> Screen<'static> {
        Screen::stderr(self.errors)
    }

    /// Standard output for bytes that another program reads; `None` where it is a terminal.
    pub(crate) fn bytes(&self) -> Option<Box<dyn io::Write>> {
        Screen::bytes()
    }

    /// Standard error for bytes that another program reads; `None` where it is a terminal.
    pub(crate) fn error_bytes(&self) -> Option<Box<dyn io::Write>> {
        Screen::error_bytes()
    }

    /// Draws messages on standard error. `source` is the text that they point into. Advice that several have, and that is about no place in a
    /// text, comes once, behind the last of them.
    pub(crate) fn report(&self, diagnostics: &[Diagnostic], source: Option<&SourceFile>) {
        let mut stderr = self.errors();
        let columns = Width::of_stderr().of_lines();
        let mut said = BTreeSet::new();
        let mut told: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics.iter().rev() {
            let is_new = diagnostic.span().is_some() || said.insert(&diagnostic.hint);
            told.push(Diagnostic { hint: diagnostic.hint.clone().filter(|_| is_new), ..diagnostic.clone() });
        }
        for diagnostic in told.iter().rev() {
            let diagnostic = &diagnostic.clone().reworded(|text| self.called.naming(text).into_owned());
            // Nobody is left to be told when standard error is closed.
            let _ = stderr.write_all(message(diagnostic, source, self.errors, columns).as_bytes());
        }
    }

    /// Says something on standard error that is neither an error nor a warning.
    pub(crate) fn note(&self, text: &str) {
        // Nobody is left to be told when standard error is closed.
        let _ = self
            .errors()
            .write_all(table::hang("", &self.called.naming(text), Width::of_stderr().of_lines()).as_bytes());
    }

    /// Shows lines on standard error, as [`Ui::lines`] does on standard output.
    pub(crate) fn told(&self, text: &str) {
        // Nobody is left to be told when standard error is closed.
        let _ = self.errors().write_all(table::fill(text, Width::of_stderr().of_lines()).as_bytes());
    }

    /// Draws what clap says of arguments that it did not understand.
    pub(crate) fn usage(&self, message: &clap::builder::StyledStr) {
        let mut stderr = self.errors();
        let text = if self.errors.is_enabled() { message.ansi().to_string() } else { message.to_string() };
        // Nobody is left to be told when standard error is closed.
        let _ = write!(stderr, "{text}");
    }
}
