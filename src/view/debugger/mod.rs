//! What the debugger shows: blocks with a name in the margin, as in
//!
//! ```text
//!       cache     miss: date-script.sh changed
//!       diff      A /date-script.sh        -rwxr-xr-x 0:0      61 B
//!       layer     sha256:5f0e…  2.0 kB                                 → state 688dc55c502a
//! ```
//!
//! | file | what it shows |
//! |---|---|
//! | `decisions` | hits and misses with their reasons, `why` |
//! | `outlook` | what is foreseen: `plan`, the step ahead |
//! | `changes` | paths and settings that changed, the lines of a file that differ |
//! | `states` | folders, files, layers, variables, history |
//! | `steps` | where the debugger is, the Dockerfile with its marks, breakpoints |
//!
//! It formats and does nothing else: each function makes text of data for a layout, in lines that end with a newline. What is in the text is
//! harmless ([`crate::shown`]).

mod changes;
mod decisions;
mod outlook;
mod reasons;
mod states;
mod steps;

use std::io::{self, Write};

pub(crate) use self::changes::{compared, thrown_away};
pub(crate) use self::decisions::{against, why};
pub(crate) use self::outlook::{ahead, plan};
pub(crate) use self::reasons::{moved, reason, shorten, source};
pub(crate) use self::states::env;
pub(crate) use self::states::{builds, content, document, entries, explained, history, layers, listing};
pub(crate) use self::steps::{STAGE, Stages, Window, breakpoint, dockerfile, end, left_out, step, stopped_at};
use super::layout::Digits;
pub(crate) use super::layout::Layout;

use super::program::Program;
use super::screen::{Screen, Width};
use super::sgr::Colours;
use super::showing::View;
use super::{origin, sharing, units, warning};
use crate::debugger::Tense;
use crate::machine::{Decision, Event, EventKind, Stream};
use crate::registry::Stage;

/// Makes text of events.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    layout: Layout,
    /// What FROM found, until its state can be shown beside it.
    image: String,
    program: Program,
}

impl Blocks {
    pub(crate) fn new(layout: Layout) -> Blocks {
        Blocks { layout, image: String::new(), program: Program::default() }
    }

    /// How it lays out.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Lays out for another width from now on.
    pub(crate) fn fit(&mut self, width: Width) {
        self.layout.fit(width);
    }

    /// A piece of what a program prints.
    pub(crate) fn output(&mut self, stream: Stream, bytes: &[u8], colours: Colours) -> String {
        self.program.text(stream, bytes, colours)
    }

    /// What is held back of what a program printed, when it has ended.
    pub(crate) fn end_of_output(&mut self) -> String {
        self.program.end()
    }
}

impl View for Blocks {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        let layout = &self.layout;
        match &event.kind {
            EventKind::BuildStarted { .. } | EventKind::ContextLoaded { .. } | EventKind::BuildFinished { .. } => {
                Ok(())
            }
            EventKind::CacheImported { from, steps } => {
                write!(out, "{}", layout.row("import", &sharing::imported(from, *steps)))
            }
            EventKind::LayerFetched { from, layer, bytes } => {
                write!(out, "{}", layout.row("fetched", &sharing::fetched(from, layer, *bytes)))
            }
            EventKind::CacheExported { to, exported } => {
                write!(out, "{}", layout.row("export", &sharing::exported(to, exported)))
            }
            EventKind::StepStarted => Ok(()),
            EventKind::Expanded { instruction } => write!(out, "{}", layout.row("expanded", instruction)),
            EventKind::Pulled { image, layers, .. } => {
                let new = layers.iter().filter(|(_, stage)| *stage == Stage::Complete).count();
                let text = match new {
                    0 => format!("{image}: the registry has it, and all of its layers were here"),
                    new => format!("{image}: {} came from the registry", units::count(new as u64, "layer")),
                };
                write!(out, "{}", layout.row("pull", &text))
            }
            EventKind::NamedContext { name, stands_for } => {
                write!(out, "{}", layout.row("context", &origin::named(name, stands_for)))
            }
            EventKind::Downloaded { url, bytes, is_new, .. } => {
                let what = if *is_new { "came from the server" } else { "has not changed" };
                write!(out, "{}", layout.row("download", &format!("{url}: {what}, {}", units::size(*bytes))))
            }
            EventKind::RepositoryFetched { repository, commit, bytes, is_new } => {
                let what = if *is_new { "came from the server" } else { "has not changed" };
                let text = format!("{}: {what}", origin::repository(repository, commit, *bytes));
                write!(out, "{}", layout.row("fetch", &text))
            }
            EventKind::Resolved { image, digest, layers, bytes, stands_in_for } => {
                if let Some(name) = stands_in_for {
                    write!(out, "{}", layout.row("stand-in", &origin::stood_in(name, image)))?;
                }
                let digest =
                    digest.map(|digest| format!("  {}", reasons::shorten(&digest.to_string()))).unwrap_or_default();
                write!(out, "{}", layout.row("resolve", &format!("{image}{digest}")))?;
                self.image = format!("{}, {}", units::count(*layers as u64, "layer"), units::size(*bytes));
                Ok(())
            }
            EventKind::Decided { decision: Decision::NotCached { moved: None, .. } } => Ok(()),
            EventKind::Decided { decision: Decision::NotCached { moved: Some(moved), .. } } => {
                write!(out, "{}", layout.row("moved", &reasons::moved(moved)))
            }
            EventKind::Decided { decision } => {
                // Where one file is the whole cause, its name says it; `why` has the rest.
                let text = match decisions::is_one_file(decision) {
                    true => decisions::verdict_row(layout, decision, Tense::Was),
                    false => decisions::decision(layout, decision, Tense::Was),
                };
                out.write_all(text.as_bytes())
            }
            EventKind::ContainerStarted { .. } => Ok(()),
            EventKind::Output { stream, bytes } => {
                out.write_all(self.program.text(*stream, bytes, out.colours()).as_bytes())
            }
            EventKind::ContainerEnded { status, .. } => {
                out.write_all(self.program.end().as_bytes())?;
                match status {
                    0 => Ok(()),
                    status => write!(out, "{}", layout.row("exit", &status.to_string())),
                }
            }
            EventKind::Changed { changes, config } => {
                let text = changes::settings(layout, config) + &changes::of_step(layout, changes);
                out.write_all(text.as_bytes())
            }
            EventKind::Committed { layer, state, .. } => {
                let digits = state.short();
                // The last state is the image: it is known by the image's id.
                let state = match event.step.as_ref().is_some_and(|step| step.number == step.total) {
                    true => Digits::Image(&digits),
                    false => Digits::State(&digits),
                };
                let keyword = event.step.as_ref().map(|step| step.keyword).unwrap_or_default();
                let row = match layer {
                    Some(layer) => {
                        let text = format!(
                            "{}  {}",
                            reasons::shorten(&layer.diff_id.to_string()),
                            units::size(layer.descriptor.size)
                        );
                        layout.row_with_state("layer", &text, state)
                    }
                    None if keyword == "FROM" => layout.row_with_state("image", &self.image, state),
                    None if matches!(keyword, "RUN" | "COPY" | "ADD" | "WORKDIR") => {
                        layout.row_with_state("layer", "none: no file changed", state)
                    }
                    None if keyword == "ARG" => {
                        layout.row_with_state("layer", "none: ARG sets a variable for the build only", state)
                    }
                    None => {
                        let text = format!("none: {keyword} changes the configuration only");
                        layout.row_with_state("layer", &text, state)
                    }
                };
                write!(out, "{row}")
            }
            EventKind::StepFailed { .. } | EventKind::StepStopped => out.write_all(self.program.end().as_bytes()),
            EventKind::Warning(told) => write!(out, "{}", layout.row("warning", &warning::text(told))),
            EventKind::Tagged { reference } => write!(out, "{}", layout.row("tagged", reference)),
        }
    }
}
