//! Decisions: what the cache says about a step, and why. Every front end shows this one value in its own words.

use serde::Serialize;

use super::{CacheKey, Difference, Record, StepResult};

/// What was decided about the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Decision {
    /// FROM, or anything else that is looked up and not cached.
    NotCached,
    Hit {
        key: CacheKey,
        build: u64,
        created: String,
        saved_milliseconds: u64,
    },
    Miss {
        /// `None`: some of its inputs do not exist yet.
        key: Option<CacheKey>,
        reason: MissReason,
    },
    /// A prediction that depends on something not run yet.
    Unknown {
        because: String,
    },
}

/// How many steps are named as the cause of a miss.
pub(crate) const MOST_CAUSES: usize = 10;

/// What was done otherwise, before a step, than in the build that it is compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Causes {
    /// The numbers of the steps that are new, were elsewhere, have other inputs of their own, or gave another result; at most
    /// [`MOST_CAUSES`]: then there may be others.
    pub steps: Vec<usize>,
    /// The instructions that came before it in that build, and do not now.
    pub gone: Vec<String>,
}

impl Causes {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.gone.is_empty()
    }

    /// Adds those of a step before.
    pub(crate) fn add(&mut self, others: &Causes) {
        self.steps.extend(&others.steps);
        self.gone.splice(0..0, others.gone.iter().cloned());
    }
}

/// Why a step is not in the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MissReason {
    /// No comparable earlier step is known.
    FirstTime,
    /// Its own inputs differ: it is the cause.
    Cause { build: u64, differences: Vec<Difference> },
    /// Only the state that it starts from differs: it follows what was done otherwise before it.
    Follows {
        build: u64,
        #[serde(flatten)]
        causes: Causes,
    },
    /// The cache was not asked.
    NoCache,
    /// The record is there and its layer is not.
    LayerGone,
    /// The inputs are those of a build that did not finish this step.
    NeverFinished { build: u64 },
}

impl Decision {
    /// That the cache has this.
    pub(crate) fn hit(record: &Record) -> Decision {
        let StepResult { build, created, milliseconds, .. } = &record.result;
        Decision::Hit { key: record.key, build: *build, created: created.clone(), saved_milliseconds: *milliseconds }
    }

    /// What it follows, as a step that was compared with this build.
    pub(crate) fn causes_beside(&self, number: u64) -> Option<&Causes> {
        match self.miss()? {
            MissReason::Follows { build, causes } if *build == number => Some(causes),
            _ => None,
        }
    }

    /// Why it is a miss; `None` for everything else.
    pub(crate) fn miss(&self) -> Option<&MissReason> {
        match self {
            Decision::Miss { reason, .. } => Some(reason),
            Decision::NotCached | Decision::Hit { .. } | Decision::Unknown { .. } => None,
        }
    }
}

impl MissReason {
    /// What differs from the step of the build that it was compared with, besides the state that it starts from.
    pub(crate) fn own_differences(&self) -> impl Iterator<Item = &Difference> {
        let differences = match self {
            MissReason::Cause { differences, .. } => differences.as_slice(),
            MissReason::FirstTime
            | MissReason::Follows { .. }
            | MissReason::NoCache
            | MissReason::LayerGone
            | MissReason::NeverFinished { .. } => &[],
        };
        differences.iter().filter(|difference| !difference.is_parent())
    }
}
