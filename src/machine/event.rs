//! Events: everything the machine tells, as plain data.
//!
//! An event says when something happened, to which step, and what. Views consume events and recompute nothing; none has to
//! remember which step is under way. Clones are cheap: what is large is shared. A new kind of event must break every view
//! that has to know it: no view matches with a wildcard.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::paths::Changes;
use crate::cache::shared::Exported;
use crate::cache::{Change, Decision};
use crate::container::Plan;
use crate::diagnostic::Diagnostic;
use crate::oci::{DiffId, Digest, Layer};
use crate::registry::Stage;
use crate::source::{SourceFile, Span};
use crate::world::Stopwatch;

/// A step's place: which stage, and which number over the whole build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepLabel {
    /// From 1.
    pub number: usize,
    pub total: usize,
    pub stage: String,
    /// The instruction's keyword, in capitals.
    #[serde(skip)]
    pub(crate) keyword: &'static str,
    /// The instruction as written, continuations joined.
    pub instruction: String,
    /// The instruction after expansion, where that differs.
    pub(crate) expanded: Option<String>,
    /// From 1, inclusive.
    pub lines: (usize, usize),
    /// Whether an ONBUILD of the base image put it here.
    pub(crate) trigger: bool,
}

impl StepLabel {
    /// Whether two steps of two builds are the same one, as far as their texts say.
    pub(super) fn is_same(&self, other: &StepLabel) -> bool {
        let telling = |label: &StepLabel| (label.instruction.clone(), label.stage.clone(), label.trigger);
        telling(self) == telling(other)
    }
}

/// One changed setting of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigChange {
    /// Like `Labels.maintainer`.
    pub(crate) field: String,
    #[serde(flatten)]
    pub(crate) values: Change<Value>,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// A list, a number, an object: as the document has it.
    Json(serde_json::Value),
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => formatter.write_str(text),
            Value::Json(json) => write!(formatter, "{json}"),
        }
    }
}

/// As text.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A place in the Dockerfile, as messages give it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) file: String,
    /// From 1, as is `column`, which counts characters.
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    /// Where a span of a text begins.
    pub(crate) fn of(file: &SourceFile, span: Span) -> Place {
        let (line, column) = file.line_column(span.start);
        Place { file: file.name.clone(), line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Which of a process's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Stdout,
    Stderr,
}

impl From<crate::container::Stream> for Stream {
    fn from(stream: crate::container::Stream) -> Stream {
        match stream {
            crate::container::Stream::Stdout => Stream::Stdout,
            crate::container::Stream::Stderr => Stream::Stderr,
        }
    }
}

/// How a step was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    Ran,
    Cached,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Milliseconds since the build began; always zero where time stands still.
    pub(crate) time: u64,
    /// The step that it belongs to; `None`: the build as a whole.
    pub step: Option<Arc<StepLabel>>,
    pub kind: EventKind,
}

/// What happened. In JSON it is an object with a `type`; the bytes of files and programs become text only in a view.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A build begins.
    BuildStarted {
        /// Its number: `layerlab builds` lists it.
        build: u64,
        dockerfile: String,
        context: String,
        /// Steps that are known so far: the base image may add some.
        steps: usize,
        stages: usize,
    },
    /// The context was read, which happens when the first instruction needs it.
    ContextLoaded {
        files: u64,
        bytes: u64,
        /// Files and folders that the ignore file leaves out.
        excluded: u64,
    },
    /// A shared cache may be used: how many steps it has.
    CacheImported { from: String, steps: usize },
    /// A step begins; its `label` comes with it.
    StepStarted,
    /// The instruction after expansion, where variables made something of it.
    Expanded { instruction: String },
    /// An image came from a registry.
    Pulled {
        image: String,
        /// Its name without the registry.
        repository: String,
        /// Of its manifest, or its index.
        digest: Digest,
        /// Its layers, and how far each came.
        #[serde(skip)]
        layers: Arc<[(Digest, Stage)]>,
    },
    /// A name means what the user has it stand for: `--build-context`.
    NamedContext { name: String, stands_for: String },
    /// The file of a URL was asked for.
    Downloaded {
        /// Without its query, which may be a secret.
        url: String,
        digest: Digest,
        bytes: u64,
        /// Whether all of it came. Else it is still what an earlier build has downloaded.
        is_new: bool,
    },
    /// A git repository was asked for.
    RepositoryFetched {
        /// Without a password.
        repository: String,
        commit: String,
        /// Of its files, as a layer.
        bytes: u64,
        /// Whether they came. Else it is still the commit that an earlier build has fetched.
        is_new: bool,
    },
    /// FROM found its image.
    Resolved { image: String, digest: Option<Digest>, layers: usize, bytes: u64, stands_in_for: Option<String> },
    /// The cache has answered.
    Decided { decision: Decision },
    /// A layer came from a shared cache.
    LayerFetched {
        from: String,
        layer: DiffId,
        /// As it is stored.
        bytes: u64,
    },
    /// A process starts in a container of this id.
    ContainerStarted {
        id: String,
        command: Vec<String>,
        /// How it is set up.
        #[serde(skip)]
        plan: Arc<Plan>,
    },
    /// A program has written something.
    #[serde(skip)]
    Output {
        stream: Stream,
        /// As the program wrote them: a piece may begin and end inside a character.
        bytes: Arc<[u8]>,
    },
    /// The process has ended, and its container with it.
    ContainerEnded {
        id: String,
        /// The exit code; 128 and the number of a signal that killed it.
        status: i32,
    },
    /// What a step has changed.
    #[serde(skip)]
    Changed { changes: Changes, config: Arc<[ConfigChange]> },
    /// A step is done, and its result kept.
    Committed {
        /// `null` where no file changed.
        layer: Option<Layer>,
        /// The identity of the state; of the last step, the id of the image.
        state: Digest,
        outcome: Done,
        milliseconds: u64,
    },
    /// A step could not be done.
    StepFailed { message: String },
    /// Somebody wished that the step should stop. It was not tried, and can be begun again.
    StepStopped,
    /// Something is suspicious, and stops nothing.
    Warning(Warning),
    /// The image is in the store.
    BuildFinished {
        /// Its id: the digest of its configuration.
        image: Digest,
        manifest: Digest,
        steps: usize,
        /// How many steps were hits.
        cached: usize,
        ran: usize,
        milliseconds: u64,
    },
    /// The image has a name.
    Tagged { reference: String },
    /// Steps went to a shared cache.
    CacheExported {
        to: String,
        #[serde(flatten)]
        exported: Exported,
    },
}

/// Something suspicious that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The name of its kind, by which a Dockerfile skips it. `None`: it is not about the Dockerfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'static str>,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// `None`: it is about no line of the Dockerfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<Place>,
}

impl Warning {
    /// A warning about a text.
    pub(super) fn of(file: &SourceFile, diagnostic: &Diagnostic) -> Warning {
        Warning {
            kind: diagnostic.rule.map(|rule| rule.name),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            place: diagnostic.span().map(|span| Place::of(file, span)),
        }
    }
}

/// Where events are told: it gives each its time and its step.
pub(super) struct Reporter<'s> {
    watch: Stopwatch,
    step: Option<(Arc<StepLabel>, Option<Place>)>,
    sink: &'s mut dyn FnMut(&Event),
}

impl<'s> Reporter<'s> {
    /// For the build as a whole, which began when `watch` was started.
    pub(crate) fn of_build(watch: Stopwatch, sink: &'s mut dyn FnMut(&Event)) -> Reporter<'s> {
        Reporter { watch, step: None, sink }
    }

    /// The same for one step, and where it stands.
    pub(crate) fn of_step(&mut self, label: &Arc<StepLabel>, place: Option<Place>) -> Reporter<'_> {
        Reporter { watch: self.watch, step: Some((label.clone(), place)), sink: self.sink }
    }

    /// Whether what is told belongs to a step.
    pub(crate) fn is_of_step(&self) -> bool {
        self.step.is_some()
    }

    pub(crate) fn tell(&mut self, kind: EventKind) {
        let step = self.step.as_ref().map(|(label, _)| label.clone());
        (self.sink)(&Event { time: self.watch.milliseconds(), step, kind });
    }

    /// A warning about the machine that the step is carried out on, not about the Dockerfile. It stands at the instruction.
    pub(crate) fn warn(&mut self, message: String) {
        let place = self.step.as_ref().and_then(|(_, place)| place.clone());
        self.tell(EventKind::Warning(Warning { kind: None, message, hint: None, place }));
    }
}
