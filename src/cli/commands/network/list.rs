//! `layerlab network ls`: the networks.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::runtime;
use crate::runtime::network::{self, Network, PREDEFINED, Reach};
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// List networks.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// Print whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Only list some: `name=TEXT`, `id=ID`, `label=NAME[=VALUE]`, `driver=DRIVER`, `type=custom|builtin`, `dangling=true`
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,
    #[command(flatten)]
    format: FormatOption,
}

/// The columns.
const TABLE: Table = Table {
    shown: &["ID", "Name", "Driver", "Scope"],
    titles: &[
        ("ID", "NETWORK ID"),
        ("Name", "NAME"),
        ("Driver", "DRIVER"),
        ("Scope", "SCOPE"),
        ("IPv6", "IPV6"),
        ("Internal", "INTERNAL"),
        ("Labels", "LABELS"),
        ("CreatedAt", "CREATED AT"),
    ],
    too_wide: TooWide::Whole,
};

/// A line of the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    created_at: String,
    driver: &'static str,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "IPv6")]
    ipv6: &'static str,
    internal: &'static str,
    labels: String,
    name: String,
    scope: &'static str,
    #[serde(skip)]
    all_labels: BTreeMap<String, String>,
}

impl Row for Line {
    fn labels(&self) -> BTreeMap<String, String> {
        self.all_labels.clone()
    }
}

impl Line {
    fn of(network: Network) -> Line {
        Line {
            created_at: network.created,
            driver: "bridge",
            id: network.id,
            ipv6: if network.sixth.is_some() { "true" } else { "false" },
            internal: if network.reach == Reach::Internal { "true" } else { "false" },
            labels: units::labels(&network.labels),
            name: network.name,
            scope: "local",
            all_labels: network.labels,
        }
    }

    /// One of those that are always there.
    fn predefined(name: &str) -> Line {
        Line {
            created_at: String::new(),
            driver: match name {
                "host" => "host",
                "none" => "null",
                _ => "bridge",
            },
            id: network::predefined_id(name),
            ipv6: "false",
            internal: "false",
            labels: String::new(),
            name: name.to_owned(),
            scope: "local",
            all_labels: BTreeMap::new(),
        }
    }
}

impl List {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let is_quiet = self.format.is_quiet(self.quiet, ui);
        let format = self.format.read()?;
        let filters = Filters::parse(&self.filter, &["name", "id", "label", "driver", "type", "dangling"])?;
        let mut lines: Vec<Line> = network::list(world.home())?.into_iter().map(Line::of).collect();
        for name in PREDEFINED {
            if lines.iter().all(|line| line.name != name) {
                lines.push(Line::predefined(name));
            }
        }
        lines.sort_by(|one, other| one.name.cmp(&other.name));
        let is_custom = |line: &Line| !PREDEFINED.contains(&line.name.as_str());
        if let Some(dangling) = filters.truth("dangling")? {
            let used = runtime::used_networks(world)?;
            lines.retain(|line| (is_custom(line) && !used.contains(&line.name)) == dangling);
        }
        let any = |name: &str, fits: &dyn Fn(&str) -> bool| !filters.has(name) || filters.values(name).any(fits);
        lines.retain(|line| {
            any("name", &|part| line.name.contains(part))
                && any("id", &|start| line.id.starts_with(start))
                && any("driver", &|driver| line.driver == driver)
                && any("type", &|sort| (sort == "custom") == is_custom(line))
                && filters.fit_labels(&line.all_labels)
        });
        if !self.no_trunc {
            lines.iter_mut().for_each(|line| line.id.truncate(12));
        }
        if is_quiet {
            let mut out = ui.plain();
            return Ok(lines.iter().try_for_each(|line| writeln!(out, "{}", line.id))?);
        }
        format.show(ui, &TABLE, &lines)
    }
}
