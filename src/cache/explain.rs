//! Explanations: which ingredient differs between two steps, down to the file and the attribute.
//!
//! Comparing is pure: data against data. The caller chooses what to compare (the step before, the same step of an earlier
//! build).

use std::collections::{BTreeMap, HashSet};
use std::mem;

use serde::Serialize;

use super::change::Change;
use super::difference::{Attribute, Difference, FileChange, Subject};
use super::ingredient::{Ingredient, Ingredients, Kind};
use super::pairs::pairs;
use super::{Entry, EntryKind, Roots};
use crate::oci::Digest;
use crate::tree::name_text;

/// What a step depends on, and where its files lay: one of `roots` for each listing among the ingredients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepInputs<'a> {
    pub(crate) ingredients: &'a Ingredients,
    pub(crate) roots: &'a [Roots],
}

/// An ingredient, and where its files lay when it is a listing.
type Member<'a> = (&'a Ingredient, Option<&'a Roots>);

impl<'a> StepInputs<'a> {
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
    /// An ingredient that there is nothing to compare with, or that is known to be the same.
    pub(crate) fn alone(ingredient: &Ingredient) -> Side {
        Side::Same { name: ingredient.kind().to_string(), value: ingredient.value() }
    }
}

// ANCHOR: compare
/// Compares the ingredients of an earlier step with those of a later one. Equal lists give no difference.
///
/// `listing` gives the entries of a listing's digest where they are known.
pub(crate) fn compare(
    before: StepInputs<'_>,
    after: StepInputs<'_>,
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
    before: StepInputs<'_>,
    after: StepInputs<'_>,
    listing: &mut dyn FnMut(Digest) -> Option<Vec<Entry>>,
) -> Vec<Side> {
    let (earlier, later) = (before.members(), after.members());
    let partners = pairs(&names(&earlier), &names(&later));
    let mut sides = Vec::new();
    for (member, partner) in later.iter().zip(&partners) {
        sides.push(match partner.map(|place| earlier[place]) {
            Some((same, _)) if same == member.0 => Side::alone(same),
            Some(other) => Side::Differs(difference(Change::Became { before: other, after: *member }, listing)),
            None => Side::Differs(difference(Change::Added(*member), listing)),
        });
    }
    let kept: HashSet<usize> = partners.iter().flatten().copied().collect();
    for (_, member) in earlier.iter().enumerate().filter(|(place, _)| !kept.contains(place)) {
        sides.push(Side::Differs(difference(Change::Removed(*member), listing)));
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
    let values = Change::Became { before: names(before), after: names(after) };
    Difference { subject: Subject::Order, values, files: Vec::new() }
}

fn difference(members: Change<Member<'_>>, listing: &mut dyn FnMut(Digest) -> Option<Vec<Entry>>) -> Difference {
    let files = match &members {
        Change::Became {
            before: (Ingredient::Files { listing: old, .. }, old_roots),
            after: (Ingredient::Files { listing: new, .. }, new_roots),
        } => match (listing(*old), listing(*new)) {
            (Some(old), Some(new)) => compare_files((&old, *old_roots), (&new, *new_roots)),
            _ => Vec::new(),
        },
        Change::Became { .. } | Change::Added(_) | Change::Removed(_) => Vec::new(),
    };
    let (Change::Added((ingredient, roots))
    | Change::Removed((ingredient, roots))
    | Change::Became { after: (ingredient, roots), .. }) = members;
    let subject = roots.map_or_else(|| Subject::Ingredient(ingredient.kind()), Subject::files);
    Difference { subject, values: members.map(|(ingredient, _)| ingredient.value()), files }
}

/// Compares two listings file by file.
fn compare_files(before: (&[Entry], Option<&Roots>), after: (&[Entry], Option<&Roots>)) -> Vec<FileChange> {
    let named = |(entries, roots): (&[Entry], Option<&Roots>)| -> Vec<(String, Vec<u8>)> {
        let paths = entries.iter().map(|entry| entry.path.as_slice());
        let shown = match roots {
            Some(roots) => roots.paths(paths),
            None => paths.map(name_text).collect(),
        };
        shown.into_iter().zip(entries.iter().map(|entry| entry.path.clone())).collect()
    };
    let (earlier, later) = (named(before), named(after));
    let partners = pairs(&earlier, &later);
    let kept: HashSet<usize> = partners.iter().flatten().copied().collect();
    let mut changes = Vec::new();
    for ((new, (path, _)), partner) in after.0.iter().zip(&later).zip(&partners) {
        match partner {
            None => changes.push(change(path, Attribute::Kind(Change::Added(new.kind.clone())))),
            Some(place) => compare_entry(path, &before.0[*place], new, &mut changes),
        }
    }
    let gone = before.0.iter().zip(&earlier).enumerate().filter(|(place, _)| !kept.contains(place));
    for (_, (old, (path, _))) in gone {
        changes.push(change(path, Attribute::Kind(Change::Removed(old.kind.clone()))));
    }
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

fn compare_entry(path: &str, old: &Entry, new: &Entry, changes: &mut Vec<FileChange>) {
    let mut note = |attribute| changes.push(change(path, attribute));
    if let Some(attribute) = compare_kind(&old.kind, &new.kind) {
        note(attribute);
    }
    if old.mode != new.mode {
        note(Attribute::Mode { before: old.mode, after: new.mode });
    }
    let owner = |entry: &Entry| (entry.uid, entry.gid);
    if owner(old) != owner(new) {
        note(Attribute::Owner { before: owner(old), after: owner(new) });
    }
    let values = |entry: &Entry| -> BTreeMap<Vec<u8>, Vec<u8>> { entry.xattrs.iter().cloned().collect() };
    let (before, after) = (values(old), values(new));
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        if let Some(values) = Change::between(before.get(name).cloned(), after.get(name).cloned()) {
            note(Attribute::Xattr(name.clone(), values));
        }
    }
}

/// What differs besides mode, owner and extended attributes. The size says nothing that the content does not.
fn compare_kind(old: &EntryKind, new: &EntryKind) -> Option<Attribute> {
    let (before, after) = (old.clone(), new.clone());
    match (before, after) {
        (EntryKind::File { digest: before, .. }, EntryKind::File { digest: after, .. }) => {
            (before != after).then_some(Attribute::Content { before, after })
        }
        _ if old == new => None,
        (EntryKind::Symlink { target: before }, EntryKind::Symlink { target: after }) => {
            Some(Attribute::Target { before, after })
        }
        (before, after) if mem::discriminant(old) == mem::discriminant(new) => {
            Some(Attribute::Device { before, after })
        }
        (before, after) => Some(Attribute::Kind(Change::Became { before, after })),
    }
}

fn change(path: &str, attribute: Attribute) -> FileChange {
    FileChange { path: path.to_owned(), attribute }
}
