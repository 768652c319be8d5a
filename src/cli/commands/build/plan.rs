//! `layerlab plan`: what a build would find in the cache.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::options::{BuildOptions, check_context, located};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::machine::{Control, Event, Machine};
use crate::view::{debugger, json};
use crate::world::World;

/// Predict which steps would hit the cache, without running them.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    options: BuildOptions,
    /// Print JSON, one step per line
    #[arg(long)]
    json: bool,
    /// The build context
    #[arg(value_name = "DIR", default_value = ".")]
    context: PathBuf,
}

impl Plan {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        check_context(&self.context)?;
        let source = self.options.source(&self.context)?;
        let file = source.file.clone();
        let machine = Machine::new(world, source, self.options.options()?, Control::of(world))
            .map_err(|error| located(&error, &file, None))?;
        ui.report(machine.warnings(), Some(&file));
        let predictions = machine.foresee_all().map_err(|problems| Failure::messages(problems).within(&file))?;
        let mut out = ui.out();
        if !self.json {
            return Ok(out.write_all(debugger::plan(&ui.layout(&world.clock), &predictions).as_bytes())?);
        }
        for prediction in &predictions {
            let line = serde_json::json!({
                "schema": Event::SCHEMA,
                "type": "predicted",
                "step": prediction.label.number,
                "label": prediction.label,
                "decision": prediction.decision,
            });
            writeln!(out, "{}", json::compact(&line)?)?;
        }
        Ok(())
    }
}
