//! Reading an image that was found: its documents, and its layers once they are proven.

use super::{Error, Found};
use crate::oci::{Descriptor, Digest, ImageConfig, Layer, Platform};
use crate::store::Store;

/// An image for one platform. Its layers are in the store, and are what their digests say.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// What it says of itself.
    pub(crate) config: ImageConfig,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<Layer>,
    /// Its manifest.
    pub(crate) manifest: Descriptor,
    /// The digest of its configuration.
    pub(crate) id: Digest,
}

impl Opened {
    /// Opens an image that was found, of an index the one for a platform.
    ///
    /// # Errors
    /// [`Error::Store`] for an image that is damaged, or not there for the platform.
    pub(crate) fn of(store: &Store, found: &Found, platform: &Platform) -> Result<Opened, Error> {
        let descriptor = store.manifest_for(&found.manifest, platform)?;
        let (manifest, config) = store.load_image(&descriptor)?;
        let layers = store.layers(&manifest, &config);
        store.prove_layers(&layers)?;
        Ok(Opened { config, layers, manifest: descriptor, id: manifest.config.digest })
    }

    /// Refuses an image that is for another platform than a wanted one. `name` is for the message.
    ///
    /// # Errors
    /// [`Error::OtherPlatform`].
    pub(crate) fn require_platform(&self, name: &str, wanted: &Platform) -> Result<(), Error> {
        let has = self.config.platform();
        // Old images do not say what they are for.
        if has.architecture.is_empty() || has.runs_on(wanted) {
            return Ok(());
        }
        Err(Error::OtherPlatform { image: name.to_owned(), has: has.into(), wanted: wanted.clone().into() })
    }

    /// Refuses an image whose programs this machine's processor does not execute. `name` is for the message.
    ///
    /// # Errors
    /// [`Error::OtherMachine`].
    pub(crate) fn require_runnable(&self, name: &str) -> Result<(), Error> {
        let (has, host) = (self.config.platform(), Platform::host());
        if has.os.is_empty() || has.architecture.is_empty() || has.runs_on(&host) {
            return Ok(());
        }
        Err(Error::OtherMachine { image: name.to_owned(), has: has.into(), host: host.into() })
    }
}
