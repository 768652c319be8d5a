//! What is kept of how far a learner has come: a file for each lesson, and which lesson was the last.
//!
//! ```text
//! learning/last.json                   {"lesson": "04-cache"}
//! learning/04-cache/progress.json      {"at": "run docker build .", "passed": [...], "answers": {...}, ...}
//! learning/pack-1a2b3c4d5e6f7a8b/…      the lessons of a pack: of a folder by its path, of a repository by its address and folder
//! ```
//!
//! Stops are known by what they say. So a lesson may get new ones, or lose some: what is known of a stop that is gone does no harm, and
//! who stood there goes on at the first that is not done. A file is replaced as a whole each time that something is done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::courses::Courses;
use super::error::Error;
use super::packs::{Origin, Pack};
use super::quoted::quoted;
use super::stop::{Kind, Stop};
use super::walk::Walk;
use crate::document::{self, Links};
use crate::lesson::DigestMap;
use crate::limits::{Limit, Limits};
use crate::store::{Home, atomic_write, create_private_folder};

/// The size of what is kept of one lesson.
pub(crate) const PROGRESS: Limit = Limit::bytes("progress of a lesson", "LAYERLAB_MAX_PROGRESS", 4 << 20);

/// How far a learner has come in a lesson.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    /// The key of the stop where the learner is.
    pub(crate) at: Option<String>,
    /// The folder to work in.
    pub(crate) folder: Option<PathBuf>,
    /// The stops that are done.
    pub(crate) passed: BTreeSet<String>,
    /// Those of them that were left out.
    pub(crate) left_out: BTreeSet<String>,
    /// What was answered first to each question, from 1.
    pub(crate) answers: BTreeMap<String, usize>,
    /// How many hints were seen of each task.
    pub(crate) hints: BTreeMap<String, usize>,
    /// The tasks of which the solution was seen before they were done.
    pub(crate) solutions: BTreeSet<String>,
    /// The digests of the page, as they are on this machine.
    pub(crate) digests: DigestMap,
    pub(crate) is_finished: bool,
    /// What is being made of the learner's place. It is there before that begins, so that whoever opens the lesson next does the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_making: Option<Making>,
    /// Where the learner's earlier files were put, as long as that was not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) aside: Vec<PathBuf>,
}

/// What is read of a learner's.
pub(super) trait Record: DeserializeOwned {
    /// What helps where it is damaged.
    const HINT: &str;
}

impl Record for Progress {
    const HINT: &str = "`layerlab learn reset --force LESSON` begins the lesson anew; your files are put aside";
}

impl Record for Last {
    const HINT: &str = "remove the file: it says which lesson was the last, and no more";
}

/// What is made of a learner's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Making {
    /// The folder gets the lesson's files.
    Files,
    /// The same, and nothing of its store is left.
    All,
}

impl Progress {
    /// The number of the stop where the learner is.
    pub(crate) fn place(&self, walk: &Walk) -> usize {
        let at = self.at.as_ref().and_then(|key| walk.find(key));
        let first = || walk.stops.iter().position(|stop| stop.kind.is_asked() && !self.passed.contains(&stop.key));
        at.or_else(first).filter(|_| !self.passed.is_empty() || at.is_some()).unwrap_or(0)
    }

    /// The learner's place is made. Gives where earlier files were put, to be told.
    pub(crate) fn note_made(&mut self) -> Vec<PathBuf> {
        self.in_making = None;
        let mut aside = std::mem::take(&mut self.aside);
        aside.dedup();
        // Noted before they were put there.
        aside.retain(|path| path.symlink_metadata().is_ok());
        aside
    }

    /// On how many pages all is done, and how many there are; as they are counted above a page.
    pub(crate) fn done(&self, walk: &Walk) -> (usize, usize) {
        let pages = walk.page_of(walk.stops.len().saturating_sub(1)).1;
        let is_open = |stop: &Stop| {
            let is_end = matches!(stop.kind, Kind::End) && !self.is_finished;
            is_end || stop.kind.is_asked() && !self.passed.contains(&stop.key)
        };
        let open = walk.stops.iter().enumerate().filter(|(_, stop)| is_open(stop));
        let open: BTreeSet<usize> = open.map(|(number, _)| walk.page_of(number).0).collect();
        (pages - open.len(), pages)
    }

    /// How many things to do were left out.
    pub(crate) fn left_out(&self, walk: &Walk) -> usize {
        let is_left_out = |stop: &&Stop| {
            stop.kind.is_asked() && (self.left_out.contains(&stop.key) || !self.passed.contains(&stop.key))
        };
        walk.stops.iter().filter(is_left_out).count()
    }
}

/// Which lesson was the last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) lesson: String,
    /// The folder of the lessons, where they are not those of this program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pack: Option<PathBuf>,
    /// Where that folder comes from: it is gone on with the same commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    /// How the pack was named, where it is no folder of the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl Last {
    /// The pack that the lesson is of.
    pub(crate) fn pack(&self) -> Option<Pack> {
        let folder = self.pack.clone()?;
        let address = self.address.clone().unwrap_or_else(|| folder.display().to_string());
        Some(Pack { folder, origin: self.origin.clone(), address })
    }
}

/// What is kept of a learner's lessons, and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    pack: Option<Pack>,
    courses: Courses,
    limits: Limits,
}

impl Records {
    /// The records of a home; that of a pack, where the lessons are of one.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn open(home: &Path, pack: Option<&Pack>, limits: &Limits) -> Result<Records, Error> {
        let pack = pack.map(Pack::absolute).transpose()?;
        let folder = home.join("learning");
        create_private_folder(&folder)?;
        Ok(Records { folder, pack, courses: Courses::of(home, limits.bound(&PROGRESS)), limits: limits.clone() })
    }

    /// The folder of a lesson.
    pub(crate) fn place(&self, lesson: &str) -> PathBuf {
        match &self.pack {
            None => self.folder.join(lesson),
            Some(pack) => self.folder.join(pack.key()).join(lesson),
        }
    }

    /// Where all of it lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The home whose records these are.
    pub(crate) fn home(&self) -> &Path {
        self.folder.parent().unwrap_or(Path::new("/"))
    }

    /// The usual home, where this is another one and there are lessons in that as well: it is easily taken for it.
    pub(crate) fn usual_home(&self) -> Option<PathBuf> {
        let variable = |name: &str| if name == "LAYERLAB_HOME" { None } else { std::env::var_os(name) };
        let usual = Home::default_path(variable).ok()?;
        let has_lessons = usual.join("learning/last.json").exists();
        let is_other = usual.canonicalize().ok() != self.home().canonicalize().ok();
        Some(usual).filter(|_| is_other && has_lessons)
    }

    /// What all of the pack is kept under, where the lessons are of one.
    pub(super) fn key(&self) -> Option<String> {
        self.pack.as_ref().map(Pack::key)
    }

    /// Whether the last lesson is one of these.
    pub(crate) fn has(&self, last: &Last) -> bool {
        last.pack().map(|pack| pack.key()) == self.key()
    }

    /// The bounds in force.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What is kept of packs.
    pub(crate) fn courses(&self) -> &Courses {
        &self.courses
    }

    /// What is typed to do something with these lessons, such as `reset 4`.
    pub(crate) fn command(&self, words: &str) -> String {
        let pack = self.pack.as_ref().map(|pack| format!("--pack {} ", quoted(&pack.address))).unwrap_or_default();
        format!("layerlab learn {pack}{words}")
    }

    /// The folder of all learners' folders, if no other one is wished.
    pub(super) fn lessons_folder() -> PathBuf {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map_or_else(|| ".".into(), PathBuf::from);
        home.join("layerlab-lessons")
    }

    /// The folder where a learner works, if no other one is wished.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn usual_folder(&self, lesson: &str) -> Result<PathBuf, Error> {
        let lessons = Records::lessons_folder();
        Ok(match &self.pack {
            None => lessons.join(lesson),
            Some(pack) => lessons.join(self.courses.name(pack, &lessons)?).join(lesson),
        })
    }

    /// What is kept of a lesson.
    ///
    /// # Errors
    /// It can't be read, or was damaged.
    pub(crate) fn progress(&self, lesson: &str) -> Result<Progress, Error> {
        Ok(self.read(&self.place(lesson).join("progress.json"))?.unwrap_or_default())
    }

    /// Keeps how far a learner has come. Atomic: a reader sees the old or the new.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn keep(&self, lesson: &str, progress: &Progress) -> Result<(), Error> {
        write(&self.place(lesson).join("progress.json"), progress)
    }

    /// The lesson that was begun or gone on with last.
    ///
    /// # Errors
    /// As [`Records::progress`].
    pub(crate) fn last(&self) -> Result<Option<Last>, Error> {
        let last: Option<Last> = self.read(&self.folder.join("last.json"))?;
        // What was agreed to is a commit: its files are where they were put, whatever the record says.
        Ok(last.map(|last| match &last.origin {
            Some(origin) => Last { pack: Some(origin.place(&self.folder)), ..last },
            None => last,
        }))
    }

    /// This lesson is the last now.
    ///
    /// # Errors
    /// As [`Records::keep`].
    pub(crate) fn keep_last(&self, lesson: &str) -> Result<(), Error> {
        let pack = self.pack.as_ref().map(|pack| pack.folder.clone());
        let origin = self.pack.as_ref().and_then(|pack| pack.origin.clone());
        let address = self.pack.as_ref().filter(|pack| pack.origin.is_some()).map(|pack| pack.address.clone());
        write(&self.folder.join("last.json"), &Last { lesson: lesson.to_owned(), pack, origin, address })
    }

    fn read<T: Record>(&self, path: &Path) -> Result<Option<T>, Error> {
        read(path, &self.limits)
    }
}

/// Replaces what is kept in a file.
pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::io("write", path)(error.into()))?;
    Ok(atomic_write(path, &bytes)?)
}

/// Reads what is kept in a file; `None` where there is none.
///
/// # Errors
/// It can't be read, or was damaged.
pub(super) fn read<T: Record>(path: &Path, limits: &Limits) -> Result<Option<T>, Error> {
    match document::read(path, limits.bound(&PROGRESS), Links::Refuse) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            read.map(Some).map_err(|source| Error::Damaged { path: path.to_owned(), source, hint: T::HINT })
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is kept of one lesson, shared by those who change it.
#[derive(Debug)]
pub(crate) struct SharedProgress {
    records: Records,
    lesson: String,
    progress: Mutex<Progress>,
}

impl SharedProgress {
    /// Opens what is kept of a lesson.
    ///
    /// # Errors
    /// As [`Records::progress`].
    pub(crate) fn open(records: Records, lesson: &str) -> Result<SharedProgress, Error> {
        let progress = records.progress(lesson)?;
        Ok(SharedProgress::new(records, lesson, progress))
    }

    /// The same for a lesson that begins anew, whatever is kept of it: what is damaged is as good as nothing.
    pub(crate) fn open_any(records: Records, lesson: &str) -> SharedProgress {
        let progress = records.progress(lesson).unwrap_or_default();
        SharedProgress::new(records, lesson, progress)
    }

    fn new(records: Records, lesson: &str, progress: Progress) -> SharedProgress {
        let progress = Mutex::new(progress);
        SharedProgress { records, lesson: lesson.to_owned(), progress }
    }

    /// Looks at it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Progress) -> R) -> R {
        look(&self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes it, and keeps it as it is then.
    ///
    /// # Errors
    /// As [`Records::keep`].
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Progress) -> R) -> Result<R, Error> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut progress);
        self.records.keep(&self.lesson, &progress)?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::Page;

    fn walk(text: &str) -> Walk {
        Walk::of(&Page::parse("page.md", text).unwrap()).unwrap()
    }

    #[test]
    fn who_stood_at_a_stop_that_is_gone_goes_on_at_the_first_that_is_not_done() {
        let before = walk("```console\n$ a\n$ b\n$ c\n```\n");
        let mut progress = Progress::default();
        assert_eq!(progress.place(&before), 0);
        progress.passed.extend(["run a".to_owned(), "run b".to_owned()]);
        progress.at = Some("run c".to_owned());
        assert_eq!((progress.place(&before), progress.left_out(&before)), (2, 1));
        let after = walk("```console\n$ a\n$ new\n$ b\n```\n");
        assert_eq!((progress.place(&after), progress.left_out(&after)), (1, 1));
    }

    #[test]
    fn what_is_gone_on_with_is_what_was_agreed_to() {
        let home = tempfile::tempdir().unwrap();
        let records = Records::open(home.path(), None, &Limits::default()).unwrap();
        let commit = "a".repeat(40);
        let read = |folder: &str, commit: &str| {
            let origin = serde_json::json!({"repository": "r", "folder": folder, "commit": commit});
            let last = serde_json::json!({"lesson": "01-a", "pack": "/tmp/other", "origin": origin});
            std::fs::write(home.path().join("learning/last.json"), last.to_string()).unwrap();
            records.last().map(|last| last.and_then(|last| last.pack()).map(|pack| pack.folder))
        };
        let kept = home.path().join("learning/packs").join(&commit);
        assert_eq!(read("", &commit).unwrap(), Some(kept.clone()));
        assert_eq!(read("packs/first", &commit).unwrap(), Some(kept.join("packs/first")));
        for (folder, commit) in [("../x", commit.as_str()), ("/tmp", &commit), ("", "../.."), ("", "")] {
            assert!(matches!(read(folder, commit), Err(Error::Damaged { .. })), "{folder} {commit}");
        }
    }

    #[test]
    fn what_other_versions_write_is_no_mistake() {
        let progress: Progress = serde_json::from_str(r#"{"at": "run a", "mood": "good"}"#).unwrap();
        assert_eq!(progress.at.as_deref(), Some("run a"));
    }
}
