//! The current step: one type for each completed phase, each consumed by the next.
//!
//! ```text
//! Resolved ──decide──▶ Decided ──execute──▶ Executed ──write──▶ Written ──commit──▶ Taken
//! ```
//!
//! A phase that fails consumes its step as well: the step starts again. Nothing of it is kept, except for what is true anyway: layers
//! in the store, unpacked directories.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::actions::copy::placement::Placement;
use super::actions::{copy, run, workdir};
use super::control::Control;
use super::decide::Decider;
use super::event::{ConfigChange, EventKind, Reporter, StepLabel};
use super::inputs::Inputs;
use super::intent::Intent;
use super::past::Past;
use super::paths::Changes;
use super::resolve::{Action, Files, Planned, Resolved};
use super::state::{State, id_of};
use super::taken::Taken;
use super::{Decision, Error};
use crate::cache::{Listing, Outcome, Record, Records, Roots, StepResult};
use crate::oci::Layer;
use crate::runtime::Remover;
use crate::tree::Tree;
use crate::world::{Clock, World};

/// How far a step has come.
pub(super) enum Progress {
    Resolved(Resolved),
    Decided(Decided),
    Executed(Executed),
    Written(Written),
}

/// A step of which it is known whether the cache has it.
pub(super) struct Decided {
    pub(crate) resolved: Resolved,
    pub(crate) decision: Decision,
    /// What the cache has.
    record: Option<Box<Record>>,
}

/// A step that was executed, or that the cache had.
pub(super) struct Executed {
    resolved: Resolved,
    decision: Decision,
    left: Left,
}

/// What there is to make a layer of.
enum Left {
    /// The cache has what comes next.
    Record(Box<Record>),
    Nothing,
    /// Files were placed in the tree, and are not written yet.
    Placed(Placement, Tree),
    /// A process left its changes in a directory.
    Ran(run::Remains),
}

/// A step with a layer in the store, if it has one.
pub(super) struct Written {
    resolved: Resolved,
    decision: Decision,
    made: Made,
    changes: Changes,
}

/// When the layer was made.
enum Made {
    Before(Box<Record>),
    Now(Option<Layer>),
}

/// Where steps are executed.
pub(super) struct Site<'m> {
    pub(crate) world: &'m Arc<World>,
    pub(crate) inputs: &'m Inputs,
    pub(crate) control: &'m Control,
    pub(crate) remover: &'m Remover,
}

/// Where steps are recorded.
pub(super) struct Books<'m> {
    pub(crate) records: &'m Records,
    pub(crate) past: &'m Past,
    pub(crate) clock: &'m Clock,
    /// Those that the finished image gets.
    pub(crate) labels: &'m BTreeMap<String, String>,
}

/// What a committed step is called, and where it stands.
pub(super) struct Standing {
    pub(crate) label: StepLabel,
    pub(crate) stage: usize,
    pub(crate) milliseconds: u64,
}

impl Progress {
    /// What was resolved first.
    pub(crate) fn resolved(&self) -> &Resolved {
        match self {
            Progress::Resolved(resolved) => resolved,
            Progress::Decided(decided) => &decided.resolved,
            Progress::Executed(executed) => &executed.resolved,
            Progress::Written(written) => &written.resolved,
        }
    }

    /// What was decided, once it was.
    pub(crate) fn decision(&self) -> Option<&Decision> {
        match self {
            Progress::Resolved(_) => None,
            Progress::Decided(decided) => Some(&decided.decision),
            Progress::Executed(executed) => Some(&executed.decision),
            Progress::Written(written) => Some(&written.decision),
        }
    }
}

impl Decided {
    /// Asks the cache about step `index`. `cause` is the number of the nearest step before it that is a cause of misses.
    ///
    /// # Errors
    /// A record or a past build can't be read.
    pub(crate) fn of(
        resolved: Resolved,
        index: usize,
        cause: Option<usize>,
        decider: &Decider<'_>,
    ) -> Result<Decided, Error> {
        let (decision, record) = match &resolved {
            Resolved::Start(_) => (Decision::NotCached, None),
            Resolved::Instruction(planned) => {
                decider.look_up(planned.question(index, &planned.intent.roots(), cause))?
            }
        };
        Ok(Decided { resolved, decision, record })
    }

    /// Does what is to be done, where the cache has no result of it.
    ///
    /// # Errors
    /// What the action says.
    pub(crate) fn execute(self, site: &Site<'_>, reporter: &mut Reporter<'_>) -> Result<Executed, Error> {
        let Decided { resolved, decision, record } = self;
        let left = match (record, &resolved) {
            (Some(record), _) => Left::Record(record),
            (None, Resolved::Start(_)) => Left::Nothing,
            (None, Resolved::Instruction(planned)) => execute(planned, site, reporter)?,
        };
        Ok(Executed { resolved, decision, left })
    }
}

fn execute(planned: &Planned, site: &Site<'_>, reporter: &mut Reporter<'_>) -> Result<Left, Error> {
    let Site { world, inputs, control, remover: _ } = site;
    let before = &planned.intent.before;
    match &planned.action {
        Action::Configure => Ok(Left::Nothing),
        Action::Copy(action) => {
            let (placement, below) = copy::execute(action, before, inputs, reporter)?;
            Ok(Left::Placed(placement, below))
        }
        Action::MakeDirectory(making) => {
            let below = inputs.tree(before)?;
            let placement = workdir::execute(making, &below, world, reporter)?;
            Ok(placement.map_or(Left::Nothing, |placement| Left::Placed(placement, below)))
        }
        Action::Run(execution) => Ok(Left::Ran(run::execute(execution, before, world, inputs, control, reporter)?)),
    }
}

impl Executed {
    /// Writes the layer of what changed.
    ///
    /// # Errors
    /// The layer can't be written.
    pub(crate) fn write(self, site: &Site<'_>) -> Result<Written, Error> {
        let Executed { resolved, decision, left } = self;
        let (made, changes) = match left {
            Left::Record(record) => (Made::Before(record), Changes::default()),
            Left::Nothing => (Made::Now(None), Changes::default()),
            Left::Placed(placement, before) => {
                let layer = placement.placed.write(site.world)?;
                (Made::Now(layer), Changes::placed(placement.placed, before))
            }
            Left::Ran(remains) => {
                let (layer, changes) = run::capture(remains, site.remover)?;
                (Made::Now(layer), changes)
            }
        };
        Ok(Written { resolved, decision, made, changes })
    }
}

impl Written {
    /// Records the step and tells of it: the next state.
    ///
    /// # Errors
    /// The record can't be written.
    pub(crate) fn commit(
        self,
        standing: Standing,
        books: &Books<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Taken, Error> {
        let Written { resolved, decision, made, changes } = self;
        let (outcome, layer, created) = match made {
            Made::Before(record) => (Outcome::Cached, record.result.layer, record.result.created),
            Made::Now(layer) => (Outcome::Ran, layer, books.clock.rfc3339()),
        };
        let milliseconds = standing.milliseconds;
        let (after, config) = match resolved {
            Resolved::Start(start) => (After { state: start.state, intent: None }, Arc::default()),
            Resolved::Instruction(planned) => {
                let state = planned.state_after(Files::Made(layer.as_ref()), &created);
                let intent = planned.intent;
                if outcome == Outcome::Ran {
                    let result =
                        StepResult { layer: layer.clone(), created, build: books.past.number()?, milliseconds };
                    books.record(&standing.label.instruction, &intent, result)?;
                }
                let config: Arc<[ConfigChange]> = intent.before.changes_to(&state).into();
                reporter.tell(EventKind::Changed { changes: changes.clone(), config: config.clone() });
                (After { state, intent: Some(intent) }, config)
            }
        };
        // The last state is the image: it is known by the id that the image has.
        let is_last = standing.label.number == standing.label.total;
        let known_by = match is_last {
            true => id_of(&after.state.finished_image(books.labels)),
            false => after.state.identity(),
        };
        reporter.tell(EventKind::Committed { layer: layer.clone(), state: known_by, outcome, milliseconds });
        let Standing { label, stage, .. } = standing;
        let (ingredients, roots, expanded) = match after.intent {
            Some(intent) => (Some(intent.ingredients), roots_of(intent.listings), intent.expanded),
            None => (None, Vec::new(), None),
        };
        let label = StepLabel { expanded, ..label };
        let state = Arc::new(after.state);
        Ok(Taken { label, stage, state, decision, ingredients, roots, layer, config, milliseconds })
    }
}

/// The state after a step, and what led to it except for FROM.
struct After {
    state: State,
    intent: Option<Intent>,
}

fn roots_of(listings: Vec<Listing>) -> Vec<Roots> {
    listings.into_iter().map(|listing| listing.roots).collect()
}

impl Books<'_> {
    /// Keeps the result of a step under its key. The layer is in the store already.
    fn record(&self, instruction: &str, intent: &Intent, result: StepResult) -> Result<(), Error> {
        for listing in &intent.listings {
            self.records.put_listing(listing)?;
        }
        Ok(self.records.put(&Record::new(instruction.to_owned(), intent.ingredients.clone(), result))?)
    }
}
