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

/// Why a step is not in the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MissReason {
    /// No comparable earlier step is known.
    FirstTime,
    /// Its own inputs differ: it is the cause.
    Cause { build: u64, differences: Vec<Difference> },
    /// Only its parent's key differs: it follows. `steps` are the steps of this build that are the cause, at most [`MOST_CAUSES`] of
    /// them: then there may be others.
    Follows { build: u64, steps: Vec<usize> },
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

    /// Why it is a miss; `None` for everything else.
    pub(crate) fn miss(&self) -> Option<&MissReason> {
        match self {
            Decision::Miss { reason, .. } => Some(reason),
            Decision::NotCached | Decision::Hit { .. } | Decision::Unknown { .. } => None,
        }
    }
}

impl MissReason {
    /// Whether the step only follows another, which is the cause.
    pub(crate) fn is_consequence(&self) -> bool {
        matches!(self, MissReason::Follows { .. })
    }

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
