//! `layerlab network prune`: networks that no container uses.

use clap::Args;

use crate::cli::deleted::{self, Deleted};
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::pruning::{AGE_AND_LABELS, Pruning};
use crate::cli::ui::Ui;
use crate::runtime;
use crate::runtime::events::{self, Kind};
use crate::runtime::network;
use crate::world::World;

/// Remove all networks that no container uses.
#[derive(Debug, Args)]
pub(super) struct Prune {
    #[command(flatten)]
    pruning: Pruning,
}

impl Prune {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let filters = self.pruning.filters(AGE_AND_LABELS)?;
        if !self.pruning.is_agreed(ui, "This will remove all custom networks not used by at least one container.")? {
            return Ok(());
        }
        deleted::list(ui, &[prune(world, &filters)?])
    }
}

/// Removes those that no container uses, as far as they fit the filters.
pub(in crate::cli) fn prune(world: &World, filters: &Filters) -> Result<Deleted, Failure> {
    let mut wanted = Vec::new();
    for network in network::list(world.home())? {
        let goes = !network.is_predefined()
            && filters.fit_age(world.clock.seconds(), Some(&network.created))?
            && filters.fit_labels(&network.labels);
        wanted.extend(goes.then_some(network));
    }
    let mut gone = Deleted { title: "Deleted Networks", lines: Vec::new(), bytes: 0 };
    for network in runtime::remove_unused_networks(world, wanted)? {
        events::of_named(world.home(), &world.clock, Kind::Network, "destroy", &network.id, &network.name);
        gone.lines.push(network.name);
    }
    Ok(gone)
}
