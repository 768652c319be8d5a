//! What is kept of each pack of which lessons were begun.
//!
//! ```text
//! learning/pack-1a2b3c4d/course.json    {"name": "first", "commits": ["5f0e…"]}
//! ```
//!
//! The name is that of the learners' folder below `~/layerlab-lessons`. It is the pack's own, with the end of its key behind it where a lesson
//! of this program or another pack has it already: two courses never share a folder. The commits are those whose files are kept, the one
//! that was agreed to last first. A record that is lost or damaged only means another name, and files that stay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::catalogue::is_built_in;
use super::error::Error;
use super::packs::{Pack, Packs};
use crate::document::{self, Links};
use crate::limits::Bound;
use crate::store::{atomic_write, create_private_folder};

/// What is kept of a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Course {
    name: String,
    commits: Vec<String>,
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

    /// What the folder of a pack's learners is called: as before, or as nothing else is.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn name(&self, pack: &Pack) -> Result<String, Error> {
        let key = pack.key();
        let course = self.read(&key);
        if !course.name.is_empty() {
            return Ok(course.name);
        }
        let taken: BTreeSet<String> = self.others(&key).into_iter().map(|other| other.name).collect();
        let own = pack.name().into_owned();
        let suffixed = (4..=8).map(|length| format!("{own}-{}", &key[key.len() - length..]));
        let mut names = std::iter::once(own.clone()).chain(suffixed);
        let name = names.find(|name| !taken.contains(name) && !is_built_in(name)).unwrap_or_else(|| key.clone());
        self.write(&key, &Course { name: name.clone(), ..course })?;
        Ok(name)
    }

    /// Notes that a pack is of this commit now, to which the user has agreed; the files of its earlier ones go, unless something else is of
    /// them.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn move_to(&self, pack: &Pack, packs: &Packs, temporary: &Path) -> Result<(), Error> {
        let Some(origin) = &pack.origin else { return Ok(()) };
        let key = pack.key();
        let mut course = self.read(&key);
        if course.commits.as_slice() == std::slice::from_ref(&origin.commit) {
            return Ok(());
        }
        let used: BTreeSet<String> = self.others(&key).into_iter().flat_map(|other| other.commits).collect();
        course.commits.retain(|commit| *commit != origin.commit);
        let earlier = std::mem::take(&mut course.commits);
        course.commits.push(origin.commit.clone());
        for commit in earlier {
            if !used.contains(&commit) && !packs.remove(&commit, temporary)? {
                // Somebody learns with it: it goes at the next change.
                course.commits.push(commit);
            }
        }
        self.write(&key, &course)
    }

    fn others(&self, key: &str) -> Vec<Course> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| name.starts_with("pack-") && name != key).map(|name| self.read(&name)).collect()
    }

    fn read(&self, key: &str) -> Course {
        let bytes = document::read(&self.path(key), self.bound, Links::Refuse);
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&self, key: &str, course: &Course) -> Result<(), Error> {
        create_private_folder(&self.folder)?;
        create_private_folder(&self.folder.join(key))?;
        let path = self.path(key);
        let bytes = serde_json::to_vec(course).map_err(|source| Error::Damaged { path: path.clone(), source })?;
        Ok(atomic_write(&path, &bytes)?)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(key).join("course.json")
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

    fn pack(repository: &str, commit: &str) -> Pack {
        let (repository, folder, commit) = (repository.to_owned(), "first".to_owned(), commit.to_owned());
        let address = repository.clone();
        Pack { folder: PathBuf::new(), origin: Some(Origin { repository, folder, commit }), address }
    }

    #[test]
    fn two_courses_never_share_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let courses = courses(home.path());
        let name = |repository| courses.name(&pack(repository, "1")).unwrap();
        assert_eq!(name("https://a/x.git"), "first");
        let other = name("https://b/x.git");
        assert!(other.starts_with("first-") && other.len() == 10, "{other}");
        assert_eq!((name("https://a/x.git"), name("https://b/x.git")), ("first".to_owned(), other));
        let lesson = Pack { folder: "/x/04-cache".into(), origin: None, address: String::new() };
        assert!(courses.name(&lesson).unwrap().starts_with("04-cache-"));
    }

    #[test]
    fn the_files_of_an_earlier_commit_go_when_nothing_is_of_them() {
        let home = tempfile::tempdir().unwrap();
        let courses = courses(home.path());
        let packs = Packs::open(home.path()).unwrap();
        let folder = home.path().join("learning/packs");
        let begin = |repository, commit: &str| {
            std::fs::create_dir_all(folder.join(commit)).unwrap();
            packs.agree(commit).unwrap();
            courses.move_to(&pack(repository, commit), &packs, home.path()).unwrap();
        };
        let are_there = || ["1", "2", "3"].map(|commit| folder.join(commit).exists());
        begin("https://a/x.git", "1");
        begin("https://b/x.git", "1");
        begin("https://a/x.git", "2");
        assert_eq!(are_there(), [true, true, false], "another course is of it");
        let in_use = packs.hold("1").unwrap();
        begin("https://b/x.git", "2");
        assert_eq!(are_there(), [true, true, false], "somebody learns with it");
        drop(in_use);
        begin("https://b/x.git", "3");
        assert_eq!(are_there(), [false, true, true]);
    }
}
