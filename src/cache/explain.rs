//! Explanations: which ingredient differs between two steps, down to the file and the attribute.
//!
//! Comparing is pure data against data. Who is to be compared with whom (the step before, the same step of an earlier
//! build) is the caller's choice.

use serde::Serialize;
use std::collections::BTreeMap;

use super::{Entry, EntryKind, Ingredient, Ingredients};

/// One attribute of one file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeChange {
    /// Relative to the copied root, with escapes for what can't be shown.
    pub path: String,
    /// `added`, `removed`, `content`, `mode`, `owner`, `type`, `target`, `device` or `xattr NAME`.
    pub attribute: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// One ingredient that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub ingredient: String,
    /// `None`: the earlier step had no such ingredient.
    pub before: Option<String>,
    /// `None`: the later step has none.
    pub after: Option<String>,
    /// Whether it is the parent: then this step only follows.
    pub parent: bool,
    /// For files: which of them, and what of each.
    pub files: Vec<AttributeChange>,
}

// ANCHOR: compare
/// Compares the ingredients of an earlier step with those of a later one. Equal lists give no difference.
///
/// `listing` gives the entries of a listing's digest where they are known.
pub fn compare(
    before: &Ingredients,
    after: &Ingredients,
    listing: &mut dyn FnMut(crate::oci::Digest) -> Option<Vec<Entry>>,
) -> Vec<Difference> {
    let earlier: BTreeMap<String, &Ingredient> = before.iter().map(|one| (one.name(), one)).collect();
    let later: BTreeMap<String, &Ingredient> = after.iter().map(|one| (one.name(), one)).collect();
    let mut differences = Vec::new();
    for ingredient in after.iter() {
        let name = ingredient.name();
        match earlier.get(&name) {
            Some(same) if *same == ingredient => {}
            other => differences.push(difference(name, other.copied(), Some(ingredient), listing)),
        }
    }
    for ingredient in before.iter().filter(|one| !later.contains_key(&one.name())) {
        differences.push(difference(ingredient.name(), Some(ingredient), None, listing));
    }
    if differences.is_empty() && before != after {
        let names = |list: &Ingredients| list.iter().map(Ingredient::name).collect::<Vec<_>>().join(", ");
        differences.push(Difference {
            ingredient: "order of the ingredients".into(),
            before: Some(names(before)),
            after: Some(names(after)),
            parent: false,
            files: Vec::new(),
        });
    }
    differences
}
// ANCHOR_END: compare

fn difference(
    name: String,
    before: Option<&Ingredient>,
    after: Option<&Ingredient>,
    listing: &mut dyn FnMut(crate::oci::Digest) -> Option<Vec<Entry>>,
) -> Difference {
    let files = match (before, after) {
        (Some(Ingredient::Files { listing: old, .. }), Some(Ingredient::Files { listing: new, .. })) => {
            match (listing(*old), listing(*new)) {
                (Some(old), Some(new)) => compare_files(&old, &new),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    };
    Difference {
        parent: matches!(before.or(after), Some(Ingredient::Parent { .. })),
        ingredient: name,
        before: before.map(Ingredient::value),
        after: after.map(Ingredient::value),
        files,
    }
}

/// Compares two listings file by file.
pub fn compare_files(before: &[Entry], after: &[Entry]) -> Vec<AttributeChange> {
    let earlier: BTreeMap<&[u8], &Entry> = before.iter().map(|entry| (entry.path.as_slice(), entry)).collect();
    let later: BTreeMap<&[u8], &Entry> = after.iter().map(|entry| (entry.path.as_slice(), entry)).collect();
    let mut changes = Vec::new();
    for (path, new) in &later {
        match earlier.get(path) {
            None => changes.push(change(path, "added", None, Some(describe(new)))),
            Some(old) => compare_entry(old, new, &mut changes),
        }
    }
    for (path, old) in earlier.iter().filter(|(path, _)| !later.contains_key(*path)) {
        changes.push(change(path, "removed", Some(describe(old)), None));
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

fn compare_entry(old: &Entry, new: &Entry, changes: &mut Vec<AttributeChange>) {
    let mut note = |attribute: &str, before: String, after: String| {
        if before != after {
            changes.push(change(&new.path, attribute, Some(before), Some(after)));
        }
    };
    match (&old.kind, &new.kind) {
        (EntryKind::File { digest: one, .. }, EntryKind::File { digest: other, .. }) => {
            note("content", one.to_string(), other.to_string());
        }
        (EntryKind::Symlink { target: one }, EntryKind::Symlink { target: other }) => {
            note("target", one.escape_ascii().to_string(), other.escape_ascii().to_string());
        }
        (one, other) if std::mem::discriminant(one) == std::mem::discriminant(other) => {
            note("device", format!("{one:?}"), format!("{other:?}"));
        }
        _ => note("type", describe(old), describe(new)),
    }
    note("mode", format!("{:04o}", old.mode), format!("{:04o}", new.mode));
    note("owner", format!("{}:{}", old.uid, old.gid), format!("{}:{}", new.uid, new.gid));
    let values = |entry: &Entry| -> BTreeMap<String, String> {
        entry
            .xattrs
            .iter()
            .map(|(name, value)| (name.escape_ascii().to_string(), value.escape_ascii().to_string()))
            .collect()
    };
    let (before, after) = (values(old), values(new));
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        if before.get(name) != after.get(name) {
            changes.push(AttributeChange {
                path: new.path.escape_ascii().to_string(),
                attribute: format!("xattr {name}"),
                before: before.get(name).cloned(),
                after: after.get(name).cloned(),
            });
        }
    }
}

fn change(path: &[u8], attribute: &str, before: Option<String>, after: Option<String>) -> AttributeChange {
    AttributeChange { path: path.escape_ascii().to_string(), attribute: attribute.into(), before, after }
}

fn describe(entry: &Entry) -> String {
    match &entry.kind {
        EntryKind::File { size, .. } => format!("file, {size} B"),
        EntryKind::Directory => "directory".into(),
        EntryKind::Symlink { target } => format!("symbolic link to {}", target.escape_ascii()),
        EntryKind::CharDevice { major, minor } => format!("character device {major}:{minor}"),
        EntryKind::BlockDevice { major, minor } => format!("block device {major}:{minor}"),
        EntryKind::Fifo => "fifo".into(),
    }
}
