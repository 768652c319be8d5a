//! Registries: images that come over a network, and go there.
//!
//! Specification: the OCI distribution specification 1.1, and what Docker's registry adds to it (tokens, mounting of blobs).
//!
//! | file | what it is |
//! |---|---|
//! | `settings` | `registries.toml`: mirrors, certificates, what is blocked |
//! | `credentials`, `helpers` | who we are: the files and helpers of Docker and Podman |
//! | `url`, `zone`, `challenge` | addresses; which machines may be asked; what a server asks for first |
//! | `judge`, `place` | which machines may be asked; the same for another program that connects |
//! | `http` | requests, the only file that knows the library |
//! | `session`, `token`, `answers` | a conversation with one server: redirects, patience; who we are to it; what its answers mean |
//! | `repository` | manifests and blobs |
//! | `pull`, `stage` | an image into the store; how far each layer is |
//! | `push`, `parcel`, `upload` | an image out of the store; what of it is here; one blob |
//! | `artifact` | what is no image |
//! | `blob` | a blob as it comes |
//! | `hands` | several layers at a time |
//! | `known` | which repositories have a layer |
//! | `download` | files of any server, for ADD |
//!
//! Everything that a server says is somebody else's word: each size has a bound, each digest is compared, each text is made harmless before it
//! is shown, and no name of it becomes a path.
//!
//! Left out: signatures (cosign, notation), the first format of manifests (schema 1), layers that have to come from elsewhere.

mod answers;
mod artifact;
mod blob;
mod challenge;
pub(crate) mod credentials;
pub(crate) mod download;
mod error;
pub(crate) mod hands;
mod helpers;
mod http;
mod judge;
mod known;
mod parcel;
pub(crate) mod place;
pub(crate) mod pull;
pub(crate) mod push;
mod repository;
mod session;
pub(crate) mod settings;
mod stage;
mod token;
mod upload;
pub(crate) mod url;
mod zone;

pub(crate) use artifact::Artifact;
pub(crate) use credentials::{Credentials, Keyring};
pub(crate) use error::Error;
pub(crate) use known::forget_gone;
pub(crate) use pull::{Pulled, Remote};
pub(crate) use push::Destination;
pub(crate) use settings::{Settings, When};
pub(crate) use stage::{Stage, Stages, Watcher};

use crate::oci::{Digest, Reference};
use crate::progress::Meter;
use crate::store::{Home, documents};
use session::Session;
use token::Access;

/// The registries as the user has set them up.
#[derive(Debug)]
pub(crate) struct Registries<'h> {
    home: &'h Home,
    meter: &'h Meter,
    settings: Settings,
    pub(crate) keyring: Keyring,
    /// When they are asked, where the command does not say.
    pub(crate) when: When,
}

/// The variable that says when registries are asked.
const PULL: &str = "LAYERLAB_PULL";

/// The variables of the environment that are about registries.
pub(crate) fn variables() -> impl Iterator<Item = &'static str> {
    credentials::VARIABLES.into_iter().chain([PULL])
}

impl<'h> Registries<'h> {
    /// Reads the settings of a home.
    ///
    /// # Errors
    /// [`Error::Settings`] and [`Error::Document`].
    pub(crate) fn open(home: &'h Home, meter: &'h Meter) -> Result<Registries<'h>, Error> {
        let settings = Settings::load(home)?;
        let preferences = home.preferences();
        let when = match preferences.registries.get(PULL) {
            Some(value) => value.to_string_lossy().parse().map_err(|reason| Error::Variable { name: PULL, reason })?,
            None => settings.when.unwrap_or_default(),
        };
        Ok(Registries { home, meter, settings, keyring: Keyring::new(preferences, meter), when })
    }

    /// By what no registry is asked, where the command does not say; `None`: one may be.
    pub(crate) fn off(&self) -> Option<&'static str> {
        let is_variable = self.home.preferences().registries.contains_key(PULL);
        let by = if is_variable { "LAYERLAB_PULL=never" } else { "`pull = \"never\"` in registries.toml" };
        (self.when == When::Never).then_some(by)
    }

    /// Looks an image up.
    ///
    /// # Errors
    /// [`Error`], of the last server that was asked.
    pub(crate) fn look_up(&self, reference: &Reference) -> Result<Remote, Error> {
        let (which, name) = (pull::which(reference), reference.familiar());
        let bound = self.home.bound(&documents::MANIFEST);
        let ask = |session: &Session| repository::manifest(session, &which, &name, bound);
        let (session, fetched) = self.first(reference, Access::Pull, ask)?;
        Ok(Remote::new(session, fetched, name))
    }

    /// Looks up what need not be an image.
    ///
    /// # Errors
    /// [`Error`], of the last server that was asked.
    pub(crate) fn artifact(&self, reference: &Reference) -> Result<Artifact, Error> {
        let (which, name) = (pull::which(reference), reference.familiar());
        let bound = self.home.bound(&documents::MANIFEST);
        let ask = |session: &Session| repository::manifest(session, &which, &name, bound);
        let (session, fetched) = self.first(reference, Access::Pull, ask)?;
        Ok(Artifact::new(session, fetched))
    }

    /// The digest that a name has in its registry; `None` where the registry does not say.
    ///
    /// # Errors
    /// [`Error`], of the last server that was asked.
    pub(crate) fn digest(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let (which, name) = (pull::which(reference), reference.familiar());
        let ask = |session: &Session| repository::digest(session, &which, &name);
        self.first(reference, Access::Pull, ask).map(|(_, digest)| digest)
    }

    /// The tags of a repository.
    ///
    /// # Errors
    /// [`Error`], of the last server that was asked.
    pub(crate) fn tags(&self, reference: &Reference) -> Result<Vec<String>, Error> {
        let name = reference.familiar();
        let bound = self.home.bound(&repository::TAGS);
        self.first(reference, Access::Pull, |session| repository::tags(session, &name, bound)).map(|(_, tags)| tags)
    }

    /// Begins to push to the repository of a name: to the registry itself, never to a mirror.
    ///
    /// # Errors
    /// [`Error`], where the settings, the credentials or the server refuse.
    pub(crate) fn destination(&self, reference: &Reference) -> Result<Destination, Error> {
        let endpoint = self.settings.registry(reference.domain(), self.home)?;
        let credentials = self.keyring.find(&endpoint.name, reference.path())?;
        Ok(Destination::new(Session::open(&endpoint, reference.path(), Access::Push, credentials, self.meter)?))
    }

    /// Tries credentials.
    ///
    /// # Errors
    /// [`Error::BadLogin`] where the registry does not accept them; [`Error`] where it can't be asked.
    pub(crate) fn log_in(&self, registry: &str, credentials: &Credentials) -> Result<(), Error> {
        let endpoint = self.settings.registry(registry, self.home)?;
        let session = Session::open(&endpoint, "", Access::Pull, Some(credentials.clone()), self.meter)?;
        let ask = || repository::log_in(&session);
        self.meter.interrupt().during(|| session.end(), ask)
    }

    /// Asks the mirrors of a registry, and then the registry itself, until one has an answer.
    fn first<T>(
        &self,
        reference: &Reference,
        access: Access,
        ask: impl Fn(&Session) -> Result<T, Error>,
    ) -> Result<(Session, T), Error> {
        let endpoints = self.settings.endpoints(reference.domain(), self.home)?;
        let mut last = None;
        for endpoint in &endpoints {
            let credentials = self.keyring.find(&endpoint.name, reference.path())?;
            let asked =
                Session::open(endpoint, reference.path(), access, credentials, self.meter).and_then(|session| {
                    let interrupt = self.meter.interrupt();
                    let answer = interrupt.during(|| session.end(), || ask(&session))?;
                    Ok((session, answer))
                });
            match asked {
                Ok(found) => return Ok(found),
                Err(error) => {
                    self.meter.check().map_err(|stopped| Error::Store(stopped.into()))?;
                    last = Some(error);
                }
            }
        }
        Err(last.expect("the registry itself is always among them"))
    }
}
