//! Named contexts (`--build-context NAME=…`): what FROM, `COPY --from` and `RUN --mount=from=` mean by a name that the user has
//! given another meaning.
//!
//! | what is given | what it is |
//! |---|---|
//! | a folder | its files, after its own `.dockerignore` |
//! | `docker-image://NAME` | an image, or `scratch` |
//! | `oci-layout://FOLDER[:TAG]` | an image that was taken into the store from there |
//! | the address of a git repository | the files of a commit |
//! | another URL | one file, `context` |
//!
//! As in BuildKit (moby/buildkit, `dockerui`). Left out: `target:`, which only bake has.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::git;
use crate::oci::{Digest, Reference};
use crate::registry::download::Address;

/// What names stand for.
pub type NamedContexts = BTreeMap<String, NamedContext>;

/// What a name stands for.
#[derive(Clone, Debug)]
pub struct NamedContext {
    /// As the user has written it.
    pub(crate) text: String,
    pub(crate) what: Meaning,
}

/// Which image of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LayoutImage {
    Tag(String),
    Digest(Digest),
    /// The only one, or the one with the tag `latest`.
    Usual,
}

/// The kinds of what a name can stand for.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    Scratch,
    Image(Reference),
    /// An image of an OCI layout, by its tag or its digest.
    Layout {
        folder: PathBuf,
        image: LayoutImage,
    },
    Folder(PathBuf),
    Repository(Box<git::Source>),
    Url(Address),
}
