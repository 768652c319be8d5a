//! COPY and ADD: what is copied from where to where.
//!
//! They are operations on trees. Nothing is unpacked and nobody needs to be root: the bytes go from where they lie (the
//! context, another stage's layer, the Dockerfile itself) into the layer's archive in one pass.
//!
//! ```text
//! instruction ──▶ Transfer ──▶ Selections ──▶ listing (the key)
//!                                   └───────▶ placement ──▶ layer
//! ```

pub(crate) mod chmod;
mod listing;
mod missing;
pub(crate) mod obstacle;
pub(crate) mod owner;
pub(crate) mod placed;
pub(crate) mod placement;
pub(crate) mod repository;
pub(crate) mod selection;
mod transfer;
pub(crate) mod url;

use std::fs::File;
use std::io::Seek as _;
use std::path::Path;
use std::sync::Arc;

use super::from::{self, Search};
use super::named;
use crate::cache::{self, Ingredient};
use crate::context::glob;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Add, Copy, rules};
use crate::layer::{self, archive};
use crate::machine::inputs::Inputs;
use crate::machine::intent::Intent;
use crate::machine::noted::Noted;
use crate::machine::scope::Scope;
use crate::machine::state::StageStates;
use crate::machine::{Error, State};
use crate::plan::{CopySource, Plan};
use crate::seen::SeenReader;
use crate::tree::{Content, Kind, Node, Place, Readable, Tree, TreePath};

use missing::{SearchPlace, Searched};
use owner::Owner;
use placement::{Adjustments, Placement};
use selection::{Rule, Selected, Selection};
use transfer::{Location, Source, Transfer, Unpack, Words};

/// A COPY or ADD, resolved.
#[derive(Clone, Debug)]
pub(crate) struct CopyAction {
    transfer: Transfer,
    /// The files of all paths, in order.
    selections: Vec<Selection>,
}

/// What a COPY or an ADD may look at besides the state.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'m> {
    pub(crate) scope: Scope<'m>,
    pub(crate) plan: &'m Plan,
    pub(crate) search: Search<'m>,
    pub(crate) inputs: &'m Inputs,
    /// The last states of the stages.
    pub(crate) states: StageStates<'m>,
}

/// What a COPY comes to in a state of stage `stage`.
///
/// # Errors
/// For words, sources and files that can't be used, with what explains it.
pub(crate) fn resolve_copy(
    copy: &Copy,
    stage: usize,
    before: &Arc<State>,
    surroundings: &Surroundings<'_>,
) -> Result<(Intent, CopyAction), Error> {
    let Surroundings { scope, plan, .. } = surroundings;
    let transfer = Transfer::of_copy(copy, Words { scope, before })?;
    let source = plan.copy_source(stage, copy)?;
    let source = source.map(|source| surroundings.tree_of(stage, &source)).transpose()?;
    resolve(transfer, source, before, surroundings)
}

/// Files that something else than a COPY takes, as a key has them.
pub(crate) struct Taken {
    pub(crate) selection: Selection,
    /// The last name of their path.
    pub(crate) name: String,
    pub(crate) listing: cache::Listing,
    pub(crate) hard_links: Vec<String>,
}

impl Surroundings<'_> {
    /// The files of another stage or of an image, for an instruction in stage `stage`.
    fn tree_of(&self, stage: usize, source: &CopySource) -> Result<(Tree, cache::Origin), Error> {
        let stages = &self.plan.stages;
        Ok(match source {
            CopySource::Scratch => (Tree::empty(), cache::Origin::Scratch),
            CopySource::Stage(index) => {
                let label = stages[*index].label();
                let state = (self.states)(*index).ok_or_else(|| {
                    let message = format!("cannot copy from stage `{label}`: it is not built yet");
                    Diagnostic::new(&rules::STAGE_DEFINED_LATER, message)
                })?;
                (self.inputs.tree(&state)?, cache::Origin::Stage(label))
            }
            CopySource::Context(name) => {
                let tree = named::files(name, &stages[stage].platform, self.search, self.inputs)?;
                (tree, cache::Origin::Named(name.clone()))
            }
            CopySource::Image(reference) => {
                let state = from::image_state(reference, &stages[stage].platform, self.search)?;
                (self.inputs.tree(&state)?, cache::Origin::Image(reference.familiar()))
            }
        })
    }

    /// What a path leads to in a source, by default in the context, for an instruction in stage `stage`. Links are followed inside that.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub(crate) fn take(&self, stage: usize, source: Option<&CopySource>, path: &str) -> Result<Taken, Error> {
        let inputs = self.inputs;
        let (tree, origin, place) = match source {
            Some(source) => {
                let (tree, origin) = self.tree_of(stage, source)?;
                (tree, origin, SearchPlace::Elsewhere)
            }
            None => (inputs.context()?.snapshot.tree().clone(), cache::Origin::Context, SearchPlace::Context),
        };
        let searched = Searched { tree: &tree, name: &origin.to_string(), place, excludes: None, inputs };
        let mut selection =
            Selection::of_path(&tree, path).map_err(|error| missing::explain_source(error, path, &searched))?;
        inputs.learn(selection.seen())?;
        selection.complete();
        let list = listing::list(std::slice::from_ref(&selection), cache::Roots::new(origin, path), inputs)?;
        let name =
            selection.path.file_name().map_or_else(|| ".".into(), |name| String::from_utf8_lossy(name).into_owned());
        Ok(Taken { selection, name, listing: list.listing, hard_links: list.hard_links })
    }
}

/// What an ADD comes to in a state.
///
/// # Errors
/// As [`resolve_copy`].
pub(crate) fn resolve_add(
    add: &Add,
    before: &Arc<State>,
    surroundings: &Surroundings<'_>,
) -> Result<(Intent, CopyAction), Error> {
    let transfer = Transfer::of_add(add, Words { scope: &surroundings.scope, before })?;
    resolve(transfer, None, before, surroundings)
}

/// Chooses the files and makes the key of them. Without a `source` they are the context's, and those that servers have.
fn resolve(
    transfer: Transfer,
    source: Option<(Tree, cache::Origin)>,
    before: &Arc<State>,
    surroundings: &Surroundings<'_>,
) -> Result<(Intent, CopyAction), Error> {
    let Surroundings { scope: Scope { noted, .. }, inputs, search, .. } = *surroundings;
    let paths = || transfer.sources.iter().filter(|source| source.is_path()).map(|source| &source.text);
    let place = if source.is_some() { SearchPlace::Elsewhere } else { SearchPlace::Context };
    let (tree, origin) = match source {
        Some(source) => source,
        None if paths().next().is_none() => (Tree::empty(), cache::Origin::Context),
        None => {
            let snapshot = &inputs.context()?.snapshot;
            paths().for_each(|path| missing::note_ignored(path, snapshot, noted));
            (snapshot.tree().clone(), cache::Origin::Context)
        }
    };
    let excludes = transfer.patterns()?;
    let searched = Searched { tree: &tree, name: &origin.to_string(), place, excludes: excludes.as_ref(), inputs };
    let mut commits = Vec::new();
    let selected = |source: &Source| {
        let selected = match &source.location {
            Location::Path => select(&source.text, transfer.names, &searched),
            Location::Url(address) => url::obtain(address, transfer.checksum, search, inputs).map(|file| vec![file]),
            Location::Repository(repository, keep) => {
                let obtained = repository::obtain(repository, *keep, excludes.as_ref(), search, inputs);
                obtained.map(|obtained| {
                    let name = repository.short_name().to_owned();
                    commits.push(Ingredient::Commit { name, commit: obtained.commit });
                    vec![obtained.selection]
                })
            }
        };
        selected.map_err(|error| error.on(source.place))
    };
    let mut sources = transfer.sources.iter().map(selected).collect::<Result<Vec<Vec<Selection>>, Error>>()?;
    inputs.learn(sources.iter().flatten().flat_map(Selection::seen))?;
    sources.iter_mut().flatten().for_each(Selection::complete);

    let mut ingredients = transfer.ingredients(before);
    commits.into_iter().for_each(|commit| ingredients.push(commit));
    let mut listings = Vec::new();
    for (source, selections) in transfer.sources.iter().zip(&sources) {
        let origin = match source.location {
            Location::Path => origin.clone(),
            Location::Url(_) => cache::Origin::Url,
            Location::Repository(..) => cache::Origin::Repository,
        };
        let listed = listing::list(selections, cache::Roots::new(origin, &source.text), inputs)?;
        let name = transfer.counted_name(source);
        if !listed.hard_links.is_empty() {
            let links = listed.hard_links.join(", ");
            ingredients.push(Ingredient::HardLinks { name: name.clone(), links });
        }
        let cache::Listing { files, bytes, .. } = listed.listing;
        ingredients.push(Ingredient::Files { name, listing: listed.listing.digest(), files, bytes });
        listings.push(listed.listing);
    }
    for document in &transfer.documents {
        ingredients.push(Ingredient::Document { name: document.name.clone(), text: document.text.clone() });
    }
    let history = transfer.history();
    let selections = sources.into_iter().flatten().collect();
    let expanded = noted.expanded(&history);
    let intent = Intent::new(before, (**before).clone(), ingredients, Some(history));
    let action = CopyAction { transfer, selections };
    Ok((Intent { listings, expanded, ..intent }, action))
}

/// The files that a word stands for.
fn select(word: &str, names: selection::Names, searched: &Searched<'_>) -> Result<Vec<Selection>, Error> {
    let rule = Rule { names, excludes: searched.excludes };
    let selections =
        selection::select(searched.tree, word, rule).map_err(|error| missing::explain_source(error, word, searched))?;
    let may_be_missing = searched.place == SearchPlace::Context && !glob::plain_part(word).is_root();
    if selections.is_empty() && may_be_missing && !selection::is_asked_for(searched.tree, word)? {
        return Err(missing::nothing_matches(word, searched));
    }
    Ok(selections)
}

/// Places the chosen files and the documents over what is below the step.
///
/// # Errors
/// For a destination where they can't be, an owner that can't be set, and an archive that can't be unpacked.
pub(crate) fn execute(
    action: &CopyAction,
    before: &State,
    inputs: &Inputs,
    noted: &Noted,
) -> Result<(Placement, Tree), Error> {
    let CopyAction { transfer, selections } = action;
    let world = inputs.world();
    let below = if transfer.link { Tree::empty() } else { inputs.tree(before)? };
    let owner = match &transfer.chown {
        Some(text) => Some(Owner::resolve(text, &world.store, &below, noted)?),
        None => None,
    };
    let mut placement = Placement::new(&below);
    let adjust = Adjustments { owner, chmod: transfer.chmod.clone(), now: world.clock.seconds() };
    for selection in selections {
        if !unpack_archive(selection, transfer, inputs, &mut placement, &adjust)? {
            placement.copy(selection, &transfer.destination, &adjust)?;
        }
    }
    for document in &transfer.documents {
        let mut node = Node::file(0o644, document.text.as_bytes().to_vec());
        node.metadata.mtime = world.clock.seconds();
        placement.copy(&Selection::of_file(document.name.as_bytes(), node), &transfer.destination, &adjust)?;
    }
    for (path, last) in &placement.replaced {
        let message = format!(
            "`{path}` is not a directory, so each source replaces the one before it, and only `{}` is left: end the destination with `/`",
            Readable(last)
        );
        noted.warn(Diagnostic::new(&rules::SOURCES_REPLACED, message));
    }
    Ok((placement, below))
}

/// ADD of an archive: its entries, below the destination. Gives `false` where the file is not an archive, or is not to be unpacked.
fn unpack_archive(
    selection: &Selection,
    transfer: &Transfer,
    inputs: &Inputs,
    placement: &mut Placement,
    adjust: &Adjustments,
) -> Result<bool, Error> {
    let Selected::File(Node { kind: Kind::File(Content { place, .. }), .. }) = &selection.what else {
        return Ok(false);
    };
    let store = &inputs.world().store;
    let mut target =
        Unpacking { destination: &transfer.destination, limits: &layer::Limits::of(store.limits()), placement, adjust };
    match (place, transfer.unpack) {
        (Place::Seen(seen), Unpack::Local | Unpack::Everything) => {
            // Opened once: what is looked at, what is unpacked and what the key was made of are one file.
            let opened = SeenReader::open(seen).map_err(layer::Error::from)?;
            let is_archive = target.unpack(&seen.path(), || Ok(opened.file().map_err(layer::Error::from)?))?;
            opened.check().map_err(layer::Error::from)?;
            Ok(is_archive)
        }
        // Only what a URL has is a blob of its own.
        (Place::Blob { blob, .. }, Unpack::Everything) => {
            let name = String::from_utf8_lossy(&selection.name);
            target.unpack(Path::new(&*name), || Ok(store.open_blob(blob)?))
        }
        (
            Place::Seen(_) | Place::Blob { .. } | Place::Host(_) | Place::Bytes(_) | Place::Spool(_),
            Unpack::Nothing | Unpack::Local | Unpack::Everything,
        ) => Ok(false),
    }
}

/// Where an archive is unpacked.
struct Unpacking<'u> {
    destination: &'u str,
    limits: &'u layer::Limits,
    placement: &'u mut Placement,
    adjust: &'u Adjustments,
}

impl Unpacking<'_> {
    /// Unpacks a file that `open` opens, if it is an archive. `path` is for messages.
    fn unpack(&mut self, path: &Path, open: impl Fn() -> Result<File, Error>) -> Result<bool, Error> {
        if !archive::is_archive(path, open()?, self.limits)? {
            return Ok(false);
        }
        // `--chmod` is for files that are copied; what an archive holds, and the directory for it, keep their modes.
        let made = Adjustments { chmod: None, ..self.adjust.clone() };
        let root = self.placement.make_directories(&TreePath::new(self.destination.as_bytes()), &made)?;
        let mut file = open()?;
        file.rewind().map_err(|source| Error::Io { operation: "rewind", path: path.to_owned(), source })?;
        self.placement.unpack(&root, &mut archive::of_file(path, file, self.limits)?, self.adjust)?;
        Ok(true)
    }
}
