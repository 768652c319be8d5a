//! The debugger without a user interface: it steps through a Dockerfile, goes back, stops at breakpoints, compares states and says
//! why, all in plain data.
//!
//! ```text
//! prompt · full-screen view · debug adapter · notebook · lesson checker      they render and decide nothing
//!                          │ methods            ▲ data, events, typed errors
//!                          ▼                    │
//!                       Debugger ── owns ──▶ Machine, the Dockerfile in memory, breakpoints
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `work` | what is being debugged: the Dockerfile, the machine, and what past builds know about it |
//! | `moving` | step, next, continue, back, go to; where it stopped, and why |
//! | `breakpoint` | where to stop |
//! | `change` | the Dockerfile or the context changes, and the steps that are still valid are kept |
//! | `typed` | an instruction that is typed in: taken at once, and added to the Dockerfile |
//! | `why`, `sides`, `compare`, `versions` | decisions and what differs: from earlier builds, between states, in one file |
//! | `look`, `inspect`, `weigh`, `strata` | a state's files; steps, stages, layers, variables, history; what layers weigh, and hide |
//! | `review` | a build as a whole: its steps with the files after each, for a report |
//! | `replacement` | files of the user's that are written |
//! | `enter` | a command, a shell or the image's own program in a state |
//! | `going` | a motion in a thread of its own, which can be paused and stopped |
//! | `keyword`, `concept` | what each instruction does, and what the words mean, for learners |
//!
//! It prints nothing and knows no terminal, no width and no colour. What happens during a step is reported to a sink as the machine's
//! [`Event`](crate::machine::Event)s. It decides nothing about the cache: it asks the machine.

mod breakpoint;
mod compare;
mod concept;
mod edit;
mod enter;
mod error;
mod going;
mod inspect;
mod keyword;
mod look;
mod moving;
mod replacement;
mod review;
mod sides;
mod strata;
mod typed;
mod versions;
mod weigh;
mod why;
mod work;

pub(crate) use breakpoint::Breakpoint;
pub use breakpoint::{Condition, Place};
pub(crate) use compare::Version;
pub use compare::{Compare, Compared};
pub(crate) use concept::{CONCEPTS, Explained};
pub use edit::{Ahead, Changed, Editable, Effect, Refreshed};
pub use enter::{Enter, Exit, Said, Streams};
pub use error::Error;
pub(crate) use error::Failure;
pub use going::Going;
pub(crate) use inspect::{LayerRow, LeftOut, Past, PastBuild, StageRow, StepRow, Tagged, Variable, left_out};
pub use inspect::{Outlook, StepStatus, env, history, layers};
pub(crate) use keyword::{explain, explainable, near};
pub(crate) use look::{Branch, Entry, Files, Listing, SHOWN, is_binary};
pub(crate) use moving::Position;
pub use moving::{Reason, Stopped};
pub(crate) use replacement::{Replacement, check_replaceable, own_file, replace};
pub(crate) use review::{
    Counts, Mark, Outcome, Review, Reviewed, TreeEntry, credentials, credentials_of_decision, review,
};
pub(crate) use sides::Sides;
pub(crate) use strata::{Brought, Stratum, strata};
pub use typed::Typed;
pub(crate) use weigh::{WeighedLayer, weigh};
pub use why::{Against, Tense};
pub(crate) use why::{Following, LineCount, Why};
pub(crate) use work::Sink;
pub use work::{Mistakes, Setting};

use std::path::Path;
use std::sync::Arc;

use self::moving::Goal;
use self::work::Work;
use crate::context::Summary;
use crate::machine::{Control, Finished, Graph, Prediction, State, StepLabel};
use crate::oci::Reference;
use crate::source::SourceFile;
use crate::world::World;

/// A Dockerfile under the debugger.
pub struct Debugger(Work);

/// What it is about.
impl Debugger {
    /// Parses the Dockerfile; runs nothing.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for one that can't be built, even up to a mistake where that is allowed.
    pub fn new(setting: Setting) -> Result<Debugger, Error> {
        Work::new(setting).map(Debugger)
    }

    /// What acts on it from outside: a clone of it stops what is under way from another thread.
    pub fn control(&self) -> &Control {
        &self.0.control
    }

    /// What it works in.
    pub(crate) fn world(&self) -> &Arc<World> {
        &self.0.world
    }

    /// The build context's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Where the Dockerfile lies; `None` for one that was typed in or piped in.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The Dockerfile as it is in memory, with what was typed in.
    pub fn source(&self) -> &SourceFile {
        &self.0.file
    }

    /// Whether the image has an ENTRYPOINT, as far as is known: by an instruction, or in the state at hand.
    pub(crate) fn has_entrypoint(&self) -> bool {
        let is_set = |state: Arc<State>| !state.image().config.entrypoint.unwrap_or_default().is_empty();
        let sets = |row: &StepRow| row.step.keyword == "ENTRYPOINT";
        self.steps().iter().any(sets) || self.state(None).is_ok_and(is_set)
    }

    /// Whether instructions were typed in that no file has.
    pub fn has_typed(&self) -> bool {
        self.0.has_typed()
    }

    /// Whether the Dockerfile in memory has something that was neither read from a file nor written to one.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.0.has_typed() && self.0.written != self.0.file.text
    }

    /// Whether there is a FROM: something to step through.
    pub fn is_begun(&self) -> bool {
        self.0.machine.is_some()
    }

    /// How many files and bytes COPY can see; `None` without a FROM.
    ///
    /// # Errors
    /// The context can't be read.
    pub(crate) fn context(&self) -> Result<Option<Summary>, Error> {
        inspect::context(&self.0)
    }

    /// Tells of what is suspicious about the Dockerfile and was not told yet.
    pub(crate) fn tell_warnings(&self, sink: &mut Sink<'_>) {
        self.0.tell_warnings(sink);
    }
}

/// Moving.
impl Debugger {
    /// Where it is; at the beginning where there is no FROM yet.
    pub fn position(&self) -> Position {
        moving::position(&self.0)
    }

    /// Whether the state belongs to the stage that becomes the image.
    pub(crate) fn is_in_last_stage(&self) -> bool {
        moving::is_in_last_stage(&self.0)
    }

    /// The last step of the stage that the state belongs to, where the next step begins another.
    pub(crate) fn end_of_stage(&self) -> Option<StepLabel> {
        moving::end_of_stage(&self.0)
    }

    /// Takes so many steps. Breakpoints do not stop it.
    ///
    /// # Errors
    /// [`Error::NothingLeft`]. A step that fails is not an error: it is the reason for the stop.
    pub fn step(&mut self, count: usize, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
        moving::go(&mut self.0, Goal::Steps(count), sink)
    }

    /// Takes the steps up to the end of the stage.
    ///
    /// # Errors
    /// As [`Debugger::step`].
    pub fn next(&mut self, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
        moving::go(&mut self.0, Goal::Stage, sink)
    }

    /// Takes all steps up to a breakpoint or the end; at the end, writes the image.
    ///
    /// # Errors
    /// What writing the image can say.
    pub fn go_on(&mut self, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
        moving::go_on(&mut self.0, sink)
    }

    /// Goes back so many steps, at most to the beginning. What was committed stays in the cache.
    ///
    /// # Errors
    /// [`Error::AtBeginning`].
    pub fn back(&mut self, count: usize) -> Result<Stopped, Error> {
        moving::back(&mut self.0, count)
    }

    /// Goes to where a step comes next, forwards or back. Breakpoints do not stop it.
    ///
    /// # Errors
    /// [`machine::Error::NoStep`](crate::machine::Error::NoStep).
    pub fn goto(&mut self, number: usize, sink: &mut Sink<'_>) -> Result<Stopped, Error> {
        moving::goto(&mut self.0, number, sink)
    }

    /// Goes back to the beginning.
    ///
    /// # Errors
    /// [`Error::Empty`].
    pub fn restart(&mut self) -> Result<Stopped, Error> {
        moving::go_back_to(&mut self.0, 0)
    }

    /// The image of the last state, once it is written.
    pub fn finished(&self) -> Option<&Finished> {
        self.0.finished.as_ref()
    }

    /// The names that the written image has in the store.
    pub(crate) fn names(&self) -> Vec<Reference> {
        inspect::names(&self.0)
    }

    /// Remembers the build so far among the past builds. Idempotent; done by itself before it goes back or reloads.
    ///
    /// # Errors
    /// What writing a past build can say.
    pub(crate) fn record(&mut self) -> Result<(), Error> {
        self.0.record()
    }
}

/// Breakpoints.
impl Debugger {
    /// The breakpoints, oldest first.
    pub(crate) fn breakpoints(&self) -> &[Breakpoint] {
        self.0.breakpoints.list()
    }

    /// Sets a breakpoint.
    ///
    /// # Errors
    /// A place that can't be reached. Without a FROM every place may still come.
    pub fn break_at(&mut self, place: Place, condition: Option<Condition>) -> Result<&Breakpoint, Error> {
        self.0.breakpoints.add(place, condition, self.0.machine.as_ref())
    }

    /// Lets a breakpoint stop again.
    ///
    /// # Errors
    /// [`Error::NoBreakpoint`].
    pub fn enable_breakpoint(&mut self, id: usize) -> Result<(), Error> {
        self.0.breakpoints.find(id)?.is_enabled = true;
        Ok(())
    }

    /// Keeps a breakpoint, which stops nowhere from now on.
    ///
    /// # Errors
    /// [`Error::NoBreakpoint`].
    pub fn disable_breakpoint(&mut self, id: usize) -> Result<(), Error> {
        self.0.breakpoints.find(id)?.is_enabled = false;
        Ok(())
    }

    /// Takes a breakpoint away.
    ///
    /// # Errors
    /// [`Error::NoBreakpoint`].
    pub fn delete_breakpoint(&mut self, id: usize) -> Result<(), Error> {
        self.0.breakpoints.delete(id)
    }

    /// Takes all breakpoints away.
    pub fn delete_breakpoints(&mut self) {
        self.0.breakpoints.delete_all();
    }

    /// The steps that a place stops before, as the Dockerfile is now. None for a place that only a build can tell.
    pub fn steps_at(&self, place: &Place) -> Vec<StepLabel> {
        self.0.machine.as_ref().map(|machine| breakpoint::steps_at(place, machine)).unwrap_or_default()
    }
}

/// Changing the Dockerfile or the context.
impl Debugger {
    /// Where the Dockerfile is kept, or the file that a name means.
    ///
    /// # Errors
    /// [`Error::OutsideContext`].
    pub fn editable(&self, name: Option<&str>) -> Result<Editable, Error> {
        edit::editable(&self.0, name)
    }

    /// Replaces the Dockerfile in memory.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for a text that is wrong: then all stays as it was.
    pub fn edit(&mut self, text: impl Into<String>, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        edit::edit(&mut self.0, text.into(), sink)
    }

    /// A file of the context has been changed by somebody.
    ///
    /// # Errors
    /// What taking a step can say.
    pub fn context_changed(&mut self, name: &str, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        edit::context_changed(&mut self.0, name, sink)
    }

    /// Reads the Dockerfile and the context as they are on disk now. What was typed in stays unless the file changed under it.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for a text that is wrong: then all stays as it was.
    pub(crate) fn reload(&mut self, sink: &mut Sink<'_>) -> Result<Refreshed, Error> {
        edit::reload(&mut self.0, sink)
    }

    /// Takes an instruction in the current state, and writes it into the Dockerfile in memory.
    ///
    /// # Errors
    /// [`Error::Dockerfile`] for one that is wrong; [`Error::TriggersFirst`].
    pub fn type_in(&mut self, instruction: &str, sink: &mut Sink<'_>) -> Result<Typed, Error> {
        typed::type_in(&mut self.0, instruction, sink)
    }

    /// Writes the Dockerfile in memory to a file.
    ///
    /// # Errors
    /// [`Error::NoText`], and what the system says.
    pub fn write(&mut self, path: &Path) -> Result<(), Error> {
        typed::write(&mut self.0, path)
    }

    /// Whether a file is not there, or has what was read from it or written to it here: then nothing is lost when it is replaced.
    pub(crate) fn is_ours(&self, path: &Path) -> bool {
        typed::is_ours(&self.0, path)
    }

    /// Gives the current state a name. The last state is the build's image; any other becomes one as it is.
    ///
    /// # Errors
    /// [`Error::BadName`], [`Error::NameWithDigest`], [`Error::NoState`], and what writing an image can say.
    pub fn tag(&mut self, name: &str, sink: &mut Sink<'_>) -> Result<Tagged, Error> {
        inspect::tag(&mut self.0, name, sink)
    }
}

/// Decisions and differences.
impl Debugger {
    /// What is foreseen from the next step on; nothing is run.
    ///
    /// # Errors
    /// [`Error::Dockerfile`], on the step that can't be foreseen.
    pub fn plan(&mut self) -> Result<Vec<Prediction>, Error> {
        match self.plan_so_far()? {
            (_, Some(error)) => Err(error),
            (predictions, None) => Ok(predictions),
        }
    }

    /// As [`Debugger::plan`], up to the step that can't be foreseen, and why.
    ///
    /// # Errors
    /// [`Error::Empty`].
    pub(crate) fn plan_so_far(&mut self) -> Result<(Vec<Prediction>, Option<Error>), Error> {
        edit::plan(&mut self.0)
    }

    /// Why step `number`, or the next, is, was or would be in the cache or not. `None`: a step before it has to run first.
    ///
    /// # Errors
    /// [`Error::NothingLeft`], and [`Error::Dockerfile`] for what can't be foreseen.
    pub fn why(&mut self, number: Option<usize>) -> Result<Option<Why>, Error> {
        why::why(&mut self.0, number)
    }

    /// Compares step `number`, or the next one, with its counterpart in one past build. `None`: a step before it has to run first.
    ///
    /// # Errors
    /// As [`Debugger::why`]; [`Error::NoBuild`].
    pub fn why_against(&mut self, number: Option<usize>, build: u64) -> Result<Option<Against>, Error> {
        why::why_against(&mut self.0, number, build)
    }

    /// The past builds of the same Dockerfile and context, newest first.
    ///
    /// # Errors
    /// [`Error::Empty`], and a past build that can't be read.
    pub(crate) fn builds(&self) -> Result<Vec<PastBuild>, Error> {
        inspect::builds(&self.0)
    }

    /// All ingredients of step `number`, or of the next one, beside those of a past build: of the latest that has such a step, if none
    /// is named. `None`: a step before it has to run first.
    ///
    /// # Errors
    /// As [`Debugger::why_against`].
    pub(crate) fn sides(&mut self, number: Option<usize>, against: Option<u64>) -> Result<Option<Sides>, Error> {
        sides::sides(&mut self.0, number, against)
    }

    /// All of it at once, as far as it came.
    ///
    /// # Errors
    /// [`Error::Empty`].
    pub(crate) fn review(&self) -> Result<Review, Error> {
        review::of_session(&self.0)
    }

    /// Compares states or files.
    ///
    /// # Errors
    /// A state that is not taken yet; [`Error::InNeither`]; a file that can't be looked at.
    pub fn compare(&self, what: &Compare) -> Result<Compared, Error> {
        compare::compare(&self.0, what)
    }

    /// What an instruction does, by its keyword; without one, what the step that comes next does.
    ///
    /// # Errors
    /// [`Error::NotExplained`], [`Error::NothingToExplain`].
    pub fn explain(&self, keyword: Option<&str>) -> Result<Explained, Error> {
        keyword::explain_here(&self.0, keyword)
    }
}

/// Looking at the Dockerfile and at states.
impl Debugger {
    /// The steps, with what is known of them. The cache is not asked.
    pub fn steps(&self) -> Vec<StepRow> {
        inspect::steps(&self.0)
    }

    /// The steps, with what the cache has of those to come. It runs nothing.
    pub fn steps_foreseen(&mut self) -> Vec<StepRow> {
        inspect::steps_foreseen(&mut self.0)
    }

    /// The stages with their steps, what each takes from which, and how far a change reaches. It runs nothing.
    ///
    /// # Errors
    /// [`Error::Empty`].
    pub(crate) fn graph(&mut self) -> Result<Graph, Error> {
        inspect::graph(&mut self.0)
    }

    /// The stages that are not built, as the target does not need them.
    pub(crate) fn left_out(&self) -> Vec<LeftOut> {
        self.0.machine.as_ref().map(inspect::left_out).unwrap_or_default()
    }

    /// The stages that are built, in that order.
    pub fn stages(&self) -> Vec<StageRow> {
        inspect::stages(&self.0)
    }

    /// The state after step `number`, or the current one.
    ///
    /// # Errors
    /// [`Error::NoState`], [`Error::NotTaken`], [`Error::NothingInside`].
    pub fn state(&self, number: Option<usize>) -> Result<Arc<State>, Error> {
        inspect::state(&self.0, number)
    }

    /// What the layers of the current state weigh, and how much of that later layers overwrite or delete.
    ///
    /// # Errors
    /// [`Error::NoState`], and layers that can't be read.
    pub(crate) fn weigh(&self) -> Result<Vec<WeighedLayer>, Error> {
        let state = self.state(None)?;
        weigh(self.world(), &state.layers(), state.history())
    }

    /// The layers of the current state as they lie on one another: what each changes, and what of that is hidden.
    ///
    /// # Errors
    /// [`Error::NoState`], and layers that can't be read.
    pub(crate) fn strata(&self) -> Result<Vec<Stratum>, Error> {
        let state = self.state(None)?;
        strata(self.world(), &state.layers(), state.history())
    }

    /// The files of the current state.
    ///
    /// # Errors
    /// [`Error::NoState`], and layers that can't be read.
    pub fn files(&self) -> Result<Files, Error> {
        look::files(&self.0)
    }

    /// The files of the state after step `number`; state 0 is empty.
    ///
    /// # Errors
    /// [`Error::NotTaken`], and layers that can't be read.
    pub fn files_after(&self, number: usize) -> Result<Files, Error> {
        look::files_after(&self.0, number)
    }

    /// Runs a container in a state, to its end.
    ///
    /// # Errors
    /// [`Error::NoState`], [`Error::NothingInside`], and what making a container can say.
    pub fn enter(&mut self, what: &Enter, streams: Streams, listen: &mut dyn FnMut(Said<'_>)) -> Result<Exit, Error> {
        enter::enter(&mut self.0, what, streams, listen)
    }
}
