//! `layerlab stop`, `kill`, `pause`, `unpause` and `wait`: what is done to containers that run.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::options::signal;
use super::outcome::each;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::events;
use crate::runtime::{self, Ask, Parted, Session, Status, Stored};
use crate::world::World;

/// How long a monitor may take to answer, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stop running containers.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// How many seconds they have to end before they are killed
    #[arg(short = 't', long = "time", alias = "timeout", value_name = "SECONDS")]
    time: Option<i64>,
    /// The signal that asks them to end
    #[arg(short, long, value_name = "SIGNAL")]
    signal: Option<String>,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Stop {
    /// How long a container has to end when it is told to, as with Docker.
    const GRACE: Duration = Duration::from_secs(10);
    /// For as long as it takes, in a number that clocks can still add.
    const FOREVER: Duration = Duration::from_secs(1 << 31);

    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let number = self.signal.as_deref().map(signal).transpose()?;
        each(&self.containers, ui, |name| stop(world, name, number, self.time))
    }
}

/// Asks a container to end, and kills it when it does not in time. One that does not run is left as it is.
pub(super) fn stop(world: &Arc<World>, name: &str, signal: Option<i32>, time: Option<i64>) -> Result<(), Failure> {
    let stored = runtime::find(world, name)?;
    let time = match time.or(stored.record.stop_timeout) {
        None => Stop::GRACE,
        Some(seconds) => u64::try_from(seconds).map_or(Stop::FOREVER, Duration::from_secs),
    };
    if !stored.status.has_monitor() {
        return Ok(());
    }
    while let Some(session) = finish(world, &stored)? {
        if matches!(stored.status, Status::Paused(_)) {
            // One whose files are being read goes on when that is done.
            let _ = session.ask(&Ask::Resume);
        }
        // A connection has answers of its own; another one waits.
        let Some(waiting) = running(world, &stored)? else { continue };
        // It may have ended just now, which is what was wanted.
        let _ = session.ask(&Ask::Signal(signal.unwrap_or(stored.record.stop_signal)));
        if waiting.until_the_end_within(time).is_none() {
            let _ = session.ask(&Ask::Signal(libc::SIGKILL));
            waiting.until_the_end();
        }
    }
    events::of_container(world.home(), &world.clock, stored.record.subject(), "stop", &[]);
    Ok(())
}

/// Has a container not start again by itself. One that waits for its next start, or is at it, ends with that; a connection to any
/// other one comes back, and whoever ends it asks once more: it may have ended by itself before it was told.
///
/// # Errors
/// Its monitor does not answer.
pub(super) fn finish(world: &Arc<World>, stored: &Stored) -> Result<Option<Session>, Failure> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let status = match runtime::find(world, &stored.record.id) {
            Err(runtime::Error::NoContainer(_)) => return Ok(None),
            found => found?.status,
        };
        if !status.has_monitor() {
            return Ok(None);
        }
        // What is said to a run that is over is lost, so it is said again.
        let session = Session::open(world, &stored.record.id)?.filter(|session| session.ask(&Ask::Finish).is_ok());
        if session.is_some() && !matches!(status, Status::Restarting(_)) {
            return Ok(session);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(no_answer(stored))
}

/// A connection to a container's monitor, while it runs.
fn running(world: &Arc<World>, stored: &Stored) -> Result<Option<Session>, Failure> {
    match stored.status {
        Status::Running(_) | Status::Paused(_) | Status::Restarting(_) => {
            let session = Session::open(world, &stored.record.id)?;
            if session.is_none() && is_running(world, stored) {
                return Err(no_answer(stored));
            }
            Ok(session)
        }
        Status::Created | Status::Exited(_) => Ok(None),
    }
}

fn no_answer(stored: &Stored) -> Failure {
    Diagnostic::error(format!("the monitor of container {} does not answer", stored.record.name))
        .hint("try again in a moment")
        .into()
}

/// Whether it runs still.
fn is_running(world: &Arc<World>, stored: &Stored) -> bool {
    runtime::find(world, &stored.record.id).is_ok_and(|stored| stored.is_running())
}

/// As [`running`], for what can only be done to a container that runs.
pub(super) fn must_run(world: &Arc<World>, name: &str) -> Result<(Stored, Session), Failure> {
    let stored = runtime::find(world, name)?;
    match running(world, &stored)? {
        Some(session) => Ok((stored, session)),
        None => Err(Diagnostic::error(format!("container {name} is not running")).into()),
    }
}

/// Kill running containers, or send them a signal.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// The signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    signal: String,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Kill {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let number = signal(&self.signal)?;
        each(&self.containers, ui, |name| {
            let (stored, session) = must_run(world, name)?;
            if number == libc::SIGKILL {
                return kill(world, &stored);
            }
            let session = match (number == stored.record.stop_signal).then(|| finish(world, &stored)).transpose()? {
                None => session,
                Some(Some(session)) => session,
                // It waited for its next start, or was at it.
                Some(None) => return Ok(()),
            };
            Ok(session.ask(&Ask::Signal(number))?)
        })
    }
}

/// Ends a container at once, for good.
pub(super) fn kill(world: &Arc<World>, stored: &Stored) -> Result<(), Failure> {
    while let Some(session) = finish(world, stored)? {
        // It may have ended just now.
        let _ = session.ask(&Ask::Signal(libc::SIGKILL));
        session.until_the_end();
    }
    Ok(())
}

/// Pause all processes of containers.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Pause {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        each(&self.containers, ui, |name| {
            let (_, session) = must_run(world, name)?;
            Ok(session.ask(&Ask::Pause)?)
        })
    }
}

/// Resume paused containers.
#[derive(Debug, Args)]
pub(crate) struct Unpause {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Unpause {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        each(&self.containers, ui, |name| {
            let (_, session) = must_run(world, name)?;
            Ok(session.ask(&Ask::Resume)?)
        })
    }
}

/// Wait for containers to exit, and print their exit codes.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl Wait {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        for name in &self.containers {
            writeln!(ui.plain(), "{}", wait(world, name)?)?;
        }
        Ok(())
    }
}

/// Waits for the end of a run: of the next one, where it waits for that.
fn wait(world: &Arc<World>, name: &str) -> Result<i32, Failure> {
    let mut waits = matches!(runtime::find(world, name)?.status, Status::Restarting(_));
    loop {
        let stored = runtime::find(world, name)?;
        match &stored.status {
            Status::Exited(end) => return Ok(end.status),
            Status::Created => return Ok(0),
            Status::Running(_) | Status::Paused(_) | Status::Restarting(_) => {}
        }
        // It may have ended just now.
        let Some(session) = running(world, &stored)? else { continue };
        match session.until_the_end() {
            Parted::Ended(status) => return Ok(status),
            Parted::Failed(failed) => return Ok(failed.status),
            Parted::Again(status) if !waits => return Ok(status),
            // That was the run before. The next one begins when the connection ends.
            Parted::Again(_) => {
                session.until_the_end();
                waits = false;
            }
            Parted::Detached | Parted::Signalled(_) | Parted::Broken | Parted::Lost => {}
        }
    }
}
