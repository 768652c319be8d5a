//! Explanations: which ingredient differs between two steps, down to the file and the attribute.
//!
//! Comparing is pure data against data. Who is to be compared with whom (the step before, the same step of an earlier
//! build) is the caller's choice.

use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

use super::pairs::pairs;
use super::{Entry, EntryKind, Ingredient, Ingredients, Origin, Roots};
use crate::oci::Digest;

/// What a step depends on, and where its files lay: one of `roots` for each listing among the ingredients.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub ingredients: &'a Ingredients,
    pub roots: &'a [Roots],
}

/// One attribute of one file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeChange {
    /// The file's path where it was copied from (see [`Roots::paths`]), with escapes for what can't be shown.
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
    /// For files: what they are copied from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// For files: which of them, and what of each.
    pub files: Vec<AttributeChange>,
}

/// An ingredient, and where its files lay when it is a listing.
type Member<'a> = (&'a Ingredient, Option<&'a Roots>);

impl<'a> Inputs<'a> {
    fn members(self) -> Vec<Member<'a>> {
        let mut roots = self.roots.iter();
        let root = |ingredient: &Ingredient| match ingredient {
            Ingredient::Files { .. } => roots.next(),
            _ => None,
        };
        let roots: Vec<Option<&Roots>> = self.ingredients.iter().map(root).collect();
        self.ingredients.iter().zip(roots).collect()
    }
}

// ANCHOR: compare
/// Compares the ingredients of an earlier step with those of a later one. Equal lists give no difference.
///
/// `listing` gives the entries of a listing's digest where they are known.
pub fn compare(
    before: Inputs<'_>,
    after: Inputs<'_>,
    listing: &mut dyn FnMut(Digest) -> Option<Vec<Entry>>,
) -> Vec<Difference> {
    let (earlier, later) = (before.members(), after.members());
    let partners = pairs(&names(&earlier), &names(&later));
    let mut differences = Vec::new();
    for (member, partner) in later.iter().zip(&partners) {
        match partner.map(|place| earlier[place]) {
            Some((same, _)) if same == member.0 => {}
            other => differences.push(difference(other, Some(*member), listing)),
        }
    }
    let kept: HashSet<usize> = partners.iter().flatten().copied().collect();
    for (_, member) in earlier.iter().enumerate().filter(|(place, _)| !kept.contains(place)) {
        differences.push(difference(Some(*member), None, listing));
    }
    if differences.is_empty() && before.ingredients != after.ingredients {
        differences.push(order(before.ingredients, after.ingredients));
    }
    differences
}
// ANCHOR_END: compare

/// What members are paired by: the same files, else the same name.
fn names(members: &[Member<'_>]) -> Vec<((String, Option<String>), String)> {
    members.iter().map(|(one, roots)| ((one.name(), roots.map(Roots::name)), one.name())).collect()
}

fn order(before: &Ingredients, after: &Ingredients) -> Difference {
    let names = |list: &Ingredients| list.iter().map(Ingredient::name).collect::<Vec<_>>().join(", ");
    Difference {
        ingredient: "order of the ingredients".into(),
        before: Some(names(before)),
        after: Some(names(after)),
        parent: false,
        origin: None,
        files: Vec::new(),
    }
}

fn difference(
    before: Option<Member<'_>>,
    after: Option<Member<'_>>,
    listing: &mut dyn FnMut(Digest) -> Option<Vec<Entry>>,
) -> Difference {
    let files = match (before, after) {
        (
            Some((Ingredient::Files { listing: old, .. }, old_roots)),
            Some((Ingredient::Files { listing: new, .. }, new_roots)),
        ) => match (listing(*old), listing(*new)) {
            (Some(old), Some(new)) => compare_files((&old, old_roots), (&new, new_roots)),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let member = after.or(before);
    let roots = member.and_then(|(_, roots)| roots);
    let value = |member: Option<Member<'_>>| member.map(|(ingredient, _)| ingredient.value());
    Difference {
        parent: matches!(member, Some((Ingredient::Parent { .. }, _))),
        ingredient: match roots {
            Some(roots) => format!("files of {}", roots.name()),
            None => member.map_or_else(String::new, |(ingredient, _)| ingredient.name()),
        },
        before: value(before),
        after: value(after),
        origin: roots.map(|roots| roots.origin.clone()),
        files,
    }
}

/// Compares two listings file by file.
fn compare_files(before: (&[Entry], Option<&Roots>), after: (&[Entry], Option<&Roots>)) -> Vec<AttributeChange> {
    let named = |(entries, roots): (&[Entry], Option<&Roots>)| -> Vec<(String, Vec<u8>)> {
        let paths = entries.iter().map(|entry| entry.path.as_slice());
        let shown = match roots {
            Some(roots) => roots.paths(paths),
            None => paths.map(|path| path.escape_ascii().to_string()).collect(),
        };
        shown.into_iter().zip(entries.iter().map(|entry| entry.path.clone())).collect()
    };
    let (earlier, later) = (named(before), named(after));
    let partners = pairs(&earlier, &later);
    let kept: HashSet<usize> = partners.iter().flatten().copied().collect();
    let mut changes = Vec::new();
    for ((new, (path, _)), partner) in after.0.iter().zip(&later).zip(&partners) {
        match partner {
            None => changes.push(change(path, "added", None, Some(describe(new)))),
            Some(place) => compare_entry(path, &before.0[*place], new, &mut changes),
        }
    }
    let gone = before.0.iter().zip(&earlier).enumerate().filter(|(place, _)| !kept.contains(place));
    for (_, (old, (path, _))) in gone {
        changes.push(change(path, "removed", Some(describe(old)), None));
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

fn compare_entry(path: &str, old: &Entry, new: &Entry, changes: &mut Vec<AttributeChange>) {
    let mut note = |attribute: &str, before: String, after: String| {
        if before != after {
            changes.push(change(path, attribute, Some(before), Some(after)));
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
                path: path.to_owned(),
                attribute: format!("xattr {name}"),
                before: before.get(name).cloned(),
                after: after.get(name).cloned(),
            });
        }
    }
}

fn change(path: &str, attribute: &str, before: Option<String>, after: Option<String>) -> AttributeChange {
    AttributeChange { path: path.to_owned(), attribute: attribute.into(), before, after }
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
