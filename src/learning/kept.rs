//! What is kept of lessons that were begun: the store of each, with what runs there, and the folder of the learner.
//!
//! A store is made by the lesson's commands, and goes when it is not wanted any more. What is in the folder may be the learner's own: it stays
//! unless it is said to go, and only where `learn` itself has chosen the folder. A record is no reason to remove what it names.

use std::path::{Path, PathBuf};

use super::catalogue::is_called;
use super::error::Error;
use super::progress::{Making, Progress, Records, read, write};
use super::workspace::{LessonLock, remove_store};
use crate::lesson::Room;

/// A lesson of which a store is kept, or the folder of its learner.
#[derive(Debug)]
pub(crate) struct Kept {
    /// What tells it from others: `04-cache`, or `first/01-own` of a pack.
    pub(crate) name: String,
    /// The name of its folder.
    lesson: String,
    /// Whether it is of a pack, and no pack was named.
    is_elsewhere: bool,
    /// The place of all of it, in the home.
    root: PathBuf,
    /// Where the learner works, if that folder is there.
    pub(crate) work: Option<PathBuf>,
    /// Whether that is a folder of the learner's own choice.
    pub(crate) is_chosen: bool,
    /// Whether the learner has come to its end.
    pub(crate) is_finished: bool,
}

impl Kept {
    /// The lessons of which something is kept, in the order of their names: those of a pack, where the records are of one, else all.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn all(records: &Records) -> Result<Vec<Kept>, Error> {
        let mut all = Vec::new();
        let course = |key: &str| records.courses().known_name(key).unwrap_or_else(|| key.to_owned());
        match records.key() {
            Some(key) => add(&mut all, records, &records.folder().join(&key), Some(&course(&key)))?,
            None => {
                add(&mut all, records, records.folder(), None)?;
                for key in names_in(records.folder())?.iter().filter(|name| name.starts_with("pack-")) {
                    add(&mut all, records, &records.folder().join(key), Some(&course(key)))?;
                }
            }
        }
        Ok(all)
    }

    /// Whether this is what somebody means: as `learn` has it, with the name of its pack before it where none was named.
    pub(crate) fn is_meant(&self, wanted: &str) -> bool {
        let course = self.name.strip_suffix(&self.lesson).unwrap_or_default();
        let own = if self.is_elsewhere { wanted.strip_prefix(course) } else { Some(wanted) };
        self.name == wanted || own.is_some_and(|own| is_called(&self.lesson, own))
    }

    /// Where its store is, with what its commands need beside it.
    pub(crate) fn folder(&self) -> &Path {
        &self.root
    }

    /// Takes the right to it.
    ///
    /// # Errors
    /// Somebody learns with it.
    pub(crate) fn lock(&self) -> Result<LessonLock, Error> {
        LessonLock::take(&self.root, &self.name)
    }

    /// Ends all that its commands have started, and removes its store. A lesson that is not finished begins anew.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn remove_store(&self, _lock: &LessonLock) -> Result<(), Error> {
        // First: nothing may count as done whose images are gone. Where the files are stays known.
        let progress = self.root.join("progress.json");
        match &self.work {
            _ if self.is_finished => {}
            // It can be removed later.
            Some(_) if !self.is_chosen => {
                let anew = Progress { folder: self.work.clone(), in_making: Some(Making::All), ..Progress::default() };
                write(&progress, &anew)?;
            }
            Some(_) | None => remove(&progress, |path| std::fs::remove_file(path))?,
        }
        // No command is typed there any more: it needs no folder of its own.
        let mut room = Room::kept(&self.root, &self.root.join("control"))?;
        remove_store(&mut room, &self.root)
    }

    /// Removes the folder of the learner, with all that is in it, where it is not of the learner's own choice.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn remove_files(&self, _lock: &LessonLock) -> Result<(), Error> {
        match &self.work {
            Some(work) if !self.is_chosen => remove(work, |path| std::fs::remove_dir_all(path)),
            Some(_) | None => Ok(()),
        }
    }
}

/// Adds the lessons of a folder: of a course, or of this program.
fn add(all: &mut Vec<Kept>, records: &Records, folder: &Path, course: Option<&str>) -> Result<(), Error> {
    for lesson in names_in(folder)? {
        let root = folder.join(&lesson);
        if !root.join("lock").is_file() {
            continue;
        }
        // Of one that can't be read nothing is known, and nothing of what it names goes.
        let progress: Progress = read(&root.join("progress.json"), records.limits()).ok().flatten().unwrap_or_default();
        let usual = Records::lessons_folder().join(course.unwrap_or_default()).join(&lesson);
        let usual = std::path::absolute(&usual).unwrap_or(usual);
        let is_chosen = progress.folder.as_ref() != Some(&usual);
        let work = progress.folder.filter(|work| work.is_dir());
        if !root.join("home").is_dir() && (work.is_none() || is_chosen) {
            continue;
        }
        let name = course.map_or_else(|| lesson.clone(), |course| format!("{course}/{lesson}"));
        all.push(Kept {
            name,
            lesson,
            is_elsewhere: course.is_some() && records.key().is_none(),
            root,
            is_chosen,
            work,
            is_finished: progress.is_finished,
        });
    }
    Ok(())
}

/// The names of the folders in a folder, in their order. Where there is none, there are no names.
fn names_in(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("list", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", folder))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// Removes something that may be gone already.
fn remove(path: &Path, how: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), Error> {
    match how(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
