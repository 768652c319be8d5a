//! `layerlab update`: other limits, or another restart policy, for containers that are there.

use std::sync::Arc;

use clap::Args;

use super::options::Shares;
use super::outcome::each;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::runtime::care::Restart;
use crate::runtime::{self, Ask, Session, Status};
use crate::world::World;

/// Change the limits and the restart policy of containers.
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab update --memory 128m --restart on-failure:3 web")]
pub(crate) struct Update {
    #[command(flatten)]
    shares: Shares,
    /// When the container starts again: `no`, `on-failure[:COUNT]`, `always`, `unless-stopped`
    #[arg(long, value_name = "POLICY")]
    restart: Option<String>,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Update {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let restart = self.restart.as_deref().map(Restart::parse).transpose()?;
        each(&self.containers, ui, |name| {
            let stored = runtime::find(world, name)?;
            let before = &stored.record.allowance.resources;
            let resources = self.shares.over(before)?;
            // First those that hold now: what can't be had is not written down.
            runtime::check_resources(&resources)?;
            // One that waits for its next start has no processes to be limited.
            if resources != *before
                && matches!(stored.status, Status::Running(_) | Status::Paused(_))
                && let Some(session) = Session::open(world, &stored.record.id)?
            {
                session.ask(&Ask::Limit(resources.clone()))?;
            }
            Ok(runtime::change(world, &stored.record.id, |record| {
                record.allowance.resources = resources;
                record.care.restart = restart.unwrap_or(record.care.restart);
            })?)
        })
    }
}
