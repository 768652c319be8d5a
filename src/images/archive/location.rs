//! Where an image lies that is neither in the store nor in a registry, as skopeo and Podman write it: containers-transports(5).
//!
//! ```text
//! oci:FOLDER[:TAG]    oci-archive:FILE[:TAG]    docker-archive:FILE[:NAME]
//! ```
//!
//! The path ends at the first colon.

use std::path::Path;

use super::save::{Named, Output, Selected};
use super::{Error, Format, add, save};
use crate::oci::Descriptor;
use crate::store::Store;

/// A place for images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location<'t> {
    /// In which form they lie there.
    pub(crate) format: Format,
    /// The folder or the file.
    pub(crate) path: &'t Path,
    /// What is behind it: which image there.
    pub(crate) image: Option<&'t str>,
}

impl<'t> Location<'t> {
    /// Reads a text; `None` where it is the name of an image.
    pub(crate) fn parse(text: &'t str) -> Option<Location<'t>> {
        let (format, rest) = transport(text)?;
        let (path, image) = rest.split_once(':').map_or((rest, None), |(path, image)| (path, Some(image)));
        Some(Location { format, path: Path::new(path), image: image.filter(|image| !image.is_empty()) })
    }

    /// As [`Location::parse`], of what is there. What is not there is the name of an image.
    pub(crate) fn existing(text: &'t str) -> Option<Location<'t>> {
        let (format, rest) = transport(text)?;
        let whole = Location { format, path: Path::new(rest), image: None };
        [Some(whole), Location::parse(text)].into_iter().flatten().find(|place| place.path.exists())
    }
}

fn transport(text: &str) -> Option<(Format, &str)> {
    let (transport, rest) = text.split_once(':').filter(|(_, rest)| !rest.is_empty())?;
    let format = match transport {
        "oci" => Format::OciDir,
        "oci-archive" => Format::OciArchive,
        "docker-archive" => Format::DockerArchive,
        _ => return None,
    };
    Some((format, rest))
}

/// Puts an image where a location says: into a layout beside those that are there, or into an archive of its own. Gives what lies there of it.
///
/// # Errors
/// As [`save()`], and [`Error::Invalid`] for a layout that can't be understood.
pub(crate) fn put(store: &Store, image: Named, location: Location<'_>) -> Result<Descriptor, Error> {
    let selected = Selected::of(store, std::slice::from_ref(&image), location.format)?;
    let put = selected.entries.first().cloned().unwrap_or_else(|| image.manifest.clone());
    if location.format == Format::OciDir && location.path.exists() {
        add::add(store, &selected, location.path)?;
    } else {
        save(store, &[image], location.format, Output::Path(location.path))?;
    }
    Ok(put)
}
