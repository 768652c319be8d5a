//! What differs: which paths between two states, and the content of one file.

use serde::Serialize;

use super::error::Error;
use super::look::files_after;
use super::versions::{context_versions, foreseen};
use super::work::Work;
use crate::machine::{Changes, ConfigChange};
use crate::tree::{self, Change, Tree, TreePath};

/// What is to be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// The state with the one before it.
    LastStep,
    /// The files of two states; state 0 is empty.
    States(usize, usize),
    /// One file: of the image in two states, or, without states, of the context then and now. An absolute path, and one that the
    /// context does not have, is of the image, before and after the last step.
    File { path: String, states: Option<(usize, usize)> },
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "compared", rename_all = "snake_case")]
pub enum Compared {
    /// `paths` is `None` where FROM began the file system.
    Step {
        config: Vec<ConfigChange>,
        paths: Option<Changes>,
    },
    States {
        before: usize,
        after: usize,
        paths: Changes,
    },
    File {
        before: Version,
        after: Version,
    },
    /// Somebody had the context file, and what was in it is not in the store any more.
    Forgotten {
        path: String,
        origin: String,
    },
    /// No step copied the context file.
    NeverCopied {
        path: String,
    },
}

/// One content of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The path, and when that was.
    pub(crate) name: String,
    /// `None`: there was no such file.
    pub bytes: Option<Vec<u8>>,
}

/// Compares.
pub(super) fn compare(work: &Work, what: &Compare) -> Result<Compared, Error> {
    match what {
        Compare::LastStep => compare_last_step(work),
        Compare::States(before, after) => {
            let paths = path_changes(&tree_after(work, *before)?, &tree_after(work, *after)?);
            Ok(Compared::States { before: *before, after: *after, paths: Changes::listed(paths) })
        }
        Compare::File { path, states: Some((before, after)) } => compare_image_file(work, *before, *after, path),
        Compare::File { path, states: None } => {
            if let Some(compared) = compare_context_file(work, path)? {
                return Ok(compared);
            }
            let position = work.machine()?.position();
            compare_image_file(work, position.saturating_sub(1), position, path)
        }
    }
}

fn compare_last_step(work: &Work) -> Result<Compared, Error> {
    work.current()?;
    let machine = work.machine()?;
    let index = machine.position() - 1;
    let taken = &machine.taken()[index];
    let config = taken.config.to_vec();
    let after = machine.tree(&taken.state)?;
    let paths = match machine.state_before(index) {
        Some(before) => Some(Changes::listed(path_changes(&machine.tree(&before)?, &after))),
        None => None,
    };
    Ok(Compared::Step { config, paths })
}

fn tree_after(work: &Work, number: usize) -> Result<Tree, Error> {
    match work.state_after(number)? {
        Some(state) => Ok(work.machine()?.tree(&state)?),
        None => Ok(Tree::empty()),
    }
}

/// A file of the image in two states.
fn compare_image_file(work: &Work, before: usize, after: usize, path: &str) -> Result<Compared, Error> {
    let path = match work.state_after(before.max(after))? {
        Some(state) if !path.starts_with('/') => TreePath::new(state.working_dir()).join(path),
        Some(_) | None => TreePath::new(path),
    };
    let version = |number: usize| -> Result<Version, Error> {
        let files = files_after(work, number)?;
        let bytes = match files.read(&path) {
            Ok(bytes) => Some(bytes),
            Err(Error::Machine(crate::machine::Error::Tree(tree::Error::NotFound { .. }))) => None,
            Err(error) => return Err(error),
        };
        Ok(Version { name: format!("state {number}:{path}"), bytes })
    };
    let (old, new) = (version(before)?, version(after)?);
    if old.bytes.is_none() && new.bytes.is_none() {
        return Err(Error::InNeither { path: path.to_string(), before, after });
    }
    Ok(Compared::File { before: old, after: new })
}

/// A file of the context, where a path may be one.
fn compare_context_file(work: &Work, path: &str) -> Result<Option<Compared>, Error> {
    if path.starts_with('/') {
        return Ok(None);
    }
    let path = path.strip_prefix("./").unwrap_or(path);
    let Some(versions) = context_versions(work, path, &foreseen(work)?)? else {
        let is_there = work.folder.join(path).is_file();
        return Ok(is_there.then(|| Compared::NeverCopied { path: path.to_owned() }));
    };
    if versions.before.is_none() {
        return Ok(Some(Compared::Forgotten { path: path.to_owned(), origin: versions.origin }));
    }
    let before = Version { name: format!("{path} ({})", versions.origin), bytes: versions.before };
    let after = Version { name: format!("{path} (now)"), bytes: versions.after };
    Ok(Some(Compared::File { before, after }))
}

/// What differs between two trees, without directories in which only something else changed.
pub(super) fn path_changes(before: &Tree, after: &Tree) -> Vec<Change> {
    let mut changes = tree::diff(before, after);
    changes.retain(|change| !change.is_directory_time());
    changes
}
