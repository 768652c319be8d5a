//! The steps of a build: the instructions of the stages that are needed, in the order in which they are taken.
//!
//! The list changes only by ONBUILD triggers: those of stages, and of images in the store, are known from the start, the others when FROM
//! has opened its image.

use std::collections::BTreeSet;

use super::Error;
use super::event::{Place, StepLabel};
use super::noted::Noted;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Instruction, Located};
use crate::plan::{Base, CopySource, Plan};
use crate::source::{SourceFile, Span};

/// One step to take.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(crate) stage: usize,
    pub(crate) kind: StepKind,
    /// Whether an ONBUILD put it here.
    pub(crate) trigger: bool,
}

#[derive(Clone, Debug)]
pub(super) enum StepKind {
    From,
    Instruction(Box<Located<Instruction>>),
}

/// All steps, and the text and the plan that they come from.
#[derive(Debug)]
pub(super) struct Steps {
    pub(crate) file: SourceFile,
    pub(crate) plan: Plan,
    list: Vec<Step>,
}

impl Steps {
    pub(crate) fn new(file: SourceFile, plan: Plan) -> Steps {
        let list = plan.order.iter().flat_map(|&stage| steps_of(&plan, stage)).collect();
        Steps { file, plan, list }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Step `index`; `None` beyond the last.
    pub(crate) fn get(&self, index: usize) -> Option<&Step> {
        self.list.get(index)
    }

    /// The stage that step `index` is in; that of the last step beyond it.
    pub(crate) fn stage(&self, index: usize) -> usize {
        self.get(index).map_or(self.plan.target, |step| step.stage)
    }

    /// The stages that have steps, each after what it needs: those of the plan, and those that triggers copy from.
    pub(crate) fn stages(&self) -> Vec<usize> {
        // A stage only ever needs earlier ones.
        self.list.iter().map(|step| step.stage).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What step `index` is called.
    pub(crate) fn label(&self, index: usize) -> Option<StepLabel> {
        let step = self.get(index)?;
        let stage = &self.plan.stages[step.stage];
        let (keyword, instruction, lines) = match &step.kind {
            StepKind::From => ("FROM", stage.source.from.text.clone(), stage.source.from.lines),
            StepKind::Instruction(instruction) => {
                let lines = if step.trigger { stage.source.from.lines } else { instruction.lines };
                (instruction.value.name(), instruction.text.clone(), lines)
            }
        };
        Some(StepLabel {
            number: index + 1,
            total: self.list.len(),
            stage: stage.label(),
            keyword,
            instruction,
            expanded: None,
            lines,
            trigger: step.trigger,
        })
    }

    /// The text of step `index`, continuations joined.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        let step = self.get(index)?;
        Some(match &step.kind {
            StepKind::From => &self.plan.stages[step.stage].source.from.text,
            StepKind::Instruction(instruction) => &instruction.text,
        })
    }

    /// What the stage of step `index` is called.
    pub(crate) fn stage_label(&self, index: usize) -> Option<String> {
        Some(self.plan.stages[self.get(index)?.stage].label())
    }

    /// Where step `index` stands in the Dockerfile. A trigger stands where its FROM does.
    pub(crate) fn span(&self, index: usize) -> Option<Span> {
        self.span_and_line(index).map(|(span, _)| span)
    }

    /// The same, as messages give it. The syntax tree knows the line: to count lines for each step would cost their square.
    pub(crate) fn place(&self, index: usize) -> Option<Place> {
        let (span, line) = self.span_and_line(index)?;
        Some(Place { file: self.file.name.clone(), line, column: self.file.column(span.start) })
    }

    fn span_and_line(&self, index: usize) -> Option<(Span, usize)> {
        let step = self.get(index)?;
        let from = &self.plan.stages[step.stage].source.from;
        Some(match &step.kind {
            StepKind::Instruction(instruction) if !step.trigger => (instruction.span, instruction.lines.0),
            StepKind::Instruction(_) | StepKind::From => (from.span, from.lines.0),
        })
    }

    /// The instruction of step `index`; `None` for FROM.
    pub(crate) fn instruction(&self, index: usize) -> Option<&Instruction> {
        match &self.get(index)?.kind {
            StepKind::From => None,
            StepKind::Instruction(instruction) => Some(&instruction.value),
        }
    }

    /// What is suspicious about step `index` and the Dockerfile does not skip, each at its place: first what it makes errors, then
    /// the warnings.
    pub(crate) fn judge(&self, index: usize, noted: Noted) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let Some(span) = self.span(index) else { return Default::default() };
        // The words of a trigger stand in another text.
        let place = |warning: Diagnostic| match self.is_trigger(index) {
            true => warning.at(span),
            false => warning.at_if_none(span),
        };
        let judged = self.plan.checks.apply(noted.into_warnings().into_iter().map(place));
        judged.into_iter().partition(Diagnostic::is_error)
    }

    /// Whether an ONBUILD of the base image put step `index` there.
    pub(crate) fn is_trigger(&self, index: usize) -> bool {
        self.get(index).is_some_and(|step| step.trigger)
    }

    /// Whether step `index` is a FROM.
    pub(crate) fn is_stage_start(&self, index: usize) -> bool {
        self.get(index).is_some_and(|step| matches!(step.kind, StepKind::From))
    }

    /// The step before another in a stage, or the last before it.
    pub(crate) fn previous(&self, index: usize, stage: usize) -> Option<usize> {
        (0..index).rev().find(|&before| self.stage(before) == stage)
    }

    /// The stage that step `index` begins with, if it is a FROM that names one.
    pub(crate) fn below(&self, index: usize) -> Option<usize> {
        let step = self.get(index).filter(|step| matches!(step.kind, StepKind::From))?;
        match self.plan.stages[step.stage].base {
            Base::Stage(base) => Some(base),
            Base::Scratch | Base::Image(_) | Base::Context(_) => None,
        }
    }

    /// Puts the triggers of a base image, and no others, behind the FROM that opened it; stages that they copy from and that are not built yet
    /// come before this stage goes on. Says whether the list has grown.
    ///
    /// # Errors
    /// A trigger copies from a stage that can't be.
    pub(crate) fn insert_triggers(&mut self, index: usize, triggers: &[Located<Instruction>]) -> Result<bool, Error> {
        let stage = self.list[index].stage;
        let is_of_stage = |step: &&Step| step.trigger && step.stage == stage;
        let known = self.list.iter().filter(is_of_stage).filter_map(|step| match &step.kind {
            StepKind::Instruction(instruction) => Some(instruction.text.as_str()),
            StepKind::From => None,
        });
        if known.eq(triggers.iter().map(|trigger| trigger.text.as_str())) {
            return Ok(false);
        }
        // Another image has the name by now.
        self.list.retain(|step| !is_of_stage(&step));
        let mut needed = BTreeSet::new();
        for trigger in triggers {
            for source in self.plan.sources(stage, &trigger.value)? {
                if let CopySource::Stage(source) = source {
                    needed.extend(self.plan.needs(source));
                }
            }
        }
        needed.retain(|stage| !self.list.iter().any(|step| step.stage == *stage));
        let mut inserted: Vec<Step> = needed.into_iter().flat_map(|stage| steps_of(&self.plan, stage)).collect();
        for trigger in triggers {
            inserted.push(Step { stage, kind: StepKind::Instruction(Box::new(trigger.clone())), trigger: true });
        }
        self.list.splice(index + 1..index + 1, inserted);
        Ok(true)
    }
}

/// FROM and the instructions of one stage.
fn steps_of(plan: &Plan, stage: usize) -> Vec<Step> {
    let instructions = plan.stages[stage].source.instructions.iter();
    let kinds = std::iter::once(StepKind::From).chain(instructions.cloned().map(Box::new).map(StepKind::Instruction));
    kinds.map(|kind| Step { stage, kind, trigger: false }).collect()
}
