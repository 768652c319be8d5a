//! The content that a file had: in an earlier build, in a step of this one, and in the context now.
//!
//! The old content of a context file is found in the layer that the last build made of it, by its digest: the context itself
//! keeps no history.

use std::path::Path;

use similar::{ChangeTag, TextDiff};

use super::error::Error;
use super::look::{SHOWN, is_binary};
use super::work::Work;
use crate::cache::{Build, BuildStep, EntryKind, Ingredient, Ingredients, Origin, Record, Roots};
use crate::context::text;
use crate::dockerfile::{Instruction, WithFiles};
use crate::document;
use crate::layer;
use crate::machine::{Decision, Prediction};
use crate::oci::{Digest, Layer};
use crate::tree::{Tree, TreePath};

/// A context file as the last build had it, and as it is now.
pub(super) struct Versions {
    /// Who had the old content.
    pub(crate) origin: String,
    /// `None`: the old content is not in the store any more.
    pub(crate) before: Option<Vec<u8>>,
    /// `None`: the file is gone.
    pub(crate) after: Option<Vec<u8>>,
}

/// The files that a step of this session or of an earlier build had.
struct Had {
    ingredients: Ingredients,
    roots: Vec<Roots>,
    layer: Option<Layer>,
    /// Who had them.
    origin: String,
}

/// What is foreseen of the steps to come, as far as they can be.
pub(super) fn foreseen(work: &Work) -> Result<Vec<Prediction>, Error> {
    let machine = work.machine()?;
    Ok(machine.foresee(machine.position()..machine.step_count()).steps)
}

/// A context file as a COPY or ADD had it in the build that its step is compared with, and as it is now. `None`: no step had it.
pub(super) fn context_versions(work: &Work, path: &str, foreseen: &[Prediction]) -> Result<Option<Versions>, Error> {
    let Some(machine) = &work.machine else { return Ok(None) };
    let position = machine.position();
    // The steps to come are what a person is about to decide on; then the steps taken, the last one first.
    for index in (position..machine.step_count()).chain((0..position).rev()) {
        if !machine.instruction(index).is_some_and(reads_context) {
            continue;
        }
        let source = match machine.taken().get(index) {
            Some(taken) => taken.ingredients.clone().map(|ingredients| Had {
                ingredients,
                roots: taken.roots.clone(),
                layer: taken.layer.clone(),
                origin: "this session".to_owned(),
            }),
            None => compared_with(work, index, foreseen)?,
        };
        let Some(had) = source else { continue };
        let Some(digest) = digest_in(work, &had, path)? else { continue };
        let before = match had.layer {
            Some(layer) => content_in(work, &layer, digest)?,
            None => None,
        };
        let after = context_file(work, path);
        return Ok(Some(Versions { origin: had.origin, before, after }));
    }
    Ok(None)
}

/// Whether an instruction may copy files of the context.
fn reads_context(instruction: &Instruction) -> bool {
    match instruction.with_files() {
        Some(WithFiles::Add(_) | WithFiles::Copy(_)) => true,
        Some(WithFiles::Run(_) | WithFiles::Workdir(_)) | None => false,
    }
}

/// What a step to come had in the build that it is compared with: the one that it hits, else the last that has such a step.
fn compared_with(work: &Work, index: usize, foreseen: &[Prediction]) -> Result<Option<Had>, Error> {
    let Some(prediction) = foreseen.iter().find(|prediction| prediction.label.number == index + 1) else {
        return last_build_of(work, index);
    };
    let (Decision::Hit { build, .. }, Some(ingredients)) = (&prediction.decision, &prediction.ingredients) else {
        return last_build_of(work, index);
    };
    let Some(record) = work.machine()?.record(ingredients.key())? else { return Ok(None) };
    Ok(Some(Had {
        ingredients: record.ingredients,
        roots: prediction.listings.iter().map(|listing| listing.roots.clone()).collect(),
        layer: record.result.layer,
        origin: build.to_string(),
    }))
}

/// What a step had in the last build that has it.
fn last_build_of(work: &Work, index: usize) -> Result<Option<Had>, Error> {
    let machine = work.machine()?;
    let mut builds = machine.earlier_builds()?.iter();
    let Some((build, step)) = builds.find_map(|build| Some((build, machine.counterpart(build, index)?))) else {
        return Ok(None);
    };
    let Some(record) = record_of(work, step)? else { return Ok(None) };
    Ok(Some(Had {
        ingredients: record.ingredients,
        roots: step.roots.clone(),
        layer: record.result.layer,
        origin: build.name().to_string(),
    }))
}

fn record_of(work: &Work, step: &BuildStep) -> Result<Option<Record>, Error> {
    let Some(key) = step.key else { return Ok(None) };
    Ok(work.machine()?.record(key)?)
}

/// The bytes with a digest in the layer that the counterpart of step `index` made in an earlier build.
pub(super) fn content_in_build(
    work: &Work,
    index: usize,
    build: &Build,
    digest: Digest,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(step) = work.machine()?.counterpart(build, index) else { return Ok(None) };
    match record_of(work, step)?.and_then(|record| record.result.layer) {
        Some(layer) => content_in(work, &layer, digest),
        None => Ok(None),
    }
}

/// The bytes with a digest as step `index` has them: in the context, else in the layer that it made.
pub(super) fn content_in_step(work: &Work, index: usize, path: &str, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
    if let Some(bytes) = context_file(work, path).filter(|bytes| Digest::of(bytes) == digest) {
        return Ok(Some(bytes));
    }
    match work.machine()?.taken().get(index).and_then(|taken| taken.layer.clone()) {
        Some(layer) => content_in(work, &layer, digest),
        None => Ok(None),
    }
}

/// A file of the context as it is now. By now there may be something else under its name (a pipe, a link out of the
/// context), which a COPY would not read either.
fn context_file(work: &Work, path: &str) -> Option<Vec<u8>> {
    text::read(&work.folder.join(path), Some(&work.folder), work.world.home().bound(&SHOWN)).ok()
}

/// The digest that a file of the context has in the listings of a step.
fn digest_in(work: &Work, had: &Had, path: &str) -> Result<Option<Digest>, Error> {
    let machine = work.machine()?;
    let listings = had.ingredients.iter().filter_map(|ingredient| match ingredient {
        Ingredient::Files { listing, .. } => Some(*listing),
        _ => None,
    });
    for (listing, roots) in listings.zip(&had.roots).filter(|(_, roots)| roots.origin == Origin::Context) {
        let entries = machine.listing(listing).unwrap_or_default();
        let paths = roots.paths(entries.iter().map(|entry| entry.path.as_slice()));
        for (entry, shown) in entries.iter().zip(paths) {
            if let EntryKind::File { digest, .. } = entry.kind
                && shown == path
            {
                return Ok(Some(digest));
            }
        }
    }
    Ok(None)
}

/// The bytes of the file with a digest in one layer; `None` also for a file that is too large to be shown.
fn content_in(work: &Work, layer: &Layer, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
    let store = &work.world.store;
    if !store.has(&layer.descriptor.digest) {
        return Ok(None);
    }
    let mut tree = Tree::empty();
    layer::apply(store, &layer.descriptor, layer.diff_id, &mut tree)?;
    for (path, node) in tree.walk(&TreePath::root()) {
        let Some(content) = node.content() else { continue };
        if layer::digest_of(store, content)? == digest {
            let name = path.to_string();
            let bound = store.home().bound(&SHOWN);
            return match document::read_to_end(layer::open(store, content)?, Path::new(&name), bound) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(document::Error::TooLarge { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            };
        }
    }
    Ok(None)
}

/// How many lines are added and removed. `None` for what is not text.
pub(super) fn count_lines(before: &[u8], after: &[u8]) -> Option<(usize, usize)> {
    if is_binary(before) || is_binary(after) {
        return None;
    }
    let diff = TextDiff::from_lines(before, after);
    let count = |tag: ChangeTag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    Some((count(ChangeTag::Insert), count(ChangeTag::Delete)))
}
