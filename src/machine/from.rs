//! FROM: the state that a stage begins with.
//!
//! An image, which [`crate::images`] finds, `scratch`, or the last state of an earlier stage. Where a built-in image stands in for
//! another, everybody is told.

use std::sync::Arc;

use super::driver::Machine;
use super::event::{ConfigChange, EventKind};
use super::resolve::{Action, Resolved};
use super::state::SCRATCH;
use super::{Error, State, Unsupported};
use crate::cache::StateId;
use crate::container::DEFAULT_PATH;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, Instruction, Located};
use crate::images::{self, Opened, Policy, STAND_IN_LABEL};
use crate::layer::Layer;
use crate::oci::{ChainId, Digest, ImageConfig, Platform, Reference};
use crate::plan::Base;
use crate::source::SourceFile;

/// What FROM found.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub image: String,
    pub digest: Option<Digest>,
    pub layers: usize,
    /// Of all layers, as they are stored.
    pub bytes: u64,
    pub stands_in_for: Option<String>,
    /// ONBUILD triggers of the base, to be run before the stage's own instructions.
    pub triggers: Vec<Located<Instruction>>,
}

impl Start {
    pub fn event(&self) -> EventKind {
        EventKind::Resolved {
            image: self.image.clone(),
            digest: self.digest,
            layers: self.layers,
            bytes: self.bytes,
            stands_in_for: self.stands_in_for.clone(),
        }
    }
}

impl Machine {
    /// Resolves the FROM of a stage; `stage_state` gives the last state of an earlier one.
    pub(super) fn resolve_from(
        &self,
        stage: usize,
        stage_state: impl Fn(usize) -> Option<Arc<State>>,
    ) -> Result<Resolved, Error> {
        let planned = &self.plan.stages[stage];
        let (mut state, mut start) = match &planned.base {
            Base::Scratch => self.start_from_scratch(),
            Base::Image(reference) => self.start_from_image(reference, &planned.platform, planned.asks_for_platform)?,
            Base::Stage(index) => {
                let base = stage_state(*index).expect("stages are built in order");
                let label = self.plan.stages[*index].label();
                let start = Start {
                    image: label,
                    digest: None,
                    layers: base.stack().len(),
                    bytes: base.bytes(),
                    stands_in_for: None,
                    triggers: Vec::new(),
                };
                ((*base).clone(), start)
            }
        };
        state.has_cmd = false;
        for (number, text) in std::mem::take(&mut state.settings.on_build).iter().enumerate() {
            start.triggers.push(parse_trigger(number, text)?);
        }
        if self.options.unsupported == Unsupported::Refused {
            for trigger in &start.triggers {
                let problems = super::supported::check_instruction(trigger);
                if let Some(problem) = problems.into_iter().next() {
                    return Err(Error::Trigger { text: trigger.text.clone(), problem: Box::new(problem) });
                }
            }
        }
        Ok(Resolved {
            before: None,
            after: state,
            action: Action::Start(Box::new(start)),
            ingredients: None,
            listings: Vec::new(),
            history: None,
            expanded: None,
        })
    }

    fn start_from_scratch(&self) -> (State, Start) {
        let platform = self.options.request.platform.to_string();
        let mut image = ImageConfig::empty(&self.options.request.platform);
        image.config.working_dir = "/".into();
        let start = Start {
            image: "scratch".into(),
            digest: None,
            layers: 0,
            bytes: 0,
            stands_in_for: None,
            triggers: Vec::new(),
        };
        (first_state(image, Vec::new(), SCRATCH.into(), platform, None), start)
    }

    /// Opens an image. One for another platform than `wanted` is taken only where nobody has asked for it by name.
    fn start_from_image(
        &self,
        reference: &Reference,
        wanted: &Platform,
        is_explicit: bool,
    ) -> Result<(State, Start), Error> {
        let store = &self.world.store;
        let policy = if self.options.stand_ins { Policy::StandIns } else { Policy::Present };
        let found = images::by_reference(store, reference, policy)?;
        let opened = Opened::of(store, &found, wanted)?;
        if is_explicit {
            opened.require_platform(&found.name, wanted)?;
        }
        let Opened { config: image, layers, .. } = opened;
        let identity = ChainId::of(&image.rootfs.diff_ids).map_or(SCRATCH.into(), |chain| chain.to_string());
        let platform = image.platform().to_string();
        let mut state = first_state(image, layers, identity, platform, found.stands_in_for());
        if let Some(name) = found.stands_in_for() {
            state.settings.labels.insert(STAND_IN_LABEL.into(), format!("{} for {name}", found.name).into());
        }
        let start = Start {
            digest: Some(found.manifest.digest),
            layers: state.stack().len(),
            bytes: state.bytes(),
            stands_in_for: found.stands_in_for().map(str::to_owned),
            image: found.name,
            triggers: Vec::new(),
        };
        Ok((state, start))
    }

    /// The tree of an image that is not a stage: what `COPY --from=IMAGE` in a stage reads.
    pub(super) fn image_state(&self, reference: &Reference, stage: usize) -> Result<State, Error> {
        Ok(self.start_from_image(reference, &self.plan.stages[stage].platform, false)?.0)
    }
}

/// The state of a stage that is not from another one.
pub(super) fn first_state(
    mut image: ImageConfig,
    layers: Vec<Layer>,
    identity: String,
    platform: String,
    stands_in_for: Option<&str>,
) -> State {
    if !image.config.env.iter().any(|variable| variable.starts_with("PATH=")) {
        image.config.env.push(format!("PATH={DEFAULT_PATH}"));
    }
    let file_system = StateId::image(&identity, &platform, stands_in_for);
    let base = match stands_in_for {
        Some(name) => format!("{identity} for {name}"),
        None => identity,
    };
    State::of_image(image, layers, &base, file_system)
}

fn parse_trigger(number: usize, text: &str) -> Result<Located<Instruction>, Error> {
    let source = SourceFile::new(format!("ONBUILD trigger {}", number + 1), text);
    dockerfile::parse_instruction(&source).into_instruction().map_err(|problems| {
        let problem = problems.into_iter().next().unwrap_or_else(|| Diagnostic::error("it is not an instruction"));
        Error::Trigger { text: text.to_owned(), problem: Box::new(problem) }
    })
}

/// What differs between the configurations of two states, field by field. `None`: nothing was before.
pub(super) fn config_changes(before: Option<&State>, after: &State) -> Vec<ConfigChange> {
    let Some(before) = before else { return Vec::new() };
    let mut changes = before.settings.changes(&after.settings);
    if before.author != after.author {
        let text = |author: &Option<Arc<str>>| author.as_deref().map(str::to_owned);
        let (before, after) = (text(&before.author), text(&after.author));
        changes.insert(0, ConfigChange { field: "Author".into(), before, after });
    }
    changes
}
