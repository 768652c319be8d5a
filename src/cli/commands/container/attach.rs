//! `layerlab attach`: our terminal connected to a container that runs.

use std::sync::Arc;

use clap::Args;

use super::control::must_run;
use super::outcome::ended;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::Terminal;
use crate::diagnostic::Diagnostic;
use crate::runtime::{Parted, Status, Streams};
use crate::world::World;

/// Connect this terminal to a running container: Ctrl-P Ctrl-Q leaves it.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Only show the output
    #[arg(long)]
    no_stdin: bool,
    /// Pass signals on to the container
    #[arg(
        long,
        value_name = "true|false",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    sig_proxy: bool,
    /// The container
    container: String,
}

impl Attach {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let (stored, session) = must_run(world, &self.container)?;
        if matches!(stored.status, Status::Paused(_)) {
            return Err(Diagnostic::error(format!("container {} is paused", self.container))
                .hint("`unpause` resumes it")
                .into());
        }
        let streams = Streams {
            input: !self.no_stdin,
            terminal: stored.record.process.terminal == Terminal::Yes,
            proxy: self.sig_proxy,
        };
        let parted = session.attach(streams, &mut |notice| ui.note(notice))?;
        if let Parted::Detached = parted {
            ui.note("detached: the container goes on");
        }
        ended(parted)
    }
}
