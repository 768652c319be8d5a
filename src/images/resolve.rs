//! From a name to an image: the store first, then the built-in images, then the stand-ins.

use super::{Error, StandIns};
use crate::oci::{Descriptor, Reference};
use crate::store::{self, Store};
use crate::userland;

/// What may be done about an image that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Nothing: it is an error.
    #[default]
    Present,
    /// A built-in image may take its place, by the table of stand-ins.
    StandIns,
}

/// Where an image came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It has an entry in the store's list of images.
    Store,
    /// It is made of this machine's programs.
    BuiltIn,
    /// The built-in image takes the place of the one of this full name.
    StandIn(String),
}

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The name of what was found. For a stand-in it is the built-in image's.
    pub(crate) name: String,
    /// The manifest, or an index of manifests.
    pub(crate) manifest: Descriptor,
    /// Where it is from.
    pub(crate) origin: Origin,
}

impl Found {
    /// The full name of the image that it stands in for, if it does.
    pub(crate) fn stands_in_for(&self) -> Option<&str> {
        match &self.origin {
            Origin::StandIn(image) => Some(image),
            Origin::Store | Origin::BuiltIn => None,
        }
    }
}

/// Finds an image by a name that a Dockerfile has. One with a digest is found by the digest alone.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Store`] for a list of images that can't be read; [`Error::Userland`] where a built-in image can't be
/// made; [`Error::StandIns`] and [`Error::Document`] for the table of stand-ins.
pub(crate) fn by_reference(store: &Store, reference: &Reference, policy: Policy) -> Result<Found, Error> {
    if let Some(manifest) = store.resolve(reference)? {
        return Ok(Found { name: reference.to_string(), manifest, origin: Origin::Store });
    }
    elsewhere(store, reference, policy)
}

/// Finds an image by what a person types: a whole digest or image id, a name, or the beginning of an id or digest.
///
/// # Errors
/// As [`by_reference`], and [`store::Error::NoImage`] and [`store::Error::Ambiguous`] for a text that is no image's name either.
pub(crate) fn by_text(store: &Store, text: &str, policy: Policy) -> Result<Found, Error> {
    let error = match store.find(text) {
        Ok(image) => return Ok(Found { name: text.to_owned(), manifest: image.manifest, origin: Origin::Store }),
        Err(error @ store::Error::NoImage { .. }) => error,
        Err(error) => return Err(error.into()),
    };
    let Ok(reference) = Reference::parse_normalized(text) else { return Err(error.into()) };
    match elsewhere(store, &reference, policy) {
        // The store's message has the name as it was typed.
        Err(Error::NotFound { .. }) => Err(error.into()),
        found => found,
    }
}

/// Finds an image that is not in the store.
fn elsewhere(store: &Store, reference: &Reference, policy: Policy) -> Result<Found, Error> {
    if let Some(name) = built_in(reference) {
        let manifest = userland::ensure(store, name)?;
        return Ok(Found { name: name.to_owned(), manifest, origin: Origin::BuiltIn });
    }
    let stand_ins = StandIns::load(store.home().root())?;
    let stand_in = stand_ins.get(reference);
    match (stand_in, policy) {
        (Some(name), Policy::StandIns) => {
            let manifest = userland::ensure(store, name)?;
            Ok(Found { name: name.to_owned(), manifest, origin: Origin::StandIn(reference.to_string()) })
        }
        (None, Policy::StandIns) | (_, Policy::Present) => {
            Err(Error::NotFound { image: reference.to_string(), stand_in: stand_in.map(str::to_owned) })
        }
    }
}

/// The name of the built-in image that a reference means, if it means one.
fn built_in(reference: &Reference) -> Option<&'static str> {
    [userland::BASE, userland::WEB].into_iter().find(|name| reference.familiar_name() == *name)
}
