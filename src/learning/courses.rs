//! What is kept of each pack of which lessons were begun.
//!
//! ```text
//! learning/pack-1a2b3c4d5e6f7a8b.json    {"name": "first", "commits": ["5f0e…"]}
//! ```
//!
//! The name is that of the learners' folder below `~/layerlab-lessons`. It is the pack's own, with the end of its key behind it where a lesson
//! of this program or another pack has it already, or the pack itself lies there: two courses never share a folder, and none has that of its
//! author. The commits are those whose files are kept, the one
//! that was agreed to last first. A record that is lost or damaged only means another name, and files that stay: as long as one can't be read,
//! nothing is removed, since it may be of any commit.

use std::collections::BTreeSet;
use std::fs::{DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalogue::is_built_in;
use super::commit::{Commit, plain_name};
use super::error::Error;
use super::packs::{Pack, Packs};
use crate::document::{self, Links};
use crate::lesson::is_apart;
use crate::limits::Bound;
use crate::store::{atomic_write, create_private_folder};

/// What is kept of a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Course {
    #[serde(deserialize_with = "plain_name")]
    name: String,
    #[serde(deserialize_with = "Commit::list")]
    commits: Vec<Commit>,
}

/// The records of all packs of a home.
#[derive(Clone, Debug)]
pub(crate) struct Courses {
    /// `learning/`.
    folder: PathBuf,
    /// How large a record may be.
    bound: Bound,
}

impl Courses {
    pub(super) fn of(home: &Path, bound: Bound) -> Courses {
        Courses { folder: home.join("learning"), bound }
    }

    /// What the folder of a pack's learners is called below that of all lessons: as before, or as nothing else is.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn name(&self, pack: &Pack, lessons: &Path) -> Result<String, Error> {
        let _lock = self.lock()?;
        let key = pack.key();
        let course = self.read(&key).unwrap_or_default();
        // What can't be found is looked at again before anything is written there.
        let is_apart = |name: &str| is_apart(&lessons.join(name), &pack.folder).unwrap_or(true);
        if !course.name.is_empty() && is_apart(&course.name) {
            return Ok(course.name);
        }
        let taken: BTreeSet<String> = self.others(&key).into_iter().flatten().map(|other| other.name).collect();
        let own = pack.name().into_owned();
        let suffixed = (4..=8).map(|length| format!("{own}-{}", &key[key.len() - length..]));
        let mut names = std::iter::once(own.clone()).chain(suffixed);
        let is_free = |name: &String| !taken.contains(name) && !is_built_in(name) && is_apart(name);
        let name = names.find(is_free).unwrap_or_else(|| key.clone());
        self.write(&key, &Course { name: name.clone(), ..course })?;
        Ok(name)
    }

    /// What the folder of a pack's learners is called, if it was begun.
    pub(super) fn known_name(&self, key: &str) -> Option<String> {
        self.read(key).map(|course| course.name).filter(|name| !name.is_empty())
    }

    /// Notes that a pack is of this commit now, to which the user has agreed; the files of its earlier ones go, unless something else is of
    /// them.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn move_to(&self, pack: &Pack, packs: &Packs, temporary: &Path) -> Result<(), Error> {
        let Some(origin) = &pack.origin else { return Ok(()) };
        let _lock = self.lock()?;
        let key = pack.key();
        let mut course = self.read(&key).unwrap_or_default();
        if course.commits.as_slice() == std::slice::from_ref(&origin.commit) {
            return Ok(());
        }
        let others: Option<Vec<Course>> = self.others(&key).into_iter().collect();
        let used: Option<BTreeSet<Commit>> =
            others.map(|others| others.into_iter().flat_map(|other| other.commits).collect());
        course.commits.retain(|commit| *commit != origin.commit);
        let earlier = std::mem::take(&mut course.commits);
        course.commits.push(origin.commit.clone());
        for commit in earlier {
            let is_gone = match &used {
                // That of another course stays, and is in its record.
                Some(used) => used.contains(&commit) || packs.remove(&commit, temporary)?,
                None => false,
            };
            if !is_gone {
                // Somebody learns with it, or nobody knows: it goes at the next change.
                course.commits.push(commit);
            }
        }
        self.write(&key, &course)
    }

    /// The records of all other packs; `None` for each that can't be read.
    fn others(&self, key: &str) -> Vec<Option<Course>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(_) => return vec![None],
        };
        let other = |entry: io::Result<DirEntry>| {
            let Ok(entry) = entry else { return Some(None) };
            let name = entry.file_name().into_string().ok()?;
            let other = name.strip_suffix(".json").filter(|other| other.starts_with("pack-") && *other != key)?;
            Some(self.read(other))
        };
        entries.filter_map(other).collect()
    }

    /// The record of a pack, which is empty where there is none; `None`: it can't be read.
    fn read(&self, key: &str) -> Option<Course> {
        match document::read(&self.path(key), self.bound, Links::Refuse) {
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.is_not_found() => Some(Course::default()),
            Err(_) => None,
        }
    }

    fn write(&self, key: &str, course: &Course) -> Result<(), Error> {
        let path = self.path(key);
        let bytes = serde_json::to_vec(course).map_err(|error| Error::io("write", &path)(error.into()))?;
        Ok(atomic_write(&path, &bytes)?)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.json"))
    }

    /// The right to look at the records and to change one, which one has at a time, as long as the value lives.
    fn lock(&self) -> Result<File, Error> {
        create_private_folder(&self.folder)?;
        let path = self.folder.join("packs.lock");
        let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let lock = options.map_err(Error::io("open", &path))?;
        lock.lock().map_err(Error::io("lock", &path))?;
        Ok(lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::Origin;
    use crate::limits::{Limit, Limits};

    fn courses(home: &Path) -> Courses {
        Courses::of(home, Limits::default().bound(&Limit::bytes("test", "TEST", 1000)))
    }

    /// The id of a commit, by its first digit.
    fn commit(digit: &str) -> Commit {
        Commit::try_from(digit.repeat(40)).unwrap()
    }

    fn pack(repository: &str, digit: &str) -> Pack {
        let (repository, folder, commit) = (repository.to_owned(), "first".to_owned(), commit(digit));
        let address = repository.clone();
        Pack { folder: "/nowhere/first".into(), origin: Some(Origin { repository, folder, commit }), address }
    }

    /// A home with the courses of two repositories, `a` and `b`.
    struct Home {
        folder: tempfile::TempDir,
        courses: Courses,
        packs: Packs,
    }

    impl Home {
        fn new() -> Home {
            let folder = tempfile::tempdir().unwrap();
            let (courses, packs) = (courses(folder.path()), Packs::open(folder.path()).unwrap());
            Home { folder, courses, packs }
        }

        fn path(&self, digit: &str) -> PathBuf {
            self.folder.path().join("learning/packs").join(commit(digit).as_str())
        }

        fn begin(&self, repository: &str, digit: &str) {
            std::fs::create_dir_all(self.path(digit)).unwrap();
            self.packs.agree(&commit(digit)).unwrap();
            self.courses.move_to(&pack(repository, digit), &self.packs, self.folder.path()).unwrap();
        }

        fn are_there(&self) -> [bool; 3] {
            ["1", "2", "3"].map(|digit| self.path(digit).exists())
        }

        fn write_record(&self, repository: &str, text: &str) {
            std::fs::write(self.courses.path(&pack(repository, "1").key()), text).unwrap();
        }
    }

    #[test]
    fn two_courses_never_share_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let courses = courses(home.path());
        let lessons = home.path().join("lessons");
        let name = |repository| courses.name(&pack(repository, "1"), &lessons).unwrap();
        assert_eq!(name("https://a/x.git"), "first");
        let other = name("https://b/x.git");
        assert!(other.starts_with("first-") && other.len() == 10, "{other}");
        assert_eq!((name("https://a/x.git"), name("https://b/x.git")), ("first".to_owned(), other));
        let lesson = Pack { folder: "/x/04-cache".into(), origin: None, address: String::new() };
        assert!(courses.name(&lesson, &lessons).unwrap().starts_with("04-cache-"));
        for author in ["lessons/mine", "lessons/deep/deep"] {
            let folder = home.path().join(author);
            std::fs::create_dir_all(&folder).unwrap();
            let own = Pack { folder, origin: None, address: String::new() };
            let name = courses.name(&own, &lessons).unwrap();
            assert!(name.starts_with("mine-") || name.starts_with("deep-"), "{name}");
            assert_eq!(courses.name(&own, &lessons).unwrap(), name);
        }
    }

    #[test]
    fn courses_that_begin_at_the_same_time_have_a_folder_each() {
        let home = tempfile::tempdir().unwrap();
        let courses = courses(home.path());
        let repositories: Vec<String> = (0..8).map(|number| number.to_string()).collect();
        let names: BTreeSet<String> = std::thread::scope(|scope| {
            let name = |repository: &str| courses.name(&pack(repository, "1"), home.path()).unwrap();
            let begun: Vec<_> = repositories.iter().map(|repository| scope.spawn(move || name(repository))).collect();
            begun.into_iter().map(|name| name.join().unwrap()).collect()
        });
        assert_eq!(names.len(), repositories.len(), "{names:?}");
    }

    #[test]
    fn the_files_of_an_earlier_commit_go_when_nothing_is_of_them() {
        let home = Home::new();
        home.begin("a", "1");
        home.begin("b", "1");
        home.begin("a", "2");
        assert_eq!(home.are_there(), [true, true, false], "another course is of it");
        let in_use = home.packs.hold(&commit("1")).unwrap();
        home.begin("b", "2");
        assert_eq!(home.are_there(), [true, true, false], "somebody learns with it");
        drop(in_use);
        home.begin("b", "3");
        assert_eq!(home.are_there(), [false, true, true]);
        assert!(home.packs.hold(&commit("1")).is_err(), "it is gone");
    }

    #[test]
    fn nothing_goes_as_long_as_a_record_cannot_be_read() {
        let home = Home::new();
        home.begin("a", "1");
        home.begin("b", "1");
        home.write_record("b", "{");
        home.begin("a", "2");
        assert_eq!(home.are_there(), [true, true, false]);
        home.write_record("b", "{}");
        home.begin("a", "3");
        assert_eq!(home.are_there(), [false, false, true], "what stayed goes later");
    }

    #[test]
    fn no_path_in_a_record_is_removed_or_worked_in() {
        let home = Home::new();
        let precious = tempfile::tempdir().unwrap();
        home.begin("a", "1");
        std::fs::create_dir(home.folder.path().join("learning/packs/documents")).unwrap();
        let paths = [precious.path().display().to_string(), "../../..".to_owned(), "documents".to_owned()];
        home.write_record("a", &serde_json::json!({"name": "../..", "commits": paths}).to_string());
        assert_eq!(home.courses.name(&pack("a", "1"), Path::new("/nowhere/lessons")).unwrap(), "first");
        home.begin("a", "2");
        assert!(precious.path().exists() && home.folder.path().join("learning/packs/documents").exists());
        for name in ["..", ".", "/", "/x", "x/", "x/y", ""] {
            home.write_record("a", &serde_json::json!({"name": name}).to_string());
            assert_eq!(home.courses.name(&pack("a", "1"), Path::new("/nowhere/lessons")).unwrap(), "first", "{name}");
        }
    }
}
