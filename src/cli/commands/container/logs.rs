//! `layerlab logs`: what a container has written.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::machine::Stream;
use crate::runtime::care::Driver;
use crate::runtime::log::{Entry, Reader, StreamName};
use crate::runtime::{self, Parted, Session};
use crate::view::program::Program;
use crate::view::screen::Screen;
use crate::view::units;
use crate::world::World;

/// How often a log is looked at that is followed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Show the output of a container.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on until the container ends and does not start again by itself
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
        if stored.record.care.log.driver == Driver::None {
            return Err(Diagnostic::error("the container keeps no log: it was made with `--log-driver none`")
                .hint("`layerlab attach` shows what it writes from now on")
                .into());
        }
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
        let mut printer = Printer { stdout: Sink::stdout(ui), stderr: Sink::stderr(ui), with_times: self.timestamps };
        let mut shown = VecDeque::new();
        let last = self.last()?;
        while let Some(entry) = reader.as_mut().map_or(Ok(None), Reader::next)? {
            if !wanted(&entry) {
                continue;
            }
            shown.push_back(entry);
            match last {
                None => shown.drain(..).try_for_each(|entry| printer.print(entry))?,
                Some(count) if shown.len() > count => drop(shown.pop_front()),
                Some(_) => {}
            }
        }
        shown.into_iter().try_for_each(|entry| printer.print(entry))?;
        if !self.follow {
            return printer.end();
        }
        let mut followed = Followed { world, id: &stored.record.id, session };
        loop {
            let goes_on = followed.goes_on_within(BETWEEN_LOOKS)?;
            if reader.is_none() {
                reader = Reader::open(&folder)?;
            }
            while let Some(entry) = reader.as_mut().map_or(Ok(None), Reader::next)? {
                if wanted(&entry) {
                    printer.print(entry)?;
                }
            }
            if !goes_on {
                return printer.end();
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
}

/// A container whose log is followed, over its restarts.
struct Followed<'a> {
    world: &'a Arc<World>,
    id: &'a str,
    /// `None` while it has no monitor that listens.
    session: Option<Session>,
}

impl Followed<'_> {
    /// Waits for a moment. Says whether something may still be written.
    fn goes_on_within(&mut self, time: Duration) -> Result<bool, Failure> {
        match self.session.as_ref().map(|session| session.until_the_end_within(time)) {
            // It starts again after a pause, and the connection ends when it does.
            Some(None | Some(Parted::Again(_))) => Ok(true),
            Some(Some(Parted::Ended(_) | Parted::Failed(_))) => Ok(false),
            Some(Some(Parted::Detached | Parted::Signalled(_) | Parted::Broken | Parted::Lost)) | None => {
                self.session = Session::open(self.world, self.id)?;
                if self.session.is_none() {
                    std::thread::sleep(time);
                }
                Ok(self.session.is_some() || runtime::find(self.world, self.id).is_ok_and(|now| now.is_running()))
            }
        }
    }
}

/// Shows entries, each on the stream that it was written to.
struct Printer {
    stdout: Sink,
    stderr: Sink,
    with_times: bool,
}

/// Where the entries of a stream go.
enum Sink {
    /// A pipe or a file: as they were logged, byte for byte.
    Bytes(Box<dyn Write>),
    /// A terminal: what it would act on is made harmless, colours stay.
    Terminal(Screen<'static>, Program),
}

impl Sink {
    fn stdout(ui: &Ui) -> Sink {
        ui.bytes().map_or_else(|| Sink::Terminal(ui.out(), Program::default()), Sink::Bytes)
    }

    fn stderr(ui: &Ui) -> Sink {
        ui.error_bytes().map_or_else(|| Sink::Terminal(ui.errors(), Program::default()), Sink::Bytes)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        match self {
            Sink::Bytes(out) => out.write_all(text.as_bytes()),
            Sink::Terminal(screen, program) => {
                let text = program.text(Stream::Stdout, text.as_bytes(), screen.colours());
                screen.write_all(text.as_bytes())
            }
        }
    }
}

impl Printer {
    fn print(&mut self, Entry { text, stream, time }: Entry) -> Result<(), Failure> {
        let sink = match stream {
            StreamName::Stdout => &mut self.stdout,
            StreamName::Stderr => &mut self.stderr,
        };
        if self.with_times {
            sink.write(&format!("{} ", units::nanoseconds(&time)))?;
        }
        Ok(sink.write(&text)?)
    }

    /// Nothing follows any more: a colour that is open ends.
    fn end(mut self) -> Result<(), Failure> {
        for sink in [&mut self.stdout, &mut self.stderr] {
            if let Sink::Terminal(screen, program) = sink {
                screen.write_all(program.rest(Stream::Stdout).as_bytes())?;
            }
        }
        Ok(())
    }
}

/// A moment: RFC 3339, seconds since 1970, or how long ago.
fn moment(world: &World, text: &str) -> Result<jiff::Timestamp, Diagnostic> {
    units::parse_moment(world.clock.seconds(), text).ok_or_else(|| {
        Diagnostic::error(format!("`{text}` is not a time"))
            .hint("write a time as 2026-11-28T12:00:00Z, or how long ago it is as 10m")
    })
}
