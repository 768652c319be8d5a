//! The end of a build: the image, its names, and what is remembered for the next time.

use super::driver::Machine;
use super::event::{Event, EventKind, Reporter, Warning};
use super::state::id_of;
use super::taken::Taken;
use super::{Decision, Error};
use crate::cache::{BuildStep, Ingredients, Outcome};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::rules;
use crate::oci::{Descriptor, Digest, Reference};
use crate::plan::{CHECK_ARG, PROXY_ARGS, Plan, Request};

/// A build that is done.
#[derive(Clone, Debug)]
pub struct Finished {
    pub(crate) build: u64,
    pub image: Digest,
    pub manifest: Descriptor,
    pub(crate) cached: usize,
    pub(crate) ran: usize,
    /// How many steps were not taken again: they belong to a build that was remembered before.
    pub(crate) kept: usize,
}

impl Machine {
    /// Takes all steps that are left, and finishes. A build that fails is remembered as far as it came; one that ends at a miss that was
    /// not allowed is not: the next is to be compared with one that was tried.
    ///
    /// # Errors
    /// As [`Machine::step`] and [`Machine::finish`].
    pub(crate) fn build(&mut self, tags: &[Reference], sink: &mut dyn FnMut(&Event)) -> Result<Finished, Error> {
        if let Err(error) = self.take_all(sink) {
            if !matches!(error, Error::Missed { .. }) {
                // What failed first is what is told: on a full disk this fails as well.
                let _ = self.remember(None);
            }
            return Err(error);
        }
        self.finish(tags, sink)
    }

    /// Takes all steps that are left, until all of the image is here.
    fn take_all(&mut self, sink: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        loop {
            while !self.is_done() {
                self.step(sink)?;
            }
            if self.complete(sink)? {
                return Ok(());
            }
        }
    }

    /// Remembers this build among the past builds: also one that failed, as far as it came.
    ///
    /// # Errors
    /// The home can't be written to.
    pub fn remember(&self, image: Option<Digest>) -> Result<(), Error> {
        self.past.remember(build_steps(&self.taken, self.failed.as_ref()), image)?;
        self.inputs.save_digests();
        Ok(())
    }

    /// Writes the image of the last state, lists it under its names or without one, and remembers the build. Warns of what was not used.
    ///
    /// # Errors
    /// No step is taken, or the home can't be written to.
    pub fn finish(&self, tags: &[Reference], sink: &mut dyn FnMut(&Event)) -> Result<Finished, Error> {
        let last = self.taken.last().ok_or(Error::NoStep { number: 1, total: self.steps.len() })?;
        let mut reporter = Reporter::of_build(self.watch, sink);
        for name in unused_build_args(self.plan(), &self.options.request, &self.taken) {
            let warning = Diagnostic::new(&rules::UNUSED_BUILD_ARG, format!("no ARG uses the build argument `{name}`"));
            for warning in self.plan().checks.apply([warning]) {
                reporter.tell(EventKind::Warning(Warning::of(&self.source.file, &warning)));
            }
        }
        let image = last.state.finished_image(&self.options.labels);
        let manifest = self.world.store.put_image(&image, &last.state.layers())?;
        let image = id_of(&image);
        self.remember(Some(image))?;
        self.remover.finish();
        let (kept, taken) = self.taken.split_at(self.kept);
        let count = |is_meant: fn(&Decision) -> bool| taken.iter().filter(|one| is_meant(&one.decision)).count();
        let cached = count(|decision| matches!(decision, Decision::Hit { .. }));
        let ran = count(|decision| matches!(decision, Decision::Miss { .. }));
        let kept = kept.iter().filter(|one| !matches!(one.decision, Decision::NotCached { .. })).count();
        let (steps, milliseconds) = (self.steps.len(), self.watch.milliseconds());
        let digest = manifest.digest;
        reporter.tell(EventKind::BuildFinished { image, manifest: digest, steps, cached, ran, milliseconds });
        self.world.store.name_all([(&manifest, tags)])?;
        for tag in tags {
            reporter.tell(EventKind::Tagged { reference: tag.familiar() });
        }
        Ok(Finished { build: self.build_number()?, image, manifest, cached, ran, kept })
    }
}

/// The `--build-arg`s that no ARG asked for and that have no meaning of their own.
fn unused_build_args(plan: &Plan, request: &Request, taken: &[Taken]) -> Vec<String> {
    let declared = |name: &str| {
        plan.global_args.contains_key(name)
            || taken.iter().any(|taken| taken.state.settings.variables.is_declared(name))
    };
    let needs_no_arg =
        |name: &str| PROXY_ARGS.contains(&name) || ["BUILDKIT_SANDBOX_HOSTNAME", CHECK_ARG].contains(&name);
    let known = |name: &str| needs_no_arg(name) || declared(name);
    request.build_args.keys().filter(|name| !known(name)).cloned().collect()
}

/// What is remembered of the steps, with the one that failed.
pub(super) fn build_steps(taken: &[Taken], failed: Option<&BuildStep>) -> Vec<BuildStep> {
    let steps = taken.iter().map(|taken| BuildStep {
        stage: taken.label.stage.clone(),
        stage_index: taken.stage,
        number: taken.label.number,
        instruction: taken.label.instruction.clone(),
        key: taken.ingredients.as_ref().map(Ingredients::key),
        roots: taken.roots.clone(),
        base: taken.decision.base().cloned(),
        outcome: if matches!(taken.decision, Decision::Hit { .. }) { Outcome::Cached } else { Outcome::Ran },
        milliseconds: taken.milliseconds,
    });
    steps.chain(failed.cloned()).collect()
}
