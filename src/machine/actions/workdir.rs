//! WORKDIR: the directory of what follows, made where it is missing.
//!
//! As in BuildKit it belongs to the USER in force, and so do the parents that have to be made with it.

use std::sync::Arc;

use super::configure::{Configured, Recorded, without_files};
use super::copy::owner::Owner;
use super::copy::placement::{Adjustments, CopyError, Placement};
use crate::cache::{Ingredient, Ingredients, Setting};
use crate::dockerfile::Workdir;
use crate::machine::intent::Intent;
use crate::machine::noted::Noted;
use crate::machine::scope::Scope;
use crate::machine::{Error, State};
use crate::tree::{Follow, Node, Tree, TreePath};
use crate::world::World;

/// A directory to be made.
#[derive(Clone, Debug)]
pub(crate) struct Making {
    path: String,
    /// The USER in force, who will own the directory.
    user: String,
}

/// What a WORKDIR comes to; with nothing to be made where it is `/`, which is always there.
///
/// # Errors
/// The path can't be expanded.
pub(crate) fn resolve(
    workdir: &Workdir,
    before: &Arc<State>,
    scope: &Scope<'_>,
) -> Result<(Intent, Option<Making>), Error> {
    let written = scope.word(&workdir.path, before)?;
    // An absolute path is kept as it is written, as BuildKit does; a relative one is joined and cleaned.
    let shown = match written.as_str() {
        "" => before.working_dir().to_owned(),
        absolute if absolute.starts_with('/') => absolute.to_owned(),
        relative => TreePath::cleaned(&format!("{}/{relative}", before.working_dir())),
    };
    let path = TreePath::cleaned(&shown);
    let mut after = (**before).clone();
    let text = format!("WORKDIR {shown}");
    after.settings.single_mut().working_dir = shown;
    if path == "/" {
        let done = Configured { state: after, text, history: Recorded::Yes };
        return Ok((without_files(before, done, scope.noted), None));
    }
    let user = before.user().to_owned();
    let mut ingredients = Ingredients::default();
    ingredients.push(Ingredient::Parent { state: before.file_system() });
    ingredients.push(Ingredient::setting(Setting::Directory, path.clone()));
    if !user.is_empty() {
        ingredients.push(Ingredient::setting(Setting::Owner, user.clone()));
    }
    let expanded = scope.noted.expanded(&text);
    let intent = Intent { expanded, ..Intent::new(before, after, ingredients, Some(text)) };
    Ok((intent, Some(Making { path, user })))
}

/// Makes the directory in the tree `below`; `None` where it is there.
///
/// # Errors
/// The owner is not known, or something stands in the way.
pub(crate) fn execute(making: &Making, below: &Tree, world: &World, noted: &Noted) -> Result<Option<Placement>, Error> {
    // Before anything else: an owner that the file system does not know is an error even where nothing is to be made.
    let owner = match making.user.as_str() {
        "" => None,
        user => Some(Owner::resolve(user, &world.store, below, noted)?),
    };
    let path = TreePath::new(making.path.as_bytes());
    let is_there =
        below.resolve(&path, Follow::Last).ok().and_then(|path| below.get(&path)).is_some_and(Node::is_directory);
    if is_there {
        return Ok(None);
    }
    let mut placement = Placement::new(below);
    let adjust = Adjustments { owner, now: world.clock.seconds(), ..Adjustments::default() };
    placement.make_directories(&path, &adjust).map_err(|error| match error {
        CopyError::Obstacle { obstacle } => Error::Workdir(obstacle),
        other => Error::Copy(other),
    })?;
    Ok(Some(placement))
}
