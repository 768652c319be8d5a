//! FROM: the state that a stage begins with.
//!
//! An image, which [`crate::images`] finds, `scratch`, or the last state of an earlier stage. Where a built-in image stands in for
//! another, everybody is told.

use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, Instruction, Located};
use crate::images::{self, Opened, Policy, STAND_IN_LABEL};
use crate::machine::event::EventKind;
use crate::machine::state::{SCRATCH, StageStates};
use crate::machine::{Error, Options, State, Unsupported, supported};
use crate::oci::{ChainId, Digest, ImageConfig, Platform, Reference};
use crate::plan::{Base, Plan};
use crate::source::SourceFile;
use crate::store::Store;

/// What FROM found.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The state that the stage begins with.
    pub(crate) state: State,
    pub(crate) image: String,
    pub(crate) digest: Option<Digest>,
    pub(crate) stands_in_for: Option<String>,
    /// ONBUILD triggers of the base, to be run before the stage's own instructions.
    pub(crate) triggers: Vec<Located<Instruction>>,
}

impl Start {
    fn new(state: State, image: String) -> Start {
        Start { state, image, digest: None, stands_in_for: None, triggers: Vec::new() }
    }

    pub(crate) fn event(&self) -> EventKind {
        EventKind::Resolved {
            image: self.image.clone(),
            digest: self.digest,
            layers: self.state.stack().len(),
            bytes: self.state.bytes(),
            stands_in_for: self.stands_in_for.clone(),
        }
    }
}

/// Resolves the FROM of a stage; `stage_state` gives the last state of an earlier one.
///
/// # Errors
/// The image is not there or not for the platform, or a trigger of it can't be used.
pub(crate) fn resolve(
    stage: usize,
    plan: &Plan,
    options: &Options,
    store: &Store,
    stage_state: StageStates<'_>,
) -> Result<Start, Error> {
    let planned = &plan.stages[stage];
    let mut start = match &planned.base {
        Base::Scratch => scratch(&options.request.platform),
        Base::Image(reference) => {
            let explicit = if planned.asks_for_platform { Wanted::Only } else { Wanted::Rather };
            image(reference, &planned.platform, explicit, options, store)?
        }
        Base::Stage(index) => {
            let base = stage_state(*index).expect("stages are built in order");
            Start::new((*base).clone(), plan.stages[*index].label())
        }
    };
    start.state.has_cmd = false;
    for (number, text) in std::mem::take(&mut start.state.settings.on_build).iter().enumerate() {
        start.triggers.push(trigger(number, text)?);
    }
    if options.unsupported == Unsupported::Refused {
        refuse_unsupported(&start.triggers)?;
    }
    Ok(start)
}

/// The state of an image that is not a stage: what `COPY --from=IMAGE` reads.
///
/// # Errors
/// The image is not there.
pub(crate) fn image_state(
    reference: &Reference,
    platform: &Platform,
    options: &Options,
    store: &Store,
) -> Result<State, Error> {
    Ok(image(reference, platform, Wanted::Rather, options, store)?.state)
}

fn scratch(platform: &Platform) -> Start {
    let mut image = ImageConfig::empty(platform);
    image.config.working_dir = "/".into();
    let state = State::first(image, Vec::new(), SCRATCH.into(), None);
    Start::new(state, "scratch".into())
}

/// How much a platform is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Somebody has asked for it by name: no other will do.
    Only,
    Rather,
}

fn image(
    reference: &Reference,
    platform: &Platform,
    wanted: Wanted,
    options: &Options,
    store: &Store,
) -> Result<Start, Error> {
    let policy = if options.stand_ins { Policy::StandIns } else { Policy::Present };
    let found = images::by_reference(store, reference, policy)?;
    let opened = Opened::of(store, &found, platform)?;
    if wanted == Wanted::Only {
        opened.require_platform(&found.name, platform)?;
    }
    let Opened { config, layers, .. } = opened;
    let identity = ChainId::of(&config.rootfs.diff_ids).map_or(SCRATCH.into(), |chain| chain.to_string());
    let mut state = State::first(config, layers, identity, found.stands_in_for());
    if let Some(name) = found.stands_in_for() {
        state.settings.labels.insert(STAND_IN_LABEL.into(), format!("{} for {name}", found.name).into());
    }
    let stands_in_for = found.stands_in_for().map(str::to_owned);
    let digest = Some(found.manifest.digest);
    Ok(Start { digest, stands_in_for, ..Start::new(state, found.name) })
}

fn trigger(number: usize, text: &str) -> Result<Located<Instruction>, Error> {
    let source = SourceFile::new(format!("ONBUILD trigger {}", number + 1), text);
    dockerfile::parse_instruction(&source).into_instruction().map_err(|problems| {
        let problem = problems.into_iter().next().unwrap_or_else(|| Diagnostic::error("it is not an instruction"));
        Error::Trigger { text: text.to_owned(), problem: Box::new(problem) }
    })
}

fn refuse_unsupported(triggers: &[Located<Instruction>]) -> Result<(), Error> {
    for trigger in triggers {
        if let Some(problem) = supported::check_instruction(trigger).into_iter().next() {
            return Err(Error::Trigger { text: trigger.text.clone(), problem: Box::new(problem) });
        }
    }
    Ok(())
}
