//! `layerlab ps`: the containers.

use std::io::Write as _;

use clap::Args;

use super::choice::Choice;
use super::row::{Detail, Line, TABLE, WITH_SIZES, short_id};
use crate::cli::failure::Failure;
use crate::cli::format::FormatOption;
use crate::cli::ui::Ui;
use crate::diagnostic::{Explained as _, Severity};
use crate::runtime;
use crate::world::World;

/// List containers.
///
/// Example: `docker ps -a --filter status=exited --format '{{.Names}}: {{.Status}}'`
#[derive(Debug, Args)]
pub(crate) struct List {
    /// List all, not only those that run
    #[arg(short, long)]
    all: bool,
    /// Only list some: `name=TEXT`, `status=STATE`, `exited=CODE`, `label=NAME[=VALUE]`, `ancestor=IMAGE`, `volume=NAME`, …
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    format: FormatOption,
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// List the one that was made last
    #[arg(short, long)]
    latest: bool,
    /// List the ones that were made last
    #[arg(short = 'n', long, value_name = "NUMBER", allow_negative_numbers = true)]
    last: Option<i64>,
    /// Print whole ids and commands
    #[arg(long)]
    no_trunc: bool,
    /// Show how much each has written, and how much that is with its image
    #[arg(short, long)]
    size: bool,
}

impl List {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let is_quiet = self.format.is_quiet(self.quiet, ui);
        let format = self.format.read()?;
        let choice = Choice::parse(world, &self.filter)?;
        // As Docker: a number below 1 is none.
        let last = if self.latest { Some(1) } else { self.last.and_then(|last| usize::try_from(last).ok()) };
        let last = last.filter(|last| *last > 0);
        let (mut containers, damaged) = runtime::list(world)?;
        for error in &damaged {
            ui.report(&[error.diagnostic().severity(Severity::Warning)], None);
        }
        let all = self.all || last.is_some() || choice.is_of_all();
        containers.retain(|stored| (all || stored.is_running()) && choice.has(stored));
        containers.truncate(last.unwrap_or(usize::MAX));
        if is_quiet {
            let mut out = ui.plain();
            for stored in &containers {
                writeln!(out, "{}", short_id(&stored.record.id, self.no_trunc))?;
            }
            return Ok(());
        }
        let detail = Detail { whole: self.no_trunc, sizes: self.size || self.format.asks_for("Size") };
        let rows: Vec<Line> =
            containers.iter().map(|stored| Line::of(world, stored, detail)).collect::<Result<_, _>>()?;
        format.show(ui, if self.size { &WITH_SIZES } else { &TABLE }, &rows)
    }
}
