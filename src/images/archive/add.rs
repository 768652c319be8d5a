//! An image into the folder of an OCI layout that is there already, beside what others have put there.
//!
//! What an entry of `index.json` says that this program does not know stays as it is. The blobs come first, so whoever reads the folder meanwhile finds
//! all that the list leads to. As with skopeo, an image whose tag another one gets stays in the list without it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::{Value, json};

use super::contents::path_of;
use super::save::Selected;
use super::tarball::Bundle;
use super::{Error, LIST};
use crate::document::{self, Links};
use crate::oci::manifest::REF_NAME;
use crate::oci::{Algorithm, Descriptor, Digest, Hasher, Layout, media_type, to_json, validate};
use crate::progress::Work;
use crate::store::{self, Store, documents};

/// Adds images to a layout, which may be an empty folder.
///
/// # Errors
/// [`Error::Exists`] for a folder with something else in it; [`Error::Invalid`] for a layout that can't be understood; [`Error::Store`] and
/// [`Error::Io`] for what can't be read or written.
pub(super) fn add(store: &Store, selected: &Selected, folder: &Path) -> Result<(), Error> {
    // What the folder's own name leads to is the user's choice.
    let root = folder.canonicalize().map_err(Error::io("open", folder))?;
    let _lock = store::lock_folder(&root, store.meter())?;
    let (mut index, is_new) = index_of(store, &root, folder)?;
    let mut bundle = Bundle::Folder { root: root.clone(), name: folder.to_owned() };
    for part in std::iter::once("blobs".to_owned()).chain(selected.folders()) {
        if root.join(&part).symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            return Err(Error::Exists { path: folder.join(part) });
        }
        bundle.folder(&part)?;
    }
    let bytes = selected.blobs.values().map(|blob| blob.size).sum();
    let task = store.meter().begin(Work::Writing, Some(bytes));
    for blob in selected.blobs.values() {
        let name = path_of(&blob.digest);
        if is_there(&root.join(&name), &blob.digest).unwrap_or(false) {
            task.add(blob.size).map_err(store::Error::from)?;
        } else {
            bundle.file(&name, &store.open_blob(&blob.digest)?, blob.size, &task)?;
        }
    }
    if is_new {
        bundle.bytes("oci-layout", &to_json(&Layout::default()))?;
    }
    for entry in &selected.entries {
        list(&mut index, entry);
    }
    bundle.bytes("index.json", &to_json(&index))?;
    bundle.finish()
}

/// The list of a layout, and whether it has to be begun.
fn index_of(store: &Store, root: &Path, folder: &Path) -> Result<(Value, bool), Error> {
    let invalid = |member: &str, reason: String| Error::Invalid {
        archive: folder.display().to_string(),
        member: member.to_owned(),
        reason,
    };
    let read = |name: &str, limit| document::read(&root.join(name), store.home().bound(limit), Links::RefuseOnTheWay);
    let layout = match read("oci-layout", &documents::LAYOUT) {
        Err(error) if error.is_not_found() => {
            let mut entries = std::fs::read_dir(root).map_err(Error::io("read", folder))?;
            if entries.next().is_some() {
                return Err(Error::Exists { path: folder.to_owned() });
            }
            return Ok((json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [] }), true));
        }
        layout => layout?,
    };
    if let Some(reason) = validate::layout(&layout).into_iter().next() {
        return Err(invalid("oci-layout", reason));
    }
    let text = read("index.json", &LIST)?;
    if let Some(reason) = validate::index(&text).into_iter().next() {
        return Err(invalid("index.json", reason));
    }
    let index = serde_json::from_slice(&text).map_err(|error| invalid("index.json", error.to_string()))?;
    Ok((index, false))
}

/// Puts an entry into a list.
fn list(index: &mut Value, new: &Descriptor) {
    let Some(entries) = index["manifests"].as_array_mut() else { return };
    let tag = |entry: &Value| entry["annotations"][REF_NAME].as_str().map(str::to_owned);
    let wanted = new.annotations.get(REF_NAME);
    for entry in entries.iter_mut().filter(|entry| wanted.is_some() && tag(entry).as_ref() == wanted) {
        if let Some(annotations) = entry["annotations"].as_object_mut() {
            annotations.clear();
        }
    }
    let digest = new.digest.to_string();
    entries.retain(|entry| tag(entry).is_some() || entry["digest"] != *digest);
    entries.push(json!(new));
}

/// Whether a file has what its name says.
fn is_there(path: &Path, digest: &Digest) -> io::Result<bool> {
    let Ok((file, _)) = document::open(path, Links::RefuseOnTheWay) else { return Ok(false) };
    Ok(hash(digest.algorithm(), file)? == *digest)
}

fn hash(algorithm: Algorithm, mut file: File) -> io::Result<Digest> {
    let mut hasher = Hasher::of(algorithm);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
