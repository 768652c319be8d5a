//! For a terminal: finished steps stay as lines, the step under way is one live line with the command's last output.

use std::io::{self, Write};

use super::palette::{Palette, Role};
use super::{View, units};
use crate::build::{Decision, Event, StepLabel};

/// Erases the current line and goes to its beginning.
const CLEAR_LINE: &str = "\r\x1b[2K";
/// How much of a live line is shown: it must not wrap, or it could not be erased.
const WIDTH: usize = 78;

/// Writes and rewrites lines.
#[derive(Clone, Debug)]
pub struct Tty {
    palette: Palette,
    step: Option<StepLabel>,
    cached: bool,
    /// The last lines of the command's output, for a failure.
    tail: Vec<String>,
}

impl Tty {
    pub fn new(palette: Palette) -> Tty {
        Tty { palette, step: None, cached: false, tail: Vec::new() }
    }

    fn live(&self, text: &str, out: &mut dyn Write) -> io::Result<()> {
        let shown: String = text.chars().filter(|character| !character.is_control()).take(WIDTH).collect();
        write!(out, "{CLEAR_LINE}{shown}")?;
        out.flush()
    }

    fn title(&self) -> String {
        let Some(step) = &self.step else { return String::new() };
        format!("[{} {}/{}] {}", step.stage, step.number, step.total, step.instruction)
    }
}

impl View for Tty {
    fn event(&mut self, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        match event {
            Event::BuildStarted { .. }
            | Event::Expanded { .. }
            | Event::ContainerStarted { .. }
            | Event::ContainerEnded { .. }
            | Event::Changed { .. } => Ok(()),
            Event::ContextLoaded { files, bytes, .. } => {
                let text = format!("context: {}, {}", units::count(*files, "file"), units::size(*bytes));
                writeln!(out, "{CLEAR_LINE} => {text}")
            }
            Event::StepStarted { step } => {
                self.step = Some(step.clone());
                self.cached = false;
                self.tail.clear();
                self.live(&format!(" -> {}", self.title()), out)
            }
            Event::Resolved { image, stands_in_for: Some(name), .. } => {
                writeln!(out, "{CLEAR_LINE} => {name} can't be reached: {image} stands in")
            }
            Event::Resolved { stands_in_for: None, .. } => Ok(()),
            Event::Decided { decision } => {
                self.cached = matches!(decision, Decision::Hit { .. });
                Ok(())
            }
            Event::Output { bytes, .. } => {
                self.tail.extend(String::from_utf8_lossy(bytes).lines().map(str::to_owned));
                let excess = self.tail.len().saturating_sub(20);
                self.tail.drain(..excess);
                let last = self.tail.last().cloned().unwrap_or_default();
                self.live(&format!(" -> {}  {last}", self.title()), out)
            }
            Event::Committed { milliseconds, .. } => {
                let mark = if self.cached {
                    self.palette.paint(Role::Good, "CACHED ")
                } else {
                    format!("{:>5.1}s ", *milliseconds as f64 / 1000.0)
                };
                writeln!(out, "{CLEAR_LINE} => {mark}{}", self.title())
            }
            Event::StepFailed { message } => {
                writeln!(out, "{CLEAR_LINE} => {} {}", self.palette.paint(Role::Bad, "FAILED"), self.title())?;
                for line in &self.tail {
                    writeln!(out, "    {line}")?;
                }
                writeln!(out, "    {message}")
            }
            Event::Warning { message } => {
                writeln!(out, "{CLEAR_LINE} => {} {message}", self.palette.paint(Role::Notice, "warning:"))
            }
            Event::BuildFinished { image, cached, ran, .. } => {
                writeln!(out, " => image {image} ({ran} ran, {cached} cached)")
            }
            Event::Tagged { reference } => writeln!(out, " => named {reference}"),
        }
    }
}
