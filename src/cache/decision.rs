//! Decisions: what the cache says about a step, and why. Every front end shows this one value in its own words.

use serde::{Deserialize, Serialize};

use super::{BuildName, CacheKey, Difference, Record, StepResult};
use crate::oci::Digest;

/// What was decided about the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Decision {
    /// FROM, which is looked up and not cached.
    NotCached {
        /// The image that it found; `None` for another stage and for `scratch`.
        #[serde(skip)]
        base: Option<BaseImage>,
        /// That its name led to another image in the latest build that had this FROM.
        #[serde(skip_serializing_if = "Option::is_none")]
        moved: Option<Box<Moved>>,
    },
    /// The result of an earlier step is taken.
    Hit {
        key: CacheKey,
        #[serde(flatten)]
        build: BuildName,
        created: String,
        saved_milliseconds: u64,
    },
    /// The step has to be done.
    Miss {
        /// `None`: some of its inputs do not exist yet.
        key: Option<CacheKey>,
        reason: MissReason,
    },
    /// A prediction that depends on something not run yet.
    Unknown { because: String },
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
    /// The base images below it that were others in that build; the steps of their FROMs are among the steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
}

impl Causes {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.gone.is_empty()
    }

    /// Adds those of a step before.
    pub(crate) fn add(&mut self, others: &Causes) {
        self.steps.extend(&others.steps);
        self.gone.splice(0..0, others.gone.iter().cloned());
        self.moved.extend(others.moved.iter().cloned());
    }
}

/// An image that a FROM found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Its full name.
    pub(crate) name: String,
    /// That of its manifest, or of its index.
    pub(crate) digest: Digest,
}

/// A base image of which the name leads to another digest than in an earlier build: `docker.io/library/alpine moved: sha256:… → sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The number of the FROM.
    pub(crate) step: usize,
    pub(crate) name: String,
    pub(crate) before: Digest,
    pub(crate) after: Digest,
}

impl Moved {
    /// Compares what FROM, which is step `number`, found with what it found before.
    pub(crate) fn between(number: usize, before: Option<&BaseImage>, after: Option<&BaseImage>) -> Option<Moved> {
        let (before, after) = (before?, after?);
        let is_moved = before.name == after.name && before.digest != after.digest;
        is_moved.then(|| Moved { step: number, name: after.name.clone(), before: before.digest, after: after.digest })
    }
}

/// Why a step is not in the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MissReason {
    /// No comparable earlier step is known.
    FirstTime,
    /// Its own inputs differ: it is the cause.
    Cause {
        #[serde(flatten)]
        build: BuildName,
        differences: Vec<Difference>,
    },
    /// Only the state that it starts from differs: it follows what was done otherwise before it.
    Follows {
        #[serde(flatten)]
        build: BuildName,
        #[serde(flatten)]
        causes: Causes,
    },
    /// The cache was not asked.
    NoCache,
    /// The record is there and its layer is not.
    LayerGone,
    /// A shared cache has the record, and its layer does not come.
    NotImported { from: String, because: String },
    /// The inputs are those of a build that did not finish this step.
    NeverFinished {
        #[serde(flatten)]
        build: BuildName,
    },
}

impl Decision {
    /// That the cache has this.
    pub(crate) fn hit(record: &Record) -> Decision {
        let StepResult { created, milliseconds, .. } = &record.result;
        let build = record.result.build_name();
        Decision::Hit { key: record.key, build, created: created.clone(), saved_milliseconds: *milliseconds }
    }

    /// What it follows, as a step that was compared with this build.
    pub(crate) fn causes_beside(&self, beside: &BuildName) -> Option<&Causes> {
        match self.miss()? {
            MissReason::Follows { build, causes } if build == beside => Some(causes),
            _ => None,
        }
    }

    /// The image that a FROM found.
    pub(crate) fn base(&self) -> Option<&BaseImage> {
        match self {
            Decision::NotCached { base, .. } => base.as_ref(),
            Decision::Hit { .. } | Decision::Miss { .. } | Decision::Unknown { .. } => None,
        }
    }

    /// Why it is a miss; `None` for everything else.
    pub(crate) fn miss(&self) -> Option<&MissReason> {
        match self {
            Decision::Miss { reason, .. } => Some(reason),
            Decision::NotCached { .. } | Decision::Hit { .. } | Decision::Unknown { .. } => None,
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
            | MissReason::NotImported { .. }
            | MissReason::NeverFinished { .. } => &[],
        };
        differences.iter().filter(|difference| !difference.is_parent())
    }
}
