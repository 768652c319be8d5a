//! How long the steps of a build took, beside those of the build before it.

use serde::Serialize;

use super::Error;
use super::driver::Machine;
use super::finish::build_steps;
use crate::cache::{BuildStep, Outcome};

/// The times of a build, and of the one before it of the same context and Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Times {
    pub(crate) build: u64,
    pub(crate) before: Option<u64>,
    pub(crate) steps: Vec<Timed>,
}

/// One step, now and in the build before, if that had such a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Timed {
    pub(crate) number: usize,
    pub(crate) instruction: String,
    pub(crate) now: Spent,
    pub(crate) before: Option<Spent>,
}

/// How long a step took, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spent {
    pub(crate) milliseconds: u64,
    pub(crate) outcome: Outcome,
}

impl Machine {
    /// How long the steps taken so far took.
    ///
    /// # Errors
    /// A past build can't be read.
    pub(crate) fn times(&self) -> Result<Times, Error> {
        let build = self.build_number()?;
        let before = self.earlier_builds()?.iter().find(|earlier| earlier.number != build);
        let spent = |step: &BuildStep| Spent { milliseconds: step.milliseconds, outcome: step.outcome };
        let timed = |step: &BuildStep| Timed {
            number: step.number,
            instruction: step.instruction.clone(),
            now: spent(step),
            before: before.and_then(|earlier| self.counterpart(earlier, step.number - 1)).map(spent),
        };
        let steps = build_steps(self.taken(), self.failed.as_ref()).iter().map(timed).collect();
        Ok(Times { build, before: before.map(|earlier| earlier.number), steps })
    }
}
