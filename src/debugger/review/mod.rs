//! A build in review: what it is about, what became of each of its steps, and what it weighs. Plain data, for whoever shows all of it at once.
//!
//! Nothing is decided here. What was decided, made and measured is what the machine has of the steps taken; the files of a state are an
//! [`Outline`], so that a state of a hundred thousand files takes no more than one of a hundred. Of what happened on the way, such as
//! what a command printed, the events tell.

mod credentials;
mod gone;
mod importance;
mod outline;

pub(crate) use credentials::{credentials, credentials_of_decision};
pub(crate) use outline::{Counts, Mark, Outline, TreeEntry};

use std::sync::Arc;

use self::gone::Known;
use super::compare::path_changes;
use super::error::Error;
use super::inspect::{LeftOut, left_out};
use super::weigh::{WeighedLayer, weigh};
use super::work::Work;
use crate::cache::Ingredients;
use crate::hidden::Hidden;
use crate::machine::{ConfigChange, Decision, Finished, Machine, StepLabel, Taken, Times};
use crate::oci::{Digest, Layer};
use crate::source::SourceFile;
use crate::world::World;

/// The most steps that have an outline of their files, and how many entries all of these have together.
const MOST_STEPS: usize = 400;
const MOST_ENTRIES: usize = 3000;
/// How many entries an outline has at least, and at most.
const FEWEST: usize = 24;
const MOST: usize = 160;

/// A build, as far as it came.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) dockerfile: SourceFile,
    pub(crate) platform: String,
    /// The image, once it is written.
    pub(crate) image: Option<Image>,
    /// The steps, in the order in which they are taken.
    pub(crate) steps: Vec<Reviewed>,
    /// The stages that the target does not need.
    pub(crate) left_out: Vec<LeftOut>,
    /// How long the steps took; `None` where the past builds can't be read.
    pub(crate) times: Option<Times>,
    /// The layers of the image, or of the state that the build came to; or why they can't be looked at.
    pub(crate) layers: Result<Vec<WeighedLayer>, String>,
    /// The bytes of these, as they are stored.
    pub(crate) bytes: u64,
    /// Where the home is: a name of the machine, which says nothing to others.
    pub(crate) home: String,
    /// The values of variables that are taken for credentials: others are not to see them.
    pub(crate) credentials: Vec<Hidden>,
    /// When this was put together, in RFC 3339.
    pub(crate) time: String,
}

/// An image that was written.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) id: Digest,
    pub(crate) manifest: Digest,
    pub(crate) names: Vec<String>,
    pub(crate) build: u64,
}

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Reviewed {
    pub(crate) step: StepLabel,
    /// How many steps say more about the build.
    pub(crate) rank: usize,
    /// What it depends on, as far as it is known.
    pub(crate) ingredients: Ingredients,
    /// `None`: it is not taken.
    pub(crate) taken: Option<Outcome>,
}

/// What a step came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) decision: Decision,
    pub(crate) layer: Option<Layer>,
    pub(crate) config: Arc<[ConfigChange]>,
    pub(crate) milliseconds: u64,
    /// What tells the state after it from every other.
    pub(crate) state: Digest,
    /// The bytes of all layers of that state.
    pub(crate) bytes: u64,
    /// The files after it, with what it did to them; or why they can't be looked at. `None`: other steps are more important.
    pub(crate) files: Option<Result<Outline, String>>,
}

/// Puts a build in review, after it has come as far as it does.
pub(crate) fn review(machine: &Machine, world: &World, finished: Option<&Finished>) -> Review {
    let taken = machine.taken();
    let (bytes, layers) = match taken.last() {
        Some(last) => {
            let weighed = weigh(world, &last.state.layers(), last.state.history());
            (last.state.bytes(), weighed.map_err(|error| error.to_string()))
        }
        None => (0, Ok(Vec::new())),
    };
    let platform = taken.last().map_or(&machine.options().request.platform, |last| &last.state.platform);
    Review {
        credentials: credentials(machine),
        dockerfile: machine.source().clone(),
        platform: platform.to_string(),
        image: finished.map(|finished| Image::of(finished, world)),
        steps: steps(machine),
        left_out: left_out(machine),
        times: machine.times().ok(),
        layers,
        bytes,
        home: world.home().root().display().to_string(),
        time: world.clock.rfc3339(),
    }
}

/// The build of a debugger.
pub(super) fn of_session(work: &Work) -> Result<Review, Error> {
    Ok(review(work.machine()?, &work.world, work.finished.as_ref()))
}

impl Image {
    fn of(finished: &Finished, world: &World) -> Image {
        let manifest = finished.manifest.digest;
        // They are only shown: what can't be read has none.
        let names = world.store.names_of(&manifest).unwrap_or_default();
        let names = names.iter().map(crate::oci::Reference::familiar).collect();
        Image { id: finished.image, manifest, names, build: finished.build }
    }
}

fn steps(machine: &Machine) -> Vec<Reviewed> {
    let most = (MOST_ENTRIES / machine.step_count().max(1)).clamp(FEWEST, MOST);
    let mut known = Known::default();
    let ranks = importance::ranks(machine);
    let labels = (0..machine.step_count()).filter_map(|index| Some((index, machine.label(index)?)));
    let reviewed = |(index, step): (usize, StepLabel)| match machine.taken().get(index) {
        Some(taken) => {
            let most = (ranks[index] < MOST_STEPS).then_some(most);
            Reviewed {
                step: taken.label.clone(),
                rank: ranks[index],
                ingredients: taken.ingredients.clone().unwrap_or_default(),
                taken: Some(Outcome::of(taken, files(machine, index, taken, &mut known, most))),
            }
        }
        None => Reviewed { step, rank: ranks[index], ingredients: Ingredients::default(), taken: None },
    };
    let mut steps: Vec<Reviewed> = labels.map(reviewed).collect();
    // Of the step that comes next, or has failed, it is known what it would depend on.
    let position = machine.position();
    if let Some(next) = steps.get_mut(position)
        && let Some(prediction) = machine.foresee(position..position + 1).steps.into_iter().next()
    {
        next.ingredients = prediction.ingredients.unwrap_or_default();
    }
    steps
}

/// The files after a step that was taken, with as many entries. Where there are to be none, what the step deletes is noted all the same, as it stays
/// hidden in the states that follow.
fn files(
    machine: &Machine,
    index: usize,
    taken: &Taken,
    known: &mut Known,
    most: Option<usize>,
) -> Option<Result<Outline, String>> {
    match most {
        Some(most) => Some(outline(machine, index, taken, known, most)),
        None => {
            if taken.layer.is_some() {
                let _ = outline(machine, index, taken, known, 0);
            }
            None
        }
    }
}

fn outline(machine: &Machine, index: usize, taken: &Taken, known: &mut Known, most: usize) -> Result<Outline, String> {
    let after = machine.tree(&taken.state).map_err(|error| error.to_string())?;
    let Some(before) = machine.state_before(index) else {
        let gone = known.of(taken.state.chain_id());
        return Ok(Outline::of_first(&after, &gone, most));
    };
    let tree_before = machine.tree(&before).map_err(|error| error.to_string())?;
    let changes = path_changes(&tree_before, &after);
    let hidden = known.of(before.chain_id()).without(&changes);
    let outline = Outline::of((&tree_before, &after), &changes, &hidden, most);
    known.keep(taken.state.chain_id(), hidden.with(index + 1, &tree_before, &changes));
    Ok(outline)
}

impl Outcome {
    fn of(taken: &Taken, files: Option<Result<Outline, String>>) -> Outcome {
        Outcome {
            decision: taken.decision.clone(),
            layer: taken.layer.clone(),
            config: taken.config.clone(),
            milliseconds: taken.milliseconds,
            state: taken.state.identity(),
            bytes: taken.state.bytes(),
            files,
        }
    }
}
