//! Shared caches in a build: layers that are fetched when they are needed, steps that are taken after all where one does not come, and what
//! goes to a cache in the end.

use super::actions::from::Fetching;
use super::driver::Machine;
use super::event::{Event, EventKind, Reporter, Warning};
use super::finish::build_steps;
use super::noted::Noted;
use super::resolve::Resolved;
use super::{Arrival, Error};
use crate::cache::Ingredients;
use crate::cache::shared::{self, Export, Place};
use crate::diagnostic::Explained as _;
use crate::oci::{DiffId, Layer};

/// Which steps go to a shared cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those of which the image has the layers, and what lies between them: nothing of another stage.
    #[default]
    Image,
    /// All of them.
    All,
}

impl Machine {
    /// Tells which shared caches there are, and which of those that were asked for can't be used.
    pub(super) fn tell_caches(&self, reporter: &mut Reporter<'_>) {
        for import in self.options.caches.all() {
            let from = import.place.to_string();
            let warn = |message: String, hint| EventKind::Warning(Warning { kind: None, message, hint, place: None });
            match &import.found {
                Ok(cache) => {
                    reporter.tell(EventKind::CacheImported { from: from.clone(), steps: cache.steps() });
                    if cache.damaged() > 0 {
                        let message = format!(
                            "records of the cache {from} are ignored, since they are damaged, too large, or dated in the future: {}",
                            cache.damaged()
                        );
                        reporter.tell(warn(message, None));
                    }
                }
                Err(error) => reporter.tell(warn(format!("the cache {from} is not used: {error}"), error.hint())),
            }
        }
    }

    /// Tells of something suspicious that is not about the Dockerfile.
    pub(crate) fn warn(&self, message: &str, sink: &mut dyn FnMut(&Event)) {
        Reporter::of_build(self.watch, sink).warn(message.to_owned());
    }

    /// Fetches those of some layers that only a shared cache has.
    ///
    /// # Errors
    /// [`Error::Lost`] for those that do not come.
    pub(super) fn fetch(&self, layers: &[Layer], reporter: &mut Reporter<'_>) -> Result<(), Error> {
        let (caches, store) = (&self.options.caches, &self.world.store);
        let fetched = caches.fetch(store, layers);
        if self.control.interrupt().is_requested() {
            return Err(Error::Interrupted);
        }
        for (layer, from) in fetched.map_err(|layers| Error::Lost { layers })? {
            reporter.tell(EventKind::LayerFetched { from, layer: layer.diff_id, bytes: layer.descriptor.size });
        }
        Ok(())
    }

    /// Fetches the layer of a hit at once, where that was asked for. Gives why it does not come.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(super) fn fetch_at_once(
        &self,
        layer: Option<&Layer>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Option<String>, Error> {
        match (self.options.arrival, layer) {
            (Arrival::AtOnce, Some(layer)) => match self.fetch(std::slice::from_ref(layer), reporter) {
                Err(Error::Lost { layers }) => Ok(layers.into_iter().next().map(|(_, because)| because)),
                fetched => fetched.map(|()| None),
            },
            (Arrival::AtOnce, None) | (Arrival::WhenNeeded, _) => Ok(None),
        }
    }

    /// Fetches what the image needs of shared caches. Says whether all of it is here: else steps are to be taken again.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and layers that can't be those of one image.
    pub(super) fn complete(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<bool, Error> {
        let Some(last) = self.taken.last() else { return Ok(true) };
        let (state, layers) = (last.state.clone(), last.state.layers());
        let (caches, store) = (&self.options.caches, &self.world.store);
        if !layers.iter().any(|layer| caches.awaits(store, layer)) {
            return Ok(true);
        }
        let mut reporter = Reporter::of_build(self.watch, sink);
        match self.fetch(&layers, &mut reporter) {
            // Together they have bounds as well.
            Ok(()) => self.inputs.tree(&state).map(|_| true),
            Err(Error::Lost { layers }) => {
                self.go_back_for(&layers, &mut reporter);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes back to the first of the steps whose layers did not come: they miss now.
    pub(super) fn go_back_for(&mut self, lost: &[(DiffId, String)], reporter: &mut Reporter<'_>) {
        if reporter.is_of_step() {
            reporter.tell(EventKind::StepStopped);
        }
        let mut first = self.taken.len();
        for (index, taken) in self.taken.iter().enumerate() {
            let Some(layer) = &taken.layer else { continue };
            let Some((_, because)) = lost.iter().find(|(other, _)| *other == layer.diff_id) else { continue };
            let message = format!("the layer of step {} did not come: {because}; the step runs again", index + 1);
            reporter.tell(EventKind::Warning(Warning { kind: None, message, hint: None, place: None }));
            first = first.min(index);
        }
        self.go_back_to(first);
    }

    /// Resolves step `index`, and fetches what that needs.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub(super) fn resolve(
        &self,
        index: usize,
        reporter: &mut Reporter<'_>,
    ) -> Result<(Noted, Result<Resolved, Error>), Error> {
        loop {
            let noted = Noted::default();
            let states = |stage| self.taken.state_of(stage, usize::MAX);
            match self.resolver(Fetching::Done).step(index, &states, &noted) {
                Err(Error::Awaited { layers }) => self.fetch(&layers, reporter)?,
                resolved => return Ok((noted, resolved)),
            }
        }
    }

    /// Writes the steps that were taken to a shared cache. The build is remembered already.
    ///
    /// # Errors
    /// What this home lacks, or the place refuses.
    pub(crate) fn export(
        &self,
        place: &Place,
        extent: Extent,
        sink: &mut dyn FnMut(&Event),
    ) -> Result<(), shared::Error> {
        let stages = self.stages_of_image();
        let goes = |stage: usize| extent == Extent::All || stages.contains(&stage);
        let taken = self.taken.iter().filter(|taken| goes(taken.stage));
        let keys = taken.filter_map(|taken| taken.ingredients.as_ref().map(Ingredients::key)).collect();
        let steps = build_steps(&self.taken, None).into_iter().filter(|step| goes(step.stage_index));
        let image = self.taken.last().map(|last| super::state::id_of(&last.state.finished_image(&self.options.labels)));
        let build = self.past.build(steps.collect(), image)?;
        let exported = Export { build, keys }.write(&self.world.store, place)?;
        let to = place.to_string();
        Reporter::of_build(self.watch, sink).tell(EventKind::CacheExported { to, exported });
        Ok(())
    }

    /// The stage that is the image, and those that it begins with.
    fn stages_of_image(&self) -> Vec<usize> {
        let mut stages = Vec::new();
        let mut next = self.taken.last().map(|last| last.stage);
        while let Some(stage) = next {
            stages.push(stage);
            let start = self.taken.iter().position(|taken| taken.stage == stage);
            next = start.and_then(|start| self.steps.below(start)).filter(|below| !stages.contains(below));
        }
        stages
    }
}
