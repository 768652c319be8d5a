//! `layerlab volume ls`: the volumes.

use std::io::Write as _;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::inspect::mountpoint;
use crate::cli::failure::Failure;
use crate::cli::filters::Filters;
use crate::cli::ui::Ui;
use crate::diagnostic::{Explained as _, Severity};
use crate::runtime::volume::{going, kept};
use crate::view::table::TooWide;
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
    /// The form: a table, or a line of JSON for each volume
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    format: Form,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    #[default]
    Table,
    Json,
}

impl List {
    pub(super) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
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
        let mut out = ui.plain();
        match self.format {
            _ if self.quiet => volumes.iter().try_for_each(|volume| writeln!(out, "{}", volume.name))?,
            Form::Json => {
                for volume in &volumes {
                    let labels = volume.record.labels.iter().map(|(name, value)| format!("{name}={value}"));
                    let document = json!({
                        "Driver": "local",
                        "Labels": labels.collect::<Vec<_>>().join(","),
                        "Mountpoint": mountpoint(world, volume),
                        "Name": volume.name,
                        "Scope": "local",
                    });
                    writeln!(out, "{document}")?;
                }
            }
            Form::Table => {
                let row = |volume: &kept::Kept| vec!["local".to_owned(), volume.name.clone()];
                let rows: Vec<Vec<String>> = volumes.iter().map(row).collect();
                ui.table(&["DRIVER", "VOLUME NAME"], &rows, TooWide::Broken)?;
            }
        }
        Ok(())
    }
}
