//! `layerlab volume prune`: volumes that no container uses.

use std::collections::BTreeMap;

use clap::Args;

use crate::cli::deleted::{self, Deleted};
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::pruning::Pruning;
use crate::cli::ui::Ui;
use crate::runtime::volume::going;
use crate::runtime::volume::kept::{self, Removal, Sort};
use crate::upkeep::size_of;
use crate::world::World;

/// Remove volumes that no container uses.
///
/// Those that somebody has named stay, unless `--all` is given.
#[derive(Debug, Args)]
#[command(
    long_about = None,
    mut_arg("filter", |filter| filter.help("Only remove some: `label=NAME[=VALUE]`, `label!=NAME[=VALUE]`, `all=true`"))
)]
pub(super) struct Prune {
    /// Also remove volumes with a name
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    pruning: Pruning,
}

impl Prune {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let filters = self.pruning.filters(&["label", "label!", "all"])?;
        let all = self.all || filters.truth("all")?.unwrap_or(false);
        let which = if all { "all" } else { "anonymous" };
        let warning = format!("This will remove {which} local volumes not used by at least one container.");
        if !self.pruning.is_agreed(ui, &warning)? {
            return Ok(());
        }
        deleted::show(ui, &[prune(world, all, &filters)?])
    }
}

/// Removes volumes that no container uses: those without a name, or all, as far as they fit the filters.
pub(in crate::cli) fn prune(world: &World, all: bool, filters: &Filters) -> Result<Deleted, Failure> {
    let used = going::users(world.home())?;
    let (volumes, _) = kept::list(world.home())?;
    let goes = |volume: &kept::Kept| {
        !used.contains_key(&volume.name)
            && (all || volume.record.sort == Sort::Anonymous)
            && filters.fit_labels(&volume.record.labels)
    };
    let measured = |volume: kept::Kept| {
        let bytes = world.identity.within(|| size_of(&kept::data(world.home(), &volume.name)))?;
        Ok((volume.name, bytes))
    };
    let going: BTreeMap<String, u64> =
        volumes.into_iter().filter(goes).map(measured).collect::<Result<_, Failure>>()?;
    let names: Vec<&str> = going.keys().map(String::as_str).collect();
    // A container may have begun to use one since it was looked at: then that stays.
    let removals = going::remove(world, &names)?;
    let gone = || going.iter().zip(&removals).filter(|(_, removal)| **removal == Removal::Removed);
    let lines = gone().map(|((name, _), _)| name.clone()).collect();
    Ok(Deleted { title: "Deleted Volumes", lines, bytes: gone().map(|((_, bytes), _)| bytes).sum() })
}
