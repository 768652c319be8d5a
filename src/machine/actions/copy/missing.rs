//! A source that is not there, or is there and leads nowhere: what to say of it.

use super::obstacle::{noun, target_of};
use super::selection::SelectError;
use crate::context::{Patterns, Snapshot, glob};
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::rules;
use crate::machine::Error;
use crate::machine::inputs::Inputs;
use crate::machine::noted::Noted;
use crate::tree::{self, Kind, Readable, Tree, TreePath};

/// Where a source was looked for.
pub(super) struct Searched<'s> {
    pub(crate) tree: &'s Tree,
    /// In words: `the build context`, `stage ...`.
    pub(crate) name: &'s str,
    pub(crate) place: SearchPlace,
    pub(crate) excludes: Option<&'s Patterns>,
    pub(crate) inputs: &'s Inputs,
}

/// What kind of tree that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchPlace {
    Context,
    Elsewhere,
}

/// A link or a file on the way to a source that ends it.
struct DeadEnd {
    /// The part of the path that leads nowhere.
    at: TreePath,
    why: String,
    hint: Option<String>,
    /// What a link leads to that is not there.
    missing: Option<TreePath>,
}

/// The error for a source that could not be selected, with what explains it.
pub(super) fn explain_source(error: SelectError, word: &str, searched: &Searched<'_>) -> Error {
    let path = match error {
        SelectError::NotFound { path } => path,
        SelectError::LeftOut { path } => return left_out_error(word, &path, searched),
        SelectError::BehindLink { path, real } => return behind_link_error(word, &path, &real, searched),
        other => return Error::Select(other),
    };
    if let Some(end) = dead_end(searched.tree, &path, searched.name) {
        let excluded = end.missing.as_ref().and_then(|missing| excluded_hint(missing, searched));
        let (at, whole) = (shown(&end.at, word), shown(&path, word));
        let message = match end.at == path {
            true => format!("`{at}` is {}", end.why),
            false => format!("`{whole}` leads nowhere: `{at}` is {}", end.why),
        };
        return not_found(message, excluded.or(end.hint));
    }
    let outside = || {
        (searched.place == SearchPlace::Context && word.split('/').any(|component| component == ".."))
            .then(|| "paths are relative to the context, and `..` does not lead out of it".to_owned())
    };
    let hint =
        outside().or_else(|| excluded_hint(&path, searched)).or_else(|| similar_hint(searched.tree, &path, word));
    not_found(format!("`{word}` is not in {}", searched.name), hint)
}

fn not_found(message: String, hint: Option<String>) -> Error {
    let error = Diagnostic::new(&rules::SOURCE_NOT_FOUND, message);
    match hint {
        Some(hint) => error.hint(hint).into(),
        None => error.into(),
    }
}

/// A source in the context that `.dockerignore` leaves out, or leaves nothing of.
pub(super) fn note_ignored(word: &str, snapshot: &Snapshot, noted: &Noted) {
    let path = TreePath::new(word);
    let is_ignored = match path.is_root() {
        true => snapshot.tree().children(&path).next().is_none() && !snapshot.excluded().is_empty(),
        false => exclusion(snapshot, &path).is_some(),
    };
    if is_ignored {
        let message = format!("`.dockerignore` excludes `{word}`");
        noted.warn(Diagnostic::new(&rules::COPY_IGNORED_FILE, message));
    }
}

/// Why a file that is in the folder is not in the context.
fn excluded_hint(path: &TreePath, searched: &Searched<'_>) -> Option<String> {
    if searched.place != SearchPlace::Context {
        return None;
    }
    exclusion(&searched.inputs.loaded()?.snapshot, path)
}

/// The error for a pattern that matches nothing where the folder that it names would have to be there for it.
pub(super) fn nothing_matches(word: &str, searched: &Searched<'_>) -> Error {
    let folder = glob::plain_part(word);
    let hint = format!("`{}` exists, but nothing in it has this name", shown(&folder, word));
    not_found(format!("nothing in {} matches `{word}`", searched.name), Some(hint))
}

/// `--parents` with something that is there, of which nothing would be copied.
fn left_out_error(word: &str, path: &TreePath, searched: &Searched<'_>) -> Error {
    let decisive = searched.excludes.and_then(|patterns| patterns.decide(path.relative()).ok().flatten());
    let hint = match decisive {
        Some(pattern) => format!("`--exclude={}` leaves it out", pattern.text),
        None => {
            "`--parents` keeps the directories of what is named, but this names nothing in them: omit `--parents` to copy everything"
                .into()
        }
    };
    not_found(format!("nothing of `{word}` would be copied"), Some(hint))
}

/// `--parents` with a path that goes on behind a link.
fn behind_link_error(word: &str, path: &TreePath, real: &TreePath, searched: &Searched<'_>) -> Error {
    let is_link = |part: &TreePath| match searched.tree.get(part).map(|node| &node.kind) {
        Some(kind @ Kind::Symlink(_)) => Some(format!("`{}` is {}", shown(part, word), noun(kind))),
        _ => None,
    };
    let link = path.ancestors().iter().find_map(is_link);
    let message = format!(
        "`{word}` is not in {}: {}, and `--parents` does not follow links",
        searched.name,
        link.unwrap_or_else(|| "it lies behind a symbolic link".into())
    );
    not_found(message, Some(format!("use its real path: `{}`", shown(real, word))))
}

/// Finds what a path fails at, where that is not simply a missing name.
fn dead_end(tree: &Tree, path: &TreePath, origin: &str) -> Option<DeadEnd> {
    let mut way = path.ancestors();
    way.push(path.clone());
    let mut folder = TreePath::root();
    for part in way.iter().skip(1) {
        let here = folder.join(part.file_name()?);
        let node = tree.get(&here)?;
        let is_last = part == path;
        match &node.kind {
            Kind::Directory => folder = here,
            Kind::Symlink(target) => match tree.resolve_by_letters(&here) {
                Ok(real) if tree.get(&real).is_some_and(|node| is_last || node.is_directory()) => folder = real,
                outcome => return Some(dead_link(tree, part, &here, target, outcome, origin)),
            },
            kind if !is_last => {
                let why = format!("{}, and not a directory", noun(kind));
                return Some(DeadEnd { at: part.clone(), why, hint: None, missing: None });
            }
            _ => {}
        }
    }
    None
}

/// Why a link leads nowhere.
fn dead_link(
    tree: &Tree,
    part: &TreePath,
    link: &TreePath,
    target: &[u8],
    outcome: Result<TreePath, tree::Error>,
    origin: &str,
) -> DeadEnd {
    let shown_target = Readable(target);
    let dead = |why: String, hint: Option<String>, missing| DeadEnd { at: part.clone(), why, hint, missing };
    match outcome {
        Err(tree::Error::Loop { .. }) => {
            dead(format!("a symbolic link to `{shown_target}`, which leads back to itself"), None, None)
        }
        Ok(real) if tree.get(&real).is_some() => {
            dead(format!("a symbolic link to `{shown_target}`, which is not a directory"), None, None)
        }
        Ok(_) | Err(_) if climbs_out(link, target) => dead(
            format!("a symbolic link to `{shown_target}`, which leads out of {origin}"),
            Some(format!("links are followed only inside {origin}: put the file itself there")),
            None,
        ),
        outcome => {
            let absolute = || format!("an absolute link begins at the root of {origin}, not of this machine");
            let hint = target.starts_with(b"/").then(absolute);
            let missing = outcome.ok().or_else(|| Some(target_of(link, target)));
            dead(format!("a symbolic link to `{shown_target}`, which is not in {origin}"), hint, missing)
        }
    }
}

/// Whether the `..` of a relative target are more than the link's own directories.
fn climbs_out(link: &TreePath, target: &[u8]) -> bool {
    let mut depth = link.components().count().saturating_sub(1);
    if target.starts_with(b"/") {
        return false;
    }
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

/// The path of a file that is there, if a slip of the keyboard, or of the shift key, in one name explains the difference.
fn similar_hint(tree: &Tree, path: &TreePath, word: &str) -> Option<String> {
    let mut folder = TreePath::root();
    let mut names = path.components();
    let name = names.by_ref().find(|name| {
        let is_there = tree.resolve_by_letters(&folder.join(name)).is_ok_and(|real| tree.get(&real).is_some());
        if is_there {
            folder = folder.join(name);
        }
        !is_there
    })?;
    let name = String::from_utf8_lossy(name);
    let real = tree.resolve_by_letters(&folder).ok()?;
    let others: Vec<String> =
        tree.children(&real).map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    let other_case = others.iter().find(|other| other.to_lowercase() == name.to_lowercase()).map(String::as_str);
    let similar = other_case.or_else(|| closest(&name, others.iter().map(String::as_str)))?;
    let similar = names.fold(folder.join(similar), |path, name| path.join(name));
    let is_there = tree.resolve_by_letters(&similar).is_ok_and(|real| tree.get(&real).is_some());
    is_there.then(|| format!("did you mean `{}`?", shown(&similar, word)))
}

fn exclusion(snapshot: &Snapshot, path: &TreePath) -> Option<String> {
    let excluded = snapshot.excluded().iter().find(|excluded| path.starts_with(&TreePath::new(&excluded.path)))?;
    Some(format!(
        "`.dockerignore` line {} leaves `{}` out: `{}`",
        excluded.line,
        Readable(&excluded.path),
        excluded.pattern
    ))
}

/// A path as the word has it: with a slash in front only where the word has one.
fn shown(path: &TreePath, word: &str) -> String {
    let text = path.to_string();
    if word.starts_with('/') { text } else { text.trim_start_matches('/').to_owned() }
}
