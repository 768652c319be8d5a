//! All that a step's key is made from, beside what the same step of a past build had.

use serde::Serialize;

use super::error::Error;
use super::why::{Subject, subject};
use super::work::Work;
use crate::cache::{Build, BuildName, Builds, Side};
use crate::machine::{Decision, MissReason, StepLabel};

/// The ingredients of a step, then and now.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sides {
    pub(crate) step: StepLabel,
    /// The build that it is compared with; `None` where none has such a step, or its record is gone.
    #[serde(flatten)]
    pub(crate) build: Option<BuildName>,
    pub(crate) rows: Vec<Side>,
}

/// Compares step `number`, or the next one, with one past build, or with the one that its decision names, or with the latest that has
/// such a step. `None`: a step before it has to run first.
pub(super) fn sides(work: &mut Work, number: Option<usize>, against: Option<u64>) -> Result<Option<Sides>, Error> {
    let Some(subject) = subject(work, number)? else { return Ok(None) };
    let machine = work.machine()?;
    let step = machine.label(subject.index).ok_or(Error::NothingLeft)?;
    match (against, &subject.decision) {
        (None, Decision::Unknown { .. }) => return Ok(None),
        // The key is the same there, so every ingredient is.
        (None, Decision::Hit { build, .. } | Decision::Miss { reason: MissReason::NeverFinished { build }, .. }) => {
            let rows = subject.asked().ingredients.iter().map(Side::alone).collect();
            return Ok(Some(Sides { step, build: Some(build.clone()), rows }));
        }
        (None, Decision::NotCached { .. } | Decision::Miss { .. }) | (Some(_), _) => {}
    }
    let build = match against {
        Some(number) => Some(named(work, number)?),
        None => latest(work, &subject)?,
    };
    let asked = subject.asked();
    let compared = match &build {
        Some(build) => machine.side_by_side(subject.index, asked, build)?,
        None => None,
    };
    Ok(Some(match compared {
        Some(rows) => Sides { step, build: build.map(|build| build.name()), rows },
        None => Sides { step, build: None, rows: asked.ingredients.iter().map(Side::alone).collect() },
    }))
}

fn named(work: &Work, number: u64) -> Result<Build, Error> {
    let builds = Builds::open(work.world.home());
    match builds.get(number)? {
        Some(build) => Ok(build),
        None => Err(Error::NoBuild { number, known: builds.numbers()? }),
    }
}

fn latest(work: &Work, subject: &Subject) -> Result<Option<Build>, Error> {
    let machine = work.machine()?;
    let mut earlier = machine.earlier_builds()?.iter();
    Ok(earlier.find(|build| machine.counterpart(build, subject.index).is_some_and(|step| step.key.is_some())).cloned())
}
