//! Breakpoints: where `go_on` and `next` stop.
//!
//! A place is kept as it was named and looked up anew each time, so a breakpoint stays right when the Dockerfile changes under it. The
//! numbers of steps and lines behind what was added or removed follow their instructions.

use serde::Serialize;

use super::error::Error;
use crate::cache::{Build, Outcome};
use crate::machine::{self, Machine, StepLabel};
use crate::source::SourceFile;

/// Where a breakpoint stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Before the step with this number.
    Step(usize),
    /// Before the step that this line of the Dockerfile belongs to, or the next one below it.
    Line(usize),
    /// Before the first step of a stage; its name in any case.
    Stage(String),
    /// Before a step whose instruction has this text in it, in any case.
    Text(String),
    /// At a step that is not in the cache, before it is executed.
    Miss,
    /// Before a step that failed in the latest build that has it.
    Failure,
}

/// When a breakpoint stops at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// When the step is not in the cache, before it is executed.
    Miss,
    /// When the step failed in the latest build that has it.
    Failure,
}

/// One breakpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breakpoint {
    /// From 1; never used again.
    pub id: usize,
    pub(crate) place: Place,
    pub(crate) condition: Option<Condition>,
    /// One that is not enabled stops nowhere.
    pub(crate) is_enabled: bool,
}

/// Those that are set, and the next one's id.
#[derive(Clone, Debug, Default)]
pub(super) struct Breakpoints {
    set: Vec<Breakpoint>,
    last_id: usize,
}

impl Breakpoints {
    /// All of them, oldest first.
    pub(crate) fn list(&self) -> &[Breakpoint] {
        &self.set
    }

    /// Sets one, where the place can be reached. Without a machine every place may still come.
    pub(crate) fn add(
        &mut self,
        place: Place,
        condition: Option<Condition>,
        machine: Option<&Machine>,
    ) -> Result<&Breakpoint, Error> {
        if let Some(machine) = machine {
            check(&place, machine)?;
        }
        self.last_id += 1;
        let index = self.set.len();
        self.set.push(Breakpoint { id: self.last_id, place, condition, is_enabled: true });
        Ok(&self.set[index])
    }

    pub(crate) fn find(&mut self, id: usize) -> Result<&mut Breakpoint, Error> {
        self.set.iter_mut().find(|breakpoint| breakpoint.id == id).ok_or(Error::NoBreakpoint(id))
    }

    pub(crate) fn delete(&mut self, id: usize) -> Result<(), Error> {
        self.find(id)?;
        self.set.retain(|breakpoint| breakpoint.id != id);
        Ok(())
    }

    pub(crate) fn delete_all(&mut self) {
        self.set.clear();
    }

    /// The Dockerfile has become another: numbers go on meaning the instruction that they meant.
    pub(crate) fn follow(&mut self, before: (&Machine, &SourceFile), after: (&Machine, &SourceFile)) {
        let steps = |machine: &Machine| -> Vec<String> {
            (0..machine.step_count()).filter_map(|index| machine.label(index)).map(|label| label.instruction).collect()
        };
        let lines = |file: &SourceFile| -> Vec<String> { file.text.lines().map(str::to_owned).collect() };
        let steps = (steps(before.0), steps(after.0));
        let lines = (lines(before.1), lines(after.1));
        for breakpoint in &mut self.set {
            match &mut breakpoint.place {
                Place::Step(number) => *number = moved(*number, &steps.0, &steps.1),
                Place::Line(number) => *number = moved(*number, &lines.0, &lines.1),
                Place::Stage(_) | Place::Text(_) | Place::Miss | Place::Failure => {}
            }
        }
    }

    pub(crate) fn enabled(&self) -> impl Iterator<Item = &Breakpoint> {
        self.set.iter().filter(|breakpoint| breakpoint.is_enabled)
    }

    /// The one that stops before the execution of the next step, should it be a miss.
    pub(crate) fn at_miss(&self, machine: &Machine) -> Option<usize> {
        let next = machine.label(machine.position())?;
        let stops = |breakpoint: &&Breakpoint| match (&breakpoint.place, breakpoint.condition) {
            (Place::Miss, _) => true,
            (place, Some(Condition::Miss)) => is_before(place, &next, machine),
            (_, Some(Condition::Failure) | None) => false,
        };
        self.enabled().find(stops).map(|breakpoint| breakpoint.id)
    }

    /// The one that stops before the next step. One at misses stops later, when the cache was asked.
    pub(crate) fn before_next(&self, machine: &Machine) -> Result<Option<usize>, Error> {
        let Some(next) = machine.label(machine.position()) else { return Ok(None) };
        for breakpoint in self.enabled() {
            let stops = match (&breakpoint.place, breakpoint.condition) {
                (_, Some(Condition::Miss)) => false,
                (Place::Failure, _) => failed_before(machine, &next)?,
                (place, None) => is_before(place, &next, machine),
                (place, Some(Condition::Failure)) => is_before(place, &next, machine) && failed_before(machine, &next)?,
            };
            if stops {
                return Ok(Some(breakpoint.id));
            }
        }
        Ok(None)
    }
}

/// Where an element is, counted from 1, when a list has become another: what stands behind the change moves with its end.
fn moved(number: usize, before: &[String], after: &[String]) -> usize {
    let same = |(one, other): &(&String, &String)| one == other;
    let head = before.iter().zip(after).take_while(same).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(same).count();
    if number > before.len() - tail { number + after.len() - before.len() } else { number }
}

/// Whether a place is before a step.
fn is_before(place: &Place, step: &StepLabel, machine: &Machine) -> bool {
    steps_at(place, machine).iter().any(|label| label.number == step.number)
}

/// The steps that a place stops before, as the Dockerfile is now. None for a place that only a build can tell.
pub(super) fn steps_at(place: &Place, machine: &Machine) -> Vec<StepLabel> {
    let labels = (0..machine.step_count()).filter_map(|index| machine.label(index));
    match place {
        Place::Step(number) => labels.filter(|label| label.number == *number).collect(),
        Place::Line(line) => step_on(machine, *line).into_iter().collect(),
        Place::Stage(name) => labels
            .filter(|label| machine.is_stage_start(label.number - 1) && name.eq_ignore_ascii_case(&label.stage))
            .collect(),
        Place::Text(text) => {
            let text = text.to_lowercase();
            labels.filter(|label| label.instruction.to_lowercase().contains(&text)).collect()
        }
        Place::Miss | Place::Failure => Vec::new(),
    }
}

/// Refuses a place that can't be reached.
fn check(place: &Place, machine: &Machine) -> Result<(), Error> {
    match place {
        Place::Step(number) if *number == 0 || *number > machine.step_count() => {
            Err(machine::Error::NoStep { number: *number, total: machine.step_count() }.into())
        }
        Place::Line(line) if step_on(machine, *line).is_none() => Err(Error::NoStepBelow { line: *line }),
        Place::Stage(name) => {
            let plan = machine.plan();
            let stages: Vec<String> = plan.order.iter().map(|&stage| plan.stages[stage].label()).collect();
            if stages.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                return Ok(());
            }
            Err(Error::NoStage { name: name.clone(), stages })
        }
        Place::Step(_) | Place::Line(_) | Place::Text(_) | Place::Miss | Place::Failure => Ok(()),
    }
}

/// The step that has a line, or the first one below it. A trigger stands where its FROM does, and the line is that of FROM.
fn step_on(machine: &Machine, line: usize) -> Option<StepLabel> {
    (0..machine.step_count())
        .filter_map(|index| machine.label(index))
        .filter(|label| !label.trigger && label.lines.1 >= line)
        .min_by_key(|label| label.lines.0)
}

/// Whether a step failed in the latest build that has it.
fn failed_before(machine: &Machine, label: &StepLabel) -> Result<bool, Error> {
    let outcome = |build: &Build| {
        let step = build.steps.iter().find(|step| step.stage == label.stage && step.instruction == label.instruction);
        step.map(|step| step.outcome)
    };
    Ok(machine.earlier_builds()?.iter().find_map(outcome) == Some(Outcome::Failed))
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn numbers_follow_what_they_mean() {
        let list = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let all = |before: &str, after: &str| -> Vec<usize> {
            (1..=before.len()).map(|number| moved(number, &list(before), &list(after))).collect()
        };
        assert_eq!(all("abc", "abxc"), [1, 2, 4]);
        assert_eq!(all("abc", "xabc"), [2, 3, 4]);
        assert_eq!(all("abc", "ac"), [1, 2, 2]);
        assert_eq!(all("abc", "axc"), [1, 2, 3]);
        assert_eq!(all("aab", "aaab"), [1, 2, 4]);
        assert_eq!(moved(9, &list("abc"), &list("abxc")), 10);
    }
}
