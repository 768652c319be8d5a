//! Events as JSON lines: one object an event, with `schema` first, then `time` in milliseconds, the number of the `step` that it
//! belongs to, `type`, and the kind's own fields. The whole `label` of a step comes once, when it starts.
//!
//! Whatever a terminal would act on is written as `\u…`, which is the same text to a program and harmless to a person. What a
//! program printed is text in `bytes`, put together over pieces; where it is not UTF-8, `base64` beside it has the exact bytes.

use std::borrow::Cow;
use std::io::{self, Write};

use super::base64::base64;
use super::files;
use super::program::Characters;
use super::screen::Screen;
use super::showing::View;
use crate::machine::{ChangeKind, Changes, ConfigChange, Event, EventKind, PathChange, StepLabel, Stream};
use crate::shown;

/// The version of the form that events have.
pub(crate) const SCHEMA: u32 = 2;

/// Writes JSON lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Json {
    stdout: Characters,
    stderr: Characters,
}

#[derive(serde::Serialize)]
struct Line<'e> {
    schema: u32,
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(flatten)]
    kind: Kind<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'e StepLabel>,
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Kind<'e> {
    AsItIs(&'e EventKind),
    Written(Written<'e>),
}

/// The kinds whose bytes become text here.
#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Written<'e> {
    Output {
        stream: Stream,
        /// As text.
        bytes: Cow<'e, str>,
        /// The exact bytes, where they are no text.
        #[serde(skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
    },
    Changed {
        /// Files; empty where there are too many to be listed.
        #[serde(serialize_with = "paths")]
        changes: &'e Changes,
        /// Settings of the image.
        config: &'e [ConfigChange],
    },
}

/// A changed path.
#[derive(serde::Serialize)]
struct Path {
    kind: ChangeKind,
    path: String,
    /// Like `-rwxr-xr-x`; empty for a deleted path.
    mode: String,
    uid: u32,
    gid: u32,
    /// Zero for what is not a regular file.
    size: u64,
    /// A symbolic link's target.
    target: Option<String>,
}

fn paths<S: serde::Serializer>(changes: &Changes, serializer: S) -> Result<S::Ok, S::Error> {
    // A list that is cut off could be taken for the whole.
    serializer.collect_seq(changes.iter().filter(|_| changes.is_whole()).map(Path::of))
}

impl Kind<'_> {
    fn of(kind: &EventKind) -> Kind<'_> {
        Kind::Written(match kind {
            EventKind::Output { stream, bytes } => {
                let text = String::from_utf8_lossy(bytes);
                let base64 = (text.as_bytes() != &**bytes).then(|| base64(bytes));
                Written::Output { stream: *stream, bytes: text, base64 }
            }
            EventKind::Changed { changes, config } => Written::Changed { changes, config },
            // Whoever has bytes and is not here has no form in JSON, and does not compile.
            other => return Kind::AsItIs(other),
        })
    }
}

impl Path {
    fn of(change: PathChange) -> Path {
        let PathChange { kind, path, file } = change;
        let mode = if kind == ChangeKind::Deleted { String::new() } else { files::mode(&file) };
        let (size, target) = (files::size(&file).unwrap_or(0), files::target(&file).map(str::to_owned));
        Path { kind, path, mode, uid: file.uid, gid: file.gid, size, target }
    }
}

/// A value on one line, harmless.
///
/// # Errors
/// The value has no form in JSON.
pub(crate) fn compact(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(harmless(&serde_json::to_string(value)?))
}

/// A value on many lines, harmless.
///
/// # Errors
/// The value has no form in JSON.
pub(crate) fn pretty(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(harmless(&serde_json::to_string_pretty(value)?))
}

/// The same JSON with escapes for what a terminal acts on: outside strings JSON has none of that but newlines.
pub(crate) fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if shown::is_harmful(character) {
            text.extend(character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(character);
        }
    }
    text
}

/// Output in pieces of whole characters, told at the time and for the step of an event.
fn output(event: &Event, stream: Stream, bytes: Vec<u8>, out: &mut Screen<'_>) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let kind = EventKind::Output { stream, bytes: bytes.into() };
    line(&Event { time: event.time, step: event.step.clone(), kind }, out)
}

fn line(event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
    let Event { time, step, kind } = event;
    let line = Line {
        schema: SCHEMA,
        time: *time,
        step: step.as_ref().map(|label| label.number),
        kind: Kind::of(kind),
        label: step.as_deref().filter(|_| *kind == EventKind::StepStarted),
    };
    writeln!(out, "{}", compact(&line)?)
}

impl View for Json {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        if let EventKind::Output { stream, bytes } = &event.kind {
            let characters = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            let whole = characters.whole(bytes);
            return output(event, *stream, whole, out);
        }
        // A program that ended, or that is given up, makes no more of its last character.
        if matches!(
            event.kind,
            EventKind::ContainerEnded { .. } | EventKind::StepFailed { .. } | EventKind::StepStopped
        ) {
            output(event, Stream::Stdout, self.stdout.rest(), out)?;
            output(event, Stream::Stderr, self.stderr.rest(), out)?;
        }
        line(event, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, Screen, View as _, harmless};
    use crate::machine::{Event, EventKind, Stream};
    use crate::view::palette::Palette;

    #[test]
    fn escapes_mean_the_same() {
        let text = "\u{1b}\u{7f}\u{9b}\u{202e}\u{2028}\u{e0041}é\n";
        let json = harmless(&serde_json::to_string(text).unwrap());
        assert_eq!(json, "\"\\u001b\\u007f\\u009b\\u202e\\u2028\\udb40\\udc41é\\n\"");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn output_is_whole_and_exact() {
        let mut out = Vec::new();
        let mut view = Json::default();
        let mut tell = |kind| {
            let event = Event { time: 7, step: None, kind };
            view.event(&event, &mut Screen::new(&mut out, Palette::PLAIN)).unwrap();
        };
        for bytes in [&b"caf\xc3"[..], b"\xa9", b"\xff\x00z", b"\xf0\x9f"] {
            tell(EventKind::Output { stream: Stream::Stdout, bytes: bytes.into() });
        }
        tell(EventKind::ContainerEnded { id: "1".into(), status: 0 });
        let text = String::from_utf8(out).unwrap();
        let expected = r#"{"schema":2,"time":7,"type":"output","stream":"stdout","bytes":"caf"}
{"schema":2,"time":7,"type":"output","stream":"stdout","bytes":"é"}
{"schema":2,"time":7,"type":"output","stream":"stdout","bytes":"�\u0000z","base64":"/wB6"}
{"schema":2,"time":7,"type":"output","stream":"stdout","bytes":"�","base64":"8J8="}
{"schema":2,"time":7,"type":"container_ended","id":"1","status":0}
"#;
        assert_eq!(text, expected);
    }
}
