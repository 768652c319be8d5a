//! Explanations: which ingredient differs between two steps, down to the file and the attribute.
//!
//! Comparing is pure: data against data. The caller chooses what to compare (the step before, the same step of an earlier
//! build).

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::difference::{Attribute, AttributeChange, Difference, Subject};
use super::ingredient::{Ingredient, Ingredients, Kind};
use super::pairs::pairs;
use super::{Entry, EntryKind, Roots};
use crate::oci::Digest;

/// What a step depends on, and where its files lay: one of `roots` for each listing among the ingredients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) ingredients: &'a Ingredients,
    pub(crate) roots: &'a [Roots],
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

/// One ingredient of two lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    Same { name: String, value: String },
    Differs(Difference),
}

impl Side {
    /// An ingredient that there is nothing to compare with.
    pub(crate) fn alone(ingredient: &Ingredient) -> Side {
        Side::Same { name: ingredient.kind().to_string(), value: ingredient.value() }
    }
}

// ANCHOR: compare
/// Compares the ingredients of an earlier step with those of a later one. Equal lists give no difference.
///
/// `listing` gives the entries of a listing's digest where they are known.
pub(crate) fn compare(
    before: Inputs<'_>,
    after: Inputs<'_>,
    listing: &mut dyn FnMut(Digest) -> Option<Vec<Entry>>,
) -> Vec<Difference> {
    let is_other = |side| match side {
        Side::Same { .. } => None,
        Side::Differs(difference) => Some(difference),
    };
    side_by_side(before, after, listing).into_iter().filter_map(is_other).collect()
}

/// The ingredients of both, those of the later step in its order, and at the end those that only the earlier had.
pub(crate) fn side_by_side(
    before: Inputs<'_>,
    after: Inputs<'_>,
    listing: &mut dyn FnMut(Digest) -> Option<Vec<Entry>>,
) -> Vec<Side> {
    let (earlier, later) = (before.members(), after.members());
    let partners = pairs(&names(&earlier), &names(&later));
    let mut sides = Vec::new();
    for (member, partner) in later.iter().zip(&partners) {
        sides.push(match partner.map(|place| earlier[place]) {
            Some((same, _)) if same == member.0 => Side::alone(same),
            other => Side::Differs(difference(*member, other, Some(*member), listing)),
        });
    }
    let kept: HashSet<usize> = partners.iter().flatten().copied().collect();
    for (_, member) in earlier.iter().enumerate().filter(|(place, _)| !kept.contains(place)) {
        sides.push(Side::Differs(difference(*member, Some(*member), None, listing)));
    }
    let is_same = |side: &Side| matches!(side, Side::Same { .. });
    if sides.iter().all(is_same) && before.ingredients != after.ingredients {
        sides.push(Side::Differs(order(before.ingredients, after.ingredients)));
    }
    sides
}
// ANCHOR_END: compare

/// What members are paired by: the same files, else the same kind.
fn names(members: &[Member<'_>]) -> Vec<((Kind, Option<String>), Kind)> {
    members.iter().map(|(one, roots)| ((one.kind(), roots.map(Roots::name)), one.kind())).collect()
}

fn order(before: &Ingredients, after: &Ingredients) -> Difference {
    let names = |list: &Ingredients| list.iter().map(|one| one.kind().to_string()).collect::<Vec<_>>().join(", ");
    Difference { subject: Subject::Order, before: Some(names(before)), after: Some(names(after)), files: Vec::new() }
}

/// `member` is the later of the two, where there are two.
fn difference(
    member: Member<'_>,
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
    let value = |member: Option<Member<'_>>| member.map(|(ingredient, _)| ingredient.value());
    let (ingredient, roots) = member;
    let subject = roots.map_or_else(|| Subject::Ingredient(ingredient.kind()), Subject::files);
    Difference { subject, before: value(before), after: value(after), files }
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
            None => changes.push(change(path, Attribute::Added, None, Some(describe(new)))),
            Some(place) => compare_entry(path, &before.0[*place], new, &mut changes),
        }
    }
    let gone = before.0.iter().zip(&earlier).enumerate().filter(|(place, _)| !kept.contains(place));
    for (_, (old, (path, _))) in gone {
        changes.push(change(path, Attribute::Removed, Some(describe(old)), None));
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

fn compare_entry(path: &str, old: &Entry, new: &Entry, changes: &mut Vec<AttributeChange>) {
    let mut note = |attribute: Attribute, before: String, after: String| {
        if before != after {
            changes.push(change(path, attribute, Some(before), Some(after)));
        }
    };
    match (&old.kind, &new.kind) {
        (EntryKind::File { digest: one, .. }, EntryKind::File { digest: other, .. }) => {
            note(Attribute::Content, one.to_string(), other.to_string());
        }
        (EntryKind::Symlink { target: one }, EntryKind::Symlink { target: other }) => {
            note(Attribute::Target, one.escape_ascii().to_string(), other.escape_ascii().to_string());
        }
        (one, other) if std::mem::discriminant(one) == std::mem::discriminant(other) => {
            note(Attribute::Device, format!("{one:?}"), format!("{other:?}"));
        }
        _ => note(Attribute::Type, describe(old), describe(new)),
    }
    note(Attribute::Mode, format!("{:04o}", old.mode), format!("{:04o}", new.mode));
    note(Attribute::Owner, format!("{}:{}", old.uid, old.gid), format!("{}:{}", new.uid, new.gid));
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
                attribute: Attribute::Xattr(name.clone()),
                before: before.get(name).cloned(),
                after: after.get(name).cloned(),
            });
        }
    }
}

fn change(path: &str, attribute: Attribute, before: Option<String>, after: Option<String>) -> AttributeChange {
    AttributeChange { path: path.to_owned(), attribute, before, after }
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
