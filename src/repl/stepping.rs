//! Moving: step, next, continue, back, goto, restart, and the breakpoints that stop on the way.

use std::io::{self, Write as _};

use super::Error;
use super::breakpoint::{Breakpoint, Here};
use super::command::{Break, Place};
use super::session::Session;
use crate::cache::Outcome;
use crate::machine::{self, Decision, Event, EventKind, Finished, Phase};
use crate::shown;
use crate::view::View as _;
use crate::view::units;

/// What came of taking a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    Step,
    /// It was stopped: by Ctrl-C, or after the decision at a miss.
    Stopped,
}

/// What to do when the cache was asked in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtMiss {
    GoOn,
    Stop,
}

impl Session<'_> {
    pub(super) fn step(&mut self, count: usize) -> Result<(), Error> {
        self.not_at_end()?;
        for _ in 0..count {
            if self.machine()?.is_done() {
                break;
            }
            self.position_line()?;
            if self.take()? == Took::Stopped {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn next_stage(&mut self) -> Result<(), Error> {
        self.not_at_end()?;
        let mut first = true;
        while !self.machine()?.is_done() {
            let machine = self.machine()?;
            if !first && (machine.is_stage_start(machine.position()) || self.stops_here()?) {
                break;
            }
            first = false;
            self.position_line()?;
            if self.take_or_stop()? == Took::Stopped {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn go_on(&mut self) -> Result<(), Error> {
        if let Some(finished) = &self.finished {
            let text = format!("{}: written as build {}", finished.image.short(), finished.build);
            return self.row("image", &text);
        }
        if self.take_all()? {
            self.finish()?;
        }
        Ok(())
    }

    /// Takes all steps up to a breakpoint; says whether it came to the end.
    pub(super) fn take_all(&mut self) -> Result<bool, Error> {
        let mut first = true;
        while !self.machine()?.is_done() {
            if !first && self.stops_here()? {
                return Ok(false);
            }
            first = false;
            self.position_line()?;
            if self.take_or_stop()? == Took::Stopped {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn back(&mut self, count: usize) -> Result<(), Error> {
        let position = self.machine()?.position();
        if position == 0 {
            return Err(Error::usage("there is nothing to go back to", "no step is taken yet"));
        }
        self.go_back_to(position.saturating_sub(count))
    }

    pub(super) fn goto(&mut self, number: usize) -> Result<(), Error> {
        let machine = self.machine()?;
        let total = machine.step_count();
        if number == 0 || number > total {
            return Err(machine::Error::NoStep { number, total }.into());
        }
        if number <= machine.position() {
            return self.go_back_to(number - 1);
        }
        while self.machine()?.position() + 1 < number {
            self.position_line()?;
            if self.take()? == Took::Stopped {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn go_to_beginning(&mut self) -> Result<(), Error> {
        self.machine()?;
        self.go_back_to(0)
    }

    fn go_back_to(&mut self, count: usize) -> Result<(), Error> {
        self.record()?;
        self.finished = None;
        self.machine_mut()?.go_back_to(count);
        Ok(())
    }

    fn not_at_end(&self) -> Result<(), Error> {
        if self.machine()?.is_done() {
            return Err(Error::usage(
                "every step is taken",
                "`continue` writes the image, `launch` runs it, `back` and `goto` go back, an instruction goes on",
            ));
        }
        Ok(())
    }

    /// Takes the step under way to its end.
    pub(super) fn take(&mut self) -> Result<Took, Error> {
        self.advance_step(AtMiss::GoOn, "look around, `edit`, then `step` again")
    }

    /// Takes the step of an instruction that was typed in.
    pub(super) fn take_typed(&mut self) -> Result<Took, Error> {
        self.advance_step(AtMiss::GoOn, "the instruction is not kept")
    }

    /// Takes a step, or stops at a miss where a breakpoint asks for it.
    fn take_or_stop(&mut self) -> Result<Took, Error> {
        let stops = self.breakpoints.iter().any(|breakpoint| breakpoint.place == Place::Miss);
        self.advance_step(if stops { AtMiss::Stop } else { AtMiss::GoOn }, "look around, `edit`, then `step` again")
    }

    fn advance_step(&mut self, at_miss: AtMiss, after_failure: &str) -> Result<Took, Error> {
        self.finished = None;
        if self.recorded && !self.unrecorded {
            self.machine_mut()?.begin_anew()?;
            self.recorded = false;
        }
        let Session { machine, view, out, .. } = self;
        let Some(machine) = machine.as_mut() else { return Ok(Took::Stopped) };
        let mut broken: Option<io::Error> = None;
        let mut sink = |event: &Event| {
            if let Err(error) = view.event(event, out.screen()).and_then(|()| out.flush()) {
                broken.get_or_insert(error);
            }
        };
        let index = machine.position();
        let result = loop {
            match machine.advance(&mut sink) {
                Err(error) => break Err(error),
                Ok(Some(_)) => break Ok(Took::Step),
                Ok(None) => {}
            }
            let is_miss = matches!(machine.decided(), Some(Decision::Miss { .. }));
            if at_miss == AtMiss::Stop && machine.phase() == Phase::Execute && is_miss {
                break Ok(Took::Stopped);
            }
        };
        if let Some(error) = broken {
            return Err(Error::Output(error));
        }
        match result {
            Ok(Took::Step) => {
                self.unrecorded = true;
                Ok(Took::Step)
            }
            Ok(Took::Stopped) => {
                self.row("stop", "a breakpoint: this step would be executed now")?;
                Ok(Took::Stopped)
            }
            Err(machine::Error::Interrupted) => {
                let was_set = self.interrupt.is_requested();
                if self.interactive && was_set {
                    self.interrupt.take();
                }
                self.row("stopped", "by Ctrl-C: the state is the one before this step")?;
                Ok(Took::Stopped)
            }
            Err(error) => {
                self.unrecorded = true;
                let machine = self.machine()?;
                let error = Error::Dockerfile(error.diagnostics(machine.span(index)), self.file.clone());
                self.show_error(&error)?;
                self.row("", &format!("the state is the one before this step: {after_failure}"))?;
                Err(Error::Said)
            }
        }
    }

    /// Writes the image of the last state, once.
    pub(super) fn finish(&mut self) -> Result<Finished, Error> {
        if let Some(finished) = &self.finished {
            return Ok(finished.clone());
        }
        if self.recorded && !self.unrecorded {
            self.machine_mut()?.begin_anew()?;
        }
        let machine = self.machine()?;
        let mut warnings = Vec::new();
        let finished = machine.finish(&[], &mut |event| {
            if let EventKind::Warning(warning) = &event.kind {
                warnings.push(warning.message.clone());
            }
        })?;
        (self.recorded, self.unrecorded) = (true, false);
        for message in warnings {
            self.row("warning", &message)?;
        }
        let text = format!(
            "{}, build {}: {} cached, {} ran",
            finished.image.short(),
            finished.build,
            units::count(finished.cached as u64, "step"),
            finished.ran
        );
        self.row("image", &text)?;
        self.finished = Some(finished.clone());
        Ok(finished)
    }

    /// Whether a breakpoint stops before the next step.
    fn stops_here(&mut self) -> Result<bool, Error> {
        let machine = self.machine()?;
        let Some(label) = machine.label(machine.position()) else { return Ok(false) };
        let here = Here {
            number: label.number,
            stage: &label.stage,
            instruction: &label.instruction,
            begins_stage: machine.is_stage_start(machine.position()),
            failed_before: self.breakpoints.iter().any(|one| one.place == Place::Failure)
                && self.failed_before(&label)?,
        };
        let found = self.breakpoints.iter().find(|breakpoint| breakpoint.stops_before(&here));
        match found.map(|breakpoint| format!("breakpoint {}: {breakpoint}", breakpoint.id)) {
            Some(text) => {
                self.row("stop", &text)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Whether a step failed in the latest build that has it.
    fn failed_before(&self, label: &machine::StepLabel) -> Result<bool, Error> {
        let outcome = |build: &crate::cache::Build| {
            let step =
                build.steps.iter().find(|step| step.stage == label.stage && step.instruction == label.instruction);
            step.map(|step| step.outcome)
        };
        Ok(self.machine()?.earlier_builds()?.iter().find_map(outcome) == Some(Outcome::Failed))
    }

    pub(super) fn break_at(&mut self, action: Break) -> Result<(), Error> {
        match action {
            Break::List if self.breakpoints.is_empty() => {
                self.row("", "no breakpoints; `help break` says how to set one")
            }
            Break::List => {
                for breakpoint in self.breakpoints.clone() {
                    writeln!(self.out, "{:>4}  {}", breakpoint.id, shown::line(&breakpoint.to_string()))?;
                }
                Ok(())
            }
            Break::At(place) => {
                self.check_place(&place)?;
                let breakpoint = Breakpoint { id: self.next_breakpoint, place };
                self.next_breakpoint += 1;
                writeln!(self.out, "{:>4}  {}", breakpoint.id, shown::line(&breakpoint.to_string()))?;
                self.breakpoints.push(breakpoint);
                Ok(())
            }
            Break::Delete(None) => {
                self.breakpoints.clear();
                Ok(())
            }
            Break::Delete(Some(id)) => {
                let before = self.breakpoints.len();
                self.breakpoints.retain(|breakpoint| breakpoint.id != id);
                if self.breakpoints.len() == before {
                    return Err(Error::usage(format!("there is no breakpoint {id}"), "`break` lists them"));
                }
                Ok(())
            }
        }
    }

    /// Refuses a place that can't be reached. Without a Dockerfile every place may still come.
    fn check_place(&self, place: &Place) -> Result<(), Error> {
        let Some(machine) = &self.machine else { return Ok(()) };
        match place {
            Place::Step(number) if *number == 0 || *number > machine.step_count() => {
                Err(machine::Error::NoStep { number: *number, total: machine.step_count() }.into())
            }
            Place::Stage(name) => {
                let names: Vec<String> =
                    machine.plan().order.iter().map(|&stage| machine.plan().stages[stage].label()).collect();
                if names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                    return Ok(());
                }
                Err(Error::usage(
                    format!("there is no stage `{name}` to stop at"),
                    format!("the stages are {}", names.join(", ")),
                ))
            }
            Place::Step(_) | Place::Text(_) | Place::Miss | Place::Failure => Ok(()),
        }
    }
}
