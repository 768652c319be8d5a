//! Past builds: those that a build is compared with, and its own place among them.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;

use super::Error;
use super::event::StepLabel;
use super::intent::Intent;
use super::steps::Steps;
use crate::cache::{self, Build, BuildName, BuildStep, Builds, Caches, Counterparts, Outcome, Reservation, Sought};
use crate::oci::Digest;
use crate::world::World;

/// What makes two builds comparable: the context's folder and the Dockerfile's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    context: String,
    dockerfile: String,
}

impl Identity {
    pub(crate) fn of(context: Option<&PathBuf>, dockerfile: Option<&PathBuf>) -> Identity {
        let text = |path: Option<&PathBuf>| {
            let path = path.map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
            path.map(|path| path.display().to_string()).unwrap_or_default()
        };
        Identity { context: text(context), dockerfile: text(dockerfile) }
    }
}

/// A build among the past ones.
#[derive(Debug)]
pub(super) struct Past {
    builds: Builds,
    /// The shared caches, whose builds are compared with after those of this home.
    caches: Caches,
    identity: Identity,
    /// When this build began, in RFC 3339.
    started: String,
    /// Its number, once something of it is to be remembered.
    number: OnceCell<Reservation>,
    /// The builds to compare with, newest first.
    earlier: OnceCell<Vec<Build>>,
    /// Which of their steps correspond to those of this build, by their numbers.
    counterparts: RefCell<HashMap<BuildName, Counterparts>>,
}

impl Past {
    pub(crate) fn new(world: &World, identity: Identity, caches: Caches) -> Past {
        Past {
            builds: Builds::open(world.home()),
            caches,
            identity,
            started: world.clock.rfc3339(),
            number: OnceCell::new(),
            earlier: OnceCell::new(),
            counterparts: RefCell::default(),
        }
    }

    /// Another build of the same, which begins now.
    pub(crate) fn anew(&self, world: &World) -> Past {
        Past::new(world, self.identity.clone(), self.caches.clone())
    }

    /// The number of this build. The first call takes one.
    ///
    /// # Errors
    /// The folder of the past builds can't be read or written to.
    pub(crate) fn number(&self) -> Result<u64, cache::Error> {
        Ok(self.reservation()?.number)
    }

    fn reservation(&self) -> Result<&Reservation, cache::Error> {
        if let Some(reservation) = self.number.get() {
            return Ok(reservation);
        }
        let reserved = self.builds.reserve()?;
        Ok(self.number.get_or_init(|| reserved))
    }

    /// The past builds of the same context and Dockerfile, newest first; then those that came with shared caches.
    ///
    /// # Errors
    /// A past build can't be read.
    pub(crate) fn earlier(&self) -> Result<&[Build], Error> {
        if let Some(earlier) = self.earlier.get() {
            return Ok(earlier);
        }
        let mut found = self.builds.comparable(&self.identity.context, &self.identity.dockerfile)?;
        found.extend(self.caches.builds().cloned());
        Ok(self.earlier.get_or_init(|| found))
    }

    /// Whether nothing was built yet, of whatever context, and there is no shared cache: then the cache is empty.
    ///
    /// # Errors
    /// The folder of the past builds can't be read.
    pub(crate) fn is_first(&self) -> Result<bool, Error> {
        Ok(self.caches.all().is_empty() && self.builds.numbers()?.is_empty())
    }

    /// The step of a past build that step `index` is compared with.
    pub(crate) fn counterpart<'b>(&self, build: &'b Build, steps: &Steps, index: usize) -> Option<&'b BuildStep> {
        build.steps.get(self.place(build, steps, index)?)
    }

    /// The place of that step in the past build.
    pub(crate) fn place(&self, build: &Build, steps: &Steps, index: usize) -> Option<usize> {
        self.counterparts(build, steps, |counterparts| counterparts.of(index))
    }

    /// The step that is compared with the one at a place of a past build.
    pub(crate) fn partner(&self, build: &Build, steps: &Steps, place: usize) -> Option<usize> {
        self.counterparts(build, steps, |counterparts| counterparts.partner(place))
    }

    fn counterparts<T>(&self, build: &Build, steps: &Steps, look: impl FnOnce(&Counterparts) -> T) -> T {
        let mut known = self.counterparts.borrow_mut();
        look(known.entry(build.name()).or_insert_with(|| {
            let sought = |index| Sought {
                stage: steps.stage_label(index).unwrap_or_default(),
                stage_index: steps.stage(index),
                instruction: steps.text(index).unwrap_or_default(),
            };
            let all: Vec<Sought<'_>> = (0..steps.len()).map(sought).collect();
            Counterparts::find(&build.steps, &all)
        }))
    }

    /// The steps have become others: which of them correspond is to be found again.
    pub(crate) fn forget_counterparts(&mut self) {
        self.counterparts.borrow_mut().clear();
    }

    /// Goes on under the number of an earlier machine, unless a build was written under it. Says whether it is the same build still.
    pub(crate) fn take_number(&mut self, earlier: &mut Past) -> bool {
        match earlier.number.take() {
            Some(reservation) if reservation.is_used() => false,
            Some(reservation) => {
                self.number = OnceCell::from(reservation);
                true
            }
            None => true,
        }
    }

    /// Remembers this build, as far as it came.
    ///
    /// # Errors
    /// The folder of the past builds can't be written to.
    pub(crate) fn remember(&self, steps: Vec<BuildStep>, image: Option<Digest>) -> Result<(), Error> {
        Ok(self.builds.put(self.reservation()?, &self.build(steps, image)?)?)
    }

    /// This build, as far as it came.
    ///
    /// # Errors
    /// As [`Past::number`].
    pub(crate) fn build(&self, steps: Vec<BuildStep>, image: Option<Digest>) -> Result<Build, cache::Error> {
        let Identity { context, dockerfile } = self.identity.clone();
        Ok(Build {
            schema: Build::SCHEMA,
            number: self.number()?,
            context,
            dockerfile,
            started: self.started.clone(),
            steps,
            image,
            imported_from: None,
        })
    }
}

/// What is to be remembered of a step if it fails in its next phase.
pub(super) fn failed_step(label: &StepLabel, stage: usize, intent: Option<&Intent>) -> BuildStep {
    BuildStep {
        stage: label.stage.clone(),
        stage_index: stage,
        number: label.number,
        instruction: label.instruction.clone(),
        key: intent.map(Intent::key),
        roots: intent.map(Intent::roots).unwrap_or_default(),
        base: None,
        outcome: Outcome::Failed,
        milliseconds: 0,
    }
}
