//! The files of a commit: its tree, looked through, and its archive, written into a layer.
//!
//! `git archive` gives what a checkout would give, as a stream: conversions of line ends, `ident`. What only archives have, `export-ignore` and
//! `export-subst`, is switched off by attributes of ours, which come before the repository's.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Error;
use super::program::{Git, With};
use crate::layer::{self, LayerWriter, archive};
use crate::store::write::{atomic_write, create_folder};
use crate::tree::{Node, TreePath};

/// The longest entry of a tree that is read: mode, type, id, and a path that the kernel would take.
const LONGEST_ENTRY: u64 = 4096 + 128;

/// What of a tree is not files.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Paths at which another repository belongs, with its commit.
    pub(super) links: BTreeMap<Vec<u8>, String>,
    /// Whether there is a file `.gitmodules`.
    pub(super) has_modules: bool,
}

/// Looks through the tree of a commit.
///
/// # Errors
/// [`Error::Unusable`] for a name that no checkout has: `..`, `.git`; as [`Git::call`].
pub(super) fn list(git: &Git<'_>, commit: &str) -> Result<Listed, Error> {
    let most = layer::Limits::of(git.store.limits()).entries;
    git.call(With::Objects, &["ls-tree", "-r", "-z", "--full-tree", commit], |output: File| {
        let mut output = BufReader::new(output);
        let (mut listed, mut entries, mut entry) = (Listed::default(), 0, Vec::new());
        loop {
            entry.clear();
            (&mut output).take(LONGEST_ENTRY).read_until(0, &mut entry).map_err(|error| git.io("read", error))?;
            if entry.is_empty() {
                return Ok(listed);
            }
            let Some(0) = entry.pop() else { return Err(git.unusable("it has a path that is too long")) };
            entries += 1;
            if entries > most {
                return Err(git.unusable(format!("it has more than {most} files, the limit for an archive")));
            }
            listed.add(git, &entry)?;
        }
    })
}

impl Listed {
    /// Takes one entry: `<mode> <type> <id>\t<path>`.
    fn add(&mut self, git: &Git<'_>, entry: &[u8]) -> Result<(), Error> {
        let text = String::from_utf8_lossy(entry);
        let tab = entry.iter().position(|byte| *byte == b'\t');
        let Some((head, path)) = tab.map(|tab| (String::from_utf8_lossy(&entry[..tab]), &entry[tab + 1..])) else {
            return Err(git.unusable(format!("git lists its files as `{text}`")));
        };
        if let Some(name) = path.split(|byte| *byte == b'/').find(|name| !is_name(name)) {
            let (path, name) = (String::from_utf8_lossy(path), String::from_utf8_lossy(name));
            return Err(git.unusable(format!("its file `{path}` can't be checked out: no file is called `{name}`")));
        }
        match head.split(' ').collect::<Vec<_>>()[..] {
            ["160000", _, commit] => drop(self.links.insert(path.to_vec(), commit.to_owned())),
            ["100644" | "100755" | "100664", "blob", _] if path == b".gitmodules" => self.has_modules = true,
            // Files, links and folders come with the archive.
            _ => {}
        }
        Ok(())
    }
}

/// Whether a part of a path is a name that git checks out. It refuses `.git` in any case.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.eq_ignore_ascii_case(b".git")
}

// ANCHOR: write
/// Writes the files of a commit below a folder. Its tree has been looked through.
///
/// # Errors
/// [`Error::Layer`] for files that no layer can have; as [`Git::call`].
pub(super) fn write(git: &Git<'_>, commit: &str, below: &TreePath, writer: &mut LayerWriter<'_>) -> Result<(), Error> {
    let info = git.folder.join("info");
    create_folder(&info)?;
    atomic_write(&info.join("attributes"), b"* -export-ignore -export-subst\n")?;
    let limits = layer::Limits::of(git.store.limits());
    git.call(With::Objects, &["archive", "--format=tar", commit], |output: File| {
        let mut archive = archive::of_file(Path::new(&git.name), output, &limits)?;
        while let Some((path, node)) = archive.next_entry()? {
            if !path.is_root() {
                // Files of git have one name.
                let node = Node { link: None, ..node };
                writer.append(&below.join(path.relative()), &node, &mut archive.content())?;
            }
        }
        Ok(())
    })
}
// ANCHOR_END: write

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_that_git_does_not_check_out_are_known() {
        for name in ["a", ".gitignore", "git", "...", ".gitmodules"] {
            assert!(is_name(name.as_bytes()), "{name}");
        }
        for name in ["", ".", "..", ".git", ".GIT", ".Git"] {
            assert!(!is_name(name.as_bytes()), "{name}");
        }
    }
}
