//! Images by name: what a name, an id or a digest means, under one policy for the whole program.
//!
//! ```text
//! alpine:3.20 ─┬─ the store has it ──────────────▶ Origin::Store
//! sha256:…     ├─ layerlab/base, layerlab/web ───▶ Origin::BuiltIn    made when it is first asked for
//! 4f06b2d1     ├─ the policy allows a stand-in ──▶ Origin::StandIn    a built-in image in its place, which is always said
//!              └─ the policy allows a pull ──────▶ Origin::Registry   brought into the store
//! ```
//!
//! FROM, COPY --from and each command that takes an image ask here, so they can't disagree. The answer is plain data: what was
//! found, where, and what it stands in for.
//!
//! Left out: stages of a Dockerfile and `scratch`, which only a build knows.
//!
//! Read [`resolve`](mod@resolve) next; [`stand_in`](mod@stand_in) has the table of stand-ins, [`open`](mod@open) reads what was found,
//! [`pulling`](mod@pulling) when a registry is asked, [`archive`] brings images in and takes them out.

pub(crate) mod archive;
pub(crate) mod open;
pub(crate) mod pulling;
pub(crate) mod resolve;
pub(crate) mod stand_in;

use std::path::PathBuf;

pub(crate) use open::Opened;
pub(crate) use pulling::{Pulling, Told};
pub use resolve::Before;
pub use resolve::Origin;
pub(crate) use resolve::{Fetch, Found, Policy, Substitution, by_reference, by_text};
pub use stand_in::StandIns;
pub(crate) use stand_in::stand_in_note;

use crate::diagnostic::Explained;
use crate::oci::{ImageConfig, Platform, Reference};
use crate::{document, registry, store, userland};

/// The label of an image that was built on a stand-in: `layerlab/base for docker.io/library/alpine:latest`.
pub(crate) const STAND_IN_LABEL: &str = "org.layerlab.stand-in";

/// Why a name leads to no image that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image is not in the store, and nothing may take its place.
    #[error("`{image}` is not in the store")]
    NotFound {
        /// Its full name.
        image: String,
        /// The built-in image that could stand in for it.
        stand_in: Option<String>,
        /// What keeps it from being pulled, where that is a setting.
        off: Option<&'static str>,
    },
    /// Nothing in the store goes by what was typed, and a built-in image could be given this name.
    #[error("no image `{name}` in the store")]
    NoneYet {
        /// What was typed.
        name: String,
        /// The built-in image that could stand in for it.
        stand_in: String,
        /// What keeps it from being pulled, where that is a setting.
        off: Option<&'static str>,
    },
    /// The built-in image would have to be made first, and only a look was asked for.
    #[error("`{image}` is not made yet")]
    NotMade {
        /// Its name.
        image: String,
        /// What there is of it.
        before: Before,
        /// Its configuration, as far as it is known already.
        config: Box<ImageConfig>,
        /// The full name of the image that it would stand in for.
        stands_in_for: Option<String>,
    },
    /// A registry would be asked for it, and only a look was asked for.
    #[error("`{image}` is not pulled yet")]
    NotPulled {
        /// Its full name.
        image: String,
    },
    /// The registry can't be reached, and a built-in image could stand in.
    #[error("{error}")]
    Offline {
        /// Why it can't be reached.
        error: Box<registry::Error>,
        /// The image, as people write it.
        name: String,
        /// The built-in image.
        stand_in: String,
    },
    /// A registry does not give it, and the store has one whose name is nearly the same.
    #[error("{error}")]
    Mistyped {
        /// Why the registry does not give it.
        error: Box<registry::Error>,
        /// The image of the store.
        likely: String,
    },
    /// A registry does not give it.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The image is for another platform than the one that was asked for.
    #[error("`{image}` in the store is for {has}, not for {wanted}")]
    OtherPlatform {
        /// Its name.
        image: String,
        /// What it is for.
        has: Box<Platform>,
        /// What was asked for.
        wanted: Box<Platform>,
    },
    /// This machine does not execute the programs of the image.
    #[error("`{image}` is for {has}, but this machine is {host}")]
    OtherMachine {
        /// Its name.
        image: String,
        /// What it is for.
        has: Box<Platform>,
        /// What this machine is.
        host: Box<Platform>,
    },
    /// An archive of images can't be loaded or written.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// `stand-ins.toml` has a line that is not understood.
    #[error("{}:{line}: {reason}", file.display())]
    StandIns {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// `stand-ins.toml` is not a regular file, or too large.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// The store can't be asked, or the image in it is damaged.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A built-in image can't be made.
    #[error(transparent)]
    Userland(#[from] userland::Error),
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::NotFound { image, stand_in: Some(stand_in), off } => {
                let (name, place) = (familiar(image), in_its_place(stand_in, &familiar(image)));
                Some(match off {
                    Some(off) => format!("pulling is off by {off}; {place}"),
                    None => format!("{place}; `layerlab pull {name}` pulls the real image"),
                })
            }
            Error::NotFound { image, stand_in: None, off } => {
                let off = off.map(|off| format!("pulling is off by {off}; ")).unwrap_or_default();
                let familiar = familiar(image);
                Some(format!(
                    "{off}`layerlab pull {familiar}` pulls it, and \"Real base images\" in the book has other ways; `layerlab images` lists \
                     those in the store"
                ))
            }
            Error::NoneYet { name, stand_in, off: Some(off) } => {
                Some(format!("pulling is off by {off}; {}", in_its_place(stand_in, name)))
            }
            Error::NoneYet { name, stand_in, off: None } => Some(format!(
                "`layerlab pull {name}` pulls it; or try the built-in {stand_in}, which `layerlab tag {stand_in} {name}` \
                 gives this name"
            )),
            Error::OtherPlatform { wanted, .. } => {
                Some(format!("`layerlab pull --platform {wanted}` pulls one; or omit `--platform`"))
            }
            Error::OtherMachine { .. } => {
                Some("load the image for this machine's platform, or build it here".to_owned())
            }
            Error::Archive(error) => error.hint(),
            Error::Document(error) => error.hint(),
            Error::Store(error) => error.hint(),
            Error::Userland(error) => error.hint(),
            Error::Registry(error) => error.hint(),
            Error::Mistyped { error, likely } => {
                let hint = error.hint().map(|hint| format!("; else: {hint}")).unwrap_or_default();
                Some(format!("did you mean `{likely}`, which is here?{hint}"))
            }
            Error::Offline { name, stand_in, .. } => Some(in_its_place(stand_in, name)),
            Error::NotMade { .. } | Error::NotPulled { .. } | Error::StandIns { .. } => None,
        }
    }
}

/// An image's name as people write it.
fn familiar(image: &str) -> String {
    Reference::parse_normalized(image).map_or_else(|_| image.to_owned(), |name| name.familiar())
}

/// How a built-in image comes to take the place of another.
fn in_its_place(stand_in: &str, name: &str) -> String {
    format!(
        "the built-in {stand_in} can take its place: `--stand-ins` in a build, and `layerlab tag {stand_in} {name}` gives it the name"
    )
}
