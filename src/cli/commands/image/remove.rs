//! `layerlab rmi`: remove names of images, and what no name needs any more.
//!
//! What is asked for is worked out first, for all arguments. Then the list of images is changed once, and what it does not
//! lead to any more is collected once. So removing many images costs as much as removing one, and a process that is killed
//! has removed all of the names or none.

use std::collections::{BTreeSet, HashSet};
use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::{Diagnostic, Explained as _, Severity};
use crate::oci::{Descriptor, Digest, Reference};
use crate::progress::Work;
use crate::runtime::events::{self, Kind};
use crate::runtime::{self, Stored};
use crate::shown;
use crate::store::{Catalogue, Error, Image};
use crate::upkeep;
use crate::view::Scene;
use crate::world::World;

/// Remove image names, and the data that nothing else needs.
#[derive(Debug, Args)]
pub(crate) struct Rmi {
    /// Remove an image by its id even if it has several names
    #[arg(short, long)]
    force: bool,
    /// The images
    #[arg(required = true)]
    images: Vec<String>,
}

/// What one argument asks for.
struct Removal {
    entries: Vec<Image>,
    /// Names with digests, by which registries have it, that go with them.
    digests: Vec<Reference>,
    /// What is deleted when no name is left: the image id, or where it can't be read, the manifest's digest.
    deleted: Option<Digest>,
}

impl Rmi {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let mut planning = Planning {
            rmi: self,
            world,
            catalogue: world.store.catalogue()?,
            gone: HashSet::new(),
            // Where one can't be read, nothing will be deleted anyway.
            containers: runtime::list(world).unwrap_or_default().0,
        };
        let mut removals = Vec::new();
        let mut problems = Vec::new();
        for text in &self.images {
            match planning.plan(text) {
                Ok(removal) => removals.push(removal),
                Err(failure) => problems.extend(failure.diagnostics),
            }
        }
        if !removals.is_empty() {
            carry_out(world, &removals, ui)?;
        }
        if problems.is_empty() { Ok(()) } else { Err(Failure::messages(problems)) }
    }
}

struct Planning<'a> {
    rmi: &'a Rmi,
    world: &'a World,
    catalogue: Catalogue<'a>,
    containers: Vec<Stored>,
    /// The places in the catalogue that earlier arguments remove.
    gone: HashSet<usize>,
}

impl Planning<'_> {
    /// Finds out what an argument means: a name takes that name away, an id or a digest takes away the image.
    fn plan(&mut self, text: &str) -> Result<Removal, Failure> {
        let found = self.catalogue.find(text)?;
        if let Some(name) = self.extra_digest(text, found) {
            return Ok(Removal { entries: Vec::new(), digests: vec![name], deleted: None });
        }
        let images = &self.catalogue.images;
        let manifest = &images[found].manifest;
        let same = self.catalogue.with_digest(&manifest.digest);
        let left: Vec<usize> = same.iter().copied().filter(|position| !self.gone.contains(position)).collect();
        let name = Reference::parse_normalized(text).ok().map(|name| name.with_default_tag());
        let is_by_name = name.is_some() && images[found].reference == name;
        if left.is_empty() || is_by_name && !left.contains(&found) {
            return Err(Error::NoImage { name: text.to_owned(), other_tag: None }.into());
        }
        let id = || self.world.store.id_of(manifest).unwrap_or(manifest.digest);
        let is_last = left.len() == 1;
        if !is_last && !is_by_name && !self.rmi.force {
            let names = left.iter().filter_map(|position| images[*position].reference.as_ref());
            let list: Vec<String> = names.map(|name| format!("`{}`", name.familiar())).collect();
            let message = format!("image {} has several names: {}", id().short(), list.join(", "));
            return Err(Diagnostic::error(message)
                .hint("remove one of the names, or all of them with `--force`")
                .into());
        }
        if is_last || !is_by_name {
            self.check_unused(text, manifest, id())?;
        }
        let removed = if is_by_name { vec![found] } else { left };
        let deleted = (is_last || !is_by_name).then(id);
        let entries = removed.iter().map(|position| images[*position].clone()).collect();
        self.gone.extend(removed);
        let digests = self.digests_without_tag(&manifest.digest);
        Ok(Removal { entries, digests, deleted })
    }

    /// The name with a digest that an argument is, where its image has others: then it alone is taken away.
    fn extra_digest(&self, text: &str, found: usize) -> Option<Reference> {
        let name = Reference::parse_normalized(text).ok().filter(Reference::has_digest)?.without_tag();
        let manifest = &self.catalogue.images[found].manifest.digest;
        let is_its = self.catalogue.in_registries.get(&name) == Some(*manifest);
        let is_named = self.left(manifest).any(|image| image.reference.is_some());
        let has_others = is_named || self.catalogue.in_registries.names(manifest).any(|other| *other != name);
        (is_its && has_others).then_some(name)
    }

    /// Those of an image that go because no tag of their repository is left, or no entry at all.
    fn digests_without_tag(&self, manifest: &Digest) -> Vec<Reference> {
        let has_tag = |name: &Reference| {
            self.left(manifest).any(|image| image.reference.as_ref().is_some_and(|tag| tag.name() == name.name()))
        };
        self.catalogue.in_registries.names(manifest).filter(|name| !has_tag(name)).cloned().collect()
    }

    /// The entries of an image that no earlier argument removes.
    fn left<'c>(&'c self, manifest: &Digest) -> impl Iterator<Item = &'c Image> + use<'c> {
        let same = self.catalogue.with_digest(manifest).iter();
        same.filter(|position| !self.gone.contains(position)).map(|position| &self.catalogue.images[*position])
    }
}

impl Planning<'_> {
    /// Refuses to take the last name, or all of them, from an image that a container uses, as Docker does: of one that is stopped
    /// unless that is forced. What the container needs stays in any case.
    fn check_unused(&self, text: &str, manifest: &Descriptor, id: Digest) -> Result<(), Diagnostic> {
        let user = self.containers.iter().filter(|stored| stored.record.image.manifest.digest == manifest.digest);
        let is_running = |stored: &&Stored| stored.status.has_monitor();
        let Some(stored) = user.max_by_key(is_running) else { return Ok(()) };
        let name = &stored.record.name;
        let (how, hint) = match (is_running(&stored), self.rmi.force) {
            (true, _) => ("running", "stop and remove the container first"),
            (false, false) => ("stopped", "remove the container first, or take the name from the image with `--force`"),
            (false, true) => return Ok(()),
        };
        let id = id.short().to_string();
        let image = if *text == *id { format!("`{text}`") } else { format!("`{text}` ({id})") };
        Err(Diagnostic::error(format!("{image} is used by the {how} container {name}")).hint(hint))
    }
}

/// Notes that a name was taken away from an image.
pub(super) fn note_untagged(world: &World, image: &Image) {
    if let Some(name) = &image.reference {
        let id = image.manifest.digest.to_string();
        events::of_named(world.home(), &world.clock, Kind::Image, "untag", &id, &name.familiar());
    }
}

/// Notes that an image is gone.
pub(super) fn note_deleted(world: &World, id: &Digest) {
    events::of_named(world.home(), &world.clock, Kind::Image, "delete", &id.to_string(), "");
}

/// Takes the names away and says so; then removes what they alone needed, and says what of it is gone. What stays, for whatever reason, goes
/// with the next image that is removed.
fn carry_out(world: &World, removals: &[Removal], ui: &Ui) -> Result<(), Failure> {
    let entries: Vec<&Image> = removals.iter().flat_map(|removal| &removal.entries).collect();
    let digests: Vec<&Reference> = removals.iter().flat_map(|removal| &removal.digests).collect();
    world.store.remove(&entries, &digests)?;
    let mut out = ui.plain().with_live(world.meter());
    for Removal { entries, digests, .. } in removals {
        entries.iter().for_each(|image| note_untagged(world, image));
        let names = entries.iter().filter_map(|image| image.reference.as_ref());
        for name in names.chain(digests) {
            writeln!(out, "Untagged: {}", shown::line(&name.familiar()))?;
        }
    }
    let mut deleted = removals.iter().filter_map(|removal| removal.deleted).peekable();
    if deleted.peek().is_none() {
        return Ok(());
    }
    out.begin(Scene::Below);
    let left = collect(world, ui)?.left;
    out.end()?;
    for id in deleted {
        let reason = match &left {
            Left::Everything(reason) => reason.as_str(),
            Left::InUse(blobs) if blobs.contains(&id) => "another layerlab process uses it",
            Left::InUse(_) => {
                note_deleted(world, &id);
                writeln!(out, "Deleted: {id}")?;
                continue;
            }
        };
        ui.note(&format!(
            "note: {}: {} stays for now; `layerlab prune` removes it later",
            shown::line(reason),
            id.short()
        ));
    }
    Ok(())
}

/// What became of what nothing led to.
pub(super) struct Gone {
    pub(super) left: Left,
    /// What is free now.
    pub(super) bytes: u64,
}

/// What could not be removed.
pub(super) enum Left {
    /// What others use.
    InUse(BTreeSet<Digest>),
    /// All of it, for this reason.
    Everything(String),
}

/// Removes what nothing leads to. What the cache's records name is kept: it saves the next build its work.
pub(super) fn collect(world: &World, ui: &Ui) -> Result<Gone, Failure> {
    let nothing = |reason| Ok(Gone { left: Left::Everything(reason), bytes: 0 });
    match upkeep::prune::collect(&world.store) {
        Ok(collected) => {
            if let Some(error) = collected.damaged.first() {
                return nothing(format!("nothing is deleted while an image is damaged ({error})"));
            }
            for strange in &collected.strange {
                ui.report(&[strange.diagnostic().severity(Severity::Warning)], None);
            }
            let task = world.meter().begin(Work::Removing, None);
            let mut bytes = collected.bytes();
            for folder in &collected.folders {
                bytes += world.identity.within(|| upkeep::size_of(folder))?;
                world.identity.remove_dir_all(folder)?;
                task.add(1).map_err(Error::from)?;
            }
            Ok(Gone { left: Left::InUse(collected.in_use), bytes })
        }
        Err(upkeep::Error::Store(Error::Busy)) => nothing("another layerlab process has the store open".to_owned()),
        Err(error) => Err(error.into()),
    }
}
