//! From a name to an image: the store first, then the built-in images, then the stand-ins.

use super::{Error, StandIns};
use crate::oci::{Descriptor, Reference};
use crate::store::{self, Store};
use crate::userland::{self, AtHand};

/// What may be done about an image that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) substitution: Substitution,
    pub(crate) fetch: Fetch,
}

/// Whether another image may take its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Substitution {
    #[default]
    Never,
    /// A built-in image may, by the table of stand-ins.
    StandIns,
}

/// Whether it may be brought into the store. A built-in image is made there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// The question changes nothing: an image that would have to be made is [`Error::NotMade`].
    Never,
    #[default]
    Missing,
}

/// What there is of a built-in image that is not made, or would be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Never,
    /// Another, of other files of this machine or in another version of this program.
    Outdated,
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
/// [`Error::NotFound`]; [`Error::NotMade`]; [`Error::Store`] for a list of images that can't be read; [`Error::Userland`] where a built-in image can't be
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
/// As [`by_reference`], [`Error::NoneYet`], and [`store::Error::NoImage`] and [`store::Error::Ambiguous`] for a text that is not an image's name either.
pub(crate) fn by_text(store: &Store, text: &str, policy: Policy) -> Result<Found, Error> {
    let error = match store.find(text) {
        Ok(image) => return Ok(Found { name: text.to_owned(), manifest: image.manifest, origin: Origin::Store }),
        Err(error @ store::Error::NoImage { .. }) => error,
        Err(error) => return Err(error.into()),
    };
    let Ok(reference) = Reference::parse_normalized(text) else { return Err(error.into()) };
    match elsewhere(store, &reference, policy) {
        Err(Error::NotFound { stand_in: Some(stand_in), .. })
            if matches!(error, store::Error::NoImage { other_tag: None, .. }) =>
        {
            Err(Error::NoneYet { name: text.to_owned(), stand_in })
        }
        // The store's message has the name as it was typed.
        Err(Error::NotFound { .. }) => Err(error.into()),
        found => found,
    }
}

/// Finds an image that is not in the store.
fn elsewhere(store: &Store, reference: &Reference, policy: Policy) -> Result<Found, Error> {
    if let Some(name) = built_in(reference) {
        let manifest = make(store, name, None, policy.fetch)?;
        return Ok(Found { name: name.to_owned(), manifest, origin: Origin::BuiltIn });
    }
    let stand_ins = StandIns::load(store.home())?;
    let stand_in = stand_ins.get(reference);
    match (stand_in, policy.substitution) {
        (Some(name), Substitution::StandIns) => {
            let manifest = make(store, name, Some(reference), policy.fetch)?;
            Ok(Found { name: name.to_owned(), manifest, origin: Origin::StandIn(reference.to_string()) })
        }
        (None, Substitution::StandIns) | (_, Substitution::Never) => {
            Err(Error::NotFound { image: reference.to_string(), stand_in: stand_in.map(str::to_owned) })
        }
    }
}

/// A built-in image, made where it may be.
fn make(store: &Store, name: &str, stands_in_for: Option<&Reference>, fetch: Fetch) -> Result<Descriptor, Error> {
    let before = match (fetch, userland::at_hand(store, name)?) {
        (_, AtHand::Made(image)) => return Ok(image),
        (Fetch::Missing, AtHand::Never | AtHand::Outdated) => return Ok(userland::ensure(store, name)?),
        (Fetch::Never, AtHand::Outdated) => Before::Outdated,
        (Fetch::Never, AtHand::Never) => Before::Never,
    };
    let config = Box::new(userland::config(name)?);
    let stands_in_for = stands_in_for.map(Reference::to_string);
    Err(Error::NotMade { image: name.to_owned(), before, config, stands_in_for })
}

/// The name of the built-in image that a reference means, if it means one.
fn built_in(reference: &Reference) -> Option<&'static str> {
    [userland::BASE, userland::WEB].into_iter().find(|name| reference.familiar_name() == *name)
}
