//! Looking at the Dockerfile and at a state's configuration: steps, stages, layers, variables, history; and giving a state a name.

use std::sync::Arc;

use serde::Serialize;

use super::breakpoint::steps_at;
use super::error::Error;
use super::work::{Sink, Work};
use crate::cache::Build;
use crate::machine::{Decision, Graph, Machine, State, StepLabel};
use crate::oci::{Digest, History, Layer, Reference};
use crate::plan::Stage;

/// Where a step is, seen from where the debugger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Taken,
    /// It comes next, or is under way.
    Next,
    ToCome,
}

/// What the cache has of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlook {
    /// What was decided, or would be.
    Decided(Decision),
    /// It was taken before the last change, and is kept: the cache was not asked again.
    Kept,
    /// It can't be foreseen: a step before it has to run first, or it is wrong.
    Unforeseen,
    /// Nobody asked.
    NotAsked,
}

/// One step, as a list of them shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepRow {
    pub(crate) step: StepLabel,
    pub status: StepStatus,
    pub outlook: Outlook,
    /// Whether it was taken last, and failed.
    pub(crate) has_failed: bool,
    /// The ids of the breakpoints before it.
    pub breakpoints: Vec<usize>,
    pub(crate) milliseconds: Option<u64>,
}

/// One stage, in the order in which they are built.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageRow {
    pub name: String,
    /// What its FROM names, as written.
    pub(crate) from: String,
    /// How many of its steps are taken, of how many.
    pub taken: usize,
    pub total: usize,
    /// Its step that comes next or is under way; `None` where all are taken.
    pub next: Option<StepLabel>,
}

/// A stage that the target does not need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    pub(crate) name: String,
    /// How many steps it would have.
    pub(crate) steps: usize,
}

/// A past build that a step can be compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PastBuild {
    pub(crate) number: u64,
    /// RFC 3339.
    pub(crate) started: String,
    pub(crate) steps: usize,
    /// `None`: it was not finished.
    pub(crate) image: Option<Digest>,
}

/// One layer of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerRow {
    pub(crate) layer: Layer,
    pub(crate) created_by: Option<String>,
}

/// One entry of a state's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Past {
    /// RFC 3339.
    pub(crate) created: Option<String>,
    pub(crate) created_by: Option<String>,
    /// The bytes of its layer; 0 where it has none.
    pub(crate) size: u64,
}

/// One variable that a RUN would see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    pub name: String,
    pub(crate) value: String,
    /// An ENV is, an ARG is not.
    pub is_in_image: bool,
}

/// A state that got a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tagged {
    pub reference: Reference,
    /// The step that it is the state after; `None` for the image of the whole build.
    pub after_step: Option<usize>,
}

/// The steps, with what is known of them. The cache is not asked.
pub(super) fn steps(work: &Work) -> Vec<StepRow> {
    let Some(machine) = &work.machine else { return Vec::new() };
    let position = machine.position();
    let labels = (0..machine.step_count()).filter_map(|index| Some((index, machine.label(index)?)));
    let mut rows: Vec<StepRow> = labels
        .map(|(index, step)| StepRow {
            step,
            status: match () {
                () if index < position => StepStatus::Taken,
                () if index == position => StepStatus::Next,
                () => StepStatus::ToCome,
            },
            outlook: match machine.taken().get(index) {
                Some(taken) if index < machine.kept() && !matches!(taken.decision, Decision::NotCached { .. }) => {
                    Outlook::Kept
                }
                Some(taken) => Outlook::Decided(taken.decision.clone()),
                None => Outlook::NotAsked,
            },
            has_failed: work.failed == Some(index),
            breakpoints: Vec::new(),
            milliseconds: machine.taken().get(index).map(|taken| taken.milliseconds),
        })
        .collect();
    for breakpoint in work.breakpoints.enabled() {
        for step in steps_at(&breakpoint.place, machine) {
            rows[step.number - 1].breakpoints.push(breakpoint.id);
        }
    }
    rows
}

/// The steps, with what the cache has of those to come. It runs nothing.
pub(super) fn steps_foreseen(work: &mut Work) -> Vec<StepRow> {
    work.look_again();
    let mut rows = steps(work);
    let Some(machine) = &work.machine else { return rows };
    let position = machine.position();
    // Behind a step that is wrong nothing is foreseen.
    let predictions = machine.foresee(position..machine.step_count()).steps;
    for row in &mut rows[position..] {
        row.outlook = Outlook::Unforeseen;
    }
    for prediction in predictions {
        rows[prediction.label.number - 1].outlook = Outlook::Decided(prediction.decision);
    }
    rows
}

/// The stages with their steps, taken and to come, and what each takes from which.
pub(super) fn graph(work: &mut Work) -> Result<Graph, Error> {
    let rows = steps_foreseen(work);
    let machine = work.machine()?;
    let decision = |index: usize| match &rows.get(index)?.outlook {
        Outlook::Decided(decision) => Some(decision.clone()),
        Outlook::Kept => machine.taken().get(index).map(|taken| taken.decision.clone()),
        Outlook::Unforeseen | Outlook::NotAsked => None,
    };
    Ok(machine.graph(decision))
}

/// The stages that are built, with how far each is. The first that is begun and not at its end is the one under way; where
/// triggers of its base image need another stage, that one comes first.
pub(super) fn stages(work: &Work) -> Vec<StageRow> {
    let Some(machine) = &work.machine else { return Vec::new() };
    let plan = machine.plan();
    let steps = steps(work);
    let row = |&index: &usize| {
        let stage = &plan.stages[index];
        let own = || steps.iter().filter(|row| row.step.stage == stage.label());
        StageRow {
            name: stage.label(),
            from: stage.source.from.text.clone(),
            taken: own().filter(|row| row.status == StepStatus::Taken).count(),
            total: own().count(),
            next: own().find(|row| row.status != StepStatus::Taken).map(|row| row.step.clone()),
        }
    };
    machine.built_stages().iter().map(row).collect()
}

/// The stages that are not built.
pub(crate) fn left_out(machine: &Machine) -> Vec<LeftOut> {
    let plan = machine.plan();
    let built = machine.built_stages();
    let is_left_out = |stage: &&Stage| !built.contains(&stage.index);
    let row = |stage: &Stage| LeftOut { name: stage.label(), steps: stage.source.instructions.len() + 1 };
    plan.stages.iter().filter(is_left_out).map(row).collect()
}

/// The past builds of the same, newest first.
pub(super) fn builds(work: &Work) -> Result<Vec<PastBuild>, Error> {
    let builds = work.machine()?.earlier_builds()?.iter().filter(|build| build.imported_from.is_none());
    let row = |build: &Build| PastBuild {
        number: build.number,
        started: build.started.clone(),
        steps: build.steps.len(),
        image: build.image,
    };
    Ok(builds.map(row).collect())
}

/// The names that the written image has in the store. They are only shown: what can't be read has none.
pub(super) fn names(work: &Work) -> Vec<Reference> {
    let Some(finished) = &work.finished else { return Vec::new() };
    work.world.store.names_of(&finished.manifest.digest).unwrap_or_default()
}

/// How many files and bytes COPY can see; `None` without a Dockerfile.
pub(super) fn context(work: &Work) -> Result<Option<crate::context::Summary>, Error> {
    match &work.machine {
        Some(machine) => Ok(Some(machine.context()?.snapshot.summary())),
        None => Ok(None),
    }
}

/// The layers of a state, base first.
pub fn layers(state: &State) -> Vec<LayerRow> {
    let mut created_by = state.history().filter(|entry| !entry.empty_layer);
    let row = |layer| LayerRow { layer, created_by: created_by.next().and_then(|entry| entry.created_by.clone()) };
    state.layers().into_iter().map(row).collect()
}

/// The variables that a RUN would see in a state.
pub fn env(state: &State) -> Vec<Variable> {
    let variables = &state.settings.variables;
    let variable = |(name, value): (&str, &str)| Variable {
        name: name.to_owned(),
        value: value.to_owned(),
        is_in_image: variables.is_in_image(name),
    };
    variables.run_environment().into_iter().map(variable).collect()
}

/// The history of a state, oldest first.
pub fn history(state: &State) -> Vec<Past> {
    let mut sizes = state.stack().iter().map(|stacked| stacked.layer.descriptor.size);
    let past = |entry: &History| Past {
        created: entry.created.clone(),
        created_by: entry.created_by.clone(),
        size: if entry.empty_layer { 0 } else { sizes.next().unwrap_or(0) },
    };
    state.history().map(past).collect()
}

/// The state after step `number`, or the current one.
pub(super) fn state(work: &Work, number: Option<usize>) -> Result<Arc<State>, Error> {
    match number {
        Some(number) => work.state_after(number)?.ok_or(Error::NothingInside),
        None => work.current(),
    }
}

/// Gives the state a name. The last state is the build's image; any other becomes one as it is.
pub(super) fn tag(work: &mut Work, name: &str, sink: &mut Sink<'_>) -> Result<Tagged, Error> {
    let reference =
        Reference::parse_normalized(name).map_err(|source| Error::BadName { name: name.to_owned(), source })?;
    if reference.has_digest() {
        return Err(Error::NameWithDigest(name.to_owned()));
    }
    let reference = reference.with_default_tag();
    let state = work.current()?;
    let (manifest, after_step) = if work.is_done() {
        (work.finish(sink)?.manifest, None)
    } else {
        let manifest = work.world.store.put_image(&state.image(), &state.layers())?;
        (manifest, Some(work.machine()?.position()))
    };
    work.world.store.tag(&reference, &manifest)?;
    Ok(Tagged { reference, after_step })
}
