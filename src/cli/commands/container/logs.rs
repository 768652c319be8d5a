//! `layerlab logs`: what a container has written.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::log::{Entry, Reader, StreamName};
use crate::runtime::{self, Session};
use crate::view::units;
use crate::world::World;

/// How often a log is looked at that is followed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Show the output of a container.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on until the container ends
    #[arg(short, long)]
    follow: bool,
    /// Show only the last lines
    #[arg(short = 'n', long, visible_alias = "lines", value_name = "LINES", default_value = "all")]
    tail: String,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Show only what was written since a time, or in so long a time (`10m`)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show only what was written before a time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The container
    container: String,
}

impl Logs {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let stored = runtime::find(world, &self.container)?;
        let since = self.since.as_deref().map(|text| moment(world, text)).transpose()?;
        let until = self.until.as_deref().map(|text| moment(world, text)).transpose()?;
        let wanted = |entry: &Entry| {
            let at = entry.time.parse::<jiff::Timestamp>().ok();
            since.is_none_or(|since| at.is_none_or(|at| at >= since))
                && until.is_none_or(|until| at.is_none_or(|at| at < until))
        };
        let folder = runtime::folder_of(world, &stored.record.id);
        // Before the log is read to its end: what is written after that is there when the session has ended.
        let session = if self.follow { Session::open(world, &stored.record.id)? } else { None };
        let mut reader = Reader::open(&folder)?;
        let mut shown = VecDeque::new();
        let last = self.last()?;
        while let Some(entry) = reader.as_mut().map_or(Ok(None), Reader::next)? {
            if !wanted(&entry) {
                continue;
            }
            shown.push_back(entry);
            match last {
                None => self.show(shown.pop_front(), ui)?,
                Some(count) if shown.len() > count => drop(shown.pop_front()),
                Some(_) => {}
            }
        }
        for entry in shown {
            self.show(Some(entry), ui)?;
        }
        let Some(session) = session else { return Ok(()) };
        loop {
            let is_over = session.until_the_end_within(BETWEEN_LOOKS).is_some();
            if reader.is_none() {
                reader = Reader::open(&folder)?;
            }
            while let Some(entry) = reader.as_mut().map_or(Ok(None), Reader::next)? {
                if wanted(&entry) {
                    self.show(Some(entry), ui)?;
                }
            }
            if is_over {
                return Ok(());
            }
        }
    }

    /// How many lines are shown; `None`: all.
    fn last(&self) -> Result<Option<usize>, Diagnostic> {
        match self.tail.as_str() {
            "all" => Ok(None),
            text => match text.parse::<i64>() {
                Ok(count) => Ok(usize::try_from(count).ok()),
                Err(_) => Err(Diagnostic::error(format!("`{text}` is not a number of lines"))),
            },
        }
    }

    /// Shows an entry on the stream that it was written to.
    fn show(&self, entry: Option<Entry>, ui: &Ui) -> Result<(), Failure> {
        let Some(Entry { text, stream, time }) = entry else { return Ok(()) };
        let time = if self.timestamps { format!("{time} ") } else { String::new() };
        let mut out = match stream {
            StreamName::Stdout => ui.plain(),
            StreamName::Stderr => ui.errors(),
        };
        Ok(write!(out, "{time}{text}")?)
    }
}

/// A moment: RFC 3339, seconds since 1970, or how long ago.
fn moment(world: &World, text: &str) -> Result<jiff::Timestamp, Diagnostic> {
    units::parse_moment(world.clock.seconds(), text).ok_or_else(|| {
        Diagnostic::error(format!("`{text}` is not a time"))
            .hint("write a time as 2026-11-28T12:00:00Z, or how long ago it is as 10m")
    })
}
