//! What only the events of a build tell: what a step printed, how its container was set up, why it failed, what was suspicious.
//!
//! It listens beside the view that shows the build, and keeps what a report needs: of each step the last time that it was tried, of its output
//! the beginning and the end. A secret that a command prints is masked before it is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::printed::Printed;
use crate::container::{Operation, Plan};
use crate::debugger::credentials_of_decision;
use crate::hidden::{Hidden, Mask, credentials_in, credentials_in_addresses, credentials_in_expanded};
use crate::machine::{Decision, Event, EventKind, StepLabel, Warning};
use crate::view::{origin, sharing, units};

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
    /// What is not to be told: each once.
    hidden: Vec<Hidden>,
    /// A mask of these, once a command has needed one.
    mask: Option<Mask>,
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

    /// Secrets that commands were given, and credentials.
    pub(super) fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// Notes what is to be noted of an event.
    pub(crate) fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::BuildStarted { build, .. } => self.build = Some(*build),
            EventKind::ContextLoaded { files, bytes, excluded } => self.context = Some((*files, *bytes, *excluded)),
            EventKind::BuildFinished { milliseconds, .. } => self.milliseconds = Some(*milliseconds),
            EventKind::Warning(warning) if self.warnings.len() < MOST_WARNINGS => {
                self.warnings.push((event.step.as_ref().map(|step| step.number), warning.clone()));
            }
            EventKind::StepStarted => self.begin(event),
            EventKind::Decided { decision } => {
                self.hide(credentials_of_decision(decision));
                self.change(event, |step| step.decision = Some(decision.clone()));
            }
            EventKind::ContainerStarted { id, plan, .. } => self.container(event, id, plan),
            EventKind::Output { stream, bytes } => self.change(event, |step| step.printed.push(*stream, bytes)),
            EventKind::ContainerEnded { status, .. } => self.change(event, |step| {
                step.printed.end();
                step.status = Some(*status);
            }),
            EventKind::StepFailed { message } => {
                self.hide_addresses(message);
                self.change(event, |step| {
                    step.printed.end();
                    let milliseconds = event.time.saturating_sub(step.began);
                    step.failure = Some(Failed { message: message.clone(), milliseconds });
                });
            }
            EventKind::StepStopped => self.change(event, |step| step.printed.end()),
            EventKind::CacheImported { from, steps } => {
                self.remark(event, format!("import {}", sharing::imported(from, *steps)));
            }
            EventKind::CacheExported { to, exported } => {
                self.remark(event, format!("export {}", sharing::exported(to, exported)));
            }
            EventKind::LayerFetched { from, layer, bytes } => {
                self.remark(event, format!("fetched {}", sharing::fetched(from, layer, *bytes)));
            }
            EventKind::Pulled { image, digest, layers, .. } => {
                let layers = units::count(layers.len() as u64, "layer");
                self.remark(event, format!("pulled {image}, {layers}: {digest}"));
            }
            EventKind::NamedContext { name, stands_for } => {
                self.remark(event, origin::named(name, stands_for));
            }
            EventKind::Downloaded { url, bytes, is_new: true, .. } => {
                self.remark(event, format!("downloaded {url}, {}", units::size(*bytes)));
            }
            EventKind::Downloaded { url, is_new: false, .. } => self.remark(event, format!("{url} has not changed")),
            EventKind::RepositoryFetched { repository, commit, bytes, is_new } => {
                let what = if *is_new { "fetched" } else { "not changed:" };
                self.remark(event, format!("{what} {}", origin::repository(repository, commit, *bytes)));
            }
            EventKind::Resolved { image, stands_in_for: Some(name), .. } => {
                self.remark(event, origin::stood_in(name, image));
            }
            EventKind::Resolved { stands_in_for: None, .. }
            | EventKind::Warning(_)
            | EventKind::Expanded { .. }
            | EventKind::Changed { .. }
            | EventKind::Committed { .. }
            | EventKind::Tagged { .. } => {}
        }
    }

    /// A step begins, perhaps once more.
    fn begin(&mut self, event: &Event) {
        let Some(label) = event.step.clone() else { return };
        let printed = Printed::new((MOST_OUTPUT / label.total.max(1)).clamp(LEAST_OF_A_STEP, MOST_OF_A_STEP));
        let step = StepNotes { label, began: event.time, printed, ..StepNotes::default() };
        self.steps.insert(step.label.number, step);
    }

    /// Notes something of the step that an event is about.
    fn change(&mut self, event: &Event, note: impl FnOnce(&mut StepNotes)) {
        if let Some(step) = event.step.as_ref().and_then(|step| self.steps.get_mut(&step.number)) {
            note(step);
        }
    }

    /// Notes what is worth a line of its own: of the step, or of the build.
    fn remark(&mut self, event: &Event, remark: String) {
        self.hide_addresses(&remark);
        let step = event.step.as_ref().and_then(|step| self.steps.get_mut(&step.number));
        let remarks = step.map_or(&mut self.remarks, |step| &mut step.remarks);
        if remarks.len() < MOST_REMARKS {
            remarks.push(remark);
        }
    }

    /// A command begins: what it was given to keep is masked from its first byte.
    fn container(&mut self, event: &Event, id: &str, plan: &Arc<Plan>) {
        self.hide(plan.secrets().into_iter().chain(credentials(plan)));
        let kept = self.steps.values().filter(|step| step.container.is_some()).count();
        let container = (kept < MOST_CONTAINERS).then(|| Container { id: id.to_owned(), plan: plan.clone() });
        let mask = self.mask.get_or_insert_with(|| Mask::of(&self.hidden)).clone();
        self.change(event, |step| {
            step.container = container;
            step.printed.mask(&mask);
            step.status = Some(0);
        });
    }

    /// From now on what the addresses in a text have is masked, too: variables may have made them.
    fn hide_addresses(&mut self, text: &str) {
        self.hide(credentials_in_addresses(text).into_iter().map(|one| Hidden::new(one.into())));
    }

    /// From now on these are masked, too.
    pub(crate) fn hide(&mut self, hidden: impl IntoIterator<Item = Hidden>) {
        for one in hidden {
            if !self.hidden.contains(&one) {
                self.hidden.push(one);
                self.mask = None;
            }
        }
    }
}

/// The values of a command's variables that are taken for credentials, and those in addresses that the command makes of them.
fn credentials(plan: &Plan) -> Vec<Hidden> {
    let executed = plan.in_order().find_map(|(_, operation)| match operation {
        Operation::Execute { args, env, .. } => Some((args, env)),
        _ => None,
    });
    let Some((args, env)) = executed else { return Vec::new() };
    let variables: BTreeMap<&str, &str> = env.iter().filter_map(|entry| entry.split_once('=')).collect();
    let of_variables = variables.iter().flat_map(|(name, value)| credentials_in(name, value)).map(str::to_owned);
    let made = args.iter().flat_map(|text| credentials_in_expanded(text, |name| variables.get(name).copied()));
    of_variables.chain(made).map(|value| Hidden::new(value.into_bytes())).collect()
}
