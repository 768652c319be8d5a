//! FROM: the state that a stage begins with.
//!
//! An image, which [`crate::images`] finds, `scratch`, or the last state of an earlier stage. Where a built-in image stands in for
//! another, everybody is told.

use std::sync::{Mutex, PoisonError};

use crate::cache::BaseImage;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, Instruction, Located, rules};
use crate::images::{self, Before, Fetch, Opened, Origin, Policy, Pulling, STAND_IN_LABEL, Substitution};
use crate::machine::event::EventKind;
use crate::machine::noted::Noted;
use crate::machine::state::{SCRATCH, StageStates};
use crate::machine::{Error, Options, State, Unsupported, supported};
use crate::oci::{ChainId, Digest, ImageConfig, Layer, Platform, Reference};
use crate::plan::{self, Base, Plan};
use crate::registry::{Stage, Stages};
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
    /// What there is of its files.
    pub(crate) files: Known,
    /// ONBUILD triggers of the base, to be run before the stage's own instructions.
    pub(crate) triggers: Vec<Located<Instruction>>,
}

/// Where images are looked for, and what may be done about one that is not there.
#[derive(Clone, Copy)]
pub(crate) struct Search<'m> {
    pub(crate) store: &'m Store,
    pub(crate) options: &'m Options,
    pub(crate) fetch: Fetching,
    pub(crate) noted: &'m Noted,
}

/// What a stage begins with where the user has its name stand for something else.
#[derive(Clone, Debug)]
pub(crate) enum Basis {
    Scratch,
    Image(Reference),
    Files(Layer),
    /// It is only foreseen.
    ToCome,
}

/// Whether an image that is not in the store is made or pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetching {
    /// No: it is only foreseen.
    Foreseen,
    Done,
}

impl Search<'_> {
    /// Finds an image. What was pulled for it is noted.
    fn find(&self, reference: &Reference, platform: &Platform) -> Result<images::Found, images::Error> {
        let substitution = if self.options.stand_ins { Substitution::StandIns } else { Substitution::Never };
        let when = self.options.pull.when();
        let stages = Mutex::new(Stages::default());
        let watcher = |layer: &Digest, stage: Stage| {
            stages.lock().unwrap_or_else(PoisonError::into_inner).set(layer, stage);
        };
        let fetch = match self.fetch {
            Fetching::Foreseen => Fetch::Foreseen(when),
            Fetching::Done => Fetch::Pulled(Pulling { when, platform, told: &|_| (), watcher: &watcher }),
        };
        let found = images::by_reference(self.store, reference, Policy { substitution, fetch })?;
        if found.origin == Origin::Registry {
            let layers = stages.into_inner().unwrap_or_else(PoisonError::into_inner);
            let (image, digest) = (reference.with_default_tag().familiar(), found.manifest.digest);
            let repository = reference.path().to_owned();
            self.noted.brought(EventKind::Pulled { image, repository, digest, layers: layers.all().into() });
        }
        Ok(found)
    }
}

impl Start {
    fn new(state: State, image: String) -> Start {
        Start { state, image, digest: None, stands_in_for: None, files: Known::Exist, triggers: Vec::new() }
    }

    fn standing_in_for(mut self, name: Option<String>) -> Start {
        if let Some(name) = &name {
            self.state.settings.labels.insert(STAND_IN_LABEL.into(), format!("{} for {name}", self.image).into());
        }
        Start { stands_in_for: name, ..self }
    }

    /// The image that it found, where it is there.
    pub(crate) fn base(&self) -> Option<BaseImage> {
        self.digest.map(|digest| BaseImage { name: self.image.clone(), digest })
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

/// What is known of the files of a state that may not exist yet.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// All: everything before it is there, or would hit.
    Exist,
    /// No build had them yet: what starts from them misses.
    New,
    /// Nothing, and why.
    Open(String),
}

/// Resolves the FROM of a stage; `stage_state` gives the last state of an earlier one, `named` is what a name means that the user has given
/// another meaning.
///
/// # Errors
/// The image is not there or not for the platform, or a trigger of it can't be used.
pub(crate) fn resolve(
    stage: usize,
    plan: &Plan,
    search: Search<'_>,
    stage_state: StageStates<'_>,
    named: Option<Basis>,
) -> Result<Start, Error> {
    let planned = &plan.stages[stage];
    let platform = &search.options.request.platform;
    let mut start = match &planned.base {
        Base::Scratch => scratch(platform),
        Base::Image(reference) => base_image(reference, planned, search)?,
        Base::Context(name) => match named {
            Some(Basis::Scratch) => scratch(platform),
            Some(Basis::Image(reference)) => {
                let start = base_image(&reference, planned, search)?;
                // A digest is told already.
                let image = if reference.has_digest() { reference.familiar_name() } else { start.image };
                Start { image, ..start }
            }
            Some(Basis::Files(layer)) => of_files(name, layer, platform),
            Some(Basis::ToCome) | None => to_come(name.clone(), "read", platform),
        },
        Base::Stage(index) => {
            let base = stage_state(*index).expect("stages are built in order");
            Start::new((*base).clone(), plan.stages[*index].label())
        }
    };
    start.state.has_cmd = false;
    let recorded = std::mem::take(&mut start.state.settings.on_build);
    start.triggers = triggers(recorded.iter().map(|text| &**text), search.options)?;
    Ok(start)
}

/// The image of a stage, or what is known of it before it is there.
fn base_image(reference: &Reference, planned: &plan::Stage, search: Search<'_>) -> Result<Start, Error> {
    let explicit = if planned.asks_for_platform { Wanted::Only } else { Wanted::Rather };
    match image(reference, &planned.platform, explicit, search) {
        Err(Error::Image(images::Error::NotMade { image, before, config, stands_in_for })) => {
            Ok(to_be_made(image, before, *config, stands_in_for))
        }
        Err(Error::Image(images::Error::NotPulled { image })) => {
            Ok(to_come(image, "pulled", &search.options.request.platform))
        }
        start => start,
    }
}

/// The instructions that a base has recorded for builds FROM it.
///
/// # Errors
/// One of them can't be used.
pub(crate) fn triggers<'a>(
    recorded: impl IntoIterator<Item = &'a str>,
    options: &Options,
) -> Result<Vec<Located<Instruction>>, Error> {
    let parsed = recorded.into_iter().enumerate().map(|(number, text)| trigger(number, text));
    let triggers = parsed.collect::<Result<Vec<_>, _>>()?;
    if options.unsupported == Unsupported::Refused {
        refuse_unsupported(&triggers)?;
    }
    Ok(triggers)
}

/// The state of an image that is not a stage: what `COPY --from=IMAGE` reads.
///
/// # Errors
/// The image is not there.
pub(crate) fn image_state(reference: &Reference, platform: &Platform, search: Search<'_>) -> Result<State, Error> {
    Ok(image(reference, platform, Wanted::Rather, search)?.state)
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

fn image(reference: &Reference, platform: &Platform, wanted: Wanted, search: Search<'_>) -> Result<Start, Error> {
    let found = search.find(reference, platform)?;
    let opened = Opened::of(search.store, &found, platform)?;
    match wanted {
        Wanted::Only => opened.require_platform(&found.name, platform)?,
        Wanted::Rather => {
            if let Err(error) = opened.require_platform(&found.name, platform) {
                search.noted.warn(Diagnostic::new(&rules::INVALID_BASE_IMAGE_PLATFORM, error.to_string()));
            }
        }
    }
    let Opened { config, layers, .. } = opened;
    let identity = ChainId::of(&config.rootfs.diff_ids).map_or(SCRATCH.into(), |chain| chain.to_string());
    let state = State::first(config, layers, identity, found.stands_in_for());
    let stands_in_for = found.stands_in_for().map(str::to_owned);
    let digest = Some(found.manifest.digest);
    Ok(Start { digest, ..Start::new(state, found.name).standing_in_for(stands_in_for) })
}

/// What is known of a built-in image before it is made: its settings, and whether any build can have been FROM it.
fn to_be_made(image: String, before: Before, config: ImageConfig, stands_in_for: Option<String>) -> Start {
    let state = State::first(config, Vec::new(), format!("{image}, not made yet"), stands_in_for.as_deref());
    let files = match before {
        Before::Never => Known::New,
        Before::Outdated => Known::Open(format!("`{image}` would first be made again")),
    };
    Start { files, ..Start::new(state, image).standing_in_for(stands_in_for) }
}

/// What is known of an image that a registry has, and of files that lie elsewhere: nothing before they are here.
fn to_come(name: String, how: &str, platform: &Platform) -> Start {
    let state = State::first(ImageConfig::empty(platform), Vec::new(), format!("{name}, not {how} yet"), None);
    let files = Known::Open(format!("`{name}` would first be {how}"));
    Start { files, ..Start::new(state, name) }
}

/// A stage that begins with files.
fn of_files(name: &str, layer: Layer, platform: &Platform) -> Start {
    let mut image = ImageConfig::empty(platform);
    image.config.working_dir = "/".into();
    image.rootfs.diff_ids.push(layer.diff_id);
    let identity = ChainId::of(&image.rootfs.diff_ids).map_or(SCRATCH.into(), |chain| chain.to_string());
    Start::new(State::first(image, vec![layer], identity, None), name.to_owned())
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
