//! The image id, and nothing else: for `$(…)` in a shell.

use std::io::{self, Write};

use super::View;
use super::screen::Screen;
use crate::machine::Event;

/// Writes the finished image's id.
#[derive(Clone, Copy, Debug)]
pub struct Quiet;

impl View for Quiet {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match event {
            Event::BuildFinished { image, .. } => writeln!(out, "{image}"),
            Event::BuildStarted { .. }
            | Event::ContextLoaded { .. }
            | Event::StepStarted { .. }
            | Event::Expanded { .. }
            | Event::Resolved { .. }
            | Event::Decided { .. }
            | Event::ContainerStarted { .. }
            | Event::Output { .. }
            | Event::ContainerEnded { .. }
            | Event::Changed { .. }
            | Event::Committed { .. }
            | Event::StepFailed { .. }
            | Event::Warning { .. }
            | Event::Tagged { .. } => Ok(()),
        }
    }
}
