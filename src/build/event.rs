//! Events: everything the machine tells, as plain data.
//!
//! Views consume events and recompute nothing. In JSON each event is one object with a `type`; the line that holds it adds
//! `schema`. A new kind of event must break every view that has to know it: no view matches with a wildcard.

use serde::{Deserialize, Serialize};

use crate::cache::{CacheKey, Difference};
use crate::layer::Layer;
use crate::oci::Digest;

/// A step's place: which stage, and which number over the whole build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepLabel {
    /// From 1.
    pub number: usize,
    pub total: usize,
    pub stage: String,
    /// The instruction as written, continuations joined.
    pub instruction: String,
    /// The instruction after expansion, where that differs.
    pub expanded: Option<String>,
    /// From 1, inclusive.
    pub lines: (usize, usize),
    /// Whether an ONBUILD of the base image put it here.
    pub trigger: bool,
}

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
        key: CacheKey,
        reason: MissReason,
    },
    /// A prediction that depends on something not run yet.
    Unknown {
        because: String,
    },
}

/// Why a step is not in the cache.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum MissReason {
    /// No comparable earlier step is known.
    FirstTime,
    /// Its own inputs differ: it is the cause.
    Cause { build: u64, differences: Vec<Difference> },
    /// Only its parent's key differs: it follows. `step` is the step that is the cause, when it is in this build.
    Follows { build: u64, step: Option<usize> },
    /// The cache was not asked.
    NoCache,
    /// The record is there and its layer is not.
    LayerGone,
    /// The inputs are those of a build that did not finish this step.
    NeverFinished { build: u64 },
}

/// What happened to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One changed path of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathChange {
    pub kind: ChangeKind,
    pub path: String,
    /// Like `-rwxr-xr-x`; empty for a deleted path.
    pub mode: String,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// A symbolic link's target.
    pub target: Option<String>,
}

/// One changed setting of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigChange {
    /// Like `Labels.maintainer`.
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Which of a process's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// What the machine tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    BuildStarted {
        build: u64,
        dockerfile: String,
        context: String,
        steps: usize,
        stages: usize,
    },
    /// The context was read, which happens when the first instruction needs it.
    ContextLoaded {
        files: u64,
        bytes: u64,
        excluded: u64,
    },
    StepStarted {
        step: StepLabel,
    },
    /// The instruction after expansion, where that differs from its text.
    Expanded {
        instruction: String,
    },
    /// FROM found its image.
    Resolved {
        image: String,
        digest: Option<Digest>,
        layers: usize,
        bytes: u64,
        stands_in_for: Option<String>,
    },
    Decided {
        decision: Decision,
    },
    /// A process starts in a container of this id.
    ContainerStarted {
        id: String,
        command: Vec<String>,
    },
    Output {
        stream: Stream,
        #[serde(serialize_with = "lossy")]
        bytes: Vec<u8>,
    },
    ContainerEnded {
        id: String,
        status: i32,
    },
    Changed {
        changes: Vec<PathChange>,
        config: Vec<ConfigChange>,
    },
    Committed {
        layer: Option<Layer>,
        state: Digest,
        milliseconds: u64,
    },
    StepFailed {
        message: String,
    },
    Warning {
        message: String,
    },
    BuildFinished {
        image: Digest,
        manifest: Digest,
        cached: usize,
        ran: usize,
        milliseconds: u64,
    },
    Tagged {
        reference: String,
    },
}

impl Event {
    /// The version of the events' form.
    pub const SCHEMA: u32 = 1;
}

fn lossy<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}
