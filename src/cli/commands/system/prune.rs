//! `layerlab system prune`: everything that nothing uses, with one question.

use std::sync::Arc;

use clap::Args;

use crate::cli::commands::{container, image, volume};
use crate::cli::confirm::confirmed;
use crate::cli::deleted::{self, Deleted};
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::runtime::mounts::cache::Kept;
use crate::upkeep::prune::{self, Forgotten, Images, Wish};
use crate::view::units;
use crate::world::World;

/// Steps of the cache that were not used for so long are forgotten, in seconds.
const LONG: i64 = 30 * 24 * 3600;

/// Remove what nothing uses: containers that do not run, images without a name, old steps of the cache.
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
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Only remove some: `until=AGE`, such as `24h`, `label=NAME[=VALUE]`, `label!=NAME[=VALUE]`
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
}

impl Prune {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let filters = Filters::parse(&self.filter, container::prune::KNOWN)?;
        if !self.force && !confirmed(ui, &self.warning())? {
            return Ok(());
        }
        interrupts::catch(world.interrupt());
        // Containers first: what they use is free then.
        let mut gone = vec![container::prune::prune(world, &filters, ui)?];
        if self.volumes {
            gone.push(volume::prune::prune(world, false, &filters)?);
        }
        gone.push(image::prune::prune(world, ui, self.all, &filters)?);
        if filters.is_empty() {
            gone.push(self.forget(world)?);
        }
        deleted::show(ui, &gone)
    }

    fn warning(&self) -> String {
        let mut goes = vec!["all stopped containers"];
        goes.extend(self.volumes.then_some("all anonymous volumes not used by at least one container"));
        goes.push(match self.all {
            true => "all images without at least one container associated to them",
            false => "all dangling images",
        });
        if self.filter.is_empty() {
            goes.push(if self.all { "all build cache" } else { "all build cache not used for 30 days" });
        }
        let lines: String = goes.iter().map(|what| format!("  - {what}\n")).collect();
        format!("This will remove:\n{lines}")
    }

    /// Forgets steps of the cache, and removes what only they need.
    fn forget(&self, world: &World) -> Result<Deleted, Failure> {
        let cache = if self.all { Forgotten::Everything } else { Forgotten::UnusedFor(LONG) };
        let wish = Wish { images: Images::Unnamed, cache, mounts: cache };
        let remove = |folder: &std::path::Path| -> Result<(), Failure> { Ok(world.identity.remove_dir_all(folder)?) };
        let remove_cache = |cache: &Kept| -> Result<bool, Failure> { Ok(cache.remove(&world.identity)?) };
        let pruned = prune::prune(&world.store, &wish, remove, remove_cache)?;
        let lines = if pruned.records == 0 { Vec::new() } else { vec![units::count(pruned.records as u64, "step")] };
        Ok(Deleted { title: "Deleted build cache", lines, bytes: pruned.bytes() })
    }
}
