//! A lesson gone through without a learner: at each stop is typed what the page says, and what comes of it is looked at.
//!
//! ```text
//! a command, a file     Enter
//! a question            the number of the right answer
//! a task                `check`, which must not pass yet; then what its solution does, by which it has to become done
//! ```
//!
//! All of it is typed at the prompt that a person has, in a fresh home: where it does not go on, nobody does. That is told, and `next` goes on.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::arriving::{self, Extent};
use super::error::Error;
use super::lines::Script;
use super::open::Tutor;
use super::setting::Setting;
use super::{doing, prompt, tasks};
use crate::learning::{Catalogue, Error as LearningError, Kind, Lesson, Records, Stop, Streams, WaitFor};
use crate::lesson::{Evidence, Finding, Guard, Kin, Mismatch, Proof, Subject};
use crate::limits::Limits;
use crate::progress::Interrupt;
use crate::view::palette::Palette;
use crate::view::screen::Screen;

/// What of the screen is kept, and the most lines of it that are shown with a finding: its last ones.
const MOST_BYTES: usize = 64 << 10;
const MOST_LINES: usize = 20;
/// What helps where a command did something else than is shown.
const HINT: &str = "fix the command or its output; what it needs, the stops before it must do";

/// How a lesson is gone through.
#[derive(Debug)]
pub(crate) struct Conditions<'c> {
    /// How long a command may take.
    pub(crate) patience: Duration,
    pub(crate) limits: &'c Limits,
    pub(crate) interrupt: &'c Interrupt,
}

/// Goes through a lesson in a folder and a home of its own, which are removed afterwards.
///
/// # Errors
/// Ctrl-C. That a stop can't be passed is a finding, and so is what prevents the lesson from being gone through.
pub(crate) fn rehearse(lesson: &Lesson, conditions: &Conditions<'_>) -> Result<Proof, Error> {
    match proof(lesson, conditions) {
        Err(error) if conditions.interrupt.is_requested() => Err(error),
        Err(Error::Learning(LearningError::Page(mistake))) => Ok(Proof::of_mistake(&mistake)),
        Err(error) => Ok(Proof { title: lesson.title.clone(), ..Proof::of_error(&error) }),
        Ok(proof) => Ok(proof),
    }
}

fn proof(lesson: &Lesson, conditions: &Conditions<'_>) -> Result<Proof, Error> {
    let parent = std::env::temp_dir();
    let folder = tempfile::Builder::new().prefix("layerlab-test-").tempdir_in(&parent);
    let folder = folder.map_err(|source| LearningError::Io { operation: "make a folder in", path: parent, source })?;
    let records = Records::open(&folder.path().join("home"), None, conditions.limits)?;
    let (catalogue, tape) = (Catalogue::default(), Tape::default());
    let tutor = Tutor::open(Setting {
        catalogue: &catalogue,
        lesson,
        records,
        folder: Some(folder.path().join("lessons").join(&lesson.name)),
        is_renewed: false,
        out: Screen::new(tape.clone(), Palette::PLAIN),
        palette: Palette::PLAIN,
        terminal: None,
        lines: Box::new(Script::new(io::empty(), conditions.limits)),
        interrupt: conditions.interrupt.clone(),
        patience: Some(conditions.patience),
    })?;
    let home = tutor.workspace().room.path("home");
    let _guard = Guard::over_page(&home, folder.path()).map_err(Error::Console)?;
    let mut rehearsal = Rehearsal { lesson, tutor, tape, findings: Vec::new(), is_stuck: false };
    let gone_through = rehearsal.go_through().and_then(|()| rehearsal.look_back());
    rehearsal.tutor.console = None;
    rehearsal.tutor.workspace().clear();
    gone_through?;
    let mut findings = rehearsal.findings;
    findings.sort_by_key(|finding| (finding.subject == Subject::End, finding.line));
    Ok(Proof { title: lesson.title.clone(), findings })
}

/// A lesson that is gone through.
struct Rehearsal<'r> {
    lesson: &'r Lesson,
    tutor: Tutor<'r>,
    tape: Tape,
    findings: Vec<Finding>,
    /// Whether there was a stop that could not be passed.
    is_stuck: bool,
}

impl Rehearsal<'_> {
    fn go_through(&mut self) -> Result<(), Error> {
        self.attempt(1, |tutor| arriving::arrive_with(tutor, 0, Extent::Whole))?;
        loop {
            let (at, walk) = (self.tutor.at, self.tutor.walk.clone());
            let stop = &walk.stops[at];
            let told = self.findings.len();
            match &stop.kind {
                Kind::Command(_) | Kind::Input(_) | Kind::File(_) | Kind::Proof { .. } => self.type_line(stop, "")?,
                Kind::Question(question) => self.type_line(stop, &question.right().to_string())?,
                Kind::Task { solution, .. } => self.do_task(stop, solution)?,
                Kind::End => return Ok(()),
            }
            if self.tutor.at == at {
                self.is_stuck = true;
                if self.findings.len() == told {
                    self.tell(stop.line, "the lesson does not go on here", HINT, self.tape.last());
                }
                self.attempt(stop.line, |tutor| arriving::arrive(tutor, at + 1))?;
            }
        }
    }

    /// Does something at the prompt, and tells what was otherwise than the page shows. `None`: a command did not end.
    fn attempt<R>(
        &mut self,
        line: usize,
        act: impl FnOnce(&mut Tutor<'_>) -> Result<R, Error>,
    ) -> Result<Option<R>, Error> {
        let done = act(&mut self.tutor);
        for mismatch in std::mem::take(&mut self.tutor.mismatches) {
            self.tell_mismatch(&mismatch);
        }
        match done {
            Err(error) if error.is_timeout() => {
                // A program that waits at its prompt may be in any state.
                if self.tutor.session.take().is_some() {
                    self.tutor.console = None;
                }
                let hint = "what waits for input, or for ever, is ended by a line `^C` in its output";
                self.tell(line, "this does not end in time", hint, self.tape.last());
                Ok(None)
            }
            done => done.map(Some),
        }
    }

    fn type_line(&mut self, stop: &Stop, line: &str) -> Result<(), Error> {
        self.tape.clear();
        self.attempt(stop.line, |tutor| prompt::take(tutor, line)).map(drop)
    }

    /// Looks whether a task is undone, does what its solution does, and goes on where it is done by that.
    fn do_task(&mut self, stop: &Stop, solution: &[Kind]) -> Result<(), Error> {
        self.tape.clear();
        if self.attempt(stop.line, tasks::check)? == Some(true) {
            let hint = "let its check look at what only the solution makes";
            self.tell(stop.line, "this task is done before anybody has done it", hint, Evidence::None);
        }
        for step in solution {
            if self.attempt(stop.line, |tutor| take_step(tutor, step))?.is_none() {
                return Ok(());
            }
        }
        self.attempt(stop.line, |tutor| doing::leave_session(tutor).and_then(|()| tasks::look(tutor)))?;
        if self.tutor.is_passed() {
            let message = "undone before its solution, done by it without another word";
            self.findings.push(Finding::proven(self.subject(stop.line), stop.line, message));
            return self.type_line(stop, "");
        }
        let Kind::Task { task, .. } = &stop.kind else { return Ok(()) };
        if let Some(Some(mismatch)) = self.attempt(stop.line, |tutor| tasks::mismatch(tutor, task))? {
            let hint = "do what the check asks in the solution";
            self.tell(mismatch.line, "this check does not pass after the solution", hint, drift(&mismatch));
        }
        Ok(())
    }

    /// What is there when the lesson is over.
    fn look_back(&mut self) -> Result<(), Error> {
        doing::leave_session(&mut self.tutor)?;
        let shell = self.tutor.console.as_ref().map(|console| (console.number(), Kin::Session));
        let leftovers = self.tutor.workspace().room.leftovers(shell).map_err(Error::Console)?;
        let left = leftovers.findings(&self.lesson.page, self.lesson.about.as_ref());
        if left.is_empty() {
            self.findings.push(Finding::proven(Subject::End, 1, "nothing is left when the lesson is over"));
        }
        self.findings.extend(left);
        if !self.is_stuck {
            let stops = self.tutor.walk.stops.iter().filter(|stop| stop.kind.is_asked()).count();
            let message = format!("whoever does what it says gets through; stops: {stops}");
            self.findings.push(Finding::proven(Subject::Page, 1, message));
        }
        Ok(())
    }

    fn subject(&self, line: usize) -> Subject {
        Subject::at(&self.lesson.page, line)
    }

    fn tell_mismatch(&mut self, mismatch: &Mismatch) {
        let message = match self.subject(mismatch.line) {
            Subject::Prediction => "the proof prints something else than is shown",
            Subject::Page
            | Subject::Files
            | Subject::Exercise
            | Subject::Challenge
            | Subject::Transcript
            | Subject::End => "this prints something else than is shown",
        };
        self.tell(mismatch.line, message, HINT, drift(mismatch));
    }

    fn tell(&mut self, line: usize, message: &str, hint: &str, evidence: Evidence) {
        self.findings.push(Finding::fault(self.subject(line), line, message, hint).showing(evidence));
    }
}

/// Does a part of a solution, as a learner would, and has the task looked at.
fn take_step(tutor: &mut Tutor<'_>, step: &Kind) -> Result<(), Error> {
    match step {
        Kind::Command(line) => {
            doing::leave_session(tutor)?;
            let command = doing::typed_here(tutor, line);
            let streams = if line.is_session { Streams::Terminal } else { Streams::Alone };
            doing::run_own(tutor, &command, streams, WaitFor::of(&line.expected, line.is_session))?;
        }
        Kind::Input(line) if tutor.session.is_some() => {
            let typed = doing::typed_here(tutor, line);
            doing::type_shown(tutor, line, &typed)?;
        }
        Kind::File(edit) => drop(doing::write(tutor, edit)?),
        Kind::Input(_) | Kind::Question(_) | Kind::Proof { .. } | Kind::Task { .. } | Kind::End => {}
    }
    tasks::look(tutor)
}

fn drift(mismatch: &Mismatch) -> Evidence {
    Evidence::Drift { shown: mismatch.expected.clone(), printed: mismatch.seen.clone() }
}

/// What was shown since a line was typed last.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn last(&self) -> Evidence {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        Evidence::Output(lines[lines.len().saturating_sub(MOST_LINES)..].join("\n"))
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend_from_slice(bytes);
        let surplus = all.len().saturating_sub(MOST_BYTES);
        all.drain(..surplus);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
