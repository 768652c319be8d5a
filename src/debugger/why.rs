//! Why a step is, was or would be in the cache or not, and what follows from it for the steps after it.
//!
//! Of a step that is taken it tells what was decided; of a step to come, what would be. Both come from the machine.

use serde::Serialize;

use super::error::Error;
use super::versions::{content_in_build, content_in_step, context_versions, count_lines, foreseen};
use super::work::Work;
use crate::cache::{Attribute, Build, Builds, Difference, FileChange, Ingredients, Listing, Origin, Roots};
use crate::machine::{self, Asked, Decision, Foresight, MissReason, Prediction, StepLabel, Taken};

/// The most changed files whose lines are counted: each has to be read twice.
const MOST_COUNTED: usize = 20;

/// Whether something happened or is foreseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tense {
    Was,
    WouldBe,
}

/// The decision about a step.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    pub step: StepLabel,
    pub tense: Tense,
    pub decision: Decision,
    /// Whether it was taken last, and failed.
    pub(crate) has_failed: bool,
    /// What the step depends on; the key is made from it. Empty for FROM.
    pub(crate) ingredients: Ingredients,
    /// How many lines of changed files of the context differ.
    pub lines: Vec<LineCount>,
    /// What is foreseen for the steps after it, where the step itself is to come.
    pub after: Vec<Following>,
}

/// How many lines of a file differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineCount {
    /// The file, as the difference names it.
    pub path: String,
    pub added: usize,
    pub removed: usize,
    /// Whether [`Compare::File`](super::Compare::File) of the path shows these very contents.
    pub(crate) is_comparable: bool,
}

/// What is foreseen for a step that comes after the one that was asked about.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Following {
    pub step: StepLabel,
    pub(crate) decision: Decision,
    /// Whether the step has to do with files.
    pub(crate) has_files: bool,
}

/// The comparison with one past build, whatever the cache says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Against {
    NoCounterpart,
    Same,
    Differs {
        differences: Vec<Difference>,
        lines: Vec<LineCount>,
    },
    /// Only the state that it starts from is another.
    OnlyParent,
    /// There was such a step, and its record is gone.
    RecordGone,
}

/// The step that is asked about.
pub(super) struct Subject {
    pub(super) index: usize,
    pub(super) decision: Decision,
    ingredients: Ingredients,
    roots: Vec<Roots>,
    /// Those that may not be stored yet.
    listings: Vec<Listing>,
}

impl Subject {
    fn taken(index: usize, taken: &Taken) -> Subject {
        let ingredients = taken.ingredients.clone().unwrap_or_default();
        let decision = taken.decision.clone();
        Subject { index, decision, ingredients, roots: taken.roots.clone(), listings: Vec::new() }
    }

    fn foreseen(index: usize, prediction: &Prediction) -> Subject {
        let ingredients = prediction.ingredients.clone().unwrap_or_default();
        let roots = prediction.listings.iter().map(|listing| listing.roots.clone()).collect();
        let decision = prediction.decision.clone();
        Subject { index, decision, ingredients, roots, listings: prediction.listings.clone() }
    }

    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { ingredients: &self.ingredients, roots: &self.roots, listings: &self.listings }
    }
}

/// Why step `number` is, was or would be in the cache or not; without a number, the step that comes next. `None`: a step before
/// it has to run first.
pub(super) fn why(work: &mut Work, number: Option<usize>) -> Result<Option<Why>, Error> {
    work.look_again();
    let index = asked_about(work, number)?;
    let machine = work.machine()?;
    let step = machine.label(index).ok_or(Error::NothingLeft)?;
    if let Some(taken) = machine.taken().get(index) {
        let (decision, subject) = (taken.decision.clone(), Subject::taken(index, taken));
        let lines = lines_of(work, &subject, &decision)?;
        let ingredients = subject.ingredients;
        return Ok(Some(Why {
            step,
            tense: Tense::Was,
            decision,
            has_failed: false,
            ingredients,
            lines,
            after: Vec::new(),
        }));
    }
    let predictions = foresee(work, index)?;
    let Some(place) = predictions.iter().position(|prediction| prediction.label.number == index + 1) else {
        return Ok(None);
    };
    let decision = predictions[place].decision.clone();
    let subject = Subject::foreseen(index, &predictions[place]);
    let lines = lines_of(work, &subject, &decision)?;
    let after = predictions[place + 1..].iter().map(|prediction| following(work, prediction)).collect();
    let ingredients = subject.ingredients;
    let has_failed = work.failed == Some(index);
    Ok(Some(Why { step, tense: Tense::WouldBe, decision, has_failed, ingredients, lines, after }))
}

/// Compares step `number`, or the next one, with its counterpart in one past build. `None`: a step before it has to run first.
pub(super) fn why_against(work: &mut Work, number: Option<usize>, build: u64) -> Result<Option<Against>, Error> {
    let Some(subject) = subject(work, number)? else { return Ok(None) };
    let builds = Builds::open(work.world.home());
    let Some(build) = builds.get(build)? else {
        return Err(Error::NoBuild { number: build, known: builds.numbers()? });
    };
    against(work, &subject, &build).map(Some)
}

/// What step `number`, or the next one, depends on. `None`: a step before it has to run first.
pub(super) fn subject(work: &mut Work, number: Option<usize>) -> Result<Option<Subject>, Error> {
    work.look_again();
    let index = asked_about(work, number)?;
    if let Some(taken) = work.machine()?.taken().get(index) {
        return Ok(Some(Subject::taken(index, taken)));
    }
    let predictions = foresee(work, index)?;
    let found = predictions.iter().find(|prediction| prediction.label.number == index + 1);
    Ok(found.map(|prediction| Subject::foreseen(index, prediction)))
}

fn against(work: &Work, subject: &Subject, build: &Build) -> Result<Against, Error> {
    let machine = work.machine()?;
    let counterpart = machine.counterpart(build, subject.index);
    let Some(key) = counterpart.and_then(|step| step.key) else { return Ok(Against::NoCounterpart) };
    if key == subject.ingredients.key() {
        return Ok(Against::Same);
    }
    Ok(match machine.against(subject.index, subject.asked(), build)? {
        MissReason::Cause { differences, .. } => {
            let lines = counts(work, subject, build, &differences)?;
            Against::Differs { differences, lines }
        }
        MissReason::Follows { .. } => Against::OnlyParent,
        MissReason::FirstTime
        | MissReason::NoCache
        | MissReason::LayerGone
        | MissReason::NotImported { .. }
        | MissReason::NeverFinished { .. } => Against::RecordGone,
    })
}

fn asked_about(work: &Work, number: Option<usize>) -> Result<usize, Error> {
    let machine = work.machine()?;
    let total = machine.step_count();
    match number {
        Some(number) if number == 0 || number > total => Err(machine::Error::NoStep { number, total }.into()),
        Some(number) => Ok(number - 1),
        None if machine.is_done() => Err(Error::NothingLeft),
        None => Ok(machine.position()),
    }
}

/// What is foreseen from here on. A later step that can't be foreseen is no reason not to tell of step `index`.
fn foresee(work: &Work, index: usize) -> Result<Vec<Prediction>, Error> {
    let machine = work.machine()?;
    let Foresight { steps, wrong } = machine.foresee(machine.position()..machine.step_count());
    match wrong {
        Some(wrong) if wrong.index <= index => Err(work.wrong(machine, &wrong)),
        Some(_) | None => Ok(steps),
    }
}

fn following(work: &Work, prediction: &Prediction) -> Following {
    let machine = work.machine.as_ref();
    let instruction = machine.and_then(|machine| machine.instruction(prediction.label.number - 1));
    let has_files = instruction.is_some_and(|instruction| instruction.with_files().is_some());
    Following { step: prediction.label.clone(), decision: prediction.decision.clone(), has_files }
}

fn lines_of(work: &Work, subject: &Subject, decision: &Decision) -> Result<Vec<LineCount>, Error> {
    let Decision::Miss { reason: MissReason::Cause { build, differences }, .. } = decision else {
        return Ok(Vec::new());
    };
    match work.machine()?.earlier_builds()?.iter().find(|earlier| earlier.name() == *build) {
        Some(build) => counts(work, subject, build, differences),
        None => Ok(Vec::new()),
    }
}

fn counts(work: &Work, subject: &Subject, build: &Build, differences: &[Difference]) -> Result<Vec<LineCount>, Error> {
    let of_context = differences.iter().filter(|difference| difference.origin() == Some(&Origin::Context));
    let changes = of_context.flat_map(|difference| &difference.files).take(MOST_COUNTED);
    let foreseen = foreseen(work)?;
    let mut counts = Vec::new();
    for change in changes {
        counts.extend(line_count(work, subject.index, build, change, &foreseen)?);
    }
    Ok(counts)
}

/// The lines of a file whose content is at hand both as that build had it and as it is in the step.
fn line_count(
    work: &Work,
    index: usize,
    build: &Build,
    change: &FileChange,
    foreseen: &[Prediction],
) -> Result<Option<LineCount>, Error> {
    let Attribute::Content { before: old, after: new } = change.attribute else { return Ok(None) };
    let before = content_in_build(work, index, build, old)?;
    let after = content_in_step(work, index, &change.path, new)?;
    let (Some(before), Some(after)) = (before, after) else { return Ok(None) };
    let Some((added, removed)) = count_lines(&before, &after) else { return Ok(None) };
    let versions = context_versions(work, &change.path, foreseen)?;
    let is_comparable = versions.is_some_and(|one| one.before.as_ref() == Some(&before) && one.after == Some(after));
    Ok(Some(LineCount { path: change.path.clone(), added, removed, is_comparable }))
}
