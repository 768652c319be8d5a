//! `layerlab attach`: our terminal connected to a container that runs.

use std::sync::Arc;

use clap::Args;

use super::control::must_run;
use super::outcome::{Leaving, Proxy, ended};
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
    #[command(flatten)]
    proxy: Proxy,
    #[command(flatten)]
    leaving: Leaving,
    /// The container
    container: String,
}

impl Attach {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let (stored, session) = must_run(world, &self.container)?;
        if matches!(stored.status, Status::Paused(_)) {
            return Err(Diagnostic::error(format!("container {} is paused", self.container))
                .hint("`layerlab unpause` resumes it")
                .into());
        }
        let streams = Streams {
            input: !self.no_stdin,
            keys: self.leaving.keys()?,
            terminal: stored.record.process.terminal == Terminal::Yes,
            proxy: self.proxy.sig_proxy,
        };
        let parted = session.attach(streams, &mut |notice| ui.note(notice))?;
        if let Parted::Detached = parted {
            ui.note("detached: the container goes on");
        }
        ended(parted)
    }
}
