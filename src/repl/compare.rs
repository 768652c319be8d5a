//! `diff`: which paths differ between two states, and how the content of one file does.
//!
//! The old content of a context file is found in the layer that the last build made of it, by its digest: the context itself
//! keeps no history.

use std::io::Write as _;
use std::path::Path;

use similar::{ChangeTag, TextDiff};

use super::Error;
use super::files::{SHOWN, absolute, is_binary, read};
use super::session::Session;
use crate::cache::{Build, BuildStep, EntryKind, Ingredient, Ingredients, Origin, Record, Records, Roots};
use crate::context::text;
use crate::dockerfile::Instruction;
use crate::document;
use crate::layer::{self, Layer};
use crate::machine::PathChange;
use crate::machine::run::describe;
use crate::oci::Digest;
use crate::shown;
use crate::tree::{self, Tree, TreePath};
use crate::view::palette::Role;
use crate::view::units;

/// A context file as the last build had it, and as it is now.
pub(super) struct Versions {
    /// Who had the old content.
    pub origin: String,
    /// `None`: the old content is not in the store any more.
    pub before: Option<Vec<u8>>,
    /// `None`: the file is gone.
    pub after: Option<Vec<u8>>,
}

/// The files that a step of this session or of an earlier build had.
struct Had {
    ingredients: Ingredients,
    roots: Vec<Roots>,
    layer: Option<Layer>,
    /// Who had them.
    origin: String,
}

impl Session<'_> {
    pub(super) fn diff(&mut self, states: Option<(usize, usize)>, path: Option<&str>) -> Result<(), Error> {
        match (states, path) {
            (None, None) => self.diff_last_step(),
            (Some((before, after)), None) => {
                let changes = self.changes_between(before, after)?;
                self.show_changes(&changes, &format!("states {before} and {after} have the same files"))
            }
            (Some((before, after)), Some(path)) => self.diff_image_file(before, after, path),
            (None, Some(path)) => {
                if !path.starts_with('/') {
                    let path = path.strip_prefix("./").unwrap_or(path);
                    if let Some(versions) = self.context_versions(path)? {
                        return self.show_versions(path, versions);
                    }
                    if self.folder.join(path).is_file() {
                        return self
                            .row("", &format!("no earlier step copied {path}: there is nothing to compare it with"));
                    }
                }
                let position = self.machine()?.position();
                self.diff_image_file(position.saturating_sub(1), position, path)
            }
        }
    }

    fn diff_last_step(&mut self) -> Result<(), Error> {
        self.current()?;
        let machine = self.machine()?;
        let index = machine.position() - 1;
        let taken = &machine.taken()[index];
        let config = taken.config.clone();
        let after = machine.tree(&taken.state)?;
        let Some(before) = machine.state_before(index) else {
            return self.row("", "FROM begins a file system: `ls /` lists it, `diff 0 1` shows all of it");
        };
        let changes = path_changes(&machine.tree(&before)?, &after);
        for row in self.view.config(&config) {
            writeln!(self.out, "{row}")?;
        }
        if changes.is_empty() && !config.is_empty() {
            return Ok(());
        }
        self.show_changes(&changes, "the last step changed nothing")
    }

    fn tree_after(&self, number: usize) -> Result<Tree, Error> {
        match self.state_after(number)? {
            Some(state) => Ok(self.machine()?.tree(&state)?),
            None => Ok(Tree::empty()),
        }
    }

    fn changes_between(&self, before: usize, after: usize) -> Result<Vec<PathChange>, Error> {
        Ok(path_changes(&self.tree_after(before)?, &self.tree_after(after)?))
    }

    fn show_changes(&mut self, changes: &[PathChange], none: &str) -> Result<(), Error> {
        if changes.is_empty() {
            return self.row("", none);
        }
        for row in self.view.changes(changes, usize::MAX) {
            writeln!(self.out, "{row}")?;
        }
        Ok(())
    }

    /// A file of the image in two states.
    fn diff_image_file(&mut self, before: usize, after: usize, path: &str) -> Result<(), Error> {
        let path = match self.state_after(before.max(after))? {
            Some(state) => absolute(&state, path),
            None => TreePath::new(path),
        };
        let content = |number: usize| -> Result<Option<Vec<u8>>, Error> {
            match read(&self.world.store, &self.tree_after(number)?, &path) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(Error::Build(crate::machine::Error::Tree(tree::Error::NotFound { .. }))) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let (old, new) = (content(before)?, content(after)?);
        if old.is_none() && new.is_none() {
            return Err(Error::usage(
                format!("`{path}` is in neither of the states {before} and {after}"),
                "`ls` lists the files; a path without `/` at its front is one of the build context",
            ));
        }
        let name = |number: usize| format!("state {number}:{path}");
        self.show_diff(&name(before), old.as_deref(), &name(after), new.as_deref())
    }

    fn show_versions(&mut self, path: &str, versions: Versions) -> Result<(), Error> {
        if versions.before.is_none() {
            return self.row("", &format!("the content of {path} in {} is not in the store any more", versions.origin));
        }
        let old = format!("{path} ({})", versions.origin);
        let new = format!("{path} (now)");
        self.show_diff(&old, versions.before.as_deref(), &new, versions.after.as_deref())
    }

    fn show_diff(
        &mut self,
        old_name: &str,
        old: Option<&[u8]>,
        new_name: &str,
        new: Option<&[u8]>,
    ) -> Result<(), Error> {
        if old == new {
            return self.row("", &format!("{old_name} and {new_name} are the same"));
        }
        if [old, new].into_iter().flatten().any(is_binary) {
            let size = |bytes: Option<&[u8]>| {
                bytes.map_or("not there".to_owned(), |bytes| units::spaced_size(bytes.len() as u64))
            };
            return self.row("", &format!("binary files differ: {old_name} {}, {new_name} {}", size(old), size(new)));
        }
        let name = |name: &str, bytes: Option<&[u8]>| match bytes {
            Some(_) => shown::line(name).into_owned(),
            None => "/dev/null".to_owned(),
        };
        let texts = [old, new].map(|bytes| String::from_utf8_lossy(bytes.unwrap_or_default()));
        let diff = TextDiff::from_lines(&*texts[0], &*texts[1]);
        let text = diff.unified_diff().header(&name(old_name, old), &name(new_name, new)).to_string();
        for line in text.split_inclusive('\n') {
            let role = match line.as_bytes().first() {
                Some(b'+') => Some(Role::Good),
                Some(b'-') => Some(Role::Bad),
                Some(b'@') => Some(Role::Label),
                _ => None,
            };
            let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
            let content = shown::line(content.trim_end_matches('\r'));
            let content = role.map_or(content.clone().into_owned(), |role| self.palette.paint(role, &content));
            write!(self.out, "{content}{end}")?;
        }
        Ok(())
    }

    /// A context file as a COPY or ADD had it last, and as it is now. `None`: no step had it.
    pub(super) fn context_versions(&self, path: &str) -> Result<Option<Versions>, Error> {
        let Some(machine) = &self.machine else { return Ok(None) };
        let position = machine.position();
        // The steps to come are what a person is about to decide on; then the steps taken, the last one first.
        for index in (position..machine.step_count()).chain((0..position).rev()) {
            if !matches!(machine.instruction(index), Some(Instruction::Copy(_) | Instruction::Add(_))) {
                continue;
            }
            let source = match machine.taken().get(index) {
                Some(taken) => taken.ingredients.clone().map(|ingredients| Had {
                    ingredients,
                    roots: taken.roots.clone(),
                    layer: taken.layer.clone(),
                    origin: "this session".to_owned(),
                }),
                None => self.last_build_of(index)?,
            };
            let Some(had) = source else { continue };
            let Some(digest) = self.digest_in(&had, path)? else { continue };
            let before = match had.layer {
                Some(layer) => self.content_in(&layer, digest)?,
                None => None,
            };
            let after = self.context_file(path);
            return Ok(Some(Versions { origin: had.origin, before, after }));
        }
        Ok(None)
    }

    /// What a step had in the last build that has it.
    fn last_build_of(&self, index: usize) -> Result<Option<Had>, Error> {
        let machine = self.machine()?;
        let mut builds = machine.earlier_builds()?.iter();
        let Some((build, step)) = builds.find_map(|build| Some((build, machine.counterpart(build, index)?))) else {
            return Ok(None);
        };
        let Some(record) = self.record_of(step)? else { return Ok(None) };
        Ok(Some(Had {
            ingredients: record.ingredients,
            roots: step.roots.clone(),
            layer: record.result.layer,
            origin: format!("build {}", build.number),
        }))
    }

    fn record_of(&self, step: &BuildStep) -> Result<Option<Record>, Error> {
        let Some(key) = step.key else { return Ok(None) };
        Ok(Records::open(self.world.home()).get(key)?)
    }

    /// The bytes with a digest in the layer that the counterpart of step `index` made in an earlier build.
    pub(super) fn content_in_build(
        &self,
        index: usize,
        build: &Build,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(step) = self.machine()?.counterpart(build, index) else { return Ok(None) };
        match self.record_of(step)?.and_then(|record| record.result.layer) {
            Some(layer) => self.content_in(&layer, digest),
            None => Ok(None),
        }
    }

    /// The bytes with a digest as step `index` has them: in the context, else in the layer that it made.
    pub(super) fn content_in_step(&self, index: usize, path: &str, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        if let Some(bytes) = self.context_file(path).filter(|bytes| Digest::of(bytes) == digest) {
            return Ok(Some(bytes));
        }
        match self.machine()?.taken().get(index).and_then(|taken| taken.layer.clone()) {
            Some(layer) => self.content_in(&layer, digest),
            None => Ok(None),
        }
    }

    /// A file of the context as it is now. By now there may be something else under its name (a pipe, a link out of the
    /// context), which a COPY would not read either.
    fn context_file(&self, path: &str) -> Option<Vec<u8>> {
        text::read(&self.folder.join(path), Some(&self.folder), &SHOWN).ok()
    }

    /// The digest that a file of the context has in the listings of a step.
    fn digest_in(&self, had: &Had, path: &str) -> Result<Option<Digest>, Error> {
        let records = Records::open(self.world.home());
        let listings = had.ingredients.iter().filter_map(|ingredient| match ingredient {
            Ingredient::Files { listing, .. } => Some(*listing),
            _ => None,
        });
        for (listing, roots) in listings.zip(&had.roots).filter(|(_, roots)| roots.origin == Origin::Context) {
            let entries = records.listing(listing)?.unwrap_or_default();
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
    fn content_in(&self, layer: &Layer, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let store = &self.world.store;
        if !store.has(&layer.descriptor.digest) {
            return Ok(None);
        }
        let mut tree = Tree::empty();
        layer::apply(store, &layer.descriptor, layer.diff_id, &mut tree)?;
        for (path, node) in tree.walk(&TreePath::root()) {
            let Some(content) = node.content() else { continue };
            if layer::digest_of(store, content)? == digest {
                let name = path.to_string();
                return match document::read_to_end(layer::open(store, content)?, Path::new(&name), &SHOWN) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(document::Error::TooLarge { .. }) => Ok(None),
                    Err(error) => Err(error.into()),
                };
            }
        }
        Ok(None)
    }
}

/// How many lines are added and removed. `None` for what is no text.
pub(super) fn count_lines(before: &[u8], after: &[u8]) -> Option<(usize, usize)> {
    if is_binary(before) || is_binary(after) {
        return None;
    }
    let diff = TextDiff::from_lines(before, after);
    let count = |tag: ChangeTag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    Some((count(ChangeTag::Insert), count(ChangeTag::Delete)))
}

/// What differs between two trees, without directories in which only something else changed.
fn path_changes(before: &Tree, after: &Tree) -> Vec<PathChange> {
    tree::diff(before, after).iter().filter(|change| !change.is_directory_time()).map(describe).collect()
}
