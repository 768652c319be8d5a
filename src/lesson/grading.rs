//! Grading: the checks of a lesson's tasks, run against what a student hands in.
//!
//! Nothing that the student made is trusted to say how it went. A check is a command of the teacher's, and where it runs nothing is the student's
//! but the files in a copy of the folder and the home that is asked:
//!
//! - no folder of the student's is in PATH, and no variable of whoever grades reaches a check, but Layerlab's own;
//! - how a command ended is heard where no output can say it (`shell.rs`); output and time are bounded, and what a check has started ends with it;
//! - a container of the student's gets nothing of the machine but the student's folder (`runtime/lent.rs`);
//! - a check that names a variable which is not set fails: what the page sets is not set here.
//!
//! Not protected against: a check that itself runs a file of the student's outside a container gives that file the rights of whoever grades; and
//! whoever can write a home can write what is asked of it. `book/src/teaching/grading.md` says what to do.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::checking::{Mismatch, first_mismatch};
use super::digests::DigestMap;
use super::finding::Subject;
use super::handed_in;
use super::page::{Mistake, Page};
use super::shell::{CommandResult, Shell, Typing};
use super::task::Task;
use crate::diagnostic::Explained;
use crate::errno;
use crate::limits::Limits;
use crate::progress::Interrupt;
use crate::runtime::lent::GRADED;

/// Where a home has its containers, each in a folder that is called by its id, and what makes such a folder one.
const CONTAINERS: &str = "containers";
const RECORD: &str = "container.json";
/// What says which of them are the student's.
const STUDENTS: &str = "students";

/// What is graded, and how.
#[derive(Debug)]
pub(crate) struct Grader<'g> {
    pub(crate) page: &'g Page,
    /// The student's folder.
    pub(crate) work: &'g Path,
    /// The student's images and containers.
    pub(crate) home: &'g Path,
    /// How long a command may take.
    pub(crate) patience: Duration,
    pub(crate) limits: &'g Limits,
    pub(crate) interrupt: &'g Interrupt,
}

/// What came out.
#[derive(Debug)]
pub(crate) struct Grade {
    pub(crate) title: String,
    pub(crate) tasks: Vec<Graded>,
    /// What of the folder was not looked at, and why.
    pub(crate) left_out: Vec<String>,
}

/// A task, as it was found.
#[derive(Debug)]
pub(crate) struct Graded {
    pub(crate) subject: Subject,
    /// Of the page, from 1.
    pub(crate) line: usize,
    /// What it stands below.
    pub(crate) heading: String,
    pub(crate) points: u32,
    /// The first check that did not pass; none where the task is done.
    pub(crate) mismatch: Option<Mismatch>,
}

/// Why nothing can be graded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Page(#[from] Mistake),
    #[error("{what} `{}`: {}", path.display(), errno::describe(source))]
    Io { what: &'static str, path: PathBuf, source: io::Error },
    /// A check has made containers that can't be removed.
    #[error("a check has left containers in `{}`: {said}", home.display())]
    Left { home: PathBuf, said: String },
}

impl Error {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = path.to_owned();
        move |source| Error::Io { what, path, source }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Page(mistake) => mistake.hint(),
            Error::Io { source, .. } => errno::hint(source),
            Error::Left { .. } => {
                Some("remove them with `layerlab --home HOME rm -f NAME`, and grade again".to_owned())
            }
        }
    }
}

impl Graded {
    pub(crate) fn earned(&self) -> u32 {
        if self.mismatch.is_none() { self.points } else { 0 }
    }
}

impl Grade {
    pub(crate) fn earned(&self) -> u32 {
        self.tasks.iter().map(Graded::earned).sum()
    }

    pub(crate) fn possible(&self) -> u32 {
        self.tasks.iter().map(|task| task.points).sum()
    }
}

impl Grader<'_> {
    /// Runs the checks.
    ///
    /// # Errors
    /// A page with a task that is not whole; a folder or a home that is not there.
    pub(crate) fn grade(&self) -> Result<Grade, Error> {
        let parent = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("layerlab-grade-").tempdir_in(&parent);
        let folder = folder.map_err(Error::io("can't make a folder in", &parent))?;
        let home = self.home.canonicalize().map_err(Error::io("can't find the home", self.home))?;
        let room = CheckRoom { folder: folder.path(), home, work: self.work, grader: self };
        room.furnish().map_err(Error::io("can't make a place in", folder.path()))?;
        let left_out = handed_in::copy(self.work, &room.path("work"), self.limits);
        let left_out = left_out.map_err(Error::io("can't copy", self.work))?;
        let mut tasks = Vec::new();
        for (number, block) in self.page.blocks.iter().enumerate() {
            let Some(subject) = Subject::of(block.kind).filter(|subject| *subject != Subject::Prediction) else {
                continue;
            };
            let task = Task::read(self.page, number)?;
            let heading = self.page.heading_above(block.line).map(|heading| heading.text.clone()).unwrap_or_default();
            let points = points(self.page, number, subject)?;
            let mismatch = room.mismatch(&task)?;
            tasks.push(Graded { subject, line: block.line - 1, heading, points, mismatch });
        }
        let title = self.page.title().unwrap_or_default().to_owned();
        Ok(Grade { title, tasks, left_out })
    }
}

/// How much a task counts: what its fence says as `points=3`, else one for an exercise and two for a challenge.
fn points(page: &Page, number: usize, subject: Subject) -> Result<u32, Mistake> {
    let block = &page.blocks[number];
    match block.details.split_whitespace().find_map(|word| word.strip_prefix("points=")) {
        None => Ok(if subject == Subject::Challenge { 2 } else { 1 }),
        Some(points) => points.parse().ok().filter(|points| *points <= 1000).ok_or_else(|| {
            let message = format!("`points={points}` is no number of points");
            page.mistake(block.line - 1, message, "a task has up to 1000 points: `points=3`")
        }),
    }
}

/// Where checks are run.
struct CheckRoom<'g> {
    folder: &'g Path,
    home: PathBuf,
    work: &'g Path,
    grader: &'g Grader<'g>,
}

impl CheckRoom<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn furnish(&self) -> io::Result<()> {
        for name in ["work", "control", "bin", "me", "tmp"] {
            std::fs::create_dir(self.path(name))?;
        }
        let program = std::env::current_exe()?;
        ["layerlab", "docker"].iter().try_for_each(|name| symlink(&program, self.path("bin").join(name)))
    }

    /// All that a check finds in its environment.
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let outside = [self.work.canonicalize().unwrap_or_default(), self.home.clone()];
        let outside: Vec<PathBuf> = outside.into_iter().filter(|place| place.parent().is_some()).collect();
        let folders = [self.path("bin")].into_iter().chain(handed_in::safe_path(&own, &outside));
        let path = std::env::join_paths(folders).unwrap_or_else(|_| self.path("bin").into());
        let is_ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with("LAYERLAB_"));
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().filter(|(name, _)| is_ours(name)).collect();
        let fixed: [(&str, OsString); 10] = [
            ("PATH", path),
            ("HOME", self.path("me").into()),
            ("TMPDIR", self.path("tmp").into()),
            ("LAYERLAB_HOME", self.home.clone().into()),
            ("LAYERLAB_PULL", "never".into()),
            (GRADED, self.path(STUDENTS).into()),
            ("DOCKER_CONFIG", self.path("me").into()),
            ("REGISTRY_AUTH_FILE", self.path("me/auth.json").into()),
            ("LC_ALL", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
        ];
        variables.extend(fixed.into_iter().map(|(name, value)| (name.into(), value)));
        variables
    }

    /// A fresh shell, so that no task decides how the next one is checked.
    fn shell(&self) -> io::Result<Shell> {
        let variables = self.variables();
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect();
        Shell::start_clean(&self.path("control"), &self.path("work"), &variables)
    }

    fn run(&self, shell: &mut Shell, command: &str) -> io::Result<CommandResult> {
        shell.run(command, &Typing::nothing(self.grader.patience, self.grader.interrupt))
    }

    /// The first check of a task that does not pass. What the checks have started is ended, and what they have made is removed, however they end.
    fn mismatch(&self, task: &Task) -> Result<Option<Mismatch>, Error> {
        let before = self.containers()?;
        self.name_the_students(&before)?;
        let mut shell = self.shell().map_err(Error::io("can't start a shell in", self.folder))?;
        // The page's own digests: a student's machine has others, which only the learner's walk knows.
        let digests = DigestMap::default();
        let mismatch =
            first_mismatch(&task.checks, &digests, |check| self.run(&mut shell, &format!("set -u\n{check}")));
        drop(shell);
        // Also after Ctrl-C: what is left would be in the way of the next grading, and nobody could say that it is not the student's.
        self.remove(self.containers()?.difference(&before))?;
        mismatch.map_err(Error::io("can't check in", self.folder))
    }

    /// Says which containers are the student's, and get nothing of the machine but the student's folder.
    fn name_the_students(&self, ids: &BTreeSet<String>) -> Result<(), Error> {
        let work = self.work.canonicalize().map_err(Error::io("can't find", self.work))?;
        let path = self.path(STUDENTS);
        let lines = ids.iter().flat_map(|id| [b"\n", id.as_bytes()].concat());
        let text: Vec<u8> = work.as_os_str().as_bytes().iter().copied().chain(lines).collect();
        std::fs::write(&path, text).map_err(Error::io("can't write", &path))
    }

    /// The ids of all containers of the home, as its folder says. A command could fail, or be too slow, and then the student's own would look as if
    /// the checks had made them.
    fn containers(&self) -> Result<BTreeSet<String>, Error> {
        let folder = self.home.join(CONTAINERS);
        let failed = |source| Error::io("can't list", &folder)(source);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries.map_err(failed)?,
        };
        let mut ids = BTreeSet::new();
        for entry in entries {
            ids.extend(entry.map_err(failed)?.file_name().into_string());
        }
        Ok(ids)
    }

    /// Removes containers with their volumes.
    fn remove<'i>(&self, ids: impl Iterator<Item = &'i String>) -> Result<(), Error> {
        // What a build was killed in is no container, and goes by itself.
        let is_container = |id: &&String| self.home.join(CONTAINERS).join(id).join(RECORD).exists();
        let ids: Vec<&String> = ids.filter(is_container).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut command = Command::new(self.path("bin/layerlab"));
        command.args(["rm", "-f", "-v"]).args(&ids).env_clear().envs(self.variables());
        // Ctrl-C is for the check.
        let output = command.stdin(Stdio::null()).process_group(0).output();
        let output = output.map_err(Error::io("can't run", &self.path("bin/layerlab")))?;
        if ids.iter().any(|id| self.home.join(CONTAINERS).join(id).join(RECORD).exists()) {
            let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(Error::Left { home: self.home.clone(), said });
        }
        Ok(())
    }
}
