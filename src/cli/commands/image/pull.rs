//! `layerlab pull`: an image from a registry.

use clap::Args;

use super::load::load;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::parse_reference;
use crate::cli::pulling::{self, Transfer};
use crate::cli::ui::Ui;
use crate::images;
use crate::images::archive::{Input, Location};
use crate::oci::{Platform, Reference};
use crate::registry::Registries;
use crate::runtime::events::{self, Kind};
use crate::world::World;

/// Pull an image from a registry.
///
/// A name without a registry is on Docker Hub: `alpine` is `docker.io/library/alpine:latest`. What the store has already is not pulled again.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Pull {
    /// The image, by its name: `[REGISTRY/]NAME[:TAG|@DIGEST]`; or where it lies: `oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`
    name: String,
    #[command(flatten)]
    options: Transfer,
}

impl Pull {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        if let Some(place) = Location::existing(&self.name) {
            return load(world, ui, Input::Path(place.path), place.image);
        }
        let name = parse_reference(&self.name)?;
        let registries = Registries::open(world.home(), world.meter())?;
        self.options.check(&name)?;
        if self.options.all_tags {
            // What can't be a tag nobody could ask for.
            for name in registries.tags(&name)?.iter().filter_map(|tag| name.with_tag(tag)) {
                self.pull(world, ui, &registries, &name)?;
            }
            return Ok(());
        }
        if name.tag().is_none() && !name.has_digest() && !self.options.quiet {
            ui.lines("Using default tag: latest\n")?;
        }
        self.pull(world, ui, &registries, &name.with_default_tag())
    }

    fn pull(&self, world: &World, ui: &Ui, registries: &Registries<'_>, name: &Reference) -> Result<(), Failure> {
        let platform = self.options.platform.clone().unwrap_or_else(Platform::host);
        let shown_name = name.familiar();
        let before = world.store.resolve(name)?;
        let remote = registries.look_up(name)?;
        let pulled = if self.options.quiet {
            images::pulling::pull(&world.store, remote, name, &platform, &|_, _| ())?
        } else {
            ui.lines(&format!("{}\n", pulling::begun(name)))?;
            pulling::shown(ui, world, |watcher| images::pulling::pull(&world.store, remote, name, &platform, watcher))?
        };
        events::of_named(world.home(), &world.clock, Kind::Image, "pull", &shown_name, &shown_name);
        if !self.options.quiet {
            let is_same = pulled.was_there && before.is_some_and(|before| before.digest == pulled.root.digest);
            ui.lines(&format!("{}\n", pulling::status(name, &pulled, is_same)))?;
        }
        ui.lines(&format!("{name}\n"))
    }
}
