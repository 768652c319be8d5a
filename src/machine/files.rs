//! COPY and ADD: what is copied from where to where.
//!
//! They are operations on trees. Nothing is unpacked and nobody needs to be root: the bytes go from where they lie (the
//! context, another stage's layer, the Dockerfile itself) into the layer's archive in one pass.
//!
//! ```text
//! instruction ──▶ Transfer ──▶ Selections ──▶ listing (the key)
//!                                   └───────▶ placement ──▶ layer
//! ```

use std::io::Seek as _;
use std::sync::Arc;

use super::copy::{Adjustments, Placement};
use super::driver::{Executed, Machine};
use super::event::Reporter;
use super::inputs::Inputs;
use super::missing::{self, SearchPlace, Searched};
use super::owner::Owner;
use super::resolve::{Action, Resolved};
use super::selection::{self, Rule, Selected, Selection};
use super::transfer::{Transfer, Words};
use super::{Error, State};
use crate::cache::{self, Ingredient};
use crate::context::{Contents, glob};
use crate::dockerfile::{Add, Copy};
use crate::layer::archive;
use crate::plan::CopySource;
use crate::seen::SeenReader;
use crate::tree::{Content, Kind, Node, Place, Tree, TreePath};

/// A COPY or ADD, resolved.
#[derive(Clone, Debug)]
pub(super) struct CopyAction {
    transfer: Transfer,
    /// The files of all paths, in order.
    selections: Vec<Selection>,
    /// What was read of them for the key, and will be written to the layer.
    #[expect(dead_code, reason = "the files know where their bytes are as long as this lives")]
    contents: Arc<Contents>,
}

impl Machine {
    pub(super) fn resolve_copy(
        &self,
        stage: usize,
        copy: &Copy,
        before: Arc<State>,
        stage_state: impl Fn(usize) -> Option<Arc<State>>,
    ) -> Result<Resolved, Error> {
        let transfer = Transfer::of_copy(copy, Words { scope: &self.scope(), before: &before })?;
        let source = match self.plan.copy_source(stage, copy)? {
            None => None,
            Some(CopySource::Scratch) => Some((Tree::empty(), cache::Origin::Scratch)),
            Some(CopySource::Stage(index)) => {
                let state = stage_state(index).ok_or_else(|| Error::Argument {
                    message: format!(
                        "cannot copy from stage `{}`: it is not built yet",
                        self.plan.stages[index].label()
                    ),
                    hint: None,
                })?;
                Some((self.inputs.tree(&state)?, cache::Origin::Stage(self.plan.stages[index].label())))
            }
            Some(CopySource::Image(reference)) => {
                let state = self.image_state(&reference, stage)?;
                Some((self.inputs.tree(&state)?, cache::Origin::Image(reference.familiar())))
            }
        };
        resolve(transfer, source, &self.inputs, before)
    }

    pub(super) fn resolve_add(&self, add: &Add, before: Arc<State>) -> Result<Resolved, Error> {
        let transfer = Transfer::of_add(add, Words { scope: &self.scope(), before: &before })?;
        resolve(transfer, None, &self.inputs, before)
    }
}

/// Chooses the files and makes the key of them. Without a `source` they are the context's.
fn resolve(
    transfer: Transfer,
    source: Option<(Tree, cache::Origin)>,
    inputs: &Inputs,
    before: Arc<State>,
) -> Result<Resolved, Error> {
    let place = if source.is_some() { SearchPlace::Elsewhere } else { SearchPlace::Context };
    let (tree, origin) = match source {
        Some(source) => source,
        None if transfer.paths.is_empty() => (Tree::empty(), cache::Origin::Context),
        None => (inputs.context()?.snapshot.tree().clone(), cache::Origin::Context),
    };
    let excludes = transfer.patterns()?;
    let searched = Searched { tree: &tree, name: &origin.to_string(), place, excludes: excludes.as_ref(), inputs };
    let selected = |path: &String| select(path, transfer.names, &searched);
    let mut sources = transfer.paths.iter().map(selected).collect::<Result<Vec<Vec<Selection>>, Error>>()?;
    let contents = inputs.learn(sources.iter_mut().flatten())?;

    let mut ingredients = transfer.ingredients(&before);
    let mut listings = Vec::new();
    for (path, selections) in transfer.paths.iter().zip(&sources) {
        let listed = inputs.list(selections, cache::Roots::new(origin.clone(), path))?;
        let name = transfer.counted_name(path);
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
    Ok(Resolved {
        after: (*before).clone(),
        before: Some(before),
        ingredients: Some(ingredients),
        listings,
        expanded: transfer.has_variables.then(|| history.clone()),
        history: Some(history),
        action: Action::Copy(Box::new(CopyAction { transfer, selections, contents: Arc::new(contents) })),
    })
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
pub(super) fn place(
    action: &CopyAction,
    inputs: &Inputs,
    before: Option<&State>,
    reporter: &mut Reporter<'_>,
) -> Result<Executed, Error> {
    let CopyAction { transfer, selections, .. } = action;
    let world = inputs.world();
    let mut warn = |message| reporter.warn(message);
    let below = match before {
        Some(state) if !transfer.link => inputs.tree(state)?,
        _ => Tree::empty(),
    };
    let owner = match &transfer.chown {
        Some(text) => Some(Owner::resolve(text, &world.store, &below, &mut warn)?),
        None => None,
    };
    let mut placement = Placement::new(&below);
    let adjust = Adjustments { owner, chmod: transfer.chmod.clone(), now: world.clock.seconds() };
    for selection in selections {
        if !(transfer.unpack && unpack_archive(selection, transfer, inputs, &mut placement, &adjust)?) {
            placement.copy(selection, &transfer.destination, &adjust)?;
        }
    }
    for document in &transfer.documents {
        let mut node = Node::file(0o644, document.text.as_bytes().to_vec());
        node.metadata.mtime = world.clock.seconds();
        placement.copy(&Selection::of_file(&document.name, node), &transfer.destination, &adjust)?;
    }
    for (path, last) in &placement.replaced {
        warn(format!(
            "`{path}` is not a directory, so each source replaces the one before it, and only `{}` is left: end the destination with `/`",
            last.escape_ascii()
        ));
    }
    Ok(Executed::Placed(placement, below))
}

/// ADD of a local archive: its entries, below the destination. Gives `false` where the file is no archive.
fn unpack_archive(
    selection: &Selection,
    transfer: &Transfer,
    inputs: &Inputs,
    placement: &mut Placement,
    adjust: &Adjustments,
) -> Result<bool, Error> {
    let Selected::File(Node { kind: Kind::File(Content { place: Place::Seen(seen), .. }), .. }) = &selection.what
    else {
        return Ok(false);
    };
    // Opened once: what is looked at, what is unpacked and what the key was made of are one file.
    let opened = SeenReader::open(seen).map_err(crate::layer::Error::from)?;
    let file = || opened.file().map_err(crate::layer::Error::from);
    let (path, limits) = (seen.path(), inputs.world().store.limits());
    if !archive::is_archive(&path, file()?, limits)? {
        return Ok(false);
    }
    // `--chmod` is for files that are copied; what an archive holds, and the directory for it, keep their modes.
    let made = Adjustments { chmod: None, ..adjust.clone() };
    let root = placement.make_directories(&TreePath::new(transfer.destination.as_bytes()), &made)?;
    let mut file = file()?;
    file.rewind().map_err(|source| Error::Io { operation: "rewind", path: path.clone(), source })?;
    placement.unpack(&root, &mut archive::of_file(&path, file, limits)?, adjust)?;
    opened.check().map_err(crate::layer::Error::from)?;
    Ok(true)
}
