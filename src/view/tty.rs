//! For a terminal, and its default: each step becomes a line when it is done, with the time that it took. The step under way is shown by
//! live lines, where the screen has some: its clock, what is counted, the command's last output. A command that fails leaves its last
//! lines. In a pipe there are only the lines that stay.

use std::io::{self, Write};
use std::sync::Arc;

use super::palette::{Palette, Role};
use super::screen::Screen;
use super::showing::View;
use super::tail::Tail;
use super::transcript::put;
use super::{Scene, frame, origin, sharing, units, warning};
use crate::machine::{Decision, Done, Event, EventKind, StepLabel};
use crate::shown::line;

/// Writes and rewrites lines.
#[derive(Clone, Debug)]
pub(crate) struct Tty {
    palette: Palette,
    tail: Tail,
    slowest: Option<Slowest>,
    /// Whether the step under way was found in a shared cache.
    is_imported: bool,
}

/// The step that took longest so far.
#[derive(Clone, Debug)]
struct Slowest {
    /// Which it was, without its instruction.
    place: String,
    milliseconds: u64,
}

impl Tty {
    pub(crate) fn new(palette: Palette) -> Tty {
        Tty { palette, tail: Tail::default(), slowest: None, is_imported: false }
    }

    /// What is to be said at the end of how long it took.
    fn total(&self, milliseconds: u64, ran: usize) -> String {
        let total = format!("{} for the whole build", units::time(milliseconds));
        match &self.slowest {
            Some(Slowest { place, milliseconds }) if ran > 1 => {
                format!("{total}; the slowest step is {place}, {}", units::time(*milliseconds))
            }
            Some(_) | None => total,
        }
    }

    /// The line of a step that is done.
    fn committed(&mut self, event: &Event, outcome: Done, milliseconds: u64, out: &mut Screen<'_>) -> io::Result<()> {
        out.end()?;
        let mark = match outcome {
            Done::Cached => self.palette.paint(Role::Good, " CACHED"),
            Done::Ran => {
                self.note_time(place(event), milliseconds);
                format!("{:>7}", units::time(milliseconds))
            }
        };
        let whence = if self.is_imported { " (imported)" } else { "" };
        lasting(&format!("{mark} {}{whence}", title(event)), out)
    }

    fn note_time(&mut self, place: String, milliseconds: u64) {
        if self.slowest.as_ref().is_none_or(|slowest| slowest.milliseconds < milliseconds) {
            self.slowest = Some(Slowest { place, milliseconds });
        }
    }
}

/// A line that stays.
fn lasting(text: &str, out: &mut Screen<'_>) -> io::Result<()> {
    put(out, " => ", text)
}

/// Which step of which stage an event is about.
fn place(event: &Event) -> String {
    let place = |step: &Arc<StepLabel>| format!("[{} {}/{}]", line(&step.stage), step.number, step.total);
    event.step.as_ref().map(place).unwrap_or_default()
}

/// What the step of an event is called.
fn title(event: &Event) -> String {
    let instruction = event.step.as_ref().map(|step| line(&step.instruction).into_owned()).unwrap_or_default();
    format!("{} {instruction}", place(event))
}

/// That the file of a URL came, or is what it was.
fn downloaded(url: &str, bytes: u64, is_new: bool) -> String {
    let what = if is_new { "downloaded" } else { "not changed:" };
    format!("{what} {}: {}", line(url), units::size(bytes))
}

impl View for Tty {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::BuildStarted { .. }
            | EventKind::Expanded { .. }
            | EventKind::Resolved { stands_in_for: None, .. }
            | EventKind::ContainerStarted { .. }
            | EventKind::Changed { .. } => Ok(()),
            EventKind::CacheImported { from, steps } => lasting(&sharing::imported(from, *steps), out),
            EventKind::Decided { decision } => {
                self.is_imported = matches!(decision, Decision::Hit { build, .. } if build.imported_from.is_some());
                Ok(())
            }
            EventKind::LayerFetched { from, layer, bytes } => lasting(&sharing::fetched(from, layer, *bytes), out),
            EventKind::ContextLoaded { files, bytes, .. } => {
                let text = format!("context: {}, {}", units::count(*files, "file"), units::size(*bytes));
                lasting(&text, out)
            }
            EventKind::StepStarted => {
                self.tail = Tail::default();
                self.is_imported = false;
                out.begin(Scene::Step { title: title(event), tail: Vec::new() });
                Ok(())
            }
            EventKind::Pulled { image, layers, .. } => {
                lasting(&format!("pulled {}: {}", line(image), units::count(layers.len() as u64, "layer")), out)
            }
            EventKind::NamedContext { name, stands_for } => lasting(&origin::named(name, stands_for), out),
            EventKind::Downloaded { url, bytes, is_new, .. } => lasting(&downloaded(url, *bytes, *is_new), out),
            EventKind::RepositoryFetched { repository, commit, bytes, is_new } => {
                let what = if *is_new { "fetched" } else { "not changed:" };
                lasting(&format!("{what} {}", origin::repository(repository, commit, *bytes)), out)
            }
            EventKind::Resolved { image, stands_in_for: Some(name), .. } => {
                lasting(&origin::stood_in(name, image), out)
            }
            EventKind::Output { stream, bytes } => {
                self.tail.take(*stream, bytes);
                out.set_tail(|| self.tail.last(frame::MOST_LINES));
                Ok(())
            }
            EventKind::ContainerEnded { .. } => {
                self.tail.end();
                Ok(())
            }
            EventKind::Committed { outcome, milliseconds, .. } => self.committed(event, *outcome, *milliseconds, out),
            // Why it failed is told by whoever builds, once and with its place.
            EventKind::StepFailed { .. } => {
                out.end()?;
                self.tail.end();
                lasting(&format!("{} {}", self.palette.paint(Role::Bad, " FAILED"), title(event)), out)?;
                self.tail.lines().try_for_each(|text| writeln!(out, "    {}", line(text)))
            }
            EventKind::StepStopped => {
                out.end()?;
                lasting(&format!("{} {}", self.palette.paint(Role::Notice, "STOPPED"), title(event)), out)
            }
            EventKind::Warning(told) => {
                let text = warning::text(told);
                lasting(&format!("{} {text}", self.palette.paint(Role::Notice, "warning:")), out)
            }
            EventKind::BuildFinished { image, cached, ran, milliseconds, .. } => {
                writeln!(out, " => image {}: {}", image.short(), units::hits_and_misses(*cached, *ran))?;
                // Where time stands still there is nothing to say of it.
                if *milliseconds > 0 { lasting(&self.total(*milliseconds, *ran), out) } else { Ok(()) }
            }
            EventKind::Tagged { reference } => put(out, " => named ", &line(reference)),
            EventKind::CacheExported { to, exported } => lasting(&sharing::exported(to, exported), out),
        }
    }
}
