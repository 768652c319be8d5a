//! What only the events of a build tell: what a step printed, how its container was set up, why it failed, what was suspicious.
//!
//! It listens beside the view that shows the build, and keeps what a report needs: of each step the last time that it was tried, of its output
//! the beginning and the end. A secret that a command prints is veiled before it is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::printed::Printed;
use crate::container::Plan;
use crate::machine::{Decision, Event, EventKind, StepLabel, Warning};
use crate::view::{sharing, units};

/// How much of all steps' output is kept, and how much of a step's at least and at most.
const MOST_OUTPUT: usize = 192 << 10;
const LEAST_OF_A_STEP: usize = 256;
const MOST_OF_A_STEP: usize = 16 << 10;
/// How many containers are kept, each with a hundred operations.
const MOST_CONTAINERS: usize = 200;
/// How many warnings are kept of the whole build, and how many remarks of a step.
const MOST_WARNINGS: usize = 100;
const MOST_REMARKS: usize = 20;

/// What was noted of a build.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(super) build: Option<u64>,
    /// Files, bytes, and how many entries are excluded.
    pub(super) context: Option<(u64, u64, u64)>,
    pub(super) milliseconds: Option<u64>,
    /// With the step that each is about.
    pub(super) warnings: Vec<(Option<usize>, Warning)>,
    /// What was said of shared caches.
    pub(super) remarks: Vec<String>,
    steps: BTreeMap<usize, StepNotes>,
}

/// What was noted of a step.
#[derive(Debug, Default)]
pub(crate) struct StepNotes {
    label: Arc<StepLabel>,
    began: u64,
    pub(super) decision: Option<Decision>,
    pub(super) remarks: Vec<String>,
    pub(super) container: Option<Container>,
    pub(super) printed: Printed,
    /// How its command ended; `None`: there was none.
    pub(super) status: Option<i32>,
    pub(super) failure: Option<Failed>,
}

/// Why a step failed, and when.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) message: String,
    /// After its beginning.
    pub(super) milliseconds: u64,
}

/// A container that a step ran in.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) plan: Arc<Plan>,
}

impl Notes {
    /// What was noted of a step the last time that it was tried.
    pub(super) fn of(&self, step: &StepLabel) -> Option<&StepNotes> {
        let is_the_same = |notes: &&StepNotes| {
            (&notes.label.stage, &notes.label.instruction, notes.label.trigger)
                == (&step.stage, &step.instruction, step.trigger)
        };
        self.steps.get(&step.number).filter(is_the_same)
    }

    /// Notes what is to be noted of an event.
    pub(crate) fn event(&mut self, event: &Event) {
        if let (EventKind::StepStarted, Some(label)) = (&event.kind, &event.step) {
            let printed = Printed::new((MOST_OUTPUT / label.total.max(1)).clamp(LEAST_OF_A_STEP, MOST_OF_A_STEP));
            let (label, began) = (label.clone(), event.time);
            self.steps.insert(label.number, StepNotes { label, began, printed, ..StepNotes::default() });
        }
        let number = event.step.as_ref().map(|step| step.number);
        match number.and_then(|number| self.steps.get_mut(&number)) {
            Some(step) => step.event(event),
            None => self.remarks.extend(remark(&event.kind).filter(|_| self.remarks.len() < MOST_REMARKS)),
        }
        match &event.kind {
            EventKind::BuildStarted { build, .. } => self.build = Some(*build),
            EventKind::ContextLoaded { files, bytes, excluded } => self.context = Some((*files, *bytes, *excluded)),
            EventKind::BuildFinished { milliseconds, .. } => self.milliseconds = Some(*milliseconds),
            EventKind::ContainerStarted { id, plan, .. } => {
                let kept = self.steps.values().filter(|step| step.container.is_some()).count();
                let step = number.and_then(|number| self.steps.get_mut(&number));
                if let Some(step) = step.filter(|_| kept < MOST_CONTAINERS) {
                    step.container = Some(Container { id: id.clone(), plan: plan.clone() });
                }
            }
            EventKind::Warning(warning) if self.warnings.len() < MOST_WARNINGS => {
                self.warnings.push((number, warning.clone()));
            }
            EventKind::Warning(_)
            | EventKind::CacheImported { .. }
            | EventKind::StepStarted
            | EventKind::Expanded { .. }
            | EventKind::Pulled { .. }
            | EventKind::NamedContext { .. }
            | EventKind::Downloaded { .. }
            | EventKind::Resolved { .. }
            | EventKind::Decided { .. }
            | EventKind::LayerFetched { .. }
            | EventKind::Output { .. }
            | EventKind::ContainerEnded { .. }
            | EventKind::Changed { .. }
            | EventKind::Committed { .. }
            | EventKind::StepFailed { .. }
            | EventKind::StepStopped
            | EventKind::Tagged { .. }
            | EventKind::CacheExported { .. } => {}
        }
    }
}

impl StepNotes {
    fn event(&mut self, event: &Event) {
        self.remarks.extend(remark(&event.kind).filter(|_| self.remarks.len() < MOST_REMARKS));
        match &event.kind {
            EventKind::Decided { decision } => self.decision = Some(decision.clone()),
            EventKind::ContainerStarted { plan, .. } => {
                self.printed.veil(&plan.secrets());
                self.status = Some(0);
            }
            EventKind::Output { stream, bytes } => self.printed.push(*stream, bytes),
            EventKind::ContainerEnded { status, .. } => {
                self.printed.end();
                self.status = Some(*status);
            }
            EventKind::StepFailed { message } => {
                self.printed.end();
                let milliseconds = event.time.saturating_sub(self.began);
                self.failure = Some(Failed { message: message.clone(), milliseconds });
            }
            EventKind::StepStopped => self.printed.end(),
            EventKind::BuildStarted { .. }
            | EventKind::ContextLoaded { .. }
            | EventKind::CacheImported { .. }
            | EventKind::StepStarted
            | EventKind::Expanded { .. }
            | EventKind::Pulled { .. }
            | EventKind::NamedContext { .. }
            | EventKind::Downloaded { .. }
            | EventKind::Resolved { .. }
            | EventKind::LayerFetched { .. }
            | EventKind::Changed { .. }
            | EventKind::Committed { .. }
            | EventKind::Warning(_)
            | EventKind::BuildFinished { .. }
            | EventKind::Tagged { .. }
            | EventKind::CacheExported { .. } => {}
        }
    }
}

/// What is worth a line of its own.
fn remark(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::CacheImported { from, steps } => format!("import {}", sharing::imported(from, *steps)),
        EventKind::CacheExported { to, exported } => format!("export {}", sharing::exported(to, exported)),
        EventKind::LayerFetched { from, layer, bytes } => format!("fetched {}", sharing::fetched(from, layer, *bytes)),
        EventKind::Pulled { image, digest, layers, .. } => {
            format!("pulled {image}, {}: {digest}", units::count(layers.len() as u64, "layer"))
        }
        EventKind::NamedContext { name, stands_for } => format!("`{name}` stands for {stands_for}"),
        EventKind::Downloaded { url, bytes, is_new: true, .. } => format!("downloaded {url}, {}", units::size(*bytes)),
        EventKind::Downloaded { url, is_new: false, .. } => format!("{url} has not changed"),
        EventKind::Resolved { image, stands_in_for: Some(name), .. } => {
            format!("{name} is not in the store: the built-in {image} is used instead")
        }
        EventKind::Resolved { stands_in_for: None, .. }
        | EventKind::BuildStarted { .. }
        | EventKind::ContextLoaded { .. }
        | EventKind::StepStarted
        | EventKind::Expanded { .. }
        | EventKind::Decided { .. }
        | EventKind::ContainerStarted { .. }
        | EventKind::Output { .. }
        | EventKind::ContainerEnded { .. }
        | EventKind::Changed { .. }
        | EventKind::Committed { .. }
        | EventKind::StepFailed { .. }
        | EventKind::StepStopped
        | EventKind::Warning(_)
        | EventKind::BuildFinished { .. }
        | EventKind::Tagged { .. } => return None,
    })
}
