//! How long the steps of a build took, beside those of the build before it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Error;
use super::driver::Machine;
use super::finish::build_steps;
use crate::cache::{Build, BuildStep, Outcome};

/// The times of a build, and of the one before it of the same context and Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Times {
    pub(crate) build: Sum,
    pub(crate) before: Option<Sum>,
    pub(crate) steps: Vec<Timed>,
}

/// A build, and how long all of its steps took: also those without a counterpart in the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sum {
    pub(crate) build: u64,
    pub(crate) milliseconds: u64,
}

/// One step, now and in the build before, if that had such a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Timed {
    pub(crate) number: usize,
    pub(crate) instruction: String,
    pub(crate) now: Spent,
    pub(crate) before: Option<Spent>,
}

/// When a step began, how long it took, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spent {
    /// The milliseconds that the steps before it took.
    pub(crate) start: u64,
    pub(crate) milliseconds: u64,
    /// `None`: it is neither run nor cached, as FROM.
    pub(crate) outcome: Option<Outcome>,
}

impl Machine {
    /// How long the steps taken so far took.
    ///
    /// # Errors
    /// A past build can't be read.
    pub(crate) fn times(&self) -> Result<Times, Error> {
        let build = self.build_number()?;
        let earlier =
            self.earlier_builds()?.iter().find(|earlier| earlier.number != build && earlier.imported_from.is_none());
        let steps = build_steps(self.taken(), self.failed.as_ref());
        let (now, before) = (Course::of(&steps), earlier.map(|earlier| (earlier, Course::of(&earlier.steps))));
        let timed = |step: &BuildStep| {
            let before = before.as_ref().and_then(|(earlier, course)| {
                course.spent.get(&self.counterpart_in_time(earlier, step)?.number).copied()
            });
            let now = *now.spent.get(&step.number)?;
            Some(Timed { number: step.number, instruction: step.instruction.clone(), now, before })
        };
        Ok(Times {
            build: Sum { build, milliseconds: now.total },
            before: before.as_ref().map(|(earlier, course)| Sum { build: earlier.number, milliseconds: course.total }),
            steps: steps.iter().filter_map(timed).collect(),
        })
    }

    /// A step without a key has no counterpart that it could be compared with, but it takes its time as well.
    fn counterpart_in_time<'b>(&self, earlier: &'b Build, step: &BuildStep) -> Option<&'b BuildStep> {
        let is_the_same =
            |old: &&BuildStep| old.key.is_none() && old.stage == step.stage && old.instruction == step.instruction;
        match step.key {
            Some(_) => self.counterpart(earlier, step.number - 1),
            None => earlier.steps.iter().find(is_the_same),
        }
    }
}

/// The steps of one build, by their numbers, one after another.
#[derive(Default)]
struct Course {
    spent: BTreeMap<usize, Spent>,
    total: u64,
}

impl Course {
    fn of(steps: &[BuildStep]) -> Course {
        let mut course = Course::default();
        for step in steps {
            let outcome = match step.outcome {
                Outcome::Ran if step.key.is_none() => None,
                outcome @ (Outcome::Ran | Outcome::Cached | Outcome::Failed) => Some(outcome),
            };
            let spent = Spent { start: course.total, milliseconds: step.milliseconds, outcome };
            course.spent.insert(step.number, spent);
            course.total += step.milliseconds;
        }
        course
    }
}
