//! Editing: the Dockerfile or a file of the context changes, and the session goes on from the last step that is still right.
//!
//! A step is still right when its instruction is the same and its ingredients are the same now. Behind the last such step, steps that
//! are in the cache are taken again silently, up to where the session was.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;
use super::files::SHOWN;
use super::session::Session;
use crate::context::text;
use crate::diagnostic::Diagnostic;
use crate::document::{self, Links};
use crate::machine::{self, Decision, Event, Machine, MissReason};
use crate::source::SourceFile;
use crate::store::write::temporary_folder;

/// What `edit` works on.
enum Edited {
    /// The Dockerfile where it lies.
    File(PathBuf),
    /// The text in memory, through a temporary file.
    Memory,
    /// A file of the context.
    Context(PathBuf),
}

impl Session<'_> {
    /// `edit [FILE]`.
    pub(super) fn edit(&mut self, file: Option<&str>) -> Result<(), Error> {
        let has_typed = self.file.text != self.loaded;
        let edited = match (file, &self.path) {
            (None, Some(path)) if !has_typed => Edited::File(path.clone()),
            (None, _) => Edited::Memory,
            (Some(name), path) => {
                let wanted = self.folder.join(name);
                match path {
                    Some(path) if same_file(path, &wanted) && has_typed => Edited::Memory,
                    Some(path) if same_file(path, &wanted) => Edited::File(path.clone()),
                    _ => Edited::Context(wanted),
                }
            }
        };
        match edited {
            Edited::File(path) => {
                run_editor(&path)?;
                self.reload()
            }
            Edited::Memory => {
                let text = self.edit_text()?;
                self.record()?;
                self.refresh(SourceFile::new(self.file.name.clone(), text), "the Dockerfile")
            }
            Edited::Context(path) => {
                if path.is_dir() {
                    return Err(Error::usage(format!("`{}` is a folder", path.display()), "name a file"));
                }
                let before = content(&path)?;
                run_editor(&path)?;
                let name = file.unwrap_or_default();
                if content(&path)? == before {
                    return self.row("edit", &format!("{name} is the same as before"));
                }
                self.record()?;
                self.refresh(self.file.clone(), name)
            }
        }
    }

    /// `reload`: the Dockerfile and the context as they are on disk now.
    pub(super) fn reload(&mut self) -> Result<(), Error> {
        let mut file = self.file.clone();
        if let Some(path) = &self.path {
            let bytes = text::read(path, Some(&self.folder), &text::DOCKERFILE).map_err(machine::Error::from)?;
            let on_disk =
                SourceFile::from_bytes(&self.file.name, &bytes).map_err(|error| Error::Command(error.into()))?;
            // What was typed in stays as long as the file did not change under it.
            if on_disk.text != self.loaded {
                if self.file.text != self.loaded {
                    self.row("warning", "the Dockerfile changed on disk: the instructions typed in are dropped")?;
                }
                file = on_disk;
            }
        }
        self.record()?;
        let what = if file.text == self.file.text { "the context" } else { "the Dockerfile" };
        let loaded = file.text.clone();
        let is_from_disk = file.text != self.file.text;
        self.refresh(file, what)?;
        if is_from_disk {
            self.loaded = loaded;
        }
        Ok(())
    }

    /// Goes on with a new text and a new context, as far as the steps taken are still right. A text that is wrong changes
    /// nothing.
    fn refresh(&mut self, file: SourceFile, what: &str) -> Result<(), Error> {
        if file.text.trim().is_empty() && self.path.is_none() {
            (self.machine, self.file) = (None, file);
            return Ok(());
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
        while machine.position() < wanted.min(machine.step_count()) {
            let position = machine.position();
            let prediction = machine.predict_until(position, position + 1).unwrap_or_default();
            match prediction.first().map(|prediction| &prediction.decision) {
                Some(Decision::Hit { .. } | Decision::NotCached) => {
                    machine.step(&mut |_: &Event| {})?;
                }
                _ => break,
            }
        }
        let position = machine.position();
        self.machine = Some(machine);
        self.file = file;
        self.finished = None;
        (self.recorded, self.unrecorded) = (false, false);
        self.tell_warnings()?;
        self.tell_invalidated(what, wanted, position)
    }

    /// Says which steps would run because of a change.
    fn tell_invalidated(&mut self, what: &str, wanted: usize, position: usize) -> Result<(), Error> {
        let predictions = match self.predictions() {
            Ok(predictions) => predictions,
            Err(error) => {
                self.row("edit", &format!("{what} changed"))?;
                return Ok(write!(self.out, "{}", error.render())?);
            }
        };
        let mut causes = Vec::new();
        let mut followers = 0;
        for prediction in &predictions {
            if let Decision::Miss { reason, .. } = &prediction.decision {
                let label = &prediction.label;
                let keyword = label.instruction.split_whitespace().next().unwrap_or_default();
                match reason {
                    MissReason::Cause { .. } => causes.push(format!("{}/{} {keyword}", label.number, label.total)),
                    MissReason::Follows { .. } => followers += 1,
                    // These were not in the cache before either.
                    MissReason::FirstTime
                    | MissReason::NoCache
                    | MissReason::LayerGone
                    | MissReason::NeverFinished { .. } => {}
                }
            }
        }
        let mut text = match causes.as_slice() {
            [] => format!("{what}: no step taken so far is affected"),
            causes => format!("{what}: {} would miss", causes.join(", ")),
        };
        if followers > 0 {
            text.push_str(&format!(", and {} after it", crate::view::units::count(followers, "step")));
        }
        if position < wanted {
            let steps = crate::view::units::count((wanted - position) as u64, "step");
            text.push_str(&format!("; back {steps}"));
        }
        self.row("edit", &text)
    }

    /// Lets the user edit the text in memory.
    fn edit_text(&self) -> Result<String, Error> {
        // In a folder of its own, so that the editor sees what sort of file it is.
        let folder = temporary_folder(&self.world.home().temporary())?;
        let path = folder.join("Dockerfile");
        let io = |operation: &'static str| {
            let path = path.clone();
            move |source: std::io::Error| Error::Io { operation, path, source }
        };
        std::fs::write(&path, &self.file.text).map_err(io("write"))?;
        let edited = run_editor(&path).and_then(|()| {
            text::read(&path, None, &text::DOCKERFILE).map_err(|error| machine::Error::from(error).into())
        });
        // What can't be removed is swept with the home's temporary files.
        let _ = std::fs::remove_dir_all(&folder);
        Ok(SourceFile::from_bytes(&self.file.name, &edited?).map_err(|error| Error::Command(error.into()))?.text)
    }
}

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

/// What a file has in it; `None` for one that does not exist yet.
fn content(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match document::read(path, &SHOWN, Links::Follow) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Runs $VISUAL, else $EDITOR, else vi on a file. The variable may hold arguments, so a shell takes it apart.
fn run_editor(path: &Path) -> Result<(), Error> {
    let named =
        ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = named.unwrap_or_else(|| "vi".into());
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("sh")
        .arg(path)
        .status()
        .map_err(|source| Error::Io { operation: "start", path: PathBuf::from(&editor), source })?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Command(
        Diagnostic::error(format!("the editor `{editor}` failed: {status}"))
            .hint("$VISUAL or $EDITOR names the editor"),
    ))
}
