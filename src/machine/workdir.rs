//! WORKDIR: the directory of what follows, made where it is missing.
//!
//! As in BuildKit it belongs to the USER in force, and so do the parents that have to be made with it.

use std::sync::Arc;

use super::configure::{Configured, Recorded};
use super::copy::{Adjustments, CopyError, Placement};
use super::driver::{Executed, Machine};
use super::event::Reporter;
use super::owner::Owner;
use super::resolve::{Action, Resolved, configured};
use super::{Error, State};
use crate::cache::{Ingredient, Ingredients, Setting};
use crate::dockerfile::Workdir;
use crate::tree::{Follow, Node, TreePath};

/// A WORKDIR, resolved.
#[derive(Clone, Debug)]
pub(super) struct WorkdirAction {
    pub path: String,
    /// The USER in force, who will own the directory.
    pub user: String,
}

impl Machine {
    pub(super) fn resolve_workdir(&self, workdir: &Workdir, before: Arc<State>) -> Result<Resolved, Error> {
        let written = self.scope().word(&workdir.path, &before)?;
        // An absolute path is kept as it is written, as BuildKit does; a relative one is joined and cleaned.
        let shown = match written.as_str() {
            "" => before.working_dir().to_owned(),
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            relative => cleaned(&format!("{}/{relative}", before.working_dir())),
        };
        let path = cleaned(&shown);
        let mut after = (*before).clone();
        let history = format!("WORKDIR {shown}");
        after.settings.single_mut().working_dir = shown;
        if path == "/" {
            let done = Configured { state: after, text: history, history: Recorded::Yes };
            return Ok(configured(before, done, &format!("WORKDIR {written}")));
        }
        let user = before.user().to_owned();
        let mut ingredients = Ingredients::default();
        ingredients.push(Ingredient::Parent { state: before.file_system });
        ingredients.push(Ingredient::setting(Setting::Directory, path.clone()));
        if !user.is_empty() {
            ingredients.push(Ingredient::setting(Setting::Owner, user.clone()));
        }
        Ok(Resolved {
            before: Some(before),
            after,
            action: Action::MakeDirectory(WorkdirAction { path, user }),
            ingredients: Some(ingredients),
            listings: Vec::new(),
            expanded: (history != format!("WORKDIR {written}")).then(|| history.clone()),
            history: Some(history),
        })
    }

    pub(super) fn place_directory(
        &self,
        action: &WorkdirAction,
        before: &Option<Arc<State>>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Executed, Error> {
        let mut warn = |message| reporter.warn(message);
        let below = self.tree_below(before)?;
        // Before anything else: an owner that can't be had is an error even where nothing is to be made.
        let owner = match action.user.as_str() {
            "" => None,
            user => Some(Owner::resolve(user, &self.world.store, &below, &mut warn)?),
        };
        let path = TreePath::new(action.path.as_bytes());
        let is_there =
            below.resolve(&path, Follow::Last).ok().and_then(|path| below.get(&path)).is_some_and(Node::is_directory);
        if is_there {
            return Ok(Executed::Nothing);
        }
        let mut placement = Placement::new(&below);
        let adjust = Adjustments { owner, now: self.world.clock.seconds(), ..Adjustments::default() };
        placement.make_directories(&path, &adjust).map_err(|error| match error {
            CopyError::Obstacle { obstacle } => Error::Workdir(obstacle),
            other => Error::Copy(other),
        })?;
        Ok(Executed::Placed(placement, below))
    }
}

/// A path made absolute and clean, as text that can be used as a path again.
pub(super) fn cleaned(path: &str) -> String {
    String::from_utf8(TreePath::new(path.as_bytes()).as_bytes().to_vec()).expect("cleaning text by its `/` leaves text")
}
