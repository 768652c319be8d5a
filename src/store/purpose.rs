//! What each file of the home is for, in a sentence: for whoever is told what was done to it.

use std::path::Path;

use crate::deeds::{self, Group};

/// By the last parts of a path, the more special ones first. A part `*` is any.
const PURPOSES: [(&str, &str); 36] = [
    ("containers/*/container.json", "what the container is: its image, its command, its mounts, ports and networks"),
    ("containers/*/status.json", "how the container stands, and how it ended"),
    ("containers/*/status.spare", "room for the last status, in case that the disk is full then"),
    ("containers/*/stays", "it says that the container stays when nobody works with it"),
    ("containers/*/health.json", "what the checks of its health have said"),
    ("containers/*/monitor.sock", "where its monitor is asked"),
    ("containers/*/log.json", "what the container has written"),
    ("containers/*/upper", "what the container changes"),
    ("containers/*.lock", "whoever has it locked works with the container; while that runs, it is its monitor"),
    ("containers/*", "the container: its changes, and what was written down of it"),
    ("names/.lock", "names and networks of containers are changed by one at a time"),
    ("names/*", "the id of the container that has this name"),
    ("volumes/.lock", "shared by who begins to use volumes, held alone by who removes some"),
    ("volumes/*/volume.json", "what the volume is"),
    ("volumes/*/lock", "held by whoever fills the volume"),
    ("volumes/*", "the volume: what it is, and its files"),
    ("networks/.lock", "networks are made by one at a time"),
    ("networks/.use.lock", "shared by who begins to use networks, held alone by who removes one"),
    ("networks/switch.lock", "whoever has it locked keeps the networks"),
    ("networks/switch.sock", "where the keeper of the networks is asked"),
    ("networks/*", "what the network is: its id and its addresses"),
    ("blobs/*/*", "a layer, a configuration or a manifest, under the digest of its content"),
    ("cache/*", "what earlier builds have found out"),
    ("builds/*", "one past build"),
    ("expanded/*", "a layer that came compressed, uncompressed"),
    ("proven/*", "that a layer was found to match its digest"),
    ("unpacked/*", "a layer as a directory, for overlayfs"),
    ("mount-caches/*", "a cache mount of RUN"),
    ("leases/*", "what this command uses: nobody removes that meanwhile"),
    ("events.jsonl", "what has happened, for `events`"),
    ("oci-layout", "it says that this folder is an image layout"),
    ("index.json", "the list of images and their names"),
    ("index.lock", "the list of images is changed by one at a time"),
    ("store.lock", "held alone by who removes from the store, shared by who uses it"),
    ("index.spare", "room for writing the list of images on a full disk"),
    ("tmp/*", "a file that is being made"),
];

/// The purpose of a file of the home.
fn of(path: &Path) -> &'static str {
    let parts: Vec<&str> = path.iter().rev().filter_map(|part| part.to_str()).collect();
    let fits = |pattern: &str| {
        let mut own = parts.iter();
        pattern.rsplit('/').all(|part| own.next().is_some_and(|name| is(part, name)))
    };
    PURPOSES.iter().find(|(pattern, _)| fits(pattern)).map_or("it was asked for", |(_, purpose)| purpose)
}

/// Whether a part of a path is what a part of a pattern says.
fn is(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => name.ends_with(end),
        None => pattern == name,
    }
}

/// Notes that something was done to a file of the home: `write`, `remove` …
pub(crate) fn note(deed: &str, path: &Path) {
    deeds::note(Group::Files, || format!("{deed} {}", path.display()), of(path));
}

/// Notes that a file of the home was locked.
pub(crate) fn note_lock(path: &Path, how: &str) {
    deeds::note(Group::Locks, || format!("lock {}, {how}", path.display()), of(path));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::of;

    #[test]
    fn each_file_has_its_purpose() {
        assert!(of(Path::new("/home/containers/0123/container.json")).starts_with("what the container is"));
        assert!(of(Path::new("/home/containers/0123.lock")).starts_with("whoever has it locked"));
        assert!(of(Path::new("/home/containers/0123")).starts_with("the container"));
        assert!(of(Path::new("/home/names/web")).starts_with("the id"));
        assert_eq!(of(Path::new("/elsewhere/x")), "it was asked for");
    }
}
