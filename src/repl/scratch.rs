//! Instructions typed at the prompt: each is taken there and then, and becomes part of the Dockerfile in memory.
//!
//! The text grows by the instruction, behind the last step taken; a machine is made for the new text, takes over what the
//! old one has taken, and takes the new step. An instruction that fails is not kept: text and machine stay as they were.

use super::Error;
use super::session::Session;
use super::stepping::Took;
use crate::dockerfile::{self, Instruction};
use crate::plan::Request;
use crate::source::SourceFile;

impl Session<'_> {
    /// Takes an instruction in the current state.
    pub(super) fn interpret(&mut self, text: &str) -> Result<(), Error> {
        if let Some(machine) = &self.machine
            && machine.label(machine.position()).is_some_and(|label| label.trigger)
        {
            return Err(Error::usage(
                "the ONBUILD steps of the base image come first",
                "`step` takes the next of them; then type the instruction",
            ));
        }
        let mut options = self.options.clone();
        let begins_stage = text.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from"));
        options.request = Request { every_stage: options.request.every_stage || begins_stage, ..options.request };
        let file = SourceFile::new(self.file.name.clone(), self.with_instruction(text));
        if self.machine.is_none() && self.is_before_first_from(&file)? {
            self.file = file;
            return self.row("noted", "an ARG before FROM counts from the first FROM on");
        }

        let mut machine = self.machine_of(&file, &options)?;
        let position = match &mut self.machine {
            Some(old) => {
                let wanted = old.position();
                machine.adopt(old, wanted)?;
                // What could not be taken over is in the cache.
                while machine.position() < wanted.min(machine.step_count()) {
                    machine.step(&mut |_| {})?;
                }
                wanted
            }
            None => 0,
        };
        let grew = machine.step_count() > self.machine.as_ref().map_or(0, |old| old.step_count());
        let old_machine = self.machine.replace(machine);
        let old_file = std::mem::replace(&mut self.file, file);
        let old_options = std::mem::replace(&mut self.options, options);
        self.finished = None;
        self.tell_warnings()?;
        if !grew {
            return self.row("noted", "it is not a step of its own");
        }
        let took = self.take_typed();
        if !matches!(took, Ok(Took::Step)) {
            // A failure is told with the new text; after it the instruction is gone again.
            (self.machine, self.file, self.options) = (old_machine, old_file, old_options);
            if let Some(machine) = &mut self.machine {
                machine.go_back_to(position);
            }
            self.unrecorded &= position > 0;
        }
        took.map(|_| ())
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

    /// Whether a text is right, but has nothing to do yet: it has only ARGs.
    fn is_before_first_from(&self, file: &SourceFile) -> Result<bool, Error> {
        let only_arg = |text: &str| {
            dockerfile::parse_instruction(&SourceFile::new("", text))
                .into_instruction()
                .is_ok_and(|instruction| matches!(instruction.value, Instruction::Arg(_)))
        };
        if !file.text.lines().all(|line| line.trim().is_empty() || only_arg(line)) {
            return Ok(false);
        }
        match dockerfile::parse(file).into_dockerfile() {
            Ok(parsed) => Ok(parsed.stages.is_empty()),
            Err(diagnostics) => Err(Error::Dockerfile(diagnostics, file.clone())),
        }
    }

    /// `write FILE`.
    pub(super) fn write_dockerfile(&mut self, file: &str) -> Result<(), Error> {
        if self.file.text.is_empty() {
            return Err(Error::usage("the Dockerfile is empty", "type an instruction first"));
        }
        let path = std::path::PathBuf::from(file);
        std::fs::write(&path, &self.file.text).map_err(|source| Error::Io { operation: "write", path, source })?;
        let lines = self.file.text.lines().count() as u64;
        self.row("written", &format!("{file}: {}", crate::view::units::count(lines, "line")))
    }
}
