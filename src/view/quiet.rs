//! The image id, and nothing else: for `$(…)` in a shell.

use std::io::{self, Write};

use super::screen::Screen;
use super::showing::View;
use crate::machine::{Event, EventKind};

/// Writes the finished image's id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quiet;

impl View for Quiet {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::BuildFinished { image, .. } => writeln!(out, "{image}"),
            EventKind::BuildStarted { .. }
            | EventKind::ContextLoaded { .. }
            | EventKind::CacheImported { .. }
            | EventKind::StepStarted
            | EventKind::Expanded { .. }
            | EventKind::Pulled { .. }
            | EventKind::NamedContext { .. }
            | EventKind::Downloaded { .. }
            | EventKind::Resolved { .. }
            | EventKind::Decided { .. }
            | EventKind::LayerFetched { .. }
            | EventKind::ContainerStarted { .. }
            | EventKind::Output { .. }
            | EventKind::ContainerEnded { .. }
            | EventKind::Changed { .. }
            | EventKind::Committed { .. }
            | EventKind::StepFailed { .. }
            | EventKind::StepStopped
            | EventKind::Warning { .. }
            | EventKind::Tagged { .. }
            | EventKind::CacheExported { .. } => Ok(()),
        }
    }
}
