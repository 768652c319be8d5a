//! `layerlab builds`: past builds, and what became of their steps.

use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::cache::{Build, BuildStep, Builds as Past, Outcome};
use crate::cli::failure::Failure;
use crate::cli::format::{FormatOption, Row, Table};
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::view::table::TooWide;
use crate::view::units;
use crate::world::World;

/// What stands for the number of the latest build.
const LAST: &str = "last";

/// The columns of the list.
const LIST: Table = Table {
    shown: &["Build", "Started", "Steps", "Hits", "Misses", "Image", "Context"],
    titles: &[
        ("Build", "BUILD"),
        ("Started", "STARTED"),
        ("StartedAt", "STARTED AT"),
        ("Steps", "STEPS"),
        ("Hits", "HITS"),
        ("Misses", "MISSES"),
        ("Image", "IMAGE"),
        ("Context", "CONTEXT"),
        ("Dockerfile", "DOCKERFILE"),
    ],
    too_wide: TooWide::Cut,
};

/// The columns of one build.
const STEPS: Table = Table {
    shown: &["Step", "Outcome", "Time", "Instruction"],
    titles: &[
        ("Step", "STEP"),
        ("Stage", "STAGE"),
        ("Outcome", "OUTCOME"),
        ("Time", "TIME"),
        ("Instruction", "INSTRUCTION"),
        ("Key", "KEY"),
    ],
    too_wide: TooWide::Cut,
};

/// List past builds, or the steps of one: which were hits, which missed, and how long they took.
#[derive(Debug, Args)]
#[command(after_help = "`why` in the debugger says what a step's key was made of, and why it missed.")]
pub(crate) struct Builds {
    #[command(flatten)]
    format: FormatOption,
    /// The number of a build, or `last`
    #[arg(value_name = "BUILD")]
    build: Option<String>,
}

impl Builds {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let format = self.format.read()?;
        let past = Past::open(world.home());
        let numbers = past.numbers()?;
        let Some(wanted) = &self.build else {
            let mut rows = Vec::new();
            for number in numbers.into_iter().rev() {
                rows.extend(past.get(number)?.map(|build| Line::of(&build, world.clock.seconds())));
            }
            return format.show(ui, &LIST, &rows);
        };
        let number = if wanted == LAST { numbers.last().copied() } else { wanted.parse().ok() };
        let build = match number {
            Some(number) => past.get(number)?,
            None => None,
        };
        let Some(build) = build else {
            let error = Diagnostic::error(format!("there is no build `{wanted}`"));
            let hint = match numbers.is_empty() {
                true => "nothing was built yet",
                false => "`layerlab builds` lists them; `last` is the latest one",
            };
            return Err(error.hint(hint).into());
        };
        let rows: Vec<StepLine> = build.steps.iter().map(StepLine::of).collect();
        format.show(ui, &STEPS, &rows)
    }
}

/// A build in the list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    build: String,
    started: String,
    started_at: String,
    steps: String,
    hits: String,
    misses: String,
    image: String,
    context: String,
    dockerfile: String,
}

impl Row for Line {}

impl Line {
    fn of(build: &Build, now: i64) -> Line {
        // FROM has no key: it is looked up each time, and is neither.
        let count = |outcome: Outcome| {
            build.steps.iter().filter(|step| step.key.is_some() && step.outcome == outcome).count().to_string()
        };
        Line {
            build: build.number.to_string(),
            started: units::ago(now, Some(&build.started)),
            started_at: build.started.clone(),
            steps: build.steps.len().to_string(),
            hits: count(Outcome::Cached),
            misses: count(Outcome::Ran),
            image: build.image.as_ref().map(crate::oci::Digest::short).unwrap_or_default(),
            context: build.context.clone(),
            dockerfile: Path::new(&build.dockerfile).display().to_string(),
        }
    }
}

/// A step of a build.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct StepLine {
    step: String,
    stage: String,
    outcome: &'static str,
    time: String,
    instruction: String,
    key: String,
}

impl Row for StepLine {}

impl StepLine {
    fn of(step: &BuildStep) -> StepLine {
        StepLine {
            step: step.number.to_string(),
            stage: step.stage.clone(),
            outcome: match (step.outcome, &step.key) {
                (Outcome::Failed, _) => "failed",
                (Outcome::Ran | Outcome::Cached, None) => "-",
                (Outcome::Ran, Some(_)) => "miss",
                (Outcome::Cached, Some(_)) => "hit",
            },
            time: units::time(step.milliseconds),
            instruction: step.instruction.clone(),
            key: step.key.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}
