//! `layerlab system prune`: everything that nothing uses, with one question.

use std::sync::Arc;

use clap::Args;

use crate::cli::commands::{container, image, network, store, volume};
use crate::cli::deleted::{self, Deleted};
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::interrupts;
use crate::cli::pruning::{AGE_AND_LABELS, Pruning};
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::upkeep::prune::{Forgotten, Images, Wish};
use crate::view::units;
use crate::world::World;

/// Remove what nothing uses: containers that do not run, networks, images without a name, old steps of the cache.
///
/// Example: `docker system prune --all --volumes --force`
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Remove all images that no container uses, and the whole cache
    #[arg(short, long)]
    all: bool,
    /// Remove volumes without a name that no container uses, too
    #[arg(long)]
    volumes: bool,
    #[command(flatten)]
    pruning: Pruning,
}

impl Prune {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let filters = self.pruning.filters(AGE_AND_LABELS)?;
        if self.volumes && filters.has("until") {
            return Err(Diagnostic::error(
                "`--volumes` and the filter `until` exclude each other: volumes have no age here",
            )
            .hint("remove volumes by themselves: `layerlab volume prune`")
            .into());
        }
        if !self.pruning.is_agreed(ui, &self.warning(&filters))? {
            return Ok(());
        }
        interrupts::catch(world.interrupt());
        // Containers first: what they use is free then.
        let mut gone = vec![container::prune::prune(world, &filters, ui)?];
        if self.volumes {
            gone.push(volume::prune::prune(world, false, &filters)?);
        }
        gone.push(network::prune::prune(world, &filters)?);
        gone.push(image::prune::prune(world, ui, self.all, &filters)?);
        if filters.is_empty() {
            gone.push(self.forget(world, ui)?);
        }
        deleted::show(ui, &gone)
    }

    fn warning(&self, filters: &Filters) -> String {
        let mut goes = vec!["all stopped containers", "all networks not used by at least one container"];
        goes.extend(self.volumes.then_some("all anonymous volumes not used by at least one container"));
        goes.push(match self.all {
            true => "all images without at least one container associated to them",
            false => "all dangling images",
        });
        if filters.is_empty() {
            goes.push(if self.all { "all build cache" } else { "all build cache not used for 30 days" });
        }
        let lines: String = goes.iter().map(|what| format!("  - {what}\n")).collect();
        format!("This will remove:\n{lines}")
    }

    /// Forgets steps of the cache, and removes what only they need.
    fn forget(&self, world: &World, ui: &Ui) -> Result<Deleted, Failure> {
        let cache = if self.all { Forgotten::Everything } else { Forgotten::UnusedFor(store::prune::LONG) };
        let wish = Wish { images: Images::Unnamed, cache, mounts: cache };
        let pruned = store::prune::carry_out(world, &wish)?;
        store::prune::tell_problems(&pruned, ui)?;
        let lines = if pruned.records == 0 { Vec::new() } else { vec![units::count(pruned.records as u64, "step")] };
        Ok(Deleted { title: "Deleted build cache", lines, bytes: pruned.bytes() })
    }
}
