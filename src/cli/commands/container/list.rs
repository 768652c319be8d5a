//! `layerlab ps`: the containers.

use std::io::Write as _;

use clap::Args;

use super::inspect::bound;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::{Explained as _, Severity};
use crate::runtime::{self, Status, Stored};
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// List containers.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// List all, not only those that run
    #[arg(short, long)]
    all: bool,
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// List the one that was made last
    #[arg(short, long)]
    latest: bool,
    /// List the ones that were made last
    #[arg(short = 'n', long, value_name = "NUMBER")]
    last: Option<usize>,
    /// Print whole ids and commands
    #[arg(long)]
    no_trunc: bool,
}

impl List {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let last = if self.latest { Some(1) } else { self.last };
        let (mut containers, damaged) = runtime::list(world)?;
        for error in &damaged {
            ui.report(&[error.diagnostic().severity(Severity::Warning)], None);
        }
        if !self.all && last.is_none() {
            containers.retain(|stored| matches!(stored.status, Status::Running(_) | Status::Paused(_)));
        }
        containers.truncate(last.unwrap_or(usize::MAX));
        if self.quiet {
            let mut out = ui.plain();
            for stored in &containers {
                writeln!(out, "{}", self.id(stored))?;
            }
            return Ok(());
        }
        let now = world.clock.seconds();
        let rows: Vec<Vec<String>> = containers.iter().map(|stored| self.cells(stored, now)).collect();
        let header = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"];
        ui.table(&header, &rows, TooWide::Broken)
    }

    fn id<'s>(&self, stored: &'s Stored) -> &'s str {
        let id = stored.record.id.as_str();
        if self.no_trunc { id } else { id.get(..12).unwrap_or(id) }
    }

    fn cells(&self, stored: &Stored, now: i64) -> Vec<String> {
        let record = &stored.record;
        vec![
            self.id(stored).to_owned(),
            record.image.name.clone(),
            self.command(&record.process.args.join(" ")),
            units::ago(now, Some(&record.created)),
            status(&stored.status, now),
            ports(stored),
            record.name.clone(),
        ]
    }

    /// The command in quotation marks, shortened as Docker does it.
    fn command(&self, command: &str) -> String {
        const LONGEST: usize = 20;
        if self.no_trunc || command.chars().count() <= LONGEST {
            return format!("\"{command}\"");
        }
        let beginning: String = command.chars().take(LONGEST - 1).collect();
        format!("\"{beginning}…\"")
    }
}

/// Where a container is reached, and what it only exposes.
fn ports(stored: &Stored) -> String {
    if !matches!(stored.status, Status::Running(_) | Status::Paused(_)) {
        return String::new();
    }
    let bound = bound(&stored.status);
    let is_published = |port: &&String| bound.iter().any(|bound| **port == bound.inside());
    let exposed = stored.record.exposed.iter().filter(|port| !is_published(port)).cloned();
    exposed.chain(bound.iter().map(ToString::to_string)).collect::<Vec<_>>().join(", ")
}

/// `Up 4 seconds`, `Exited (0) 3 minutes ago`, as Docker says it.
pub(super) fn status(status: &Status, now: i64) -> String {
    let since = |time: &str| {
        let time = time.parse::<jiff::Timestamp>();
        time.map_or_else(|_| "N/A".to_owned(), |time| units::duration(now.saturating_sub(time.as_second())))
    };
    match status {
        Status::Created => "Created".to_owned(),
        Status::Running(run) => format!("Up {}", since(&run.started)),
        Status::Paused(run) => format!("Up {} (Paused)", since(&run.started)),
        // It never ran.
        Status::Exited(end) if end.error.is_some() => "Created".to_owned(),
        Status::Exited(end) => match &end.finished {
            Some(finished) => format!("Exited ({}) {}", end.status, units::ago(now, Some(finished))),
            None => format!("Exited ({}): its monitor was killed", end.status),
        },
    }
}
