//! `layerlab image prune`: images that nobody has named, or that no container uses.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clap::Args;

use super::remove::{Left, collect, note_deleted, note_untagged};
use crate::cli::deleted::{self, Deleted};
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::interrupts;
use crate::cli::pruning::{AGE_AND_LABELS, Pruning};
use crate::cli::ui::Ui;
use crate::oci::Digest;
use crate::runtime;
use crate::shown;
use crate::store::Image;
use crate::world::World;

/// Remove images without a name, or all that no container uses.
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Remove all images that no container uses, with a name or without
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    pruning: Pruning,
}

impl Prune {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let filters = self.pruning.filters(AGE_AND_LABELS)?;
        let warning = match self.all {
            true => "This will remove all images without at least one container associated to them.",
            false => "This will remove all dangling images.",
        };
        if !self.pruning.is_agreed(ui, warning)? {
            return Ok(());
        }
        interrupts::catch(world.interrupt());
        deleted::show(ui, &[prune(world, ui, self.all, &filters)?])
    }
}

/// Removes images without a name, with `all` those that no container uses, as far as they fit the filters.
pub(in crate::cli) fn prune(world: &World, ui: &Ui, all: bool, filters: &Filters) -> Result<Deleted, Failure> {
    let going = going(world, all, filters)?;
    let in_registries = world.store.catalogue()?.in_registries;
    world.store.remove(&going.values().flatten().collect::<Vec<_>>(), &[])?;
    let gone = collect(world, ui)?;
    let in_use = match &gone.left {
        Left::InUse(blobs) => blobs,
        Left::Everything(reason) => {
            ui.note(&format!("note: {}: `layerlab prune` removes the rest later", shown::line(reason)));
            &BTreeSet::new()
        }
    };
    let mut lines = Vec::new();
    for (id, entries) in &going {
        entries.iter().for_each(|entry| note_untagged(world, entry));
        let names = entries.iter().filter_map(|entry| entry.reference.as_ref());
        // They go with the last entry.
        let digests = entries.first().into_iter().flat_map(|entry| in_registries.names(&entry.manifest.digest));
        lines.extend(names.chain(digests).map(|name| format!("untagged: {}", name.familiar())));
        if !in_use.contains(id) {
            note_deleted(world, id);
            lines.push(format!("deleted: {id}"));
        }
    }
    Ok(Deleted { title: "Deleted Images", lines, bytes: gone.bytes })
}

/// The entries that go, by the ids of their images. What a container uses stays.
fn going(world: &World, all: bool, filters: &Filters) -> Result<BTreeMap<Digest, Vec<Image>>, Failure> {
    let used: HashSet<Digest> =
        runtime::roots(world.home())?.into_iter().map(|container| container.image.manifest.digest).collect();
    let images = world.store.images()?;
    let named: HashSet<Digest> =
        images.iter().filter(|image| image.reference.is_some()).map(|image| image.manifest.digest).collect();
    let mut going: BTreeMap<Digest, Vec<Image>> = BTreeMap::new();
    for image in images {
        let digest = image.manifest.digest;
        // What can't be read is for `rmi`, by name.
        let Ok((manifest, config)) = world.store.load_image(&image.manifest) else { continue };
        let is_old = filters.fit_age(world.clock.seconds(), config.created.as_deref())?;
        if !used.contains(&digest)
            && (all || !named.contains(&digest))
            && is_old
            && filters.fit_labels(&config.config.labels)
        {
            going.entry(manifest.config.digest).or_default().push(image);
        }
    }
    Ok(going)
}
