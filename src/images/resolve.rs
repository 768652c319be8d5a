//! From a name to an image: the store first, then the built-in images, then the stand-ins, then the registry.

use super::pulling::{self, Pulling};
use super::{Error, StandIns};
use crate::diagnostic::closest;
use crate::oci::{Descriptor, Reference};
use crate::registry::When;
use crate::store::{self, Store};
use crate::userland::{self, AtHand};

/// What may be done about an image that is not there.
#[derive(Clone, Copy, Default)]
pub(crate) struct Policy<'p> {
    pub(crate) substitution: Substitution,
    pub(crate) fetch: Fetch<'p>,
}

/// Whether another image may take its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Substitution {
    #[default]
    Never,
    /// A built-in image may, by the table of stand-ins.
    StandIns,
}

/// How it may be brought into the store.
#[derive(Clone, Copy, Default)]
pub(crate) enum Fetch<'p> {
    /// The question changes nothing: an image that would have to be made is [`Error::NotMade`], one that would be pulled, by the rule of when that is done,
    /// [`Error::NotPulled`].
    Foreseen(Option<When>),
    /// A built-in image is made. No registry is asked.
    #[default]
    Made,
    /// A built-in image is made, another pulled.
    Pulled(Pulling<'p>),
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
    /// A registry had it; now the store has it as well.
    Registry,
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
            Origin::Store | Origin::Registry | Origin::BuiltIn => None,
        }
    }
}

/// Finds an image by a name that a Dockerfile has. One with a digest is found by the digest alone.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::NotMade`]; [`Error::Store`] for a list of images that can't be read; [`Error::Userland`] where a built-in image can't be
/// made; [`Error::StandIns`] and [`Error::Document`] for the table of stand-ins.
pub(crate) fn by_reference(store: &Store, reference: &Reference, policy: Policy<'_>) -> Result<Found, Error> {
    if let Some(manifest) = store.resolve(reference)? {
        return here(store, reference, reference.to_string(), manifest, policy);
    }
    elsewhere(store, reference, policy)
}

/// Finds an image by what a person types: a whole digest or image id, a name, or the beginning of an id or digest.
///
/// # Errors
/// As [`by_reference`], [`Error::NoneYet`], and [`store::Error::NoImage`] and [`store::Error::Ambiguous`] for a text that is not an image's name either.
pub(crate) fn by_text(store: &Store, text: &str, policy: Policy<'_>) -> Result<Found, Error> {
    let error = match store.find(text) {
        Ok(image) => {
            // Found by its id it has no name that a registry could be asked for.
            let found = Found { name: text.to_owned(), manifest: image.manifest, origin: Origin::Store };
            return match Reference::parse_normalized(text) {
                Ok(name) if store.resolve(&name)?.is_some() => here(store, &name, found.name, found.manifest, policy),
                Ok(_) | Err(_) => Ok(found),
            };
        }
        Err(error @ store::Error::NoImage { .. }) => error,
        Err(error) => return Err(error.into()),
    };
    let Ok(reference) = Reference::parse_normalized(text) else { return Err(error.into()) };
    match elsewhere(store, &reference, policy) {
        Err(Error::NotFound { stand_in: Some(stand_in), off, .. })
            if matches!(error, store::Error::NoImage { other_tag: None, .. }) =>
        {
            Err(Error::NoneYet { name: text.to_owned(), stand_in, off })
        }
        // The store's message has the name as it was typed.
        Err(Error::NotFound { .. }) => Err(error.into()),
        Err(Error::Registry(error)) => match likely(store, text) {
            Some(likely) => Err(Error::Mistyped { error: Box::new(error), likely }),
            None => Err(error.into()),
        },
        found => found,
    }
}

/// The image of the store, or the built-in one, whose name is nearly this.
fn likely(store: &Store, text: &str) -> Option<String> {
    let whole = |name: &Reference| name.with_default_tag().familiar();
    let written = whole(&Reference::parse_normalized(text).ok()?);
    let images = store.images().unwrap_or_default();
    let mut names: Vec<String> = images.iter().filter_map(|image| image.reference.as_ref().map(whole)).collect();
    names.extend([userland::BASE, userland::WEB].map(|name| format!("{name}:latest")));
    let likely = closest(&written, names.iter().map(String::as_str))?;
    Some(likely.strip_suffix(":latest").unwrap_or(likely).to_owned())
}

/// An image of the store, or the one that its registry has in its place.
fn here(
    store: &Store,
    reference: &Reference,
    name: String,
    manifest: Descriptor,
    policy: Policy<'_>,
) -> Result<Found, Error> {
    if let Fetch::Pulled(pulling) = policy.fetch
        && built_in(reference).is_none()
        && let Some(manifest) = pulling.instead(store, reference, &manifest)?
    {
        return Ok(Found { name, manifest, origin: Origin::Registry });
    }
    Ok(Found { name, manifest, origin: Origin::Store })
}

/// Finds an image that is not in the store.
fn elsewhere(store: &Store, reference: &Reference, policy: Policy<'_>) -> Result<Found, Error> {
    if let Some(name) = built_in(reference) {
        let manifest = make(store, name, None, policy.fetch)?;
        return Ok(Found { name: name.to_owned(), manifest, origin: Origin::BuiltIn });
    }
    let stand_ins = StandIns::load(store.home())?;
    let stand_in = stand_ins.get(reference);
    if let (Some(name), Substitution::StandIns) = (stand_in, policy.substitution) {
        let manifest = make(store, name, Some(reference), policy.fetch)?;
        return Ok(Found { name: name.to_owned(), manifest, origin: Origin::StandIn(reference.to_string()) });
    }
    let image = reference.to_string();
    let off = match policy.fetch {
        Fetch::Pulled(pulling) => {
            let pulled = pulling.missing(store, reference).map_err(|error| match (error, stand_in) {
                (Error::Registry(error), Some(stand_in)) if error.is_offline() => {
                    Error::Offline { error: Box::new(error), name: reference.familiar(), stand_in: stand_in.to_owned() }
                }
                (error, _) => error,
            });
            if let Some(manifest) = pulled? {
                return Ok(Found { name: image, manifest, origin: Origin::Registry });
            }
            pulling::off(store, pulling.when)?
        }
        Fetch::Foreseen(when) => {
            if pulling::may_be_pulled(store, when)? {
                return Err(Error::NotPulled { image });
            }
            pulling::off(store, when)?
        }
        Fetch::Made => None,
    };
    Err(Error::NotFound { image, stand_in: stand_in.map(str::to_owned), off })
}

/// A built-in image, made where it may be.
fn make(store: &Store, name: &str, stands_in_for: Option<&Reference>, fetch: Fetch<'_>) -> Result<Descriptor, Error> {
    let before = match (fetch, userland::at_hand(store, name)?) {
        (_, AtHand::Made(image)) => return Ok(image),
        (Fetch::Made | Fetch::Pulled(_), AtHand::Never | AtHand::Outdated) => {
            return Ok(userland::ensure(store, name)?);
        }
        (Fetch::Foreseen(_), AtHand::Outdated) => Before::Outdated,
        (Fetch::Foreseen(_), AtHand::Never) => Before::Never,
    };
    let config = Box::new(userland::config(name)?);
    let stands_in_for = stands_in_for.map(Reference::to_string);
    Err(Error::NotMade { image: name.to_owned(), before, config, stands_in_for })
}

/// The name of the built-in image that a reference means, if it means one.
fn built_in(reference: &Reference) -> Option<&'static str> {
    [userland::BASE, userland::WEB].into_iter().find(|name| reference.familiar_name() == *name)
}
