//! FROM: the state that a stage begins with.
//!
//! An image of the store, one of the built-in images, `scratch`, or the last state of an earlier stage. Where an image can't be
//! had and stand-ins are allowed, a built-in image takes its place, and everybody is told.

use std::sync::Arc;

use super::event::{ConfigChange, Event};
use super::machine::Machine;
use super::resolve::{Action, Resolved};
use super::state::SCRATCH;
use super::{Error, State, Unsupported};
use crate::cache::StateId;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, Instruction, Located};
use crate::layer::Layer;
use crate::oci::{ChainId, Descriptor, Digest, ImageConfig, Platform, Reference};
use crate::plan::Base;
use crate::source::SourceFile;
use crate::userland;

/// What PATH is where an image sets none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The label of an image that was built on a stand-in.
pub const STAND_IN_LABEL: &str = "org.layerlab.stand-in";

/// What FROM found.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub image: String,
    pub digest: Option<Digest>,
    pub layers: Vec<Layer>,
    pub stands_in_for: Option<String>,
    /// ONBUILD triggers of the base, to be run before the stage's own instructions.
    pub triggers: Vec<Located<Instruction>>,
}

impl Start {
    pub fn event(&self) -> Event {
        Event::Resolved {
            image: self.image.clone(),
            digest: self.digest,
            layers: self.layers.len(),
            bytes: self.layers.iter().map(|layer| layer.descriptor.size).sum(),
            stands_in_for: self.stands_in_for.clone(),
        }
    }
}

/// An image that was found, or that stands in.
struct Found {
    name: String,
    manifest: Descriptor,
    stands_in_for: Option<String>,
}

impl Machine<'_> {
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
                    layers: base.layers.clone(),
                    stands_in_for: None,
                    triggers: Vec::new(),
                };
                ((*base).clone(), start)
            }
        };
        state.has_cmd = false;
        for (number, text) in std::mem::take(&mut state.image.config.on_build).iter().enumerate() {
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
            layers: Vec::new(),
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
        let found = self.find_image(reference)?;
        let store = self.world.store;
        let (manifest, image) = store.load_image(&store.manifest_for(&found.manifest, wanted)?)?;
        let has = image.platform();
        if is_explicit && !has.architecture.is_empty() && !has.runs_on(wanted) {
            return Err(Error::Argument {
                message: format!("`{}` in the store is an image for {has}, not for {wanted}", found.name),
                hint: Some(format!("bring one for {wanted} in with `layerlab import`, or leave `--platform` out")),
            });
        }
        let layers = self.world.store.layers(&manifest, &image);
        self.world.store.prove_layers(&layers)?;
        let identity = ChainId::of(&image.rootfs.diff_ids).map_or(SCRATCH.into(), |chain| chain.to_string());
        let platform = image.platform().to_string();
        let mut state = first_state(image, layers.clone(), identity, platform, found.stands_in_for.as_deref());
        if let Some(name) = &found.stands_in_for {
            state.image.config.labels.insert(STAND_IN_LABEL.into(), format!("{} for {name}", found.name));
        }
        let start = Start {
            image: found.name,
            digest: Some(found.manifest.digest),
            layers,
            stands_in_for: found.stands_in_for,
            triggers: Vec::new(),
        };
        Ok((state, start))
    }

    /// The tree of an image that is no stage: what `COPY --from=IMAGE` in a stage reads.
    pub(super) fn image_state(&self, reference: &Reference, stage: usize) -> Result<State, Error> {
        Ok(self.start_from_image(reference, &self.plan.stages[stage].platform, false)?.0)
    }

    fn find_image(&self, reference: &Reference) -> Result<Found, Error> {
        let store = self.world.store;
        if let Some(manifest) = store.resolve(reference)? {
            return Ok(Found { name: reference.to_string(), manifest, stands_in_for: None });
        }
        if let Some(name) = built_in(reference) {
            let manifest = userland::ensure(store, name)?;
            return Ok(Found { name: name.into(), manifest, stands_in_for: None });
        }
        let stand_ins = userland::StandIns::load(self.world.home.root())?;
        match stand_ins.get(reference) {
            Some(name) if self.options.stand_ins => {
                let manifest = userland::ensure(store, name)?;
                Ok(Found { name: name.into(), manifest, stands_in_for: Some(reference.to_string()) })
            }
            Some(name) => Err(Error::NoImage {
                image: reference.to_string(),
                hint: format!(
                    "`--stand-ins` lets {name} take its place; `layerlab import FILE.tar NAME` brings an image in"
                ),
            }),
            None => Err(Error::NoImage {
                image: reference.to_string(),
                hint: "`layerlab import FILE.tar NAME` brings an image in; `layerlab images` lists those there are"
                    .into(),
            }),
        }
    }
}

/// The name of the built-in image that a reference means, if it means one.
pub fn built_in(reference: &Reference) -> Option<&'static str> {
    [userland::BASE, userland::WEB].into_iter().find(|name| reference.familiar_name() == *name)
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
    let environment = image
        .config
        .env
        .iter()
        .map(|variable| variable.split_once('=').unwrap_or((variable, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let base = match stands_in_for {
        Some(name) => format!("{identity} for {name}"),
        None => identity,
    };
    let created = image.created.clone().unwrap_or_default();
    State { layers, environment, arguments: Vec::new(), file_system, base, has_cmd: false, created, image }
}

fn parse_trigger(number: usize, text: &str) -> Result<Located<Instruction>, Error> {
    let source = SourceFile::new(format!("ONBUILD trigger {}", number + 1), text);
    dockerfile::parse_instruction(&source).map_err(|problems| {
        let problem = problems.into_iter().next().unwrap_or_else(|| Diagnostic::error("it is not an instruction"));
        Error::Trigger { text: text.to_owned(), problem: Box::new(problem) }
    })
}

/// What differs between the configurations of two states, field by field. `None`: nothing was before.
pub(super) fn config_changes(before: Option<&State>, after: &State) -> Vec<ConfigChange> {
    let fields = |state: &State| -> serde_json::Map<String, serde_json::Value> {
        let mut object = match serde_json::to_value(&state.image.config) {
            Ok(serde_json::Value::Object(object)) => object,
            _ => serde_json::Map::new(),
        };
        if let Some(author) = &state.image.author {
            object.insert("Author".into(), author.clone().into());
        }
        object
    };
    let Some(before) = before else { return Vec::new() };
    let (old, new) = (fields(before), fields(after));
    let mut changes = Vec::new();
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        compare_field(name, old.get(name), new.get(name), &mut changes);
    }
    changes
}

fn compare_field(
    name: &str,
    before: Option<&serde_json::Value>,
    after: Option<&serde_json::Value>,
    changes: &mut Vec<ConfigChange>,
) {
    use serde_json::Value;
    if before == after {
        return;
    }
    let empty = serde_json::Map::new();
    // Maps are compared key by key, and so is Env, which is a map written as a list.
    let as_map = |value: Option<&Value>| -> Option<serde_json::Map<String, Value>> {
        match value {
            Some(Value::Object(map)) => Some(map.clone()),
            Some(Value::Array(list)) if name == "Env" => Some(
                list.iter()
                    .filter_map(|entry| entry.as_str()?.split_once('='))
                    .map(|(name, value)| (name.to_owned(), Value::from(value)))
                    .collect(),
            ),
            _ => None,
        }
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if as_map(before).is_some() || as_map(after).is_some() {
        let (old, new) = (as_map(before).unwrap_or(empty.clone()), as_map(after).unwrap_or(empty));
        for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
            if old.get(key) != new.get(key) {
                changes.push(ConfigChange {
                    field: format!("{name}.{key}"),
                    before: old.get(key).map(text),
                    after: new.get(key).map(text),
                });
            }
        }
    } else {
        changes.push(ConfigChange { field: name.to_owned(), before: before.map(text), after: after.map(text) });
    }
}
