//! `layerlab plan`: what a build would find in the cache.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::options::{BuildOptions, check_context, located};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::debugger::left_out;
use crate::machine::{Control, Machine};
use crate::view::screen::Screen;
use crate::view::{debugger, json, pictures};
use crate::world::World;

/// Predict which steps would hit the cache, without running them.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    options: BuildOptions,
    /// Print JSON, one step per line
    #[arg(long, conflicts_with = "graph")]
    json: bool,
    /// Draw the stages, what each takes from which, and what a change reaches; with `=chain`, how steps hang on one another
    /// in the cache, and where that breaks
    #[arg(long, value_name = "FORM", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    graph: Option<GraphForm>,
    /// The build context
    #[arg(value_name = "DIR", default_value = ".")]
    context: PathBuf,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GraphForm {
    // Boxes and lines for the terminal.
    Text,
    // What hangs on what in the cache, and where that breaks.
    Chain,
    // A file for a page.
    Svg,
}

impl Plan {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        check_context(&self.context, world.store.limits())?;
        let source = self.options.source(&self.context, world)?;
        let file = source.file.clone();
        let machine = Machine::new(world, source, self.options.options(&world.store)?, Control::of(world))
            .map_err(|error| located(&error, &file, None))?;
        ui.report(machine.warnings(), Some(&file));
        let (predictions, problems) = machine.foresee_all();
        let wrong = (!problems.is_empty()).then(|| Failure::messages(problems).within(&file));
        let warnings = predictions.iter().flat_map(|prediction| &prediction.warnings).cloned();
        ui.report(&warnings.collect::<Vec<_>>(), Some(&file));
        let mut out = ui.out();
        if let Some(wrong) = wrong {
            if !self.json && self.graph.is_none() && !predictions.is_empty() {
                out.write_all(debugger::plan(&ui.layout(&world.clock), &predictions, &left_out(&machine)).as_bytes())?;
            }
            return Err(wrong);
        }
        if let Some(form) = self.graph {
            let foreseen = |index| predictions.iter().find(|one| one.label.number == index + 1);
            let graph = machine.graph(|index| foreseen(index).map(|one| one.decision.clone()));
            match form {
                GraphForm::Text => out.write_all(pictures::graph(&ui.layout(&world.clock), &graph).as_bytes())?,
                GraphForm::Chain => out.write_all(pictures::chain(&ui.layout(&world.clock), &graph).as_bytes())?,
                GraphForm::Svg => Screen::document(&pictures::svg(&graph))?,
            }
            return Ok(());
        }
        if !self.json {
            return Ok(
                out.write_all(debugger::plan(&ui.layout(&world.clock), &predictions, &left_out(&machine)).as_bytes())?
            );
        }
        for prediction in &predictions {
            let line = serde_json::json!({
                "schema": json::SCHEMA,
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
