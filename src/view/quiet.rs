//! The image id, and nothing else: for `$(…)` in a shell. What a command printed is shown where it fails, on standard error.

use std::io::{self, Write};

use super::palette::Palette;
use super::screen::Screen;
use super::showing::View;
use super::tail::Tail;
use crate::machine::{Event, EventKind};

/// Writes the finished image's id.
#[derive(Clone, Debug)]
pub(crate) struct Quiet {
    palette: Palette,
    tail: Tail,
}

impl Quiet {
    pub(crate) fn new(palette: Palette) -> Quiet {
        Quiet { palette, tail: Tail::default() }
    }
}

impl View for Quiet {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::BuildFinished { image, .. } => writeln!(out, "{image}"),
            EventKind::StepStarted => {
                self.tail = Tail::default();
                Ok(())
            }
            EventKind::Output { stream, bytes } => {
                self.tail.take(*stream, bytes);
                Ok(())
            }
            EventKind::ContainerEnded { .. } => {
                self.tail.end();
                Ok(())
            }
            // Why it failed is told by whoever builds, after what the command said.
            EventKind::StepFailed { .. } => {
                let mut errors = Screen::stderr(self.palette);
                self.tail.lines().try_for_each(|line| writeln!(errors, "{line}"))
            }
            EventKind::BuildStarted { .. }
            | EventKind::ContextLoaded { .. }
            | EventKind::CacheImported { .. }
            | EventKind::Expanded { .. }
            | EventKind::Pulled { .. }
            | EventKind::NamedContext { .. }
            | EventKind::Downloaded { .. }
            | EventKind::RepositoryFetched { .. }
            | EventKind::Resolved { .. }
            | EventKind::Decided { .. }
            | EventKind::LayerFetched { .. }
            | EventKind::ContainerStarted { .. }
            | EventKind::Changed { .. }
            | EventKind::Committed { .. }
            | EventKind::StepStopped
            | EventKind::Warning { .. }
            | EventKind::Tagged { .. }
            | EventKind::CacheExported { .. } => Ok(()),
        }
    }
}
