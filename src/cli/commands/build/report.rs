//! `build --report`: the build as a page, written when it is over.
//!
//! Whether the file can be written is found out before anything is built. The page of a build that failed shows where; of one that was
//! stopped by Ctrl-C there is none, and an earlier page stays.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::context::Context;
use crate::debugger::{Replacement, review};
use crate::diagnostic::Diagnostic;
use crate::machine::{Finished, Machine};
use crate::shown;
use crate::view::html;
use crate::view::report::{self, Notes};
use crate::view::units;
use crate::world::World;

/// The option for it.
#[derive(Debug, Default, Args)]
pub(super) struct ReportOptions {
    /// When the build is over, write a page about it: an HTML file that needs nothing else
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Whether standard output is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    People,
    Programs,
}

impl ReportOptions {
    /// Whether there is to be one.
    pub(super) fn is_wanted(&self) -> bool {
        self.report.is_some()
    }

    /// Looks whether the file can be written, before anything happens.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match &self.report {
            Some(path) => {
                Replacement::begin(path)?;
                if is_something_else(path) {
                    let message = format!(
                        "`{}` is there already, and is not an HTML page",
                        shown::line(&path.display().to_string())
                    );
                    return Err(Diagnostic::error(message)
                        .hint("name another file for the report: this one would be lost")
                        .into());
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Writes the page, where one is asked for.
    pub(super) fn write(
        &self,
        machine: &Machine,
        world: &World,
        notes: &Notes,
        finished: Option<&Finished>,
        (ui, told): (&Ui, Told),
    ) -> Result<(), Failure> {
        let Some(path) = &self.report else { return Ok(()) };
        let name = shown::line(&path.display().to_string()).into_owned();
        if world.interrupt().is_requested() {
            ui.note(&format!("note: `{name}` was not written: the build was stopped"));
            return Ok(());
        }
        let page = report::page(&review(machine, world, finished), notes);
        let refused = |error: crate::debugger::Error| match finished {
            Some(_) => Diagnostic::error(format!("the image is built, but its report was not written: {error}")).into(),
            None => Failure::from(error),
        };
        Replacement::begin(path).and_then(|file| file.finish(page.as_bytes())).map_err(refused)?;
        if told == Told::People {
            writeln!(ui.out(), "Report written to {name}  {}", units::size(page.len() as u64))?;
        }
        if is_in_context(path, machine, world) {
            ui.note(&format!(
                "note: `{name}` is in the build context: a `COPY .` would copy it, and miss whenever it changes. `.dockerignore` can exclude it"
            ));
        }
        Ok(())
    }
}

/// Whether a file holds what no report was: a Dockerfile, say, that was named by mistake.
fn is_something_else(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(html::DOCTYPE.len() as u64).read_to_end(&mut beginning));
    read.is_ok() && !beginning.is_empty() && !beginning.eq_ignore_ascii_case(html::DOCTYPE.as_bytes())
}

/// Whether COPY would see a file.
fn is_in_context(path: &Path, machine: &Machine, world: &World) -> bool {
    let (Some(folder), dockerfile) = machine.places() else { return false };
    let Ok(context) = Context::open(folder, dockerfile, world.store.limits()) else { return false };
    let (Ok(path), Ok(folder)) = (path.canonicalize(), folder.canonicalize()) else { return false };
    path.strip_prefix(folder)
        .is_ok_and(|inside| !context.patterns().excludes(inside.as_os_str().as_encoded_bytes()).unwrap_or(false))
}
