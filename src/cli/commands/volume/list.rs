//! `layerlab volume ls`: the volumes.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::inspect::mountpoint;
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::diagnostic::{Explained as _, Severity};
use crate::runtime::volume::going;
use crate::runtime::volume::kept::{self, Kept};
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// List volumes.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Print names only
    #[arg(short, long)]
    quiet: bool,
    /// Only list some: `dangling=true`, `name=TEXT`, `label=NAME[=VALUE]`, `driver=local`
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    format: FormatOption,
}

/// The columns.
const TABLE: Table = Table {
    shown: &["Driver", "Name"],
    titles: &[
        ("Driver", "DRIVER"),
        ("Name", "VOLUME NAME"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Scope", "SCOPE"),
        ("Size", "SIZE"),
    ],
    too_wide: TooWide::Whole,
};

/// A line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    driver: &'static str,
    labels: String,
    links: &'static str,
    mountpoint: PathBuf,
    name: String,
    scope: &'static str,
    size: &'static str,
    #[serde(skip)]
    all_labels: BTreeMap<String, String>,
}

impl Row for Line {
    fn labels(&self) -> BTreeMap<String, String> {
        self.all_labels.clone()
    }
}

impl List {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let is_quiet = self.format.is_quiet(self.quiet, ui);
        let format = self.format.read()?;
        let filters = Filters::parse(&self.filter, &["dangling", "name", "label", "driver"])?;
        let (mut volumes, damaged) = kept::list(world.home())?;
        for error in &damaged {
            ui.report(&[error.diagnostic().severity(Severity::Warning)], None);
        }
        if let Some(dangling) = filters.truth("dangling")? {
            let used = going::users(world.home())?;
            volumes.retain(|volume| used.contains_key(&volume.name) != dangling);
        }
        volumes.retain(|volume| {
            let is_named = |part: &str| volume.name.contains(part);
            (!filters.has("name") || filters.values("name").any(is_named))
                && filters.values("driver").all(|driver| driver == "local")
                && filters.fit_labels(&volume.record.labels)
        });
        if is_quiet {
            let mut out = ui.plain();
            return Ok(volumes.iter().try_for_each(|volume| writeln!(out, "{}", volume.name))?);
        }
        let line = |volume: Kept| Line {
            driver: "local",
            labels: units::labels(&volume.record.labels),
            links: "N/A",
            mountpoint: mountpoint(world, &volume),
            name: volume.name,
            scope: "local",
            size: "N/A",
            all_labels: volume.record.labels,
        };
        format.show(ui, &TABLE, &volumes.into_iter().map(line).collect::<Vec<_>>())
    }
}
