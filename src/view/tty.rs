//! For a terminal: finished steps stay as lines, the step under way is one live line with the command's last output.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use super::palette::{Palette, Role};
use super::program::Program;
use super::screen::Screen;
use super::sgr::Colours;
use super::showing::View;
use super::{table, units, warning};
use crate::cache::Outcome;
use crate::machine::{Event, EventKind, StepLabel, Stream};
use crate::shown::{self, line};

/// How wide a live line is: it must not wrap, or it could not be erased.
const WIDTH: usize = 78;
/// How many lines of the output are shown when the command fails, and how many bytes of each are kept.
const MOST_LINES: usize = 20;
const MOST_OF_A_LINE: usize = 4 << 10;

/// Writes and rewrites lines.
#[derive(Clone, Debug)]
pub(crate) struct Tty {
    palette: Palette,
    program: Program,
    tail: Tail,
}

/// The last lines of a command's output.
#[derive(Clone, Debug, Default)]
struct Tail {
    lines: VecDeque<String>,
    /// What each stream has of a line that is not ended.
    stdout: String,
    stderr: String,
}

impl Tail {
    fn push(&mut self, stream: Stream, text: &str) {
        for part in text.split_inclusive('\n') {
            let open = match stream {
                Stream::Stdout => &mut self.stdout,
                Stream::Stderr => &mut self.stderr,
            };
            // The beginning of a line says more than its end.
            let room = MOST_OF_A_LINE.saturating_sub(open.len()).min(part.len());
            let end = (0..=room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
            open.push_str(&part[..end]);
            if part.ends_with('\n') {
                let whole = std::mem::take(open);
                self.lines.push_back(whole.trim_end_matches('\n').to_owned());
            }
            while self.lines.len() > MOST_LINES {
                self.lines.pop_front();
            }
        }
    }

    /// The line that is being written, else the last one.
    fn last(&self, stream: Stream) -> &str {
        let open = match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        };
        if open.is_empty() { self.lines.back().map_or("", String::as_str) } else { open }
    }

    /// Ends the lines that are open.
    fn end(&mut self) {
        for open in [&mut self.stdout, &mut self.stderr] {
            if !open.is_empty() {
                self.lines.push_back(std::mem::take(open));
            }
        }
    }
}

impl Tty {
    pub(crate) fn new(palette: Palette) -> Tty {
        Tty { palette, program: Program::default(), tail: Tail::default() }
    }

    fn live(&self, text: &str, out: &mut Screen<'_>) -> io::Result<()> {
        out.clear_line()?;
        write!(out, "{}", table::fitting(&shown::cell(text), WIDTH))?;
        out.flush()
    }

    /// A line that stays, in place of the live one.
    fn lasting(&self, text: &str, out: &mut Screen<'_>) -> io::Result<()> {
        out.clear_line()?;
        writeln!(out, " => {text}")
    }
}

/// What the step of an event is called.
fn title(event: &Event) -> String {
    let title = |step: &Arc<StepLabel>| {
        line(&format!("[{} {}/{}] {}", step.stage, step.number, step.total, step.instruction)).into_owned()
    };
    event.step.as_ref().map(title).unwrap_or_default()
}

impl View for Tty {
    fn event(&mut self, event: &Event, out: &mut Screen<'_>) -> io::Result<()> {
        match &event.kind {
            EventKind::BuildStarted { .. }
            | EventKind::Expanded { .. }
            | EventKind::Decided { .. }
            | EventKind::ContainerStarted { .. }
            | EventKind::Changed { .. } => Ok(()),
            EventKind::ContextLoaded { files, bytes, .. } => {
                let text = format!("context: {}, {}", units::count(*files, "file"), units::size(*bytes));
                self.lasting(&text, out)
            }
            EventKind::StepStarted => {
                self.tail = Tail::default();
                self.live(&format!(" -> {}", title(event)), out)
            }
            EventKind::Resolved { image, stands_in_for: Some(name), .. } => self.lasting(
                &format!("{} is not in the store: the built-in {} is used instead", line(name), line(image)),
                out,
            ),
            EventKind::Resolved { stands_in_for: None, .. } => Ok(()),
            EventKind::Output { stream, bytes } => {
                self.tail.push(*stream, &self.program.text(*stream, bytes, Colours::Dropped));
                // Only as much of the title as can be shown, so that what comes last is seen.
                let title: String = title(event).chars().take(WIDTH).collect();
                self.live(&format!(" -> {title}  {}", self.tail.last(*stream)), out)
            }
            EventKind::ContainerEnded { .. } => {
                for stream in [Stream::Stdout, Stream::Stderr] {
                    self.tail.push(stream, &self.program.rest(stream));
                }
                self.tail.end();
                Ok(())
            }
            EventKind::Committed { outcome, milliseconds, .. } => {
                let mark = match outcome {
                    Outcome::Cached => self.palette.paint(Role::Good, "CACHED "),
                    Outcome::Ran | Outcome::Failed => format!("{:>5.1}s ", *milliseconds as f64 / 1000.0),
                };
                self.lasting(&format!("{mark}{}", title(event)), out)
            }
            EventKind::StepFailed { message } => {
                self.tail.end();
                self.lasting(&format!("{} {}", self.palette.paint(Role::Bad, "FAILED"), title(event)), out)?;
                for text in &self.tail.lines {
                    writeln!(out, "    {}", line(text))?;
                }
                writeln!(out, "    {}", line(message))
            }
            EventKind::StepStopped => {
                self.lasting(&format!("{} {}", self.palette.paint(Role::Bad, "STOPPED"), title(event)), out)
            }
            EventKind::Warning(told) => {
                let text = warning::text(told);
                self.lasting(&format!("{} {text}", self.palette.paint(Role::Notice, "warning:")), out)
            }
            EventKind::BuildFinished { image, cached, ran, .. } => {
                writeln!(out, " => image {image} ({ran} ran, {cached} cached)")
            }
            EventKind::Tagged { reference } => writeln!(out, " => named {}", line(reference)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;
    use crate::machine::Stream;

    #[test]
    fn a_tail_is_bounded() {
        let mut tail = Tail::default();
        for _ in 0..1000 {
            tail.push(Stream::Stdout, &"é".repeat(999));
        }
        tail.push(Stream::Stderr, &"line\n".repeat(100));
        tail.end();
        let lengths: Vec<usize> = tail.lines.iter().map(String::len).collect();
        assert_eq!((lengths[0], lengths[20], lengths.len()), (4, super::MOST_OF_A_LINE, 21));
    }
}
