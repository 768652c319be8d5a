//! `layerlab push`: an image to a registry.

use clap::Args;

use super::save::named;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::{parse_name, parse_reference};
use crate::cli::pulling::Transfer;
use crate::cli::pushing::{self, Pushing};
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::archive::{Format, Location, put};
use crate::oci::{Descriptor, Reference};
use crate::runtime::events::{self, Kind};
use crate::store::Image;
use crate::view::Scene;
use crate::world::World;

/// Push an image to a registry.
///
/// The name says where it goes: `ghcr.io/me/app:1.0` to ghcr.io, `me/app` to Docker Hub. `layerlab tag` gives an image another name, `layerlab login`
/// logs in. Layers that the registry has are not sent again.
///
/// With a DESTINATION it goes where `podman push IMAGE DESTINATION` would put it: into the folder of an OCI layout, beside the images there, or into an
/// archive. Layers are then not compressed, and the digest is that in the store.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Push {
    /// The image, by the name that it is to have in the registry: `[REGISTRY/]NAME[:TAG]`
    #[arg(value_name = "IMAGE")]
    name: String,
    /// Where it goes instead: `oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]`
    #[arg(value_name = "DESTINATION")]
    to: Option<String>,
    #[command(flatten)]
    options: Transfer,
}

impl Push {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        if let Some(to) = &self.to {
            return self.put(world, ui, to);
        }
        let name = parse_reference(&self.name)?;
        self.options.check(&name)?;
        if name.has_digest() {
            return Err(Diagnostic::error("cannot push a digest reference")
                .hint("`layerlab tag` gives the image a name, which can be pushed")
                .into());
        }
        let Transfer { all_tags, quiet, ref platform, .. } = self.options;
        if !quiet {
            if name.tag().is_none() && !all_tags {
                ui.lines("Using default tag: latest\n")?;
            }
            pushing::announce(ui, &name)?;
        }
        let images = self.images(world, &name)?;
        let pushing = Pushing::begin(world, ui, &name, platform.as_ref(), quiet)?;
        for (name, root) in &images {
            pushing.push(name, root)?;
        }
        // As Docker: all tags have no name but that of the repository.
        let pushed = if self.options.all_tags { name } else { name.with_default_tag() };
        if self.options.quiet { ui.lines(&format!("{pushed}\n")) } else { Ok(()) }
    }

    /// Puts the image where Podman would: into a layout, or an archive.
    fn put(&self, world: &World, ui: &Ui, to: &str) -> Result<(), Failure> {
        let Some(place) = Location::parse(to) else {
            return Err(Diagnostic::error(format!("`{to}` is no place for an image"))
                .hint(
                    "`oci:FOLDER[:TAG]`, `oci-archive:FILE[:TAG]` and `docker-archive:FILE[:NAME]` are; to a registry it goes by its own name",
                )
                .into());
        };
        if self.options.all_tags {
            return Err(Diagnostic::error("--all-tags/-a pushes to a registry only").into());
        }
        let mut image = named(world, &self.name)?;
        if let Some(platform) = &self.options.platform {
            image.manifest = world.store.manifest_for(&image.manifest, platform)?;
        }
        match (place.format, place.image) {
            (Format::DockerArchive, Some(name)) => image.name = Some(parse_name(name)?),
            (Format::OciArchive | Format::OciDir, Some(tag)) => image.tag = Some(tag.to_owned()),
            (_, None) => {}
        }
        let mut out = ui.plain().with_live(world.meter());
        out.begin(Scene::Below);
        let Descriptor { digest, size, .. } = put(&world.store, image, place)?;
        out.end()?;
        events::of_named(world.home(), &world.clock, Kind::Image, "push", &digest.to_string(), &self.name);
        if self.options.quiet {
            ui.lines(&format!("{to}\n"))
        } else {
            ui.lines(&format!("{to}: digest: {digest} size: {size}\n"))
        }
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
                    "`layerlab tag IMAGE {}` gives an image this name; `layerlab images` lists what there is",
                    name.familiar()
                ))
                .into());
        }
        if self.options.all_tags {
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
}
