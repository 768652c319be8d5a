//! From an archive to images in the store.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use super::choice::Choice;
use super::contents::Contents;
use super::loaded::Loaded;
use super::{Error, docker, layout, legacy};
use crate::store::Store;

/// Where the archive is.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// A tar archive, or the folder of an OCI layout.
    Path(&'a Path),
    /// An open stream, and what messages call it.
    Stream(File, &'a str),
}

/// Loads the images of an archive, or only those with a tag or a name, and gives them their names. All of them are good, or nothing is named.
///
/// # Errors
/// [`Error::NotImages`] for what is something else; [`Error::Missing`], [`Error::Invalid`] and [`Error::Platform`] for an archive that
/// can't be used; [`Error::Document`] and [`Error::Layer`] for what goes beyond a limit; [`Error::Io`] and [`Error::Store`].
pub(crate) fn load(store: &Store, input: Input<'_>, tag: Option<&str>) -> Result<Vec<Loaded>, Error> {
    let images = bring(store, input, tag)?;
    store.name_all(images.iter().map(|image| (&image.manifest, image.names.as_slice())))?;
    Ok(images)
}

/// Takes the images of an OCI layout, or only those with a tag or a name, into the store. They get no names.
///
/// # Errors
/// As [`load`].
pub(crate) fn take(store: &Store, folder: &Path, tag: Option<&str>) -> Result<Vec<Loaded>, Error> {
    let images = bring(store, Input::Path(folder), tag)?;
    store.name_all(images.iter().map(|image| (&image.manifest, &[][..])))?;
    Ok(images)
}

fn bring(store: &Store, input: Input<'_>, tag: Option<&str>) -> Result<Vec<Loaded>, Error> {
    let contents = match input {
        Input::Path(path) if path.is_dir() => Contents::of_folder(store, path)?,
        Input::Path(path) => Contents::of_archive(store, path, File::open(path).map_err(Error::io("open", path))?)?,
        Input::Stream(file, name) => Contents::of_archive(store, Path::new(name), file)?,
    };
    let choice = Choice::new(tag);
    let mut images = if contents.has("oci-layout") && contents.has("index.json") {
        layout::images(store, &contents, choice)?
    } else if contents.is_folder() {
        let reason =
            "a folder has to be an OCI layout, with `oci-layout` and `index.json`; pack a Docker archive with tar";
        return Err(contents.not_images(reason.to_owned()));
    } else if contents.has("manifest.json") || contents.has("repositories") {
        match contents.has("manifest.json") {
            true => docker::images(store, &contents, choice)?,
            false => legacy::images(store, &contents, choice)?,
        }
    } else {
        let reason = "it has neither `oci-layout` with `index.json`, nor `manifest.json`, nor `repositories`";
        return Err(contents.not_images(reason.to_owned()));
    };
    // Of two images with one name, the later has it.
    let mut taken = HashSet::new();
    for image in images.iter_mut().rev() {
        image.names.retain(|name| taken.insert(name.clone()));
    }
    Ok(images)
}
