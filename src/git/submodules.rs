//! Repositories inside of a repository: the commits that its tree names, and where its `.gitmodules` says that they are.
//!
//! As `git submodule update --init` has them; but `.gitmodules` is only read for the places of the repositories, and each place has to be an address on
//! a server: no path of this machine, no program.

use std::collections::BTreeMap;

use super::Error;
use super::address::{Source, Submodules};
use super::checkout::Listed;
use super::program::{Git, With};
use super::repository::Repository;

/// A repository inside of another.
#[derive(Debug)]
pub(super) struct Module {
    /// Where it lies in the tree.
    pub(super) path: Vec<u8>,
    /// Its address, and the commit.
    pub(super) source: Source,
}

/// What `.gitmodules` says of one.
#[derive(Debug, Default)]
struct Entry {
    path: Option<String>,
    url: Option<String>,
    is_left_out: bool,
}

/// The submodules of a commit of a repository.
///
/// # Errors
/// [`Error::Unusable`] where one has no place that may be asked; as [`Git::call`].
pub(super) fn of(git: &Git<'_>, repository: &Repository, commit: &str, listed: &Listed) -> Result<Vec<Module>, Error> {
    if listed.links.is_empty() {
        return Ok(Vec::new());
    }
    let entries = if listed.has_modules { entries(git, commit)? } else { BTreeMap::new() };
    let mut found = Vec::new();
    for (path, wanted) in &listed.links {
        let shown = String::from_utf8_lossy(path);
        let refuse = |reason: &str| git.unusable(format!("its submodule `{shown}` {reason}"));
        let entry = entries.get(path).ok_or_else(|| refuse("has no place in `.gitmodules`"))?;
        if entry.is_left_out {
            continue;
        }
        let url = entry.url.as_deref().ok_or_else(|| refuse("has no place in `.gitmodules`"))?;
        let repository = repository.beside(url).map_err(|reason| refuse(&format!("is at `{url}`: {reason}")))?;
        let source = Source {
            repository,
            reference: Some(wanted.clone()),
            folder: String::new(),
            checksum: None,
            keep_git_dir: None,
            submodules: Submodules::Taken,
        };
        found.push(Module { path: path.clone(), source });
    }
    Ok(found)
}

/// What `.gitmodules` says, by the paths.
fn entries(git: &Git<'_>, commit: &str) -> Result<BTreeMap<Vec<u8>, Entry>, Error> {
    let file = format!("{commit}:.gitmodules");
    let text = git.answer(With::Objects, &["config", "--blob", &file, "--no-includes", "--null", "--list"])?;
    let mut by_name: BTreeMap<&str, Entry> = BTreeMap::new();
    for line in text.split('\0') {
        let (key, value) = line.split_once('\n').unwrap_or((line, ""));
        let Some((name, key)) = key.strip_prefix("submodule.").and_then(|rest| rest.rsplit_once('.')) else { continue };
        let entry = by_name.entry(name).or_default();
        match key {
            "path" => entry.path = Some(value.to_owned()),
            "url" => entry.url = Some(value.to_owned()),
            "update" => entry.is_left_out = value == "none",
            // How git would fetch and merge it does not concern us.
            _ => {}
        }
    }
    Ok(by_name.into_values().filter_map(|entry| Some((entry.path.clone()?.into_bytes(), entry))).collect())
}
