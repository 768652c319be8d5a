//! `layerlab stats`: what containers use.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::row::short_id;
use crate::cli::failure::Failure;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::runtime::usage::{self, Look};
use crate::runtime::{self, Stored};
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// Show what containers use: processors, memory, network, disks, processes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: layerlab stats\n          layerlab stats --no-stream --format '{{.Name}} {{.MemUsage}}' web"
)]
pub(crate) struct Stats {
    /// Show all containers, also those that do not run
    #[arg(short, long)]
    all: bool,
    /// Show it once, and not again each second until Ctrl-C
    #[arg(long)]
    no_stream: bool,
    /// Do not shorten ids
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    format: FormatOption,
    /// The containers; all that run where none are given
    #[arg(value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// The columns.
const TABLE: Table = Table {
    shown: &["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"],
    titles: &[
        ("Container", "CONTAINER"),
        ("ID", "CONTAINER ID"),
        ("Name", "NAME"),
        ("CPUPerc", "CPU %"),
        ("MemUsage", "MEM USAGE / LIMIT"),
        ("MemPerc", "MEM %"),
        ("NetIO", "NET I/O"),
        ("BlockIO", "BLOCK I/O"),
        ("PIDs", "PIDS"),
    ],
    too_wide: TooWide::Broken,
};

/// Between two looks.
const A_WHILE: Duration = Duration::from_secs(1);

/// A line of it.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(rename = "Container")]
    container: String,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "CPUPerc")]
    cpu: String,
    #[serde(rename = "MemUsage")]
    memory: String,
    #[serde(rename = "MemPerc")]
    share: String,
    #[serde(rename = "NetIO")]
    network: String,
    #[serde(rename = "BlockIO")]
    disks: String,
    #[serde(rename = "PIDs")]
    processes: String,
}

impl Row for Line {}

/// A container with what is seen of it now.
struct Watched {
    stored: Stored,
    /// As it was asked for.
    called: String,
    /// `None`: it does not run.
    look: Option<Look>,
}

impl Stats {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let format = self.format.read()?;
        let by_id = |watched: Vec<Watched>| -> BTreeMap<String, Look> {
            watched.into_iter().filter_map(|watched| Some((watched.stored.record.id, watched.look?))).collect()
        };
        // One that is removed later is no reason to end.
        let found: Result<Vec<Stored>, _> = self.containers.iter().map(|name| runtime::find(world, name)).collect();
        let ids: Vec<String> = found?.into_iter().map(|stored| stored.record.id).collect();
        let mut before = by_id(self.watched(world, &ids)?);
        loop {
            thread::sleep(A_WHILE);
            let now = self.watched(world, &ids)?;
            let lines: Vec<Line> =
                now.iter().map(|watched| watched.line(before.get(&watched.stored.record.id), self.no_trunc)).collect();
            if !self.no_stream && std::io::stdout().is_terminal() {
                ui.out().clear()?;
            }
            format.show(ui, &TABLE, &lines)?;
            if self.no_stream {
                return Ok(());
            }
            before = by_id(now);
        }
    }

    /// The containers, with a look at each; those of these ids, where some were named.
    fn watched(&self, world: &Arc<World>, ids: &[String]) -> Result<Vec<Watched>, Failure> {
        let found: Vec<(String, Stored)> = match self.containers.as_slice() {
            [] => {
                let (containers, _) = runtime::list(world)?;
                let wanted = containers.into_iter().filter(|stored| self.all || stored.is_running());
                wanted.map(|stored| (short_id(&stored.record.id, false).to_owned(), stored)).collect()
            }
            names => {
                let found = names.iter().zip(ids).map(|(name, id)| (name.clone(), runtime::find(world, id)));
                found.filter_map(|(name, found)| Some((name, found.ok()?))).collect()
            }
        };
        let watch = |(called, stored): (String, Stored)| {
            let look = usage::look(world, &stored)?;
            Ok(Watched { stored, called, look })
        };
        found.into_iter().map(watch).collect()
    }
}

impl Watched {
    fn line(&self, before: Option<&Look>, whole: bool) -> Line {
        let record = &self.stored.record;
        let usage = self.look.as_ref().map(|look| look.usage.clone()).unwrap_or_default();
        let busy = self.look.as_ref().zip(before).map_or(0, |(look, before)| look.share_since(before));
        let share = usage.memory.saturating_mul(10_000) / usage.most_memory.max(1);
        let percent = |hundredths: u64| format!("{}.{:02}%", hundredths / 100, hundredths % 100);
        let both = |one, other| format!("{} / {}", units::docker_size(one, 3), units::docker_size(other, 3));
        Line {
            container: self.called.clone(),
            id: short_id(&record.id, whole).to_owned(),
            name: record.name.clone(),
            cpu: percent(busy),
            memory: format!("{} / {}", units::memory(usage.memory), units::memory(usage.most_memory)),
            share: percent(share),
            network: both(usage.received, usage.sent),
            disks: both(usage.read, usage.written),
            processes: usage.processes.to_string(),
        }
    }
}
