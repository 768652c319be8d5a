//! The folder `.git` of a repository, for `--keep-git-dir`: as a clone of one commit has it, with its branch or tag, and an index.
//!
//! It is the folder that the objects have come to, made ready for whoever works with it inside of the image. HEAD names the commit itself, as
//! after a checkout of it.

use std::fs::{self, File};
use std::path::Path;

use super::Error;
use super::address::Source;
use super::program::{Git, With};
use super::references::{Found, WANTED};
use crate::layer::LayerWriter;
use crate::store::write::{remove_file, remove_folder};
use crate::tree::{Content, Kind, Metadata, Node, Place, TreePath};

/// Writes the folder.
///
/// # Errors
/// As [`Git::call`]; [`Error::Io`] and [`Error::Layer`].
pub(super) fn write(
    git: &Git<'_>,
    source: &Source,
    found: &Found,
    commit: &str,
    writer: &mut LayerWriter<'_>,
) -> Result<(), Error> {
    let run = |arguments: &[&str]| git.answer(With::Objects, arguments);
    let time = run(&["log", "-1", "--format=%ct", commit])?.parse::<i64>().unwrap_or(0);
    if let Some(name) = found.name.as_deref().filter(|name| *name != "HEAD") {
        let object = run(&["rev-parse", "--verify", WANTED])?;
        run(&["update-ref", name, &object])?;
    }
    run(&["update-ref", "--no-deref", "HEAD", commit])?;
    run(&["update-ref", "-d", WANTED])?;
    run(&["config", "core.bare", "false"])?;
    run(&["config", "remote.origin.url", source.repository.url()])?;
    run(&["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"])?;
    run(&["read-tree", commit])?;
    for left in ["info", "refs/wanted"] {
        remove_folder(&git.folder.join(left))?;
    }
    remove_file(&git.folder.join("FETCH_HEAD"))?;
    write_folder(&git.folder, &TreePath::new(".git"), time, writer)
}

/// Writes a folder that is ours, sorted by name.
fn write_folder(folder: &Path, path: &TreePath, time: i64, writer: &mut LayerWriter<'_>) -> Result<(), Error> {
    let io = |operation, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { operation, path, source }
    };
    let directory =
        Node { metadata: Metadata { mtime: time, ..Metadata::root_owned(0o755) }, ..Node::directory(0o755) };
    writer.append(path, &directory, &mut std::io::empty())?;
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(io("list", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (place, name) = (entry.path(), path.join(entry.file_name().as_encoded_bytes()));
        if entry.file_type().map_err(io("stat", &place))?.is_dir() {
            write_folder(&place, &name, time, writer)?;
            continue;
        }
        let mut file = File::open(&place).map_err(io("open", &place))?;
        let size = file.metadata().map_err(io("stat", &place))?.len();
        let content = Content { size, place: Place::Host(place.into()) };
        let metadata = Metadata { mtime: time, ..Metadata::root_owned(0o644) };
        writer.append(&name, &Node::new(metadata, Kind::File(content)), &mut file)?;
    }
    Ok(())
}
