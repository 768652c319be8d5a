//! ADD of a URL: what a server has now, as one file.
//!
//! ```text
//!             kept from an earlier build                     nothing is kept
//! missing     the server is asked whether it has changed     it is downloaded
//! always      as missing                                     it is downloaded
//! newer       as missing; kept, if nobody can be asked       it is downloaded
//! never       kept                                           an error
//! ```
//!
//! The rules have the names that they have for images. With `--checksum`, what is kept and has that digest is used, and nobody is asked. A
//! build asks each URL once. A prediction asks nobody.
//!
//! As in BuildKit the file has mode 0600, root as its owner, and the time that the server names; its name is the last one of the URL's path.

use std::sync::Arc;

use super::selection::Selection;
use crate::cache::{Downloaded, Downloads};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::rules;
use crate::images;
use crate::machine::Error;
use crate::machine::actions::from::{Fetching, Search};
use crate::machine::event::EventKind;
use crate::machine::inputs::Inputs;
use crate::oci::{Descriptor, Digest, media_type};
use crate::registry::download::{Address, Arrived, Validators, download};
use crate::registry::{Registries, When};
use crate::store::Store;
use crate::tree::{Content, Kind, Metadata, Node, Place};
use crate::world::parse_http_date;

/// The file of a URL.
///
/// # Errors
/// [`Error::Download`] where it does not come, or is not what is expected; [`Error::NotAsked`] where it is only foreseen.
pub(super) fn obtain(
    address: &Address,
    expected: Option<Digest>,
    search: Search<'_>,
    inputs: &Inputs,
) -> Result<Selection, Error> {
    Ok(Selection::of_file(&address.file_name(), file(address, expected, search, inputs)?))
}

/// The file of a URL, without a name.
///
/// # Errors
/// As [`obtain`].
pub(crate) fn file(
    address: &Address,
    expected: Option<Digest>,
    search: Search<'_>,
    inputs: &Inputs,
) -> Result<Node, Error> {
    let url = address.as_str();
    let found = match inputs.downloaded(url).filter(|found| expected.is_none_or(|expected| expected == found.digest)) {
        Some(found) => found,
        None => {
            let found = current(address, expected, search)?;
            inputs.remember_download(&found);
            found
        }
    };
    let mtime = found.modified.as_deref().and_then(parse_http_date).unwrap_or(0);
    let place = Place::Blob { blob: Arc::new(found.digest), offset: 0 };
    let metadata = Metadata { mtime, ..Metadata::root_owned(0o600) };
    Ok(Node::new(metadata, Kind::File(Content { size: found.bytes, place })))
}

/// What the URL has now, as far as that has to be found out.
fn current(address: &Address, expected: Option<Digest>, search: Search<'_>) -> Result<Downloaded, Error> {
    let (store, url) = (search.store, address.as_str());
    let downloads = Downloads::open(store.home());
    let kept = downloads.get(url)?.filter(|kept| is_here(store, kept));
    let when = when(search)?;
    let kept = match (kept, expected) {
        (Some(kept), Some(expected)) if kept.digest == expected => return Ok(kept),
        // It was something else: all of it has to come.
        (_, Some(_)) => None,
        (Some(kept), None) if when == When::Never => return Ok(kept),
        (kept, None) => kept,
    };
    if when == When::Never {
        return Err(Diagnostic::new(
            &rules::NOT_DOWNLOADED,
            format!("`{url}` is not kept from an earlier build, and no server may be asked for it"),
        )
        .hint("`--pull missing`, or LAYERLAB_PULL=missing, lets one be asked")
        .into());
    }
    if search.fetch == Fetching::Foreseen {
        let verb = if kept.is_some() { "asked" } else { "downloaded" };
        return Err(Error::NotAsked { because: format!("`{url}` would first have to be {verb}") });
    }
    let known = kept.as_ref().map_or_else(Validators::default, validators);
    let arrived = download(store, address, &known, expected);
    let is_new = matches!(arrived, Ok(Arrived::New(_)));
    let found = match (arrived, kept) {
        (Ok(Arrived::New(file)), _) => Downloaded {
            url: url.to_owned(),
            digest: file.digest,
            bytes: file.bytes,
            version: file.validators.etag,
            modified: file.validators.modified,
        },
        (Ok(Arrived::Same), Some(kept)) => kept,
        (Err(error), Some(kept)) if when == When::Newer && error.is_offline() => kept,
        (Err(error), _) => return Err(error.into()),
        (Ok(Arrived::Same), None) => unreachable!("without anything that is known no condition is sent"),
    };
    let (url, digest, bytes) = (address.shown(), found.digest, found.bytes);
    search.noted.brought(EventKind::Downloaded { url, digest, bytes, is_new });
    // Written again where nothing has changed: its time says when it was last used.
    downloads.put(&found)?;
    Ok(found)
}

/// Whether the content is in the store, and what its digest says.
pub(super) fn is_here(store: &Store, kept: &Downloaded) -> bool {
    store.is_whole(&Descriptor::new(media_type::LAYER, kept.digest, kept.bytes))
}

fn validators(kept: &Downloaded) -> Validators {
    Validators { etag: kept.version.clone(), modified: kept.modified.clone() }
}

/// When a server is asked.
pub(super) fn when(search: Search<'_>) -> Result<When, Error> {
    if let Some(when) = search.options.pull.when() {
        return Ok(when);
    }
    let registries = Registries::open(search.store.home(), search.store.meter());
    Ok(registries.map_err(images::Error::Registry)?.when)
}
