//! `layerlab container prune`: containers that do not run.

use std::sync::Arc;

use clap::Args;

use super::size::sizes;
use crate::cli::deleted::{self, Deleted};
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::pruning::{AGE_AND_LABELS, Pruning};
use crate::cli::ui::Ui;
use crate::diagnostic::{Explained as _, Severity};
use crate::runtime::{self, Anonymous};
use crate::world::World;

/// Remove all containers that do not run.
///
/// Example: `docker container prune --force --filter until=24h`
#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[command(flatten)]
    pruning: Pruning,
}

impl Prune {
    pub(super) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let filters = self.pruning.filters(AGE_AND_LABELS)?;
        if !self.pruning.is_agreed(ui, "This will remove all stopped containers.")? {
            return Ok(());
        }
        deleted::show(ui, &[prune(world, &filters, ui)?])
    }
}

/// Removes those that do not run and fit the filters.
pub(in crate::cli) fn prune(world: &Arc<World>, filters: &Filters, ui: &Ui) -> Result<Deleted, Failure> {
    let (containers, damaged) = runtime::list(world)?;
    for error in &damaged {
        ui.report(&[error.diagnostic().severity(Severity::Warning)], None);
    }
    let mut gone = Deleted { title: "Deleted Containers", lines: Vec::new(), bytes: 0 };
    for stored in containers {
        let is_old = filters.fit_age(world.clock.seconds(), Some(&stored.record.created))?;
        if stored.is_running() || !is_old || !filters.fit_labels(&stored.record.labels) {
            continue;
        }
        let (written, _) = sizes(world, &stored)?;
        match runtime::claim(world, &stored.record.id) {
            Ok(claimed) => claimed.remove(world, Anonymous::Kept)?,
            // Somebody has started it, or removed it.
            Err(runtime::Error::Running(_) | runtime::Error::NoContainer(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        gone.lines.push(stored.record.id);
        gone.bytes += written;
    }
    Ok(gone)
}
