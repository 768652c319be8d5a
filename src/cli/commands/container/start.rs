//! `layerlab start` and `restart`: containers that are there already.

use std::sync::Arc;

use clap::Args;

use super::control::{must_run, stop};
use super::outcome::{Leaving, each, ended, not_started};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::Terminal;
use crate::diagnostic::Diagnostic;
use crate::runtime::{self, Parted, Streams};
use crate::world::World;

/// Start containers that are not running.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Show the container's output, and pass signals on to it
    #[arg(short, long)]
    attach: bool,
    /// Give the container our standard input
    #[arg(short, long)]
    interactive: bool,
    #[command(flatten)]
    leaving: Leaving,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Start {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        if !self.attach && !self.interactive {
            return each(&self.containers, ui, |name| begin(world, name));
        }
        let [name] = self.containers.as_slice() else {
            return Err(Diagnostic::error("only one container can be started and attached to at once").into());
        };
        let keys = self.leaving.keys()?;
        let stored = runtime::find(world, name)?;
        // One that runs already is only attached to, unless it ends just now.
        let running = stored.status.has_monitor().then(|| must_run(world, name)).and_then(Result::ok);
        let session = match running {
            Some((_, session)) => session,
            None => runtime::start(world, runtime::claim(world, &stored.record.id)?)?,
        };
        let streams = Streams {
            input: self.interactive,
            keys,
            terminal: stored.record.process.terminal == Terminal::Yes,
            proxy: self.attach,
        };
        ended(session.attach(streams, &mut |notice| ui.note(notice))?)
    }
}

/// Starts a container. One that runs already goes on.
fn begin(world: &Arc<World>, name: &str) -> Result<(), Failure> {
    let stored = runtime::find(world, name)?;
    if stored.status.has_monitor() {
        return Ok(());
    }
    match runtime::start(world, runtime::claim(world, &stored.record.id)?)?.until_started() {
        Some(Parted::Failed(failed)) => Err(not_started(failed)),
        Some(parted @ Parted::Lost) => ended(parted),
        Some(Parted::Ended(_) | Parted::Again(_) | Parted::Detached | Parted::Signalled(_) | Parted::Broken) | None => {
            Ok(())
        }
    }
}

/// Stop containers, and start them again.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// How many seconds they have to end before they are killed
    #[arg(short = 't', long = "time", alias = "timeout", value_name = "SECONDS")]
    time: Option<i64>,
    /// The signal that asks them to end
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Restart {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let signal = self.signal.as_deref().map(super::options::signal).transpose()?;
        each(&self.containers, ui, |name| {
            stop(world, name, signal, self.time)?;
            begin(world, name)
        })
    }
}
