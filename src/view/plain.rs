//! The plain transcript, in the form of BuildKit's: every line begins with `#` and its step's number.

use std::io::{self, Write};

use super::program::Program;
use super::screen::Screen;
use super::showing::View;
use super::transcript::put;
use super::{origin, sharing, units, warning};
use crate::machine::{BuildName, Decision, Done, Event, EventKind, Stream};
use crate::oci::{Digest, Layer};
use crate::shown::line;

/// How much of a line waits for its end, so that the two streams do not mix within a line. A longer one is written in
/// parts.
const MOST_OF_A_LINE: usize = 64 << 10;

/// Writes the plain transcript.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    program: Program,
    /// What each stream has of a line that is not written yet.
    stdout: String,
    stderr: String,
    /// The stream whose line is written in part.
    open: Option<Stream>,
    /// The number that the export has: it comes after the steps.
    export: usize,
}

impl Plain {
    /// Takes text of one stream and writes the lines that it ends. Each character is looked at once.
    fn output(&mut self, number: usize, stream: Stream, text: &str, out: &mut Screen<'_>) -> io::Result<()> {
        for part in text.split_inclusive('\n') {
            let waiting = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            waiting.push_str(part);
            if waiting.ends_with('\n') || waiting.len() >= MOST_OF_A_LINE {
                let text = std::mem::take(waiting);
                self.write(number, stream, &text, out)?;
            }
        }
        Ok(())
    }

    /// Writes a line or a part of one.
    fn write(&mut self, number: usize, stream: Stream, text: &str, out: &mut Screen<'_>) -> io::Result<()> {
        if self.open.is_some_and(|open| open != stream) {
            writeln!(out)?;
            self.open = None;
        }
        if self.open.is_none() {
            write!(out, "#{number} ")?;
        }
        self.open = (!text.ends_with('\n')).then_some(stream);
        out.write_all(text.as_bytes())
    }

    fn end_output(&mut self, number: usize, out: &mut Screen<'_>) -> io::Result<()> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = self.program.rest(stream);
            self.output(number, stream, &rest, out)?;
            let waiting = match stream {
                Stream::Stdout => std::mem::take(&mut self.stdout),
                Stream::Stderr => std::mem::take(&mut self.stderr),
            };
            if !waiting.is_empty() {
                self.write(number, stream, &waiting, out)?;
            }
        }
        if self.open.take().is_some() {
            writeln!(out)?;
        }
        Ok(())
    }
}

/// A line of a step, or of what comes after the steps.
fn say(out: &mut Screen<'_>, number: usize, verb: &str, text: &str) -> io::Result<()> {
    put(out, &format!("#{number} {verb} "), text)
}

/// A line of a step that is a sentence.
fn note(out: &mut Screen<'_>, number: usize, text: &str) -> io::Result<()> {
    put(out, &format!("#{number} "), text)
}

/// What FROM has found, and what that stands in for.
fn resolved(
    out: &mut Screen<'_>,
    number: usize,
    (image, digest): (&str, Option<Digest>),
    layers: usize,
    stands_in_for: Option<&str>,
) -> io::Result<()> {
    if let Some(name) = stands_in_for {
        note(out, number, &origin::stood_in(name, image))?;
    }
    let image = line(image);
    let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    say(out, number, "resolved", &format!("{image}{digest}, {}", units::count(layers as u64, "layer")))
}

/// That a step has run, and which layer it left.
fn done(out: &mut Screen<'_>, number: usize, layer: Option<&Layer>, milliseconds: u64) -> io::Result<()> {
    if let Some(layer) = layer {
        writeln!(out, "#{number} layer {} {}", layer.diff_id, units::size(layer.descriptor.size))?;
    }
    writeln!(out, "#{number} DONE {}", units::time(milliseconds))
}

/// What became of something that may be what it was.
fn verb(is_new: bool, verb: &'static str) -> &'static str {
    if is_new { verb } else { "not changed:" }
}

impl View for Plain {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        let number = event.step.as_ref().map_or(0, |step| step.number);
        match &event.kind {
            EventKind::BuildStarted { dockerfile, steps, .. } => {
                writeln!(out, "#0 building {}, {}", line(dockerfile), units::count(*steps as u64, "step"))
            }
            EventKind::ContextLoaded { files, bytes, excluded } => {
                let files = units::count(*files, "file");
                writeln!(out, "#0 context: {files}, {}, {excluded} excluded", units::size(*bytes))
            }
            EventKind::CacheImported { from, steps } => put(out, "#0 importing ", &sharing::imported(from, *steps)),
            EventKind::StepStarted => {
                let Some(step) = &event.step else { return Ok(()) };
                let title = format!("[{} {}/{}] {}", step.stage, step.number, step.total, step.instruction);
                writeln!(out)?;
                put(out, &format!("#{number} "), &line(&title))
            }
            EventKind::Expanded { instruction } => put(out, &format!("#{number} is "), &line(instruction)),
            EventKind::Pulled { image, digest, layers, .. } => {
                let layers = units::count(layers.len() as u64, "layer");
                say(out, number, "pulled", &format!("{}@{digest}, {layers}", line(image)))
            }
            EventKind::NamedContext { name, stands_for } => note(out, number, &origin::named(name, stands_for)),
            EventKind::Downloaded { url, digest, bytes, is_new } => {
                let text = format!("{}@{digest}, {}", line(url), units::size(*bytes));
                say(out, number, verb(*is_new, "downloaded"), &text)
            }
            EventKind::RepositoryFetched { repository, commit, bytes, is_new } => {
                say(out, number, verb(*is_new, "fetched"), &origin::repository(repository, commit, *bytes))
            }
            EventKind::Resolved { image, digest, layers, stands_in_for, .. } => {
                resolved(out, number, (image, *digest), *layers, stands_in_for.as_deref())
            }
            EventKind::Decided {
                decision: Decision::Hit { build: BuildName { imported_from: Some(place), .. }, .. },
            } => say(out, number, "imported from", &line(place)),
            EventKind::LayerFetched { from, layer, bytes } => {
                say(out, number, "fetched", &sharing::fetched(from, layer, *bytes))
            }
            EventKind::Decided { .. } | EventKind::ContainerStarted { .. } | EventKind::Changed { .. } => Ok(()),
            EventKind::Output { stream, bytes } => {
                let text = self.program.text(*stream, bytes, out.colours());
                self.output(number, *stream, &text, out)
            }
            EventKind::ContainerEnded { .. } => self.end_output(number, out),
            EventKind::Committed { outcome: Done::Cached, .. } => writeln!(out, "#{number} CACHED"),
            EventKind::Committed { outcome: Done::Ran, layer, milliseconds, .. } => {
                done(out, number, layer.as_ref(), *milliseconds)
            }
            // Why it failed is told by whoever builds, once and with its place.
            EventKind::StepFailed { .. } => {
                self.end_output(number, out)?;
                writeln!(out, "#{number} ERROR")
            }
            EventKind::StepStopped => {
                self.end_output(number, out)?;
                writeln!(out, "#{number} CANCELED")
            }
            EventKind::Warning(told) => put(out, &format!("#{number} WARNING: "), &warning::text(told)),
            EventKind::BuildFinished { image, manifest, steps, .. } => {
                self.export = steps + 1;
                writeln!(out, "\n#{} exporting\n#{0} manifest {manifest}\n#{0} image {image}", self.export)
            }
            EventKind::Tagged { reference } => put(out, &format!("#{} naming to ", self.export), &line(reference)),
            EventKind::CacheExported { to, exported } => {
                say(out, self.export, "exporting", &sharing::exported(to, exported))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Plain, Screen, View as _};
    use crate::machine::{Event, EventKind, StepLabel, Stream};
    use crate::view::palette::Palette;

    fn shown(pieces: &[(Stream, &[u8])]) -> String {
        let mut out = Vec::new();
        let mut view = Plain::default();
        let mut screen = Screen::new(&mut out, Palette::PLAIN);
        let label = Arc::new(StepLabel { number: 2, ..StepLabel::default() });
        let mut tell = |kind| {
            view.event(&Event { time: 0, step: Some(label.clone()), kind }, &mut screen).unwrap();
        };
        for (stream, bytes) in pieces {
            tell(EventKind::Output { stream: *stream, bytes: (*bytes).into() });
        }
        tell(EventKind::ContainerEnded { id: "1".into(), status: 0 });
        drop(screen);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_lines_of_two_streams_do_not_mix() {
        let text = shown(&[(Stream::Stdout, b"one "), (Stream::Stderr, b"error\nopen"), (Stream::Stdout, b"line\n")]);
        assert_eq!(text, "#2 error\n#2 one line\n#2 open\n");
    }

    #[test]
    fn a_line_without_an_end_is_written_in_time_that_grows_with_it() {
        let piece = vec![b'x'; 4096];
        let pieces: Vec<(Stream, &[u8])> = (0..2000).map(|_| (Stream::Stdout, piece.as_slice())).collect();
        let text = shown(&pieces);
        assert_eq!((text.len(), text.matches('\n').count()), ("#2 ".len() + 2000 * 4096 + 1, 1));
    }

    #[test]
    fn a_long_line_ends_where_the_other_stream_speaks() {
        let long = "x".repeat(super::MOST_OF_A_LINE);
        let text = shown(&[(Stream::Stdout, long.as_bytes()), (Stream::Stderr, b"e\n"), (Stream::Stdout, b"y")]);
        assert_eq!(text, format!("#2 {long}\n#2 e\n#2 y\n"));
    }
}
