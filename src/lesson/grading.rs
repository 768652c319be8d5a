//! Grading: the checks of a lesson's tasks, run against what a student hands in.
//!
//! Nothing that the student made is trusted to say how it went. A check is a command of the teacher's, and where it runs nothing is the student's
//! but the files in a copy of the folder and the home that is asked:
//!
//! - no folder of the student's is in PATH, and no variable of whoever grades reaches a check, but Layerlab's own;
//! - how a command ended is heard where no output can say it (`shell.rs`); output and time are bounded, and what a check has started ends with it;
//! - a check goes on without no variable: one that the page sets is not set here.
//!
//! Not protected against: a check that itself runs a file of the student's outside a container gives that file the rights of whoever grades; and
//! whoever can write a home can write what is asked of it. `book/src/teaching/grading.md` says what to do.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::finding::Subject;
use super::fitting::align;
use super::handed_in;
use super::page::{Mistake, Page};
use super::session::Run;
use super::shell::{End, MOST_OUTPUT, Outcome, Shell, Typing};
use super::task::Task;
use crate::diagnostic::Explained;
use crate::errno;
use crate::limits::Limits;
use crate::progress::Interrupt;

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
    pub(crate) lack: Option<Lack>,
}

/// A check that did not pass.
#[derive(Debug)]
pub(crate) struct Lack {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) expected: Vec<String>,
    pub(crate) seen: Vec<String>,
    pub(crate) why: Why,
}

/// Why a check did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It printed something else.
    Output,
    /// It ended with another exit code than it should.
    ExitCode {
        expected: i32,
        seen: i32,
    },
    TimedOut,
    /// It printed more than is looked at.
    TooMuch,
}

/// Why nothing can be graded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Page(#[from] Mistake),
    #[error("{what} `{}`: {}", path.display(), errno::describe(source))]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::Page(mistake) => mistake.hint(),
            Error::Io { source, .. } => errno::hint(source),
        }
    }
}

impl Graded {
    pub(crate) fn earned(&self) -> u32 {
        if self.lack.is_none() { self.points } else { 0 }
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
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { what, path, source }
        };
        let parent = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("layerlab-grade-").tempdir_in(&parent);
        let folder = folder.map_err(failed("can't make a folder in", &parent))?;
        let home = self.home.canonicalize().map_err(failed("can't find the home", self.home))?;
        let desk = Desk { folder: folder.path(), home, work: self.work, grader: self };
        desk.furnish().map_err(failed("can't make a place in", folder.path()))?;
        let left_out = handed_in::copy(self.work, &desk.path("work"), self.limits);
        let left_out = left_out.map_err(failed("can't copy", self.work))?;
        let mut tasks = Vec::new();
        for (number, block) in self.page.blocks.iter().enumerate() {
            let Some(subject) = Subject::of(block.kind).filter(|subject| *subject != Subject::Prediction) else {
                continue;
            };
            let task = Task::read(self.page, number)?;
            let heading = self.page.heading_above(block.line).map(|heading| heading.text.clone()).unwrap_or_default();
            let points = points(self.page, number, subject)?;
            let lack = desk.lack(&task).map_err(failed("can't check in", folder.path()))?;
            tasks.push(Graded { subject, line: block.line - 1, heading, points, lack });
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
struct Desk<'g> {
    folder: &'g Path,
    home: PathBuf,
    work: &'g Path,
    grader: &'g Grader<'g>,
}

impl Desk<'_> {
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
        let fixed: [(&str, OsString); 9] = [
            ("PATH", path),
            ("HOME", self.path("me").into()),
            ("TMPDIR", self.path("tmp").into()),
            ("LAYERLAB_HOME", self.home.clone().into()),
            ("LAYERLAB_PULL", "never".into()),
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

    fn run(&self, shell: &mut Shell, command: &str) -> io::Result<Outcome> {
        let mut outcome = shell.run(command, &Typing::nothing(self.grader.patience, self.grader.interrupt))?;
        // A mistake in a command is one in its file, of which the page knows nothing.
        outcome.output = outcome.output.replace(&format!("{}: ", self.path("control/command").display()), "");
        Ok(outcome)
    }

    /// The first check of a task that does not pass. What the checks have started is ended.
    fn lack(&self, task: &Task) -> io::Result<Option<Lack>> {
        let before = self.containers()?;
        let mut shell = self.shell()?;
        let mut lack = None;
        for check in &task.checks {
            let outcome = self.run(&mut shell, &format!("set -u\n{}", check.command))?;
            lack = judged(check, &outcome);
            if lack.is_some() {
                break;
            }
        }
        drop(shell);
        let after = self.containers()?;
        let new: Vec<&str> = after.difference(&before).map(String::as_str).collect();
        if !new.is_empty() {
            self.run(&mut self.shell()?, &format!("docker rm -f -v {}", new.join(" ")))?;
        }
        Ok(lack)
    }

    /// The ids of all containers of the home.
    fn containers(&self) -> io::Result<BTreeSet<String>> {
        let listed = self.run(&mut self.shell()?, "docker ps -a -q --no-trunc")?;
        let is_id = |line: &&str| line.len() == 64 && line.chars().all(|digit| digit.is_ascii_hexdigit());
        Ok(listed.output.lines().filter(is_id).map(str::to_owned).collect())
    }
}

/// What is lacking of a check.
fn judged(check: &Run, outcome: &Outcome) -> Option<Lack> {
    let expected: Vec<String> = check.pieces.iter().flat_map(|piece| piece.shown[piece.typed..].to_vec()).collect();
    let status = check.status.unwrap_or(0);
    let lines = || outcome.output.lines().map(str::to_owned).collect::<Vec<String>>();
    let (seen, why) = match outcome.end {
        _ if outcome.output.len() >= MOST_OUTPUT => (Vec::new(), Why::TooMuch),
        End::TimedOut(_) => (lines(), Why::TimedOut),
        End::Exit(code) => {
            let seen = lines();
            match align(&expected, &seen) {
                None => (seen, Why::Output),
                Some(_) if code != status => (seen, Why::ExitCode { expected: status, seen: code }),
                Some(_) => return None,
            }
        }
    };
    Some(Lack { line: check.line, command: check.command.clone(), expected, seen, why })
}
