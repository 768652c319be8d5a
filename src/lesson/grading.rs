//! Grading: the checks of a lesson's tasks, run against what a student hands in.
//!
//! Nothing that the student made is trusted to say how it went. A check is a command of the teacher's, and where it runs nothing is the student's
//! but the files in a copy of the folder and the home that is asked:
//!
//! - no folder of the student's is in PATH, and no variable of whoever grades reaches a check, but Layerlab's own;
//! - how a command ended is heard where no output can say it (`shell.rs`); output and time are bounded, and what a check has started ends with it, also where
//!   we are killed (`guard.rs`);
//! - a container of the student's gets what every container has, and of the machine the student's folder (`runtime/lent.rs`); in the home no link
//!   leads elsewhere (`store/linked.rs`);
//! - a check that names a variable which is not set fails: what the page sets is not set here.
//!
//! Not protected against: a check that itself runs a file of the student's outside a container gives that file the rights of whoever grades; and
//! whoever can write a home can write what is asked of it. `book/src/teaching/grading.md` says what to do.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::geteuid;

use super::checking::{Mismatch, first_mismatch};
use super::copying::is_apart;
use super::digests::DigestMap;
use super::finding::Subject;
use super::guard::{Charge, Guard};
use super::handed_in;
use super::hub::{Until, finished};
use super::page::{Mistake, Page};
use super::processes::{self, Mark};
use super::shell::{CommandResult, Shell, Typing};
use super::task::Task;
use crate::diagnostic::Explained;
use crate::errno;
use crate::limits::Limits;
use crate::progress::Interrupt;
use crate::runtime;
use crate::runtime::lent::{self, GRADED};
use crate::store::{self, Home};

/// What says to the program which containers are the student's, and to whoever tidies up.
const GRADED_FILE: &str = "graded";
const THEIRS: &str = "theirs";
/// How long the containers of a check may take to be removed: a program is asked first, and a busy machine takes its time.
const REMOVAL: Duration = Duration::from_secs(120);

/// What is graded, and how.
#[derive(Debug)]
pub(crate) struct Grader<'g> {
    pub(crate) page: &'g Page,
    /// The student's folder.
    pub(crate) work: &'g Path,
    /// The student's images and containers.
    pub(crate) home: &'g Home,
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
    #[error("`{}`, where temporary files are, lies in `{}`, which would be copied into itself", temporary.display(), work.display())]
    Itself { temporary: PathBuf, work: PathBuf },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// Its owner could execute what is made there with our rights, such as a set-user-id program.
    #[error("the home `{}` belongs to another user", .0.display())]
    AnothersHome(PathBuf),
    /// What lies there may be anybody's.
    #[error("`{}` of the home is a symbolic link", .0.display())]
    Linked(PathBuf),
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
            Error::Itself { .. } => Some("let TMPDIR name a folder that is not the student's".to_owned()),
            Error::Store(error) => error.hint(),
            Error::Runtime(error) => error.hint(),
            Error::AnothersHome(home) => Some(format!(
                "that user could execute what containers make there with your rights: take it over with `chown {} {}`, or grade as that user",
                geteuid().as_raw(),
                home.display()
            )),
            Error::Linked(_) => {
                Some("no home has one by itself: put the folder there, or take a copy without links".to_owned())
            }
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
    /// A page with a task that is not whole; a folder that is not there; a home with links in it.
    pub(crate) fn grade(&self) -> Result<Grade, Error> {
        let room = CheckRoom::new(self)?;
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
///
/// With the value all ends that checks have started, and what they have made is removed; where we are killed, somebody else sees to it.
struct CheckRoom<'g> {
    grader: &'g Grader<'g>,
    folder: tempfile::TempDir,
    /// The containers that were there before: the student's.
    theirs: BTreeSet<String>,
    _guard: Guard,
}

impl<'g> CheckRoom<'g> {
    fn new(grader: &'g Grader<'g>) -> Result<CheckRoom<'g>, Error> {
        let home = grader.home;
        let owner = home.root().metadata().map_err(Error::io("can't look at", home.root()))?.uid();
        if owner != geteuid().as_raw() {
            return Err(Error::AnothersHome(home.root().to_owned()));
        }
        if let Some(place) = store::linked_place(home)? {
            return Err(Error::Linked(place));
        }
        let parent = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("layerlab-grade-").tempdir_in(&parent);
        let folder = folder.map_err(Error::io("can't make a folder in", &parent))?;
        let work = grader.work.canonicalize().map_err(Error::io("can't find", grader.work))?;
        if !is_apart(&work, folder.path()).map_err(Error::io("can't find", folder.path()))? {
            return Err(Error::Itself { temporary: parent, work });
        }
        let theirs = runtime::all_ids(home)?;
        furnish(folder.path(), &work, &theirs).map_err(Error::io("can't make a place in", folder.path()))?;
        let (mark, list) = (mark(folder.path()), folder.path().join(THEIRS));
        let charge = Charge { home: home.root(), theirs: Some(&list), mark };
        let guard = Guard::over(&charge, folder.path()).map_err(Error::io("can't watch over", folder.path()))?;
        Ok(CheckRoom { grader, folder, theirs, _guard: guard })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All that a check finds in its environment.
    fn variables(&self) -> Vec<(OsString, OsString)> {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let home = self.grader.home.root();
        let outside = [self.grader.work, home].map(|place| place.canonicalize().unwrap_or_default());
        let outside: Vec<PathBuf> = outside.into_iter().filter(|place| place.parent().is_some()).collect();
        let folders = [self.path("bin")].into_iter().chain(handed_in::safe_path(&own, &outside));
        let path = std::env::join_paths(folders).unwrap_or_else(|_| self.path("bin").into());
        let is_ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with("LAYERLAB_"));
        let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().filter(|(name, _)| is_ours(name)).collect();
        let fixed: [(&str, OsString); 10] = [
            ("PATH", path),
            ("HOME", self.path("me").into()),
            ("TMPDIR", self.path("tmp").into()),
            ("LAYERLAB_HOME", home.into()),
            ("LAYERLAB_PULL", "never".into()),
            (GRADED, self.path(GRADED_FILE).into()),
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

    /// The first check of a task that does not pass. What the checks have started in their shell is ended, and the containers that they have made are
    /// removed, however they end.
    fn mismatch(&self, task: &Task) -> Result<Option<Mismatch>, Error> {
        let folder = self.folder.path();
        let mut shell = self.shell().map_err(Error::io("can't start a shell in", folder))?;
        // The page's own digests: a student's machine has others, which only the learner's walk knows.
        let digests = DigestMap::default();
        let mismatch =
            first_mismatch(&task.checks, &digests, |check| self.run(&mut shell, &format!("set -u\n{check}")));
        drop(shell);
        // Also after Ctrl-C: what is left would be in the way of the next grading, and nobody could say that it is not the student's.
        self.remove_made()?;
        mismatch.map_err(Error::io("can't check in", folder))
    }

    /// Removes the containers that checks have made, with their volumes. Which they are is read from the disk: a command that lists them could fail, or
    /// be too slow, and then the student's own would look as if the checks had made them.
    fn remove_made(&self) -> Result<(), Error> {
        let home = self.grader.home;
        let made = || Ok::<_, Error>(&runtime::all_ids(home)? - &self.theirs);
        let ids = made()?;
        if ids.is_empty() {
            return Ok(());
        }
        let program = self.path("bin/layerlab");
        let mut command = Command::new(&program);
        command.args(["rm", "-f", "-v"]).args(&ids).env_clear().envs(self.variables());
        // Ctrl-C is for the check.
        command.stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
        let until = Until { interrupt: None, patience: REMOVAL };
        let ended = finished(&mut command, Some(&until));
        if made()?.is_empty() {
            return Ok(());
        }
        let said = match ended {
            Ok(Ok(())) => String::new(),
            Ok(Err(said)) => said.trim_end().to_owned(),
            Err(error) => errno::describe(&error),
        };
        Err(Error::Left { home: home.root().to_owned(), said })
    }
}

impl Drop for CheckRoom<'_> {
    fn drop(&mut self) {
        processes::end(&mark(self.folder.path()));
        // What a process in the background has made since. The grade stands, and the next grading tells of what can't be removed.
        let _ = self.remove_made();
    }
}

/// What all that a check starts has in its environment.
fn mark(folder: &Path) -> Mark {
    Mark::new(GRADED, &folder.join(GRADED_FILE))
}

/// Makes what checks need, and says which containers are the student's, and get nothing of the machine but the student's folder.
fn furnish(folder: &Path, work: &Path, theirs: &BTreeSet<String>) -> io::Result<()> {
    for name in ["work", "control", "bin", "me", "tmp"] {
        std::fs::create_dir(folder.join(name))?;
    }
    std::fs::write(folder.join(GRADED_FILE), lent::told(work, theirs))?;
    std::fs::write(folder.join(THEIRS), theirs.iter().flat_map(|id| [id, "\n"]).collect::<String>())?;
    let program = std::env::current_exe()?;
    ["layerlab", "docker"].iter().try_for_each(|name| symlink(&program, folder.join("bin").join(name)))
}
