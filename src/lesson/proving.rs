//! All that a lesson claims, proven: it is run, and what was found is told of the prediction, the task or the block that it is about.
//!
//! ```text
//! form.rs      what can be said before it is run
//! proving.rs   what a run says; answers.rs: whether a right answer is what its proof prints
//! finding.rs   what is told
//! ```
//!
//! A proof proves nothing when it prints the same where nobody can be asked. So the proofs are run once more, in an empty folder where `layerlab`
//! and `docker` fail. A check of a task is run before its solution instead.

use std::io;
use std::sync::Mutex;

use super::answers::{Likeness, likeness};
use super::checking::first_mismatch;
use super::digests::{DigestMap, OnPages};
use super::finding::{Evidence, Finding, Level, Subject};
use super::form::{self, Form, limited};
use super::kind::BlockKind;
use super::page::Page;
use super::replay::{Error, Options, Replay, replay, typing};
use super::room::Room;
use super::script;
use super::session::Run;
use super::trouble::{Kind, Trouble};
use crate::diagnostic::Explained;
use crate::limits::Limits;

/// What was found of a lesson.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Its title; empty where it has none.
    pub(crate) title: String,
    pub(crate) findings: Vec<Finding>,
}

impl Proof {
    /// Whether all that it claims is proven.
    pub(crate) fn is_whole(&self) -> bool {
        self.findings.iter().all(|finding| finding.level != Level::Fault)
    }

    /// What can't be proven, because it can't be read as a page.
    pub(crate) fn of_mistake(mistake: &super::page::Mistake) -> Proof {
        Proof { title: String::new(), findings: vec![Finding::mistake(Subject::Page, mistake)] }
    }

    /// What can't be proven, because of this. It says nothing of other lessons.
    pub(crate) fn of_error(error: &dyn Explained) -> Proof {
        Proof { title: String::new(), findings: vec![Finding::error(Subject::Page, error)] }
    }
}

/// Proves what a lesson claims.
///
/// # Errors
/// Ctrl-C. That something is not as it is claimed is a finding, and so is what prevents its commands from being carried out.
pub(crate) fn prove(page: &Page, options: &Options, pages: &Mutex<OnPages>, limits: &Limits) -> Result<Proof, Error> {
    let mut form = form::form(page, limits);
    let title = page.title().unwrap_or_default().to_owned();
    let mut findings = std::mem::take(&mut form.findings);
    if form.can_run {
        match run(page, &form, options, pages, &mut findings) {
            Err(error) if options.interrupt.is_requested() => return Err(error),
            Err(error) => findings.push(Finding::error(Subject::Files, &error)),
            Ok(()) => {}
        }
    }
    findings.sort_by_key(|finding| (order(finding.subject), finding.line, finding.level));
    Ok(Proof { title, findings })
}

/// Carries out a lesson, and adds what is found.
fn run(
    page: &Page,
    form: &Form,
    options: &Options,
    pages: &Mutex<OnPages>,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let replay = replay(page, options, pages)?;
    let prover = Prover { page, form, replay: &replay };
    findings.extend(prover.troubles());
    findings.extend(prover.drifts());
    findings.extend(prover.answers());
    findings.extend(replay.leftovers.findings(page, form.about.as_ref()));
    findings.extend(empty_proofs(page, form, options)?);
    let proven = prover.proven(findings);
    findings.extend(proven);
    Ok(())
}

/// The page and its folder come first, what is there at its end last.
fn order(subject: Subject) -> u8 {
    match subject {
        Subject::Page => 0,
        Subject::Files => 1,
        Subject::Prediction | Subject::Exercise | Subject::Challenge => 2,
        Subject::Transcript => 3,
        Subject::End => 4,
    }
}

/// What a run says of a page.
struct Prover<'p> {
    page: &'p Page,
    form: &'p Form,
    replay: &'p Replay,
}

impl Prover<'_> {
    /// What went wrong beside what is shown.
    fn troubles(&self) -> impl Iterator<Item = Finding> {
        self.replay.troubles.iter().map(|trouble| {
            let Trouble { line, kind, message, output } = trouble;
            let subject = match kind {
                Kind::Store => Subject::End,
                Kind::Link => Subject::Files,
                Kind::Digest => Subject::Transcript,
                Kind::Command | Kind::Change | Kind::DoneBefore => Subject::at(self.page, *line),
            };
            let hint = match kind {
                Kind::DoneBefore => "let it look at what only the solution makes",
                Kind::Change => "a line with `-` or a space stands in the file as it is at that moment",
                Kind::Command => {
                    "where it is to fail, end its output with a line such as `? 1`; what waits for input is given some"
                }
                Kind::Digest => "`layerlab verify --update` rewrites the pages with the digests of one machine",
                Kind::Store => "remove nothing by hand from the home",
                Kind::Link => "a lesson's links lead to its own files, by relative paths",
            };
            let evidence = if output.is_empty() { Evidence::None } else { Evidence::Output(output.clone()) };
            Finding::fault(subject, *line, message.as_str(), hint).showing(evidence)
        })
    }

    /// What is shown and was not printed.
    fn drifts(&self) -> impl Iterator<Item = Finding> {
        self.replay.drifts.iter().map(|(number, printed)| {
            let block = &self.page.blocks[*number];
            let place = block.lines.iter().zip(printed).position(|(shown, printed)| shown != printed);
            let line = block.line + place.unwrap_or(block.lines.len().min(printed.len()).saturating_sub(1));
            let (subject, message, hint) = match (Subject::of_block(self.page, *number), block.kind) {
                (Subject::Prediction, _) => (
                    Subject::Prediction,
                    "the proof prints something else",
                    "show what a run prints, and mark the answer as right that it proves",
                ),
                (subject @ (Subject::Exercise | Subject::Challenge), BlockKind::Check) => {
                    let hint = "do what the check asks in the solution; show as `…` what differs from run to run: in a check every word counts";
                    (subject, "the check does not pass after the solution", hint)
                }
                _ => (
                    Subject::Transcript,
                    "this prints something else than is shown",
                    "fix the command, or let `layerlab verify --update` rewrite the page with what was printed",
                ),
            };
            let evidence = Evidence::Drift { shown: block.lines.clone(), printed: printed.clone() };
            Finding::fault(subject, line, message, hint).showing(evidence)
        })
    }

    /// What the proofs print beside what the answers say.
    fn answers(&self) -> impl Iterator<Item = Finding> {
        self.form.questions.iter().filter_map(|(number, question)| {
            let line = self.page.blocks[*number].line - 1;
            let output = self.output_of_proof(*number);
            let text = |number: usize| limited(&question.answers[number].text);
            match likeness(question, &output) {
                Likeness::Right(word) => {
                    let message = format!("the proof prints `{}`, as the right answer says", limited(&word));
                    Some(Finding::note(Subject::Prediction, line, message))
                }
                Likeness::Wrong(word, answer) => {
                    let message =
                        format!("the proof prints `{}`, as a wrong answer says: {}", limited(&word), text(answer));
                    Some(Finding::note(Subject::Prediction, line, message))
                }
                Likeness::IsWrong(answer) => {
                    let message = format!("the proof prints an answer that is marked as wrong: {}", text(answer));
                    Some(Finding::fault(
                        Subject::Prediction,
                        line,
                        message,
                        "mark the answer as right that a run gives",
                    ))
                }
                Likeness::Nothing => None,
            }
        })
    }

    /// What the commands of a proof are shown to print.
    fn output_of_proof(&self, number: usize) -> Vec<String> {
        script::proof(self.page, number).unwrap_or_default().iter().flat_map(Run::output).collect()
    }

    /// What the page, its folder and each prediction and task have proven, where nothing speaks against it.
    fn proven(&self, findings: &[Finding]) -> Vec<Finding> {
        let faults: Vec<&Finding> = findings.iter().filter(|finding| finding.level == Level::Fault).collect();
        let of = |subject: Subject| !faults.iter().any(|fault| fault.subject == subject);
        let within = |number: usize| {
            let block = &self.page.blocks[number];
            !faults.iter().any(|fault| (block.line - 1..=block.line + block.lines.len()).contains(&fault.line))
        };
        let mut proven = Vec::new();
        if let (Some(about), true) = (&self.form.about, of(Subject::Page)) {
            let message = format!("has a title, says what it clears up, takes {} minutes", about.minutes);
            proven.push(Finding::proven(Subject::Page, 1, message));
        }
        if of(Subject::Files) {
            let message = "files are shown as they are in the folder; no image has the lesson in it";
            proven.push(Finding::proven(Subject::Files, 1, message));
        }
        for (number, question) in self.form.questions.iter().filter(|(number, _)| within(*number)) {
            let wrong = question.answers.len() - 1;
            let message = format!("one right answer, which a run gives; wrong ones with an explanation: {wrong}");
            proven.push(Finding::proven(Subject::Prediction, self.page.blocks[*number].line - 1, message));
        }
        for (number, task) in self.form.tasks.iter().filter(|(number, _)| within(*number)) {
            let message = format!("undone before its solution, done after it; hints: {}", task.hints.len());
            proven.push(Finding::proven(
                Subject::of_block(self.page, *number),
                self.page.blocks[*number].line - 1,
                message,
            ));
        }
        if of(Subject::Transcript) {
            let message = format!("prints what is shown; commands: {}", self.replay.commands);
            proven.push(Finding::proven(Subject::Transcript, 1, message));
        }
        if of(Subject::End) {
            proven.push(Finding::proven(Subject::End, 1, "nothing runs when the page ends, and the store is whole"));
        }
        proven
    }
}

/// The proofs that print what they are to print where nothing has happened, and nobody can be asked.
fn empty_proofs(page: &Page, form: &Form, options: &Options) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    if form.questions.is_empty() {
        return Ok(findings);
    }
    let failed = |source| Error::Io { page: page.name.clone(), source };
    let mut room = Room::new(&[])?;
    room.strip().map_err(failed)?;
    for (number, _) in &form.questions {
        if passes(page, *number, &mut room, options).map_err(failed)? {
            let message = "the proof prints the same where `docker` and `layerlab` fail: it proves nothing";
            let hint = "let it print what only an answer can print, and not how often something is missing";
            findings.push(Finding::fault(Subject::Prediction, page.blocks[*number].line - 1, message, hint));
        }
    }
    Ok(findings)
}

/// Whether a proof prints what it is to print in this room.
fn passes(page: &Page, number: usize, room: &mut Room, options: &Options) -> io::Result<bool> {
    let proof = script::proof(page, number).unwrap_or_default();
    let mismatch = first_mismatch(&proof, &DigestMap::default(), |command| {
        // A variable that the page sets is not set here: no command may go on without it. A proof that asks the machine is as good as one that
        // asks us; so where it names neither of us, no program is there at all.
        let names_us = ["docker", "layerlab"].iter().any(|name| command.contains(name));
        let path = if names_us { "" } else { "PATH=/nowhere\n" };
        room.run(&format!("set -u\n{path}{command}"), &typing(options, "", false))
    });
    Ok(mismatch?.is_none())
}
