//! `layerlab lesson grade`: what a student has reached in a lesson.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::packs::check_own;
use super::reading;
use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::learning::LearningRecord;
use crate::lesson::{self, Grader, LESSON, Page};
use crate::oci::Digest;
use crate::store::{Home, Preferences};
use crate::view::grades;

/// Say which tasks of a lesson are done in a student's folder and home.
///
/// Only the checks of the tasks are run, in a copy of the folder, with the home as it is. An exercise counts one point, a challenge two, or what the
/// fence says: `exercise points=3`. The exit code is 0 whatever the grade, unless something is required.
#[derive(Debug, Args)]
#[command(
    after_help = "The checks are your own commands. Where one runs a file of the student's outside a container, that file can do what you can do."
)]
pub(crate) struct Grade {
    /// The lesson, or its folder (default: the current folder)
    #[arg(value_name = "LESSON")]
    lesson: Option<PathBuf>,
    /// The student's folder (default: the folder of the lesson)
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Print the grade as JSON
    #[arg(long)]
    json: bool,
    /// What has to be done for the exit code to be 0
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    require: Required,
    /// How long a check may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    timeout: u64,
}

/// What has to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Required {
    #[default]
    Nothing,
    All,
}

impl Grade {
    pub(in crate::cli) fn run(&self, home: Option<&Path>, ui: &Ui) -> Result<(), Failure> {
        let interrupt = interrupts::caught()?;
        let preferences = preferences()?;
        let limits = preferences.limits.clone();
        let lesson = self.lesson.clone().unwrap_or_else(|| LESSON.into());
        reading::find(&lesson)?;
        let path = if lesson.is_dir() { lesson.join(LESSON) } else { lesson };
        check_own(&path)?;
        let source = lesson::read_text(&path, &limits)?;
        let page = Page::parse(&source.name, &source.text)?;
        let home = match home {
            Some(home) => home.to_owned(),
            None => Home::default_path(|name| std::env::var_os(name))?,
        };
        let home = open(&home, preferences)?;
        let work = self.work.as_deref().unwrap_or_else(|| lesson::folder_of(&path));
        let patience = Duration::from_secs(self.timeout);
        let grader = Grader { page: &page, work, home: &home, patience, limits: &limits, interrupt: &interrupt };
        let grade = grader.grade()?;
        // It says nothing of what was reached, so that no grade fails with it.
        let record = LearningRecord::beside(home.root(), &page, &limits);
        if self.json {
            let digest = Digest::of(source.text.as_bytes()).to_string();
            writeln!(ui.plain(), "{:#}", grades::document(&page.name, &digest, &grade, &record))?;
        } else {
            ui.out().write_all(grades::report(ui.palette, &page.name, &grade, &record).as_bytes())?;
        }
        match self.require {
            Required::All if grade.earned() < grade.possible() => Err(Failure::status(1)),
            Required::All | Required::Nothing => Ok(()),
        }
    }
}

/// Opens the home that is graded. Nobody is graded in one that is not there.
fn open(home: &Path, preferences: Preferences) -> Result<Home, Failure> {
    let found = home.canonicalize().map_err(|error| {
        let message = format!("can't find the home `{}`: {}", home.display(), errno::describe(&error));
        Failure::from(Diagnostic::error(message))
    })?;
    Ok(Home::open_with(found, preferences)?)
}
