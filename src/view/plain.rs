//! The plain transcript, in the form of BuildKit's: every line begins with `#` and its step's number.

use std::io::{self, Write};

use super::program::Program;
use super::screen::Screen;
use super::{View, units, warning};
use crate::machine::{Decision, Event, Stream};
use crate::shown::line;

/// How much of a line waits for its end, so that the two streams do not mix within a line. A longer one is written in
/// parts.
const MOST_OF_A_LINE: usize = 64 << 10;

/// Writes the plain transcript.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    number: usize,
    cached: bool,
    program: Program,
    /// What each stream has of a line that is not written yet.
    stdout: String,
    stderr: String,
    /// The stream whose line is written in part.
    open: Option<Stream>,
}

impl Plain {
    /// Takes text of one stream and writes the lines that it ends. Each character is looked at once.
    fn output(&mut self, stream: Stream, text: &str, out: &mut Screen<'_>) -> io::Result<()> {
        for part in text.split_inclusive('\n') {
            let waiting = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            waiting.push_str(part);
            if waiting.ends_with('\n') || waiting.len() >= MOST_OF_A_LINE {
                let text = std::mem::take(waiting);
                self.write(stream, &text, out)?;
            }
        }
        Ok(())
    }

    /// Writes a line or a part of one.
    fn write(&mut self, stream: Stream, text: &str, out: &mut Screen<'_>) -> io::Result<()> {
        if self.open.is_some_and(|open| open != stream) {
            writeln!(out)?;
            self.open = None;
        }
        if self.open.is_none() {
            write!(out, "#{} ", self.number)?;
        }
        self.open = (!text.ends_with('\n')).then_some(stream);
        out.write_all(text.as_bytes())
    }

    fn end_output(&mut self, out: &mut Screen<'_>) -> io::Result<()> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = self.program.rest(stream);
            self.output(stream, &rest, out)?;
            let waiting = match stream {
                Stream::Stdout => std::mem::take(&mut self.stdout),
                Stream::Stderr => std::mem::take(&mut self.stderr),
            };
            if !waiting.is_empty() {
                self.write(stream, &waiting, out)?;
            }
        }
        if self.open.take().is_some() {
            writeln!(out)?;
        }
        Ok(())
    }
}

impl View for Plain {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match event {
            Event::BuildStarted { dockerfile, steps, .. } => {
                writeln!(out, "#0 building {}, {}", line(dockerfile), units::count(*steps as u64, "step"))
            }
            Event::ContextLoaded { files, bytes, excluded } => {
                let files = units::count(*files, "file");
                writeln!(out, "#0 context: {files}, {}, {excluded} excluded", units::size(*bytes))
            }
            Event::StepStarted { step } => {
                (self.number, self.cached) = (step.number, false);
                let title = format!("[{} {}/{}] {}", step.stage, step.number, step.total, step.instruction);
                writeln!(out, "\n#{} {}", step.number, line(&title))
            }
            Event::Expanded { instruction } => writeln!(out, "#{} is {}", self.number, line(instruction)),
            Event::Resolved { image, digest, layers, stands_in_for, .. } => {
                let image = line(image);
                if let Some(name) = stands_in_for {
                    writeln!(out, "#{} {} can't be reached: {image} stands in", self.number, line(name))?;
                }
                let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
                writeln!(out, "#{} resolved {image}{digest}, {}", self.number, units::count(*layers as u64, "layer"))
            }
            Event::Decided { decision } => {
                self.cached = matches!(decision, Decision::Hit { .. });
                Ok(())
            }
            Event::ContainerStarted { .. } | Event::Changed { .. } => Ok(()),
            Event::Output { stream, bytes } => {
                let text = self.program.text(*stream, bytes, out.colours());
                self.output(*stream, &text, out)
            }
            Event::ContainerEnded { .. } => self.end_output(out),
            Event::Committed { layer, milliseconds, .. } => {
                if self.cached {
                    return writeln!(out, "#{} CACHED", self.number);
                }
                if let Some(layer) = layer {
                    writeln!(out, "#{} layer {} {}", self.number, layer.diff_id, units::size(layer.descriptor.size))?;
                }
                writeln!(out, "#{} DONE {:.1}s", self.number, *milliseconds as f64 / 1000.0)
            }
            Event::StepFailed { message } => {
                self.end_output(out)?;
                writeln!(out, "#{} ERROR: {}", self.number, line(message))
            }
            Event::Warning { message, hint, place } => {
                let text = warning(message, hint.as_deref(), place.as_ref());
                writeln!(out, "#{} WARNING: {text}", self.number)
            }
            Event::BuildFinished { image, manifest, .. } => {
                writeln!(out, "\n#{} exporting\n#{0} manifest {manifest}\n#{0} image {image}", self.number + 1)
            }
            Event::Tagged { reference } => writeln!(out, "#{} naming to {}", self.number + 1, line(reference)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Plain, Screen, View as _};
    use crate::machine::{Event, Stream};
    use crate::view::palette::Palette;

    fn shown(pieces: &[(Stream, &[u8])]) -> String {
        let mut out = Vec::new();
        let mut view = Plain { number: 2, ..Plain::default() };
        let mut screen = Screen::new(&mut out, Palette::PLAIN);
        for (stream, bytes) in pieces {
            view.event(&Event::Output { stream: *stream, bytes: bytes.to_vec() }, &mut screen).unwrap();
        }
        view.event(&Event::ContainerEnded { id: "1".into(), status: 0 }, &mut screen).unwrap();
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
