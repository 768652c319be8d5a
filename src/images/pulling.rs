//! An image from a registry, where the policy lets one be asked.
//!
//! ```text
//!            the store has it          the store has none
//! missing    it is used                the registry is asked
//! always     the registry is asked; what it has is pulled unless it is the same
//! newer      as always; where the registry can't be asked, what the store has is used
//! never      it is used                it is not found
//! ```

use super::Error;
use crate::oci::{Descriptor, Platform, Reference};
use crate::registry::{self, Pulled, Registries, Remote, Watcher, When};
use crate::store::Store;

/// How an image may be pulled.
#[derive(Clone, Copy)]
pub(crate) struct Pulling<'p> {
    /// When a registry is asked; `None`: as the settings say.
    pub(crate) when: Option<When>,
    /// For which platform.
    pub(crate) platform: &'p Platform,
    /// Who is told how it goes.
    pub(crate) told: &'p dyn Fn(Told<'_>),
    /// Who is told how far each layer is.
    pub(crate) watcher: Watcher<'p>,
}

/// How a pull goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'t> {
    /// A registry is asked for this name.
    Asked(&'t Reference),
    /// It has the image.
    Found(&'t Reference),
    /// The store has it now.
    Pulled(&'t Reference, &'t Pulled),
}

impl Pulling<'_> {
    /// When a registry is asked.
    fn when(&self, registries: &Registries<'_>) -> When {
        self.when.unwrap_or(registries.when)
    }

    /// What is used where the store has an image by the name: another, where the registry is asked and has one.
    pub(super) fn instead(
        &self,
        store: &Store,
        name: &Reference,
        local: &Descriptor,
    ) -> Result<Option<Descriptor>, Error> {
        let registries = Registries::open(store.home(), store.meter())?;
        let when = self.when(&registries);
        let has_platform = has(store, local, self.platform);
        match when {
            When::Never => return Ok(None),
            When::Missing if has_platform => return Ok(None),
            When::Missing | When::Always | When::Newer => {}
        }
        let pulled = registries.digest(name).map_err(Error::from).and_then(|digest| {
            // What was pushed from here the registry has by another digest, and is the same.
            let is_same = |digest| {
                store
                    .resolve(&name.with_digest(digest))
                    .map(|here| here.is_some_and(|here| here.digest == local.digest))
            };
            if has_platform && digest.map(is_same).transpose()? == Some(true) {
                return Ok(None);
            }
            self.bring(store, &registries, name).map(Some)
        });
        match pulled {
            Err(Error::Registry(error)) if when == When::Newer && error.is_offline() => Ok(None),
            pulled => pulled,
        }
    }

    /// The image, from its registry. `None`: nobody may ask for it.
    pub(super) fn missing(&self, store: &Store, name: &Reference) -> Result<Option<Descriptor>, Error> {
        let registries = Registries::open(store.home(), store.meter())?;
        match self.when(&registries) {
            When::Never => Ok(None),
            When::Missing | When::Always | When::Newer => self.bring(store, &registries, name).map(Some),
        }
    }

    fn bring(&self, store: &Store, registries: &Registries<'_>, name: &Reference) -> Result<Descriptor, Error> {
        let name = name.with_default_tag();
        (self.told)(Told::Asked(&name));
        let remote = registries.look_up(&name)?;
        (self.told)(Told::Found(&name));
        let pulled = pull(store, remote, &name, self.platform, self.watcher)?;
        (self.told)(Told::Pulled(&name, &pulled));
        Ok(pulled.root)
    }
}

/// Whether a registry would be asked for an image that the store does not have.
///
/// # Errors
/// [`Error::Registry`] for settings that can't be understood.
pub(super) fn may_be_pulled(store: &Store, when: Option<When>) -> Result<bool, Error> {
    let when = match when {
        Some(when) => when,
        None => Registries::open(store.home(), store.meter())?.when,
    };
    Ok(when != When::Never)
}

/// By what no registry is asked, where the command itself does not say so.
///
/// # Errors
/// As [`may_be_pulled`].
pub(super) fn off(store: &Store, when: Option<When>) -> Result<Option<&'static str>, Error> {
    match when {
        Some(_) => Ok(None),
        None => Ok(Registries::open(store.home(), store.meter())?.off()),
    }
}

/// Brings an image that was looked up into the store, and gives it its name.
///
/// # Errors
/// What the registry or the store refuses.
pub(crate) fn pull(
    store: &Store,
    remote: Remote,
    name: &Reference,
    platform: &Platform,
    watcher: Watcher<'_>,
) -> Result<Pulled, registry::Error> {
    let pulled = remote.pull(store, platform, watcher)?;
    store.tag_pulled(name, &pulled.root)?;
    Ok(pulled)
}

/// Whether what the store has by a name has the image for a platform: of an index, often only that of this machine was pulled.
fn has(store: &Store, local: &Descriptor, platform: &Platform) -> bool {
    store.manifest_for(local, platform).is_ok_and(|manifest| store.has(&manifest.digest))
}
