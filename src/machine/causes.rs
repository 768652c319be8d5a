//! Why a step misses although its own inputs are those of an earlier build: what was done otherwise before it.
//!
//! From the step in question it goes back, in its stage and then in the stage that FROM names, and looks at each step beside the one of
//! the earlier build that corresponds to it. Wherever it comes, the files after that step are others than they were. So a cause is a step
//! that the earlier build did not have, or had elsewhere; one whose own inputs are others; one that ran again and gave another result. And
//! what the earlier build had there and this one has not. It ends where a step started from the same files as in the earlier build.

use super::Error;
use super::asked::{Asked, Before};
use super::past::Past;
use super::steps::Steps;
use crate::cache::{Build, BuildStep, CacheKey, Causes, Difference, Ingredient, MOST_CAUSES, Moved};

/// What differs between a step of an earlier build, with its key, and one of this; `None` where the record is gone.
type Compare<'w> = &'w dyn Fn(&BuildStep, CacheKey, Asked<'_>) -> Result<Option<Vec<Difference>>, Error>;

/// What a step is, beside its counterpart in the earlier build.
enum Beside {
    /// It started from other files, and has otherwise the same inputs.
    Follows,
    /// It is a cause, and so may be what came before it.
    Cause,
    /// It is a cause, and started from the same files.
    First,
    /// It has the same inputs.
    Same,
    /// It can't be told.
    Unknown,
}

/// The way back from a step, and where it is in the earlier build.
pub(super) struct Way<'w> {
    build: &'w Build,
    past: &'w Past,
    steps: &'w Steps,
    compare: Compare<'w>,
    /// The step in question.
    index: usize,
    /// The stage of the earlier build that is passed, and the place that was come to; `None` at the end of a stage.
    at: Option<(usize, usize)>,
    causes: Causes,
}

impl<'w> Way<'w> {
    /// Begins at step `index`; `None` where no step of the earlier build corresponds to it.
    pub(super) fn from(
        index: usize,
        build: &'w Build,
        past: &'w Past,
        steps: &'w Steps,
        compare: Compare<'w>,
    ) -> Option<Way<'w>> {
        let place = past.place(build, steps, index)?;
        let at = Some((build.steps[place].stage_index, place));
        Some(Way { build, past, steps, compare, index, at, causes: Causes::default() })
    }

    /// What was done otherwise before the step.
    ///
    /// # Errors
    /// A record can't be read.
    pub(super) fn back(mut self, before: &dyn Before) -> Result<Causes, Error> {
        let mut stage = self.steps.stage(self.index);
        let mut unknown = None;
        let mut passed = self.index;
        while let Some(step) = self.steps.previous(passed, stage).filter(|_| self.causes.steps.len() < MOST_CAUSES) {
            passed = step;
            if self.steps.is_stage_start(step) {
                let moved = self.moved(step, before);
                self.come_to(None);
                match self.steps.below(step) {
                    Some(below) => (stage, self.at) = (below, None),
                    None if moved.is_some() => {
                        self.causes.steps.push(step + 1);
                        self.causes.moved.extend(moved);
                    }
                    None if self.causes.is_empty() => self.causes.steps.push(unknown.unwrap_or(step) + 1),
                    None => {}
                }
                continue;
            }
            if self.steps.instruction(step).is_none_or(|instruction| instruction.with_files().is_none()) {
                continue;
            }
            let place = self.past.place(self.build, self.steps, step).filter(|&place| self.has_before_it(place));
            if let Some(place) = place {
                self.come_to(Some(place));
                if let Some(causes) = before.decision(step).and_then(|one| one.causes_beside(&self.build.name())) {
                    self.causes.add(causes);
                    break;
                }
            }
            let beside = self.beside(place.map(|place| &self.build.steps[place]), before.asked(step))?;
            match beside {
                Beside::Follows => {}
                Beside::Unknown => unknown = unknown.or(Some(step)),
                // Where nothing else was done otherwise, it gave another result.
                Beside::Same if !self.causes.is_empty() => break,
                Beside::Cause | Beside::First | Beside::Same => self.causes.steps.push(step + 1),
            }
            if matches!(beside, Beside::First | Beside::Same) {
                break;
            }
        }
        self.causes.steps.sort_unstable();
        self.causes.steps.dedup();
        Ok(self.causes)
    }

    /// Whether the image that a FROM found was another in the earlier build.
    fn moved(&self, step: usize, before: &dyn Before) -> Option<Moved> {
        let place = self.past.place(self.build, self.steps, step)?;
        let now = before.decision(step)?.base();
        Moved::between(step + 1, self.build.steps[place].base.as_ref(), now)
    }

    /// Goes back to a place in the earlier build, or to the beginning of its stage. What lies between, and does not come before the
    /// step in question now, is gone.
    fn come_to(&mut self, place: Option<usize>) {
        let (stage, end) = match (self.at, place) {
            (Some(at), _) => at,
            (None, Some(place)) => (self.build.steps[place].stage_index, self.build.steps.len()),
            (None, None) => return,
        };
        let is_gone = |place: &usize| {
            let step = &self.build.steps[*place];
            let partner = self.past.partner(self.build, self.steps, *place);
            step.stage_index == stage
                && changes_files(&step.instruction)
                && partner.is_none_or(|partner| partner >= self.index)
        };
        let gone = (place.map_or(0, |place| place + 1)..end).filter(is_gone);
        let gone: Vec<String> = gone.map(|place| self.build.steps[place].instruction.clone()).collect();
        self.causes.gone.splice(0..0, gone);
        self.at = place.map(|place| (stage, place));
    }

    /// What a step is beside its counterpart; `None` where it has none, or not there.
    fn beside(&self, there: Option<&BuildStep>, asked: Option<Asked<'_>>) -> Result<Beside, Error> {
        let Some((step, earlier_key)) = there.and_then(|step| Some((step, step.key?))) else {
            return Ok(Beside::Cause);
        };
        let Some(asked) = asked else { return Ok(Beside::Unknown) };
        if earlier_key == asked.ingredients.key() {
            return Ok(Beside::Same);
        }
        let Some(differences) = (self.compare)(step, earlier_key, asked)? else { return Ok(Beside::Unknown) };
        let is_linked = !asked.ingredients.iter().any(|one| matches!(one, Ingredient::Parent { .. }));
        let has_other_files = is_linked || differences.iter().any(Difference::is_parent);
        Ok(match differences.iter().any(|difference| !difference.is_parent()) {
            true if has_other_files => Beside::Cause,
            true => Beside::First,
            false => Beside::Follows,
        })
    }

    /// Whether a step of the earlier build comes before where the way is.
    fn has_before_it(&self, place: usize) -> bool {
        self.at.is_none_or(|(stage, end)| self.build.steps[place].stage_index == stage && place < end)
    }
}

/// Whether an instruction can change files.
fn changes_files(instruction: &str) -> bool {
    let keyword = instruction.split_whitespace().next().unwrap_or_default();
    ["RUN", "COPY", "ADD", "WORKDIR"].iter().any(|one| keyword.eq_ignore_ascii_case(one))
}
