//! Changing the Dockerfile or the context: the debugger goes on from the last step that is still right.
//!
//! A step is still right when its instruction is the same and its ingredients are the same now. Behind the last such step, steps that
//! are in the cache are taken again silently, up to where the debugger was.

use std::path::{Path, PathBuf};

use super::memory::Memory;
use super::{Debugger, Error, Failure, Sink};
use crate::context::text;
use crate::machine::{self, Decision, Event, Machine, Prediction};
use crate::source::SourceFile;

/// What became another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changed {
    Dockerfile,
    Context,
    /// A file of the context, as it was named.
    File(String),
}

/// What a change came to.
#[derive(Debug)]
pub struct Refreshed {
    pub changed: Changed,
    /// How many steps it went back.
    pub back: usize,
    /// What is foreseen from here on.
    pub outlook: Result<Vec<Prediction>, Error>,
}

/// Where a text that somebody wants to edit is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Editable {
    /// The Dockerfile where it lies: then [`Debugger::reload`].
    OnDisk(PathBuf),
    /// The Dockerfile in memory, which no file has: then [`Debugger::edit`].
    InMemory,
    /// A file of the context: then [`Debugger::context_changed`].
    Context(PathBuf),
}

impl Debugger {
    /// Where the Dockerfile is kept, or the file that a name means.
    pub fn editable(&self, name: Option<&str>) -> Editable {
        let dockerfile = match &self.path {
            Some(path) if !self.has_typed() => Editable::OnDisk(path.clone()),
            Some(_) | None => Editable::InMemory,
        };
        let Some(name) = name else { return dockerfile };
        let wanted = self.folder.join(name);
        match &self.path {
            Some(path) if same_file(path, &wanted) => dockerfile,
            Some(_) | None => Editable::Context(wanted),
        }
    }

    /// Replaces the Dockerfile in memory.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for a text that is wrong: then all stays as it was.
    pub fn edit(&mut self, text: impl Into<String>, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        self.refresh(SourceFile::new(self.file.name.clone(), text), Changed::Dockerfile, sink)
    }

    /// A file of the context has been changed by somebody.
    ///
    /// # Errors
    /// What taking a step can say.
    pub fn context_changed(&mut self, name: &str, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        self.refresh(self.file.clone(), Changed::File(name.to_owned()), sink)
    }

    /// Reads the Dockerfile and the context as they are on disk now. What was typed in stays as long as the file did not change under
    /// it.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for a text that is wrong: then all stays as it was.
    pub fn reload(&mut self, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        let mut file = self.file.clone();
        if let Some(path) = &self.path {
            let bytes = text::read(path, Some(&self.folder), &text::DOCKERFILE).map_err(machine::Error::from)?;
            let on_disk = SourceFile::from_bytes(&self.file.name, &bytes)
                .map_err(|diagnostic| machine::Error::Diagnostics(vec![diagnostic]))?;
            if on_disk.text != self.loaded {
                if self.has_typed() {
                    let message = "the Dockerfile changed on disk: the instructions typed in are dropped";
                    sink(&Event::warning(message.into()));
                }
                file = on_disk;
            }
        }
        if file.text == self.file.text {
            return self.refresh(file, Changed::Context, sink);
        }
        let loaded = file.text.clone();
        let refreshed = self.refresh(file, Changed::Dockerfile, sink)?;
        self.loaded = loaded;
        Ok(refreshed)
    }

    /// Goes on with a new text and a new context, as far as the steps taken are still right. A text that is wrong changes nothing.
    fn refresh(&mut self, file: SourceFile, changed: Changed, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        self.record()?;
        if file.text.trim().is_empty() && self.path.is_none() {
            (self.machine, self.file) = (None, file);
            return Ok(Refreshed { changed, back: 0, outlook: Ok(Vec::new()) });
        }
        let mut machine = self.machine_of(&file, &self.options)?;
        let wanted = self.machine.as_ref().map_or(0, Machine::position);
        if let Some(old) = &mut self.machine {
            machine.adopt(old, wanted)?;
        }
        // A step that can't even be looked at any more (its file is gone) is not right.
        if let Some(stale) = first_stale(&machine) {
            machine.go_back_to(stale);
        }
        take_what_is_cached(&mut machine, wanted)?;
        let position = machine.position();
        self.machine = Some(machine);
        self.file = file;
        self.finished = None;
        self.memory = Memory::Fresh;
        self.tell_warnings(sink);
        Ok(Refreshed { changed, back: wanted.saturating_sub(position), outlook: self.plan() })
    }

    /// What is foreseen from the next step on; nothing is run.
    ///
    /// # Errors
    /// [`Error::Dockerfile`], on the step that can't be foreseen.
    pub fn plan(&mut self) -> Result<Vec<Prediction>, Error> {
        self.look_again();
        let machine = self.machine()?;
        let position = machine.position();
        machine.predict(position).map_err(|error| {
            let is_bad = |index: &usize| machine.predict_until(position, index + 1).is_err();
            let index = (position..machine.step_count()).find(is_bad).unwrap_or(position);
            let diagnostics = error.diagnostics(machine.span(index));
            Error::Dockerfile(Failure { diagnostics, source: self.file.clone() })
        })
    }
}

/// Takes steps up to a position as long as they are in the cache.
fn take_what_is_cached(machine: &mut Machine, wanted: usize) -> Result<(), Error> {
    while machine.position() < wanted.min(machine.step_count()) {
        let position = machine.position();
        let predictions = machine.predict_until(position, position + 1).unwrap_or_default();
        match predictions.first().map(|prediction| &prediction.decision) {
            Some(Decision::Hit { .. } | Decision::NotCached) => {
                machine.step(&mut |_: &Event| {})?;
            }
            _ => break,
        }
    }
    Ok(())
}

/// The first step taken whose inputs are others now.
fn first_stale(machine: &Machine) -> Option<usize> {
    (0..machine.position()).find(|&index| {
        let Some(before) = &machine.taken()[index].ingredients else { return false };
        match machine.predict_until(index, index + 1) {
            Ok(now) => now.first().and_then(|prediction| prediction.ingredients.as_ref()) != Some(before),
            Err(_) => true,
        }
    })
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
