//! `layerlab run`: a new container, in the foreground or on its own.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::options::{Made, Options};
use super::outcome::{Leaving, Proxy, ended, not_started};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::machine::lacking::{self, NOT_FOUND};
use crate::runtime::{self, Ask, Parted, Streams};
use crate::view::pictures;
use crate::world::World;

/// Run a command in a new container.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Run {
    /// Run the container in the background, and print its id
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    leaving: Leaving,
    /// Draw the container and run nothing, unlike with other commands; with `=list`, print every operation and why
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "boxes", hide_possible_values = true)]
    explain: Option<Explained>,
    #[command(flatten)]
    options: Options,
}

/// How a container that is not run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Explained {
    /// As boxes within boxes.
    Boxes,
    /// As the list of operations, with reasons.
    List,
}

impl Run {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let Options { tty, interactive, .. } = self.options;
        if tty && interactive && !self.detach && self.explain.is_none() && !std::io::stdin().is_terminal() {
            return Err(Diagnostic::error("the input device is not a terminal")
                .hint("omit `-t` when standard input is a pipe or a file")
                .into());
        }
        match self.explain {
            Some(Explained::List) => return ui.lines(&self.options.plan(world, ui)?.to_string()),
            Some(Explained::Boxes) => {
                let text = pictures::boxes(&ui.layout(&world.clock), &self.options.plan(world, ui)?);
                return Ok(ui.out().write_all(text.as_bytes())?);
            }
            None => {}
        }
        let keys = self.leaving.keys()?;
        let Made { container, image } = self.options.create(world, !self.detach, ui)?;
        let id = container.record.id.clone();
        let if_missing = || self.options.if_missing(world, &image);
        let session = runtime::start(world, container)?;
        if self.detach {
            return match session.until_started() {
                Some(Parted::Failed(failed)) => Err(with_note(not_started(failed), if_missing)),
                Some(parted @ Parted::Lost) => ended(parted),
                Some(
                    Parted::Ended(_) | Parted::Again(_) | Parted::Detached | Parted::Signalled(_) | Parted::Broken,
                )
                | None => Ok(writeln!(ui.plain(), "{id}")?),
            };
        }
        let streams = Streams { input: interactive, terminal: tty, keys, proxy: self.proxy.sig_proxy };
        let parted = session.attach(streams, &mut |notice| ui.note(notice))?;
        if let (Parted::Broken, true) = (&parted, self.options.rm) {
            // Nobody wants what it writes, and nobody would ever end it.
            let _ = session.ask(&Ask::Signal(libc::SIGKILL));
            session.until_the_end();
        }
        if let Parted::Ended(NOT_FOUND) | Parted::Again(NOT_FOUND) = parted
            && let Some(note) = lacking::of_a_shell(&image.config.config)
        {
            ui.note(&format!("note: {note}"));
        }
        ended(parted).map_err(|failure| with_note(failure, if_missing))
    }
}

/// The failure of a command that is not there, with what may be the reason.
fn with_note(mut failure: Failure, if_missing: impl FnOnce() -> Option<String>) -> Failure {
    if failure.status.map(i32::from) == Some(NOT_FOUND)
        && let Some(diagnostic) = failure.diagnostics.first_mut()
        && let Some(note) = if_missing()
    {
        diagnostic.hint = Some(note);
    }
    failure
}
