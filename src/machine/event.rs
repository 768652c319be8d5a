//! Events: everything the machine tells, as plain data.
//!
//! An event says when something happened, to which step, and what. Views consume events and recompute nothing; none has to
//! remember which step is under way. Clones are cheap: what is large is shared. A new kind of event must break every view
//! that has to know it: no view matches with a wildcard.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::changes::Changes;
use crate::cache::{Decision, Outcome};
use crate::diagnostic::Diagnostic;
use crate::oci::{Digest, Layer};
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
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
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

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Milliseconds since the build began; always zero where time stands still.
    pub(crate) time: u64,
    /// The step that it belongs to; `None`: the build as a whole.
    pub step: Option<Arc<StepLabel>>,
    pub kind: EventKind,
}

impl Event {
    /// The version of the form that events have in JSON.
    pub(crate) const SCHEMA: u32 = 2;
}

/// What happened. In JSON it is an object with a `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
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
    StepStarted,
    /// The instruction after expansion, where variables made something of it.
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
        /// As the program wrote them: a piece may begin and end inside a character.
        #[serde(flatten, serialize_with = "text_or_base64")]
        bytes: Arc<[u8]>,
    },
    ContainerEnded {
        id: String,
        status: i32,
    },
    Changed {
        changes: Changes,
        #[serde(serialize_with = "list")]
        config: Arc<[ConfigChange]>,
    },
    Committed {
        layer: Option<Layer>,
        state: Digest,
        outcome: Outcome,
        milliseconds: u64,
    },
    StepFailed {
        message: String,
    },
    /// Somebody wished that the step should stop. It was not tried, and can be begun again.
    StepStopped,
    Warning(Warning),
    BuildFinished {
        image: Digest,
        manifest: Digest,
        steps: usize,
        cached: usize,
        ran: usize,
        milliseconds: u64,
    },
    Tagged {
        reference: String,
    },
}

/// Something suspicious that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// The name of its kind, by which a Dockerfile skips it. `None`: it is of no kind.
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

    pub(crate) fn tell(&mut self, kind: EventKind) {
        let step = self.step.as_ref().map(|(label, _)| label.clone());
        (self.sink)(&Event { time: self.watch.milliseconds(), step, kind });
    }

    /// A warning about the step, which stands at its instruction.
    pub(crate) fn warn(&mut self, message: String) {
        let place = self.step.as_ref().and_then(|(_, place)| place.clone());
        self.tell(EventKind::Warning(Warning { kind: None, message, hint: None, place }));
    }
}

fn list<T: Serialize, S: serde::Serializer>(list: &Arc<[T]>, serializer: S) -> Result<S::Ok, S::Error> {
    list.as_ref().serialize(serializer)
}

/// Bytes as text, and in base64 beside it where the text is not all of it.
fn text_or_base64<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let text = String::from_utf8_lossy(bytes);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("bytes", &text)?;
    if text.as_bytes() != bytes {
        map.serialize_entry("base64", &base64(bytes))?;
    }
    map.end()
}

/// The encoding of RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        // Three bytes are four digits; each byte less is one digit less, and `=` in its place.
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) as usize & 0x3f;
            text.push(if digit <= group.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_of_the_standard() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| super::base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
