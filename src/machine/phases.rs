//! The current step: one type for each completed phase, each consumed by the next.
//!
//! ```text
//! Resolved ──decide──▶ Decided ──execute──▶ Executed ──write──▶ Written ──commit──▶ Taken
//! ```
//!
//! What the cache has passes through unchanged; the last three differ in what there is of a step that it did not have. A phase that fails
//! consumes its step as well: the step starts again. Nothing is kept but what holds regardless: layers in the store, unpacked
//! directories.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::actions::copy::placement::Placement;
use super::actions::from::Start;
use super::actions::{copy, run, workdir};
use super::asked::Before;
use super::control::Control;
use super::decide::{Decider, Found};
use super::event::{ConfigChange, Done, EventKind, Reporter, StepLabel};
use super::inputs::Inputs;
use super::intent::Intent;
use super::noted::Noted;
use super::past::Past;
use super::paths::Changes;
use super::resolve::{Action, Planned, Resolved};
use super::state::{FilesAfter, State, id_of};
use super::taken::Taken;
use super::{Decision, Error};
use crate::cache::{Listing, MissReason, Record, Records, Roots, StepResult};
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

// ANCHOR: answered
/// A step that the cache has answered about. `R` is what there is of it where the cache does not have it.
pub(super) enum Answered<R> {
    /// FROM has no key.
    Start(Box<Start>, Decision),
    Hit(Box<Planned>, Box<Record>),
    Miss(Box<Planned>, MissReason, R),
}

/// A step of which it is known whether the cache has it.
pub(super) type Decided = Answered<()>;

/// A step that was executed, or that the cache has.
pub(super) type Executed = Answered<Unwritten>;

/// A step with its layer in the store, if it has one.
pub(super) type Written = Answered<Made>;
// ANCHOR_END: answered

/// What there is to make a layer of.
pub(super) enum Unwritten {
    Nothing,
    /// Files were placed in the tree.
    Placed(Placement, Tree),
    /// A process left its changes in a directory.
    Ran(run::Remains),
}

/// What a step made now.
#[derive(Default)]
pub(super) struct Made {
    layer: Option<Layer>,
    changes: Changes,
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
pub(super) struct StepContext {
    pub(crate) label: StepLabel,
    pub(crate) stage: usize,
    pub(crate) milliseconds: u64,
}

impl Progress {
    /// What the instruction is about to do; `None` for FROM.
    pub(crate) fn intent(&self) -> Option<&Intent> {
        match self {
            Progress::Resolved(resolved) => resolved.intent(),
            Progress::Decided(decided) => decided.intent(),
            Progress::Executed(executed) => executed.intent(),
            Progress::Written(written) => written.intent(),
        }
    }

    /// What was decided, once it was.
    pub(crate) fn decision(&self) -> Option<Decision> {
        match self {
            Progress::Resolved(_) => None,
            Progress::Decided(decided) => Some(decided.decision()),
            Progress::Executed(executed) => Some(executed.decision()),
            Progress::Written(written) => Some(written.decision()),
        }
    }
}

impl<R> Answered<R> {
    fn intent(&self) -> Option<&Intent> {
        match self {
            Answered::Start(..) => None,
            Answered::Hit(planned, _) | Answered::Miss(planned, ..) => Some(&planned.intent),
        }
    }

    /// What every front end shows of it.
    pub(crate) fn decision(&self) -> Decision {
        match self {
            Answered::Start(_, decision) => decision.clone(),
            Answered::Hit(_, record) => Decision::hit(record),
            Answered::Miss(planned, reason, _) => {
                Decision::Miss { key: Some(planned.intent.key()), reason: reason.clone() }
            }
        }
    }

    // ANCHOR: miss
    /// The next phase, which has something to do only where the cache does not have the step.
    fn miss<N>(self, next: impl FnOnce(&Planned, R) -> Result<N, Error>) -> Result<Answered<N>, Error> {
        Ok(match self {
            Answered::Start(start, decision) => Answered::Start(start, decision),
            Answered::Hit(planned, record) => Answered::Hit(planned, record),
            Answered::Miss(planned, reason, result) => {
                let result = next(&planned, result)?;
                Answered::Miss(planned, reason, result)
            }
        })
    }
    // ANCHOR_END: miss
}

impl Answered<()> {
    /// Asks the cache about step `index`, with what is known of the steps before it.
    ///
    /// # Errors
    /// A record or a past build can't be read.
    pub(crate) fn of(
        resolved: Resolved,
        index: usize,
        before: &dyn Before,
        decider: &Decider<'_>,
    ) -> Result<Decided, Error> {
        Ok(match resolved {
            Resolved::Start(start) => {
                let decision = decider.started(index, start.base())?;
                Answered::Start(start, decision)
            }
            Resolved::Instruction(planned) => {
                match decider.look_up(planned.question(index, &planned.intent.roots(), before))? {
                    // What changes no file has no layer, whatever another's record says.
                    Found::Hit(record) if !planned.action.touches_files() && record.result.layer.is_some() => {
                        let result = StepResult { layer: None, ..record.result };
                        let record = Record::new(record.instruction, record.ingredients, result);
                        Answered::Hit(planned, Box::new(record))
                    }
                    Found::Hit(record) => Answered::Hit(planned, record),
                    Found::Miss(reason) => Answered::Miss(planned, reason, ()),
                }
            }
        })
    }

    /// The layer of a hit.
    pub(crate) fn layer(&self) -> Option<&Layer> {
        match self {
            Answered::Hit(_, record) => record.result.layer.as_ref(),
            Answered::Start(..) | Answered::Miss(..) => None,
        }
    }

    /// The same where the layer of a hit does not come: a miss.
    pub(crate) fn without_layer(self, because: String) -> Decided {
        match self {
            Answered::Hit(planned, record) => {
                let from = record.result.imported_from.clone().unwrap_or_default();
                Answered::Miss(planned, MissReason::NotImported { from, because }, ())
            }
            other => other,
        }
    }

    /// The state whose files are needed to execute the step.
    pub(crate) fn starts_from(&self) -> Option<&State> {
        match self {
            Answered::Miss(planned, ..) if planned.action.touches_files() => Some(&planned.intent.before),
            Answered::Miss(..) | Answered::Hit(..) | Answered::Start(..) => None,
        }
    }

    /// Does what is to be done, where the cache has no result of it.
    ///
    /// # Errors
    /// What the action says.
    pub(crate) fn execute(
        self,
        site: &Site<'_>,
        noted: &Noted,
        reporter: &mut Reporter<'_>,
    ) -> Result<Executed, Error> {
        self.miss(|planned, ()| execute(planned, site, noted, reporter))
    }
}

fn execute(planned: &Planned, site: &Site<'_>, noted: &Noted, reporter: &mut Reporter<'_>) -> Result<Unwritten, Error> {
    let Site { world, inputs, control, remover: _ } = site;
    let before = &planned.intent.before;
    match &planned.action {
        Action::Configure => Ok(Unwritten::Nothing),
        Action::Copy(action) => {
            let (placement, below) = copy::execute(action, before, inputs, noted)?;
            Ok(Unwritten::Placed(placement, below))
        }
        Action::MakeDirectory(making) => {
            let below = inputs.tree(before)?;
            let placement = workdir::execute(making, &below, world, noted)?;
            Ok(placement.map_or(Unwritten::Nothing, |placement| Unwritten::Placed(placement, below)))
        }
        Action::Run(execution) => {
            Ok(Unwritten::Ran(run::execute(execution, before, world, inputs, control, noted, reporter)?))
        }
    }
}

impl Answered<Unwritten> {
    /// Writes the layer of what changed.
    ///
    /// # Errors
    /// The layer can't be written.
    pub(crate) fn write(self, site: &Site<'_>, noted: &Noted) -> Result<Written, Error> {
        self.miss(|_, unwritten| {
            Ok(match unwritten {
                Unwritten::Nothing => Made::default(),
                Unwritten::Placed(placement, before) => {
                    let layer = placement.placed.write(site.world)?;
                    Made { layer, changes: Changes::placed(placement.placed, before) }
                }
                Unwritten::Ran(remains) => {
                    let (layer, changes) = run::capture(remains, site.remover, noted)?;
                    Made { layer, changes }
                }
            })
        })
    }
}

impl Answered<Made> {
    /// Records the step and tells of it: the next state.
    ///
    /// # Errors
    /// The record can't be written.
    pub(crate) fn commit(
        self,
        context: StepContext,
        books: &Books<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Taken, Error> {
        let StepContext { label, stage, milliseconds } = context;
        let (done, decision, after) = match self {
            Answered::Start(start, decision) => (Done::Ran, decision, After::start(start.state)),
            Answered::Hit(planned, record) => {
                let decision = Decision::hit(&record);
                books.adopt(&record, &planned.intent)?;
                let StepResult { layer, created, told, .. } = record.result;
                let changes = Changes::from_record(told);
                (Done::Cached, decision, After::instruction(*planned, layer, &created, changes, reporter))
            }
            Answered::Miss(planned, reason, Made { layer, changes }) => {
                let decision = Decision::Miss { key: Some(planned.intent.key()), reason };
                let created = books.clock.rfc3339();
                let build = books.past.number()?;
                let (layer_made, created_now, told) = (layer.clone(), created.clone(), changes.for_record());
                let result = StepResult {
                    layer: layer_made,
                    created: created_now,
                    build,
                    imported_from: None,
                    milliseconds,
                    told,
                };
                books.record(&label.instruction, &planned.intent, result)?;
                (Done::Ran, decision, After::instruction(*planned, layer, &created, changes, reporter))
            }
        };
        let After { state, layer, config, intent } = after;
        // The last state is the image: it is known by the id that the image has.
        let is_last = label.number == label.total;
        let known_by = if is_last { id_of(&state.finished_image(books.labels)) } else { state.identity() };
        reporter.tell(EventKind::Committed { layer: layer.clone(), state: known_by, outcome: done, milliseconds });
        let (ingredients, roots, expanded) = match intent {
            Some(intent) => (Some(intent.ingredients), roots_of(intent.listings), intent.expanded),
            None => (None, Vec::new(), None),
        };
        let (label, state) = (StepLabel { expanded, ..label }, Arc::new(state));
        Ok(Taken { label, stage, state, decision, ingredients, roots, layer, config, milliseconds })
    }
}

/// The state after a step, and what led to it.
struct After {
    state: State,
    layer: Option<Layer>,
    config: Arc<[ConfigChange]>,
    /// `None` for FROM.
    intent: Option<Intent>,
}

impl After {
    fn start(state: State) -> After {
        After { state, layer: None, config: Arc::default(), intent: None }
    }

    /// Tells what changed, too.
    fn instruction(
        planned: Planned,
        layer: Option<Layer>,
        created: &str,
        changes: Changes,
        reporter: &mut Reporter<'_>,
    ) -> After {
        let state = planned.state_after(FilesAfter::With(layer.as_ref()), created);
        let config: Arc<[ConfigChange]> = planned.intent.before.changes_to(&state).into();
        reporter.tell(EventKind::Changed { changes, config: config.clone() });
        After { state, layer, config, intent: Some(planned.intent) }
    }
}

fn roots_of(listings: Vec<Listing>) -> Vec<Roots> {
    listings.into_iter().map(|listing| listing.roots).collect()
}

impl Books<'_> {
    /// Keeps the result of a step under its key. The layer is in the store already.
    fn record(&self, instruction: &str, intent: &Intent, result: StepResult) -> Result<(), Error> {
        self.put(&Record::new(instruction.to_owned(), intent.ingredients.clone(), result), intent)
    }

    /// Keeps the record of a shared cache. Its layer may come later: whoever finds the record looks for it.
    fn adopt(&self, record: &Record, intent: &Intent) -> Result<(), Error> {
        if record.result.imported_from.is_none() || self.records.get(record.key)?.as_ref() == Some(record) {
            return Ok(());
        }
        self.put(record, intent)
    }

    fn put(&self, record: &Record, intent: &Intent) -> Result<(), Error> {
        for listing in &intent.listings {
            self.records.put_listing(listing)?;
        }
        Ok(self.records.put(record)?)
    }
}
