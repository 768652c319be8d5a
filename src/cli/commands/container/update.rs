//! `layerlab update`: other limits, or another restart policy, for containers that are there.

use std::sync::Arc;

use clap::Args;

use super::options::Shares;
use super::outcome::each;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::runtime::care::Restart;
use crate::runtime::{self, Ask, Session, Status, Stored};
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
            if resources != *before
                && has_processes(&stored)
                && let Some(session) = Session::open(world, &stored.record.id)?
                && let Err(error) = session.ask(&Ask::Limit(resources.clone()))
                && runtime::find(world, &stored.record.id).is_ok_and(|now| has_processes(&now))
            {
                return Err(error.into());
            }
            Ok(runtime::change(world, &stored.record.id, |record| {
                record.allowance.resources = resources;
                record.care.restart = restart.unwrap_or(record.care.restart);
            })?)
        })
    }
}

/// One that has ended, or waits for its next start, has no processes to be limited: then what is written down is all.
fn has_processes(stored: &Stored) -> bool {
    match stored.status {
        Status::Running(_) | Status::Paused(_) => true,
        Status::Created | Status::Restarting(_) | Status::Exited(_) => false,
    }
}
