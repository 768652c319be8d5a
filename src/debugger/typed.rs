//! Instructions that are typed in: each is taken there and then, and becomes part of the Dockerfile in memory.
//!
//! The text grows by the instruction, behind the last step taken; a machine is made for the new text, takes over what the
//! old one has taken, and takes the new step. An instruction that fails is not kept: text and machine stay as they were.

use std::path::Path;

use super::error::{Error, Failure};
use super::moving::{OnMiss, Reason, Stopped, position, take};
use super::replacement::replace;
use super::work::{Memory, Sink, Work};
use crate::context::text;
use crate::dockerfile::{self, Instruction};
use crate::document::{self, Links};
use crate::machine::Machine;
use crate::plan::Request;
use crate::source::SourceFile;

/// What became of an instruction that was typed in.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Typed {
    /// An ARG before the first FROM: it counts from there on.
    BeforeFrom,
    /// It is written down and is not a step, such as an ARG that only a later FROM needs.
    NotAStep,
    /// It was taken. It is not kept where the reason is that it failed or was interrupted.
    Took(Box<Stopped>),
}

/// Takes an instruction in the current state.
pub(super) fn type_in(work: &mut Work, instruction: &str, sink: &mut Sink<'_>) -> Result<Typed, Error> {
    if let Some(machine) = &work.machine
        && machine.label(machine.position()).is_some_and(|label| label.trigger)
    {
        return Err(Error::TriggersFirst);
    }
    let mut options = work.options.clone();
    let is_from = |line: &str| line.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from"));
    let begins_stage = instruction.lines().any(is_from);
    options.request = Request { every_stage: options.request.every_stage || begins_stage, ..options.request };
    let file = SourceFile::new(work.file.name.clone(), with_instruction(work, instruction));
    if work.machine.is_none() && is_before_first_from(&file)? {
        work.file = file;
        return Ok(Typed::BeforeFrom);
    }

    let (mut machine, mistake) = work.machine_of(&file, &options).map_err(|error| at_prompt(error, work))?;
    if let Some(failure) = mistake {
        return Err(Error::Dockerfile(failure));
    }
    let (position, count) = work.machine.as_ref().map_or((0, 0), |old| (old.position(), old.step_count()));
    if let Some(old) = &mut work.machine {
        machine.adopt(old, position)?;
        // What could not be taken over is in the cache.
        while machine.position() < position.min(machine.step_count()) {
            machine.step(&mut |_| {})?;
        }
    }
    let grew = machine.step_count() > count;
    let before = (work.machine.replace(machine), std::mem::replace(&mut work.file, file));
    let options = std::mem::replace(&mut work.options, options);
    work.finished = None;
    work.tell_warnings(sink);
    if !grew {
        return Ok(Typed::NotAStep);
    }
    let reason = take(work, OnMiss::GoOn, sink);
    if !matches!(reason, Ok(None)) {
        take_back(work, before, position);
        work.options = options;
    } else if let ((Some(old), file), Some(new)) = (&before, &work.machine) {
        work.breakpoints.follow((old, file), (new, &work.file));
    }
    let reason = reason?.unwrap_or(if work.is_done() { Reason::Done } else { Reason::Step });
    Ok(Typed::Took(Box::new(Stopped { reason, position: self::position(work) })))
}

/// A mistake that comes from what was typed is in no file.
fn at_prompt(error: Error, work: &Work) -> Error {
    match error {
        Error::Dockerfile(Failure { mut diagnostics, mut source })
            if work.machine.as_ref().is_none_or(|machine| machine.position() == 0) =>
        {
            source.name = "(prompt)".to_owned();
            let early = diagnostics.iter_mut().find(|one| one.message.ends_with("before the first FROM"));
            if let (Some(diagnostic), Some(_)) = (early, &work.machine) {
                diagnostic.hint =
                    Some("`step` takes the FROM of the Dockerfile first; then type this again".to_owned());
            }
            Error::Dockerfile(Failure { diagnostics, source })
        }
        error => error,
    }
}

/// Writes the Dockerfile in memory to a file.
pub(super) fn write(work: &mut Work, path: &Path) -> Result<(), Error> {
    if work.file.text.is_empty() {
        return Err(Error::NoText);
    }
    replace(path, work.file.text.as_bytes())?;
    work.written = work.file.text.clone();
    if work.path.as_deref() == Some(path) {
        work.loaded = work.file.text.clone();
    }
    Ok(())
}

/// Whether a file is not there, or has a text that was read or written here.
pub(super) fn is_ours(work: &Work, path: &Path) -> bool {
    match document::read(path, work.world.home().bound(&text::DOCKERFILE), Links::Follow) {
        Ok(bytes) => [&work.loaded, &work.written].iter().any(|known| known.as_bytes() == bytes),
        Err(error) => error.is_not_found(),
    }
}

/// Puts back what was there before an instruction that did not succeed.
fn take_back(work: &mut Work, (machine, file): (Option<Machine>, SourceFile), position: usize) {
    (work.machine, work.file) = (machine, file);
    if let Some(machine) = &mut work.machine {
        machine.go_back_to(position);
    }
    // Nothing is left of the failure, and what was there before it is not remembered under its number.
    if position == 0 && work.memory == Memory::Unwritten {
        work.memory = Memory::Fresh;
    }
}

/// The text with an instruction behind that of the last step taken; before the first FROM where none is taken.
fn with_instruction(work: &Work, instruction: &str) -> String {
    let text = &work.file.text;
    let place = match &work.machine {
        None => text.len(),
        Some(machine) if machine.is_done() => text.len(),
        Some(machine) => match machine.position().checked_sub(1).and_then(|index| machine.span(index)) {
            // The span ends with the instruction; its line may go on with a line break only.
            Some(span) => text[span.end..].find('\n').map_or(text.len(), |newline| span.end + newline + 1),
            // Not before the file's directives, which have to be its first lines.
            None => machine.span(0).map_or(0, |span| text[..span.start].rfind('\n').map_or(0, |newline| newline + 1)),
        },
    };
    let (before, after) = text.split_at(place);
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{gap}{}\n{after}", instruction.trim_end())
}

/// Whether a text is right, but has nothing to do yet: it has only ARGs.
fn is_before_first_from(file: &SourceFile) -> Result<bool, Error> {
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
        Err(diagnostics) => Err(Error::Dockerfile(Failure { diagnostics, source: file.clone() })),
    }
}
