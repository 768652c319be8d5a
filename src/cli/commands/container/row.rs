//! A container as lists show it: the fields that Docker's documentation names, as texts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::inspect::bound;
use super::size::sizes;
use crate::cli::failure::Failure;
use crate::cli::format::{Row, Table};
use crate::runtime::health::{Condition, Health};
use crate::runtime::{Status, Stored};
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// The columns of `ps`.
pub(super) const TABLE: Table = Table {
    shown: &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"],
    titles: TITLES,
    too_wide: TooWide::Whole,
};

/// The same with the sizes.
pub(super) const WITH_SIZES: Table = Table {
    shown: &["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", "Size"],
    titles: TITLES,
    too_wide: TooWide::Whole,
};

const TITLES: &[(&str, &str)] = &[
    ("ID", "CONTAINER ID"),
    ("Image", "IMAGE"),
    ("Command", "COMMAND"),
    ("CreatedAt", "CREATED AT"),
    ("RunningFor", "CREATED"),
    ("Status", "STATUS"),
    ("State", "STATE"),
    ("Ports", "PORTS"),
    ("Names", "NAMES"),
    ("Size", "SIZE"),
    ("Labels", "LABELS"),
    ("Mounts", "MOUNTS"),
    ("LocalVolumes", "LOCAL VOLUMES"),
    ("Networks", "NETWORKS"),
];

/// What of a container is shown.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Detail {
    /// Whole ids, commands and names of mounts.
    pub(in crate::cli) whole: bool,
    /// How much it has written, for which its files are counted.
    pub(in crate::cli) sizes: bool,
}

/// A line of `ps`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct Line {
    #[serde(rename = "ID")]
    pub(in crate::cli) id: String,
    pub(in crate::cli) image: String,
    pub(in crate::cli) command: String,
    created_at: String,
    pub(in crate::cli) running_for: String,
    pub(in crate::cli) status: String,
    state: String,
    ports: String,
    pub(in crate::cli) names: String,
    size: String,
    labels: String,
    mounts: String,
    pub(in crate::cli) local_volumes: String,
    networks: String,
    #[serde(skip)]
    all_labels: BTreeMap<String, String>,
}

impl Row for Line {
    fn labels(&self) -> BTreeMap<String, String> {
        self.all_labels.clone()
    }
}

impl Line {
    pub(in crate::cli) fn of(world: &World, stored: &Stored, detail: Detail) -> Result<Line, Failure> {
        let record = &stored.record;
        let now = world.clock.seconds();
        let names: Vec<&str> = record.volumes.iter().filter_map(|volume| volume.name()).collect();
        let mounts = record.volumes.iter().map(|volume| {
            let source = volume.described(world.home()).1;
            let text = volume.name().map_or_else(|| source.to_string_lossy().into_owned(), str::to_owned);
            if detail.whole { text } else { shortened(&text, 15) }
        });
        Ok(Line {
            id: short_id(&record.id, detail.whole).to_owned(),
            image: record.image.name.clone(),
            command: command(&record.process.args, detail.whole),
            created_at: units::moment(&record.created),
            running_for: units::ago(now, Some(&record.created)),
            status: status(&stored.status, now) + &health(world, stored),
            state: stored.status.name().to_owned(),
            ports: ports(stored),
            names: record.name.clone(),
            size: if detail.sizes { size(world, stored)? } else { "0B".to_owned() },
            labels: units::labels(&record.labels),
            mounts: mounts.collect::<Vec<_>>().join(","),
            local_volumes: names.len().to_string(),
            networks: record.network.names().join(","),
            all_labels: record.labels.clone(),
        })
    }
}

/// An id as lists show it.
pub(super) fn short_id(id: &str, whole: bool) -> &str {
    if whole { id } else { id.get(..12).unwrap_or(id) }
}

/// The command in quotation marks, shortened as Docker does it; arguments with spaces have marks of their own.
fn command(words: &[String], whole: bool) -> String {
    const LONGEST: usize = 20;
    let quoted = |(number, word): (usize, &String)| match number > 0 && word.contains(' ') {
        true => format!("'{word}'"),
        false => word.clone(),
    };
    let command = words.iter().enumerate().map(quoted).collect::<Vec<_>>().join(" ");
    format!("\"{}\"", if whole { command } else { shortened(&command, LONGEST) })
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

fn size(world: &World, stored: &Stored) -> Result<String, Failure> {
    let (written, all) = sizes(world, stored)?;
    Ok(format!("{} (virtual {})", units::docker_size(written, 3), units::docker_size(all, 3)))
}

/// Where a container is reached, and what it only exposes.
fn ports(stored: &Stored) -> String {
    if !stored.is_running() {
        return String::new();
    }
    let bound = bound(&stored.status);
    let is_published = |port: &&String| bound.iter().any(|bound| **port == bound.inside());
    let exposed = stored.record.exposed.iter().filter(|port| !is_published(port)).cloned();
    exposed.chain(bound.iter().map(ToString::to_string)).collect::<Vec<_>>().join(", ")
}

/// ` (healthy)` behind the status of one that runs and is checked.
fn health(world: &World, stored: &Stored) -> String {
    match (&stored.status, Health::of(world.home(), &stored.record)) {
        (Status::Running(_), Some(health)) => match health.status {
            Condition::Starting => " (health: starting)".to_owned(),
            Condition::Healthy | Condition::Unhealthy => format!(" ({})", health.status.name()),
        },
        _ => String::new(),
    }
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
        Status::Restarting(end) => format!("Restarting ({}) {}", end.status, units::ago(now, end.finished.as_deref())),
        // It never ran.
        Status::Exited(_) if status.name() == "created" => "Created".to_owned(),
        Status::Exited(end) => match &end.finished {
            Some(finished) => format!("Exited ({}) {}", end.status, units::ago(now, Some(finished))),
            None => format!("Exited ({}): its monitor was killed", end.status),
        },
    }
}
