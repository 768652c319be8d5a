//! Events as JSON lines: one object an event, with `schema` first, then `type` and the event's own fields.
//!
//! Whatever a terminal would act on is written as `\u…`, which is the same text to a program and harmless to a person. What a
//! program printed is text in `bytes`, put together over pieces; where it is no UTF-8, `base64` beside it has the exact bytes.

use std::io::{self, Write};

use super::View;
use super::program::Characters;
use super::screen::Screen;
use crate::machine::{Event, Stream};
use crate::shown;

/// Writes JSON lines.
#[derive(Clone, Debug, Default)]
pub struct Json {
    stdout: Characters,
    stderr: Characters,
}

#[derive(serde::Serialize)]
struct Line<'e> {
    schema: u32,
    #[serde(flatten)]
    event: &'e Event,
}

/// A value on one line, harmless.
pub fn compact(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(harmless(&serde_json::to_string(value)?))
}

/// A value on many lines, harmless.
pub fn pretty(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(harmless(&serde_json::to_string_pretty(value)?))
}

/// The same JSON with escapes for what a terminal acts on: outside of strings JSON has none of that but newlines.
pub fn harmless(json: &str) -> String {
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

fn output(stream: Stream, bytes: Vec<u8>, out: &mut Screen<'_>) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    line(&Event::Output { stream, bytes }, out)
}

fn line(event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
    writeln!(out, "{}", compact(&Line { schema: Event::SCHEMA, event })?)
}

impl View for Json {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        if let Event::Output { stream, bytes } = event {
            let characters = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            let whole = characters.whole(bytes);
            return output(*stream, whole, out);
        }
        // A program that ended, or that is given up, makes no more of its last character.
        if matches!(event, Event::ContainerEnded { .. } | Event::StepFailed { .. }) {
            output(Stream::Stdout, self.stdout.rest(), out)?;
            output(Stream::Stderr, self.stderr.rest(), out)?;
        }
        line(event, out)
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, Screen, View as _, harmless};
    use crate::machine::{Event, Stream};
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
        for bytes in [&b"caf\xc3"[..], b"\xa9", b"\xff\x00z", b"\xf0\x9f"] {
            let event = Event::Output { stream: Stream::Stdout, bytes: bytes.to_vec() };
            view.event(&event, &mut Screen::new(&mut out, Palette::PLAIN)).unwrap();
        }
        let ended = Event::ContainerEnded { id: "1".into(), status: 0 };
        view.event(&ended, &mut Screen::new(&mut out, Palette::PLAIN)).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = r#"{"schema":1,"type":"output","stream":"stdout","bytes":"caf"}
{"schema":1,"type":"output","stream":"stdout","bytes":"é"}
{"schema":1,"type":"output","stream":"stdout","bytes":"�\u0000z","base64":"/wB6"}
{"schema":1,"type":"output","stream":"stdout","bytes":"�","base64":"8J8="}
{"schema":1,"type":"container_ended","id":"1","status":0}
"#;
        assert_eq!(text, expected);
    }
}
