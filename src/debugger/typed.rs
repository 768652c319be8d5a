//! Instructions that are typed in: each is taken there and then, and becomes part of the Dockerfile in memory.
//!
//! The text grows by the instruction, behind the last step taken; a machine is made for the new text, takes over what the
//! old one has taken, and takes the new step. An instruction that fails is not kept: text and machine stay as they were.

use std::path::Path;

use super::memory::Memory;
use super::moving::AtMiss;
use super::{Debugger, Error, Failure, Reason, Sink, Stopped};
use crate::dockerfile::{self, Instruction};
use crate::machine::Machine;
use crate::plan::Request;
use crate::source::SourceFile;

/// What became of an instruction that was typed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Typed {
    /// An ARG before the first FROM: it counts from there on.
    BeforeFrom,
    /// It is written down and is no step, such as an ARG that only a later FROM needs.
    NotAStep,
    /// It was taken. It is not kept where the reason is that it failed or was interrupted.
    Took(Stopped),
}

impl Debugger {
    /// Takes an instruction in the current state.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for one that is wrong; [`Error::TriggersFirst`].
    pub fn type_in(&mut self, instruction: &str, sink: &mut Sink<'_>) -> Result<Typed, Error> {
        if let Some(machine) = &self.machine
            && machine.label(machine.position()).is_some_and(|label| label.trigger)
        {
            return Err(Error::TriggersFirst);
        }
        let mut options = self.options.clone();
        let begins_stage = instruction.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from"));
        options.request = Request { every_stage: options.request.every_stage || begins_stage, ..options.request };
        let file = SourceFile::new(self.file.name.clone(), self.with_instruction(instruction));
        if self.machine.is_none() && is_before_first_from(&file)? {
            self.file = file;
            return Ok(Typed::BeforeFrom);
        }

        let mut machine = self.machine_of(&file, &options)?;
        let (position, count) = self.machine.as_ref().map_or((0, 0), |old| (old.position(), old.step_count()));
        if let Some(old) = &mut self.machine {
            machine.adopt(old, position)?;
            // What could not be taken over is in the cache.
            while machine.position() < position.min(machine.step_count()) {
                machine.step(&mut |_| {})?;
            }
        }
        let grew = machine.step_count() > count;
        let before = (self.machine.replace(machine), std::mem::replace(&mut self.file, file));
        let options = std::mem::replace(&mut self.options, options);
        self.finished = None;
        self.tell_warnings(sink);
        if !grew {
            return Ok(Typed::NotAStep);
        }
        let reason = self.take(AtMiss::GoOn, sink);
        if !matches!(reason, Ok(None)) {
            self.take_back(before, position);
            self.options = options;
        }
        let reason = reason?.unwrap_or(if self.is_done() { Reason::Done } else { Reason::Step });
        Ok(Typed::Took(Stopped { reason, position: self.position() }))
    }

    /// Writes the Dockerfile in memory to a file.
    ///
    /// # Errors
    /// [`Error::Empty`], and what the system says.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        if self.file.text.is_empty() {
            return Err(Error::Empty);
        }
        let io = |source| Error::Io { operation: "write", path: path.to_owned(), source };
        std::fs::write(path, &self.file.text).map_err(io)
    }

    /// Puts back what was there before an instruction that did not succeed.
    fn take_back(&mut self, (machine, file): (Option<Machine>, SourceFile), position: usize) {
        (self.machine, self.file) = (machine, file);
        if let Some(machine) = &mut self.machine {
            machine.go_back_to(position);
        }
        // Nothing is left of the failure, and what was there before it is not remembered under its number.
        if position == 0 && self.memory == Memory::Unwritten {
            self.memory = Memory::Fresh;
        }
    }

    /// The text with an instruction behind that of the last step taken; before the first FROM where none is taken.
    fn with_instruction(&self, instruction: &str) -> String {
        let text = &self.file.text;
        let place = match &self.machine {
            None => text.len(),
            Some(machine) if machine.is_done() => text.len(),
            Some(machine) => match machine.position().checked_sub(1).and_then(|index| machine.span(index)) {
                // The span ends with the instruction; its line may go on with a line break only.
                Some(span) => text[span.end..].find('\n').map_or(text.len(), |newline| span.end + newline + 1),
                // Not before the file's directives, which have to be its first lines.
                None => {
                    machine.span(0).map_or(0, |span| text[..span.start].rfind('\n').map_or(0, |newline| newline + 1))
                }
            },
        };
        let (before, after) = text.split_at(place);
        let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        format!("{before}{gap}{}\n{after}", instruction.trim_end())
    }
}

/// Whether a text is right, but has nothing to do yet: it has only ARGs.
fn is_before_first_from(file: &SourceFile) -> Result<bool, Error> {
    let only_arg = |text: &str| {
        dockerfile::parse_instruction(&SourceFile::new("", text))
            .is_ok_and(|instruction| matches!(instruction.value, Instruction::Arg(_)))
    };
    if !file.text.lines().all(|line| line.trim().is_empty() || only_arg(line)) {
        return Ok(false);
    }
    match dockerfile::parse(file) {
        Ok(parsed) => Ok(parsed.stages.is_empty()),
        Err(diagnostics) => Err(Error::Dockerfile(Failure { diagnostics, source: file.clone() })),
    }
}
