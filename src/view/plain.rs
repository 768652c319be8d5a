//! The plain transcript, in the form of BuildKit's: every line begins with `#` and its step's number.

use std::io::{self, Write};

use super::{View, units};
use crate::build::{Decision, Event};

/// Writes the plain transcript.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    number: usize,
    cached: bool,
    /// Output that is not yet a whole line.
    rest: Vec<u8>,
}

impl Plain {
    fn output(&mut self, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            write!(out, "#{} ", self.number)?;
            out.write_all(&line)?;
        }
        Ok(())
    }

    fn end_output(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.rest.is_empty() {
            self.output(b"\n", out)?;
        }
        Ok(())
    }
}

impl View for Plain {
    fn event(&mut self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        match event {
            Event::BuildStarted { dockerfile, steps, .. } => {
                writeln!(out, "#0 building {dockerfile}, {}", units::count(*steps as u64, "step"))
            }
            Event::ContextLoaded { files, bytes, excluded } => {
                let files = units::count(*files, "file");
                writeln!(out, "#0 context: {files}, {}, {excluded} excluded", units::size(*bytes))
            }
            Event::StepStarted { step } => {
                (self.number, self.cached) = (step.number, false);
                writeln!(out, "\n#{} [{} {}/{}] {}", step.number, step.stage, step.number, step.total, step.instruction)
            }
            Event::Expanded { instruction } => writeln!(out, "#{} is {instruction}", self.number),
            Event::Resolved { image, digest, layers, stands_in_for, .. } => {
                if let Some(name) = stands_in_for {
                    writeln!(out, "#{} {name} can't be reached: {image} stands in", self.number)?;
                }
                let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
                writeln!(out, "#{} resolved {image}{digest}, {}", self.number, units::count(*layers as u64, "layer"))
            }
            Event::Decided { decision } => {
                self.cached = matches!(decision, Decision::Hit { .. });
                Ok(())
            }
            Event::ContainerStarted { .. } | Event::Changed { .. } => Ok(()),
            Event::Output { bytes, .. } => self.output(bytes, out),
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
                writeln!(out, "#{} ERROR: {message}", self.number)
            }
            Event::Warning { message } => writeln!(out, "#{} WARNING: {message}", self.number),
            Event::BuildFinished { image, manifest, .. } => {
                writeln!(out, "\n#{} exporting\n#{0} manifest {manifest}\n#{0} image {image}", self.number + 1)
            }
            Event::Tagged { reference } => writeln!(out, "#{} naming to {reference}", self.number + 1),
        }
    }
}
