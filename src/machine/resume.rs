//! Going on: what a debugger needs of a machine besides stepping, when the Dockerfile or the context changes under it.

use std::cell::OnceCell;

use super::driver::{Machine, Phase, StepKind};
use super::{Decision, Error, StepLabel, Taken};

impl Machine {
    /// Takes the next number among the past builds: for a build that goes on after it was remembered once.
    pub fn begin_anew(&mut self) -> Result<(), Error> {
        self.number = OnceCell::new();
        self.earlier = OnceCell::new();
        self.counterparts.borrow_mut().clear();
        self.started = self.world.clock.rfc3339();
        self.watch = self.world.clock.stopwatch();
        Ok(())
    }

    /// Lets go of the context as it was read: the next step that needs it reads it anew.
    pub fn forget_context(&mut self) {
        self.inputs.forget_context();
    }

    /// Whether step `index` is a FROM.
    pub fn is_stage_start(&self, index: usize) -> bool {
        self.steps.get(index).is_some_and(|step| matches!(step.kind, StepKind::From))
    }

    /// What was decided for the step under way, once it was.
    pub fn decided(&self) -> Option<&Decision> {
        self.pending.as_ref().filter(|pending| pending.phase != Phase::Decide).map(|pending| &pending.decision)
    }

    /// Takes over the first steps of an earlier machine, at most `count`, as long as both have the same steps. Says how many.
    ///
    /// FROM is resolved again, which runs nothing; every other step keeps its state, its decision and its changes. Whether
    /// its inputs are still the same is not asked: [`Machine::predict_until`] tells what they are now.
    pub fn adopt(&mut self, earlier: &mut Machine, count: usize) -> Result<usize, Error> {
        // The build goes on under its number; it does not start.
        self.announced.set(true);
        self.told.replace(earlier.told.borrow().clone());
        if let Some(reservation) = earlier.number.take().filter(|reservation| !reservation.is_used()) {
            self.number = OnceCell::from(reservation);
        }
        while self.taken.len() < count {
            let index = self.taken.len();
            let (Some(old), Some(label)) = (earlier.taken.get(index), self.label(index)) else { break };
            fn same(one: &StepLabel) -> (&str, &str, bool) {
                (&one.instruction, &one.stage, one.trigger)
            }
            if same(&old.label) != same(&label) {
                break;
            }
            if self.is_stage_start(index) {
                self.step(&mut |_| {})?;
                if self.taken[index].state.identity() != old.state.identity() {
                    break;
                }
            } else {
                let label = StepLabel { expanded: old.label.expanded.clone(), ..label };
                self.taken.push(Taken { label, stage: self.steps[index].stage, ..old.clone() });
            }
        }
        Ok(self.taken.len())
    }
}
