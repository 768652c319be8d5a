//! What the commands have in common that push images: Docker's words for it, around a line for each layer.

use super::failure::Failure;
use super::pulling::shown;
use super::ui::Ui;
use crate::oci::{Descriptor, Platform, Reference};
use crate::registry::{Destination, Registries};
use crate::runtime::events::{self, Kind};
use crate::world::World;

/// Says to which repository a name leads.
///
/// # Errors
/// What can't be written.
pub(super) fn announce(ui: &Ui, name: &Reference) -> Result<(), Failure> {
    ui.lines(&format!("The push refers to repository [{}]\n", name.name()))
}

/// A push of images to one repository.
pub(super) struct Pushing<'p> {
    world: &'p World,
    ui: &'p Ui,
    destination: Destination,
    platform: Option<&'p Platform>,
    is_quiet: bool,
}

impl<'p> Pushing<'p> {
    /// Begins to push to the repository of a name, of images for several platforms that for one. Nothing is said of a push that is to be quiet.
    ///
    /// # Errors
    /// What the settings, the credentials or the registry refuse.
    pub(super) fn begin(
        world: &'p World,
        ui: &'p Ui,
        name: &Reference,
        platform: Option<&'p Platform>,
        is_quiet: bool,
    ) -> Result<Pushing<'p>, Failure> {
        let destination = Registries::open(world.home(), world.meter())?.destination(name)?;
        Ok(Pushing { world, ui, destination, platform, is_quiet })
    }

    /// Pushes what a name of the repository means in the store.
    ///
    /// # Errors
    /// What the store lacks or the registry refuses.
    pub(super) fn push(&self, name: &Reference, root: &Descriptor) -> Result<(), Failure> {
        let Pushing { world, ui, destination, platform, is_quiet } = self;
        let store = &world.store;
        let pushed = if *is_quiet {
            destination.push(store, name, root, *platform, &|_, _| ())?
        } else {
            shown(ui, world, |watcher| destination.push(store, name, root, *platform, watcher))?
        };
        store.note_in_registry(name, pushed.descriptor.digest, &root.digest)?;
        let familiar = name.familiar();
        events::of_named(world.home(), &world.clock, Kind::Image, "push", &familiar, &familiar);
        if *is_quiet {
            return Ok(());
        }
        let Descriptor { digest, size, .. } = pushed.descriptor;
        ui.lines(&format!("{}: digest: {digest} size: {size}\n", name.tag().unwrap_or_default()))?;
        if let Some(index) = pushed.part_of {
            ui.note(&format!(
                "Info → Not all multiplatform-content is present and only the available single-platform image was pushed\n{index} -> {digest}"
            ));
        }
        Ok(())
    }
}
