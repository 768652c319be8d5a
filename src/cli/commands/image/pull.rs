//! `layerlab pull`: an image from a registry.

use std::path::Path;

use clap::Args;

use super::load::load;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::parse_reference;
use crate::cli::pulling;
use crate::cli::ui::Ui;
use crate::images;
use crate::images::archive::Input;
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
    /// The image, by its name: `[REGISTRY/]NAME[:TAG|@DIGEST]`; or where it lies: `oci:FOLDER`, `oci-archive:FILE`, `docker-archive:FILE`
    name: String,
    /// Pull every tag of the repository
    #[arg(short, long)]
    all_tags: bool,
    /// Pull the image for another platform than this machine's, such as `linux/arm64`
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Print only the full name of the image
    #[arg(short, long)]
    quiet: bool,
    /// Accepted and without effect: Docker's content trust is not supported
    #[arg(long, hide = true, num_args = 0..=1, value_name = "BOOL")]
    disable_content_trust: Option<Option<bool>>,
}

/// The file or folder of `oci:FOLDER` and the like, as skopeo and Podman write them. What is not there is the name of an image.
fn local(text: &str) -> Option<&Path> {
    let (transport, path) = text.split_once(':')?;
    let path = Path::new(path);
    (["oci", "oci-archive", "docker-archive"].contains(&transport) && path.exists()).then_some(path)
}

impl Pull {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        if let Some(path) = local(&self.name) {
            return load(world, ui, Input::Path(path));
        }
        let name = parse_reference(&self.name)?;
        let registries = Registries::open(world.home(), world.meter())?;
        if self.all_tags {
            if name.tag().is_some() || name.has_digest() {
                return Err(crate::diagnostic::Diagnostic::error("tag can't be used with --all-tags/-a").into());
            }
            // What can't be a tag nobody could ask for.
            for name in registries.tags(&name)?.iter().filter_map(|tag| name.with_tag(tag)) {
                self.pull(world, ui, &registries, &name)?;
            }
            return Ok(());
        }
        if name.tag().is_none() && !name.has_digest() && !self.quiet {
            ui.lines("Using default tag: latest\n")?;
        }
        self.pull(world, ui, &registries, &name.with_default_tag())
    }

    fn pull(&self, world: &World, ui: &Ui, registries: &Registries<'_>, name: &Reference) -> Result<(), Failure> {
        let platform = self.platform.clone().unwrap_or_else(Platform::host);
        let shown_name = name.familiar();
        let before = world.store.resolve(name)?;
        let remote = registries.look_up(name)?;
        let pulled = if self.quiet {
            images::pulling::pull(&world.store, remote, name, &platform, &|_, _| ())?
        } else {
            ui.lines(&format!("{}\n", pulling::begun(name)))?;
            pulling::shown(ui, world, |watcher| images::pulling::pull(&world.store, remote, name, &platform, watcher))?
        };
        events::of_named(world.home(), &world.clock, Kind::Image, "pull", &shown_name, &shown_name);
        if !self.quiet {
            let is_same = pulled.was_there && before.is_some_and(|before| before.digest == pulled.root.digest);
            ui.lines(&format!("{}\n", pulling::status(name, &pulled, is_same)))?;
        }
        ui.lines(&format!("{name}\n"))
    }
}
