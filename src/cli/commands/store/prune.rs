//! `layerlab prune`: make room.

use std::io::Write as _;

use clap::Args;
use serde_json::json;

use super::names::name;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::{Diagnostic, Explained as _, Severity};
use crate::runtime::mounts::cache::Kept;
use crate::shown;
use crate::upkeep::prune::{self, Forgotten, Images, Pruned, Wish};
use crate::view::table::TooWide;
use crate::view::{Scene, json, units};
use crate::world::World;

/// Steps that were not used for so long are forgotten, in seconds.
pub(in crate::cli) const LONG: i64 = 30 * 24 * 3600;

/// Remove unused data, and data that can be recreated.
///
/// Removes images without a name, copies of layers, blobs that nothing needs, and steps and cache mounts that were not used for 30 days. Keeps images with a
/// name, volumes, and what another process uses.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Prune {
    /// Remove the whole cache, however recently it was used
    #[arg(short, long)]
    all: bool,
    /// Only look at the cache
    #[arg(long)]
    cache: bool,
    /// Remove the least recently used steps until what only the cache needs is at most this large, and cache mounts likewise, such as `2.5GB`
    #[arg(long, value_name = "SIZE", conflicts_with_all = ["all", "until"], value_parser = parse_size)]
    keep_storage: Option<u64>,
    /// Remove the cache mounts of RUN, whenever they were used, and nothing else
    #[arg(long, conflicts_with_all = ["all", "cache"])]
    cache_mounts: bool,
    /// Remove steps and cache mounts that were not used for this long, such as `12h` or `7d` (default: 30d)
    #[arg(long, value_name = "DURATION", conflicts_with = "all", value_parser = parse_duration)]
    until: Option<i64>,
    /// Print what would be removed, without removing it
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Accepted and without effect: there is no question to answer
    #[arg(short, long, hide = true)]
    force: bool,
}

impl Prune {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let mut out = ui.plain().with_live(world.meter());
        out.begin(Scene::Below);
        let cache = match (self.all, self.keep_storage) {
            (true, _) => Forgotten::Everything,
            (false, Some(bytes)) => Forgotten::Beyond(bytes),
            (false, None) => Forgotten::UnusedFor(self.until.unwrap_or(LONG)),
        };
        let wish = match (self.cache_mounts, self.cache) {
            (true, _) => {
                let wanted = self.until.is_some() || self.keep_storage.is_some();
                let mounts = if wanted { cache } else { Forgotten::Everything };
                Wish { images: Images::Stay, cache: Forgotten::Nothing, mounts }
            }
            (false, true) => Wish { images: Images::Stay, cache, mounts: cache },
            (false, false) => Wish { images: Images::Unnamed, cache, mounts: cache },
        };
        let pruned = if self.dry_run { prune::foresee(&world.store, &wish)? } else { carry_out(world, &wish)? };
        out.end()?;
        tell_problems(&pruned, ui)?;
        if self.json {
            return Ok(writeln!(ui.plain(), "{}", json::pretty(&document(&pruned))?)?);
        }
        self.show(&pruned, ui)
    }

    fn show(&self, pruned: &Pruned, ui: &Ui) -> Result<(), Failure> {
        let row = |what: &str, count: usize, size: String| vec![what.to_owned(), count.to_string(), size];
        let mut rows = Vec::new();
        for (what, count) in [("images without a name", pruned.images), ("steps of the cache", pruned.records)] {
            if count > 0 {
                rows.push(row(what, count, String::new()));
            }
        }
        rows.extend(pruned.mounts.iter().map(|(id, bytes)| row(&format!("cache mount {id}"), 1, units::size(*bytes))));
        rows.extend(pruned.files.iter().map(|(sort, (count, bytes))| row(name(*sort), *count, units::size(*bytes))));
        let mut out = ui.plain();
        if !rows.is_empty() {
            ui.table(&["WHAT", "COUNT", "SIZE"], &rows, TooWide::Cut)?;
            writeln!(out)?;
        }
        let total = if self.dry_run { "Would be reclaimed" } else { "Total reclaimed space" };
        writeln!(out, "{total}: {}", units::docker_size(pruned.bytes(), 4))?;
        if pruned.in_use > 0 {
            let blobs = units::count(pruned.in_use as u64, "blob");
            ui.note(&shown::line(&format!("note: another layerlab process uses {blobs} that nothing else needs")));
        }
        Ok(())
    }
}

/// Removes what is wished.
///
/// # Errors
/// The store can't be read or written.
pub(in crate::cli) fn carry_out(world: &World, wish: &Wish) -> Result<Pruned, Failure> {
    let remove = |folder: &std::path::Path| -> Result<(), Failure> { Ok(world.identity.remove_dir_all(folder)?) };
    let remove_cache = |cache: &Kept| -> Result<bool, Failure> { Ok(cache.remove(&world.identity)?) };
    prune::prune(&world.store, wish, remove, remove_cache)
}

/// Tells what was strange.
///
/// # Errors
/// An image is damaged, so nothing was removed.
pub(in crate::cli) fn tell_problems(pruned: &Pruned, ui: &Ui) -> Result<(), Failure> {
    for strange in &pruned.strange {
        ui.report(&[strange.diagnostic().severity(Severity::Warning)], None);
    }
    match pruned.damaged.first() {
        None => Ok(()),
        Some(error) => Err(Diagnostic::error(format!("nothing is removed while an image is damaged: {error}"))
            .hint("`layerlab store verify` lists what is damaged; `layerlab rmi` removes an image")
            .into()),
    }
}

fn document(pruned: &Pruned) -> serde_json::Value {
    let files = pruned.files.iter();
    let files = files.map(|(sort, (count, bytes))| json!({"what": name(*sort), "count": count, "bytes": bytes}));
    json!({
        "images": pruned.images,
        "steps": pruned.records,
        "cache_mounts": pruned.mounts.iter().map(|(id, bytes)| json!({"id": id, "bytes": bytes})).collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
        "bytes": pruned.bytes(),
        "blobs_in_use": pruned.in_use,
    })
}

fn parse_size(text: &str) -> Result<u64, String> {
    units::parse_size(text).ok_or_else(|| "expected a size such as `500MB` or `2.5GB`".to_owned())
}

fn parse_duration(text: &str) -> Result<i64, String> {
    units::parse_duration(text).ok_or_else(|| "expected a duration such as `90m`, `12h` or `7d`".to_owned())
}
