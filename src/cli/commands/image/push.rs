//! `layerlab push`: an image to a registry.

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::parse_reference;
use crate::cli::pulling::shown;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::oci::{Descriptor, Platform, Reference};
use crate::registry::{Destination, Registries};
use crate::runtime::events::{self, Kind};
use crate::store::Image;
use crate::world::World;

/// Push an image to a registry.
///
/// The name says where it goes: `ghcr.io/me/app:1.0` to ghcr.io, `me/app` to Docker Hub. `layerlab tag` gives an image another name, `layerlab login`
/// logs in. Layers that the registry has are not sent again.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Push {
    /// The image, by the name that it is to have in the registry: `[REGISTRY/]NAME[:TAG]`
    #[arg(value_name = "IMAGE")]
    name: String,
    /// Push every tag of the repository that the store has
    #[arg(short, long)]
    all_tags: bool,
    /// Of an image for several platforms, push that for this one, such as `linux/arm64`
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// Print only the full name of the image
    #[arg(short, long)]
    quiet: bool,
    /// Accepted and without effect: Docker's content trust is not supported
    #[arg(long, hide = true, num_args = 0..=1, value_name = "BOOL")]
    disable_content_trust: Option<Option<bool>>,
}

impl Push {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let name = parse_reference(&self.name)?;
        if self.all_tags && (name.tag().is_some() || name.has_digest()) {
            return Err(Diagnostic::error("tag can't be used with --all-tags/-a").into());
        }
        if name.has_digest() {
            return Err(Diagnostic::error("cannot push a digest reference")
                .hint("`layerlab tag` gives the image a name, which can be pushed")
                .into());
        }
        if !self.quiet {
            if name.tag().is_none() && !self.all_tags {
                ui.lines("Using default tag: latest\n")?;
            }
            ui.lines(&format!("The push refers to repository [{}]\n", name.name()))?;
        }
        let images = self.images(world, &name)?;
        let destination = Registries::open(world.home(), world.meter())?.destination(&name)?;
        for (name, root) in &images {
            self.push(world, ui, &destination, name, root)?;
        }
        // As Docker: all tags have no name but that of the repository.
        let pushed = if self.all_tags { name } else { name.with_default_tag() };
        if self.quiet { ui.lines(&format!("{pushed}\n")) } else { Ok(()) }
    }

    /// What is pushed: names, and what they mean in the store.
    fn images(&self, world: &World, name: &Reference) -> Result<Vec<(Reference, Descriptor)>, Failure> {
        let named = |image: Image| Some((image.reference?, image.manifest));
        let mut images: Vec<_> = world.store.images()?.into_iter().filter_map(named).collect();
        images.retain(|(other, _)| other.name() == name.name());
        if images.is_empty() {
            let familiar = name.familiar_name();
            return Err(Diagnostic::error(format!("An image does not exist locally with the tag: {familiar}"))
                .hint(format!(
                    "`layerlab tag IMAGE {familiar}` gives an image this name; `layerlab images` lists what there is"
                ))
                .into());
        }
        if self.all_tags {
            images.sort_by(|(one, _), (other, _)| one.cmp(other));
            return Ok(images);
        }
        let wanted = name.with_default_tag();
        let others: Vec<String> = images.iter().map(|(other, _)| other.familiar()).collect();
        images.retain(|(other, _)| *other == wanted);
        if images.is_empty() {
            return Err(Diagnostic::error(format!("tag does not exist: {}", wanted.familiar()))
                .hint(format!("there is {}", others.join(", ")))
                .into());
        }
        Ok(images)
    }

    fn push(
        &self,
        world: &World,
        ui: &Ui,
        destination: &Destination,
        name: &Reference,
        root: &Descriptor,
    ) -> Result<(), Failure> {
        let (store, platform) = (&world.store, self.platform.as_ref());
        let pushed = if self.quiet {
            destination.push(store, name, root, platform, &|_, _| ())?
        } else {
            shown(ui, world, |watcher| destination.push(store, name, root, platform, watcher))?
        };
        let familiar = name.familiar();
        events::of_named(world.home(), &world.clock, Kind::Image, "push", &familiar, &familiar);
        let Descriptor { digest, size, .. } = pushed.descriptor;
        if !self.quiet {
            ui.lines(&format!("{}: digest: {digest} size: {size}\n", name.tag().unwrap_or_default()))?;
        }
        if let Some(index) = pushed.part_of.filter(|_| !self.quiet) {
            ui.note(&format!(
                "Info → Not all multiplatform-content is present and only the available single-platform image was pushed\n{index} -> {digest}"
            ));
        }
        Ok(())
    }
}
