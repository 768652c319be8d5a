//! States: the immutable values between steps.
//!
//! A state is a configuration, a stack of layers, a history, and what only the build knows about it. Each state shares
//! everything that its step did not change with the one before it, so a step costs what it adds, however many came before. Its
//! file tree is the fold of its layers and is made on demand (see `trees.rs`): a build of nothing but cache hits
//! opens no layer.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::Vector;

use super::event::{ConfigChange, Value};
use super::settings::Settings;
use crate::cache::{CacheKey, Change, StateId};
use crate::container::DEFAULT_PATH;
use crate::oci::{ChainId, DiffId, Digest, History, ImageConfig, Layer, Platform};

/// What the layers of an image without any are called.
pub(super) const SCRATCH: &str = "scratch";

// ANCHOR: state
/// The state after a step. Cheap to clone; never changed.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) settings: Settings,
    pub(crate) author: Option<Arc<str>>,
    pub(crate) platform: Arc<Platform>,
    /// The layers, base first.
    stack: Vector<Arc<Stacked>>,
    /// The bytes of all layers, as they are stored.
    bytes: u64,
    history: Vector<Arc<History>>,
    /// What its file system is: a step that depends on what is below it names this as its parent.
    file_system: StateId,
    /// What the whole state is: the base image, and everything that was added to it.
    identity: Digest,
    /// The base image's identity: what a step without files depends on besides its own text.
    pub(crate) base: Arc<str>,
    /// Whether this stage had a CMD: an ENTRYPOINT resets an inherited one only.
    pub(crate) has_cmd: bool,
    /// When the newest part of it was made, in RFC 3339; empty for `scratch`.
    pub(crate) created: Arc<str>,
    /// The bytes of the instructions, expanded, that made its settings: what a Dockerfile may collect is bounded.
    pub(crate) collected: usize,
}
// ANCHOR_END: state

/// A layer, and what lies up to it.
#[derive(Clone, Debug)]
pub(crate) struct Stacked {
    pub(crate) layer: Layer,
    pub(crate) chain: ChainId,
}

/// What a step adds to a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addition<'a> {
    pub(crate) key: CacheKey,
    pub(crate) files: FilesAfter<'a>,
    /// What the history says of it, where it says something.
    pub(crate) created_by: Option<&'a str>,
    /// In RFC 3339.
    pub(crate) created: &'a str,
}

/// What is known of the files after a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum FilesAfter<'a> {
    /// The step has nothing to do with them.
    Same,
    /// They are the layers, with this one where there is one.
    With(Option<&'a Layer>),
    /// The step would have to run first.
    Foreseen,
}

impl State {
    /// The state of a stage that begins with an image. `layers_id` says what its layers are: their chain ID, or [`SCRATCH`].
    pub(super) fn first(
        mut image: ImageConfig,
        layers: Vec<Layer>,
        layers_id: String,
        stands_in_for: Option<&str>,
    ) -> State {
        if !image.config.env.iter().any(|variable| variable.starts_with("PATH=")) {
            image.config.env.push(format!("PATH={DEFAULT_PATH}"));
        }
        let file_system = StateId::image(&layers_id, &image.platform().to_string(), stands_in_for);
        let base = match stands_in_for {
            Some(name) => format!("{layers_id} for {name}"),
            None => layers_id,
        };
        State::of_image(image, layers, &base, file_system)
    }

    fn of_image(image: ImageConfig, layers: Vec<Layer>, base: &str, file_system: StateId) -> State {
        let identity = id_of(&image);
        let platform = Arc::new(image.platform());
        let created = image.created.unwrap_or_default();
        let mut state = State {
            settings: Settings::of(image.config),
            author: image.author.map(Arc::from),
            platform,
            stack: Vector::new(),
            bytes: 0,
            history: image.history.into_iter().map(Arc::new).collect(),
            file_system,
            identity,
            base: base.into(),
            has_cmd: false,
            created: created.into(),
            collected: 0,
        };
        for layer in layers {
            state.push_layer(layer);
        }
        state
    }

    fn push_layer(&mut self, layer: Layer) {
        self.bytes += layer.descriptor.size;
        let chain = ChainId::extend(self.chain_id(), layer.diff_id);
        self.stack.push_back(Arc::new(Stacked { layer, chain }));
    }

    /// This state with what a step adds: its layer, and its line of history.
    pub(super) fn after(&self, addition: Addition<'_>) -> State {
        let Addition { key, files, created_by, created } = addition;
        let (layer, file_system) = match files {
            FilesAfter::Same => (None, self.file_system),
            FilesAfter::With(layer) => (layer, self.file_system.after(key, layer.map(|layer| layer.diff_id))),
            FilesAfter::Foreseen => (None, self.file_system.foreseen(key)),
        };
        let diff_id: Option<DiffId> = layer.map(|layer| layer.diff_id);
        let added = serde_json::to_vec(&(self.identity, key, diff_id, created_by, created));
        let identity = Digest::of(&added.expect("an addition is plain data"));
        let mut state = State { file_system, identity, ..self.clone() };
        if let Some(layer) = layer {
            state.push_layer(layer.clone());
        }
        let Some(created_by) = created_by else { return state };
        // Times are RFC 3339 in UTC: they sort as text.
        if &*state.created < created {
            state.created = created.into();
        }
        state.history.push_back(Arc::new(History {
            created: Some(created.to_owned()),
            created_by: Some(created_by.to_owned()),
            author: None,
            comment: None,
            empty_layer: layer.is_none(),
        }));
        state
    }

    /// The configuration document as it would be committed, with rootfs and history. It costs as much as there is in it.
    pub fn image(&self) -> ImageConfig {
        let mut image = ImageConfig::empty(&self.platform);
        image.created = (!self.created.is_empty()).then(|| self.created.to_string());
        image.author = self.author.as_deref().map(str::to_owned);
        image.config = self.settings.document();
        image.rootfs.diff_ids = self.stack.iter().map(|stacked| stacked.layer.diff_id).collect();
        image.history = self.history.iter().map(|entry| (**entry).clone()).collect();
        image
    }

    /// The document of the finished image: the labels of `--label` belong to no state.
    pub(crate) fn finished_image(&self, labels: &BTreeMap<String, String>) -> ImageConfig {
        let mut image = self.image();
        image.config.labels.extend(labels.clone());
        image
    }

    /// The digest of the configuration: the id that the image of this state has or would have.
    pub fn id(&self) -> Digest {
        id_of(&self.image())
    }

    /// What tells this state from every other; known without making the document.
    pub(crate) fn identity(&self) -> Digest {
        self.identity
    }

    /// What its file system is: the parent of a step that depends on what is below it.
    pub(crate) fn file_system(&self) -> StateId {
        self.file_system
    }

    /// What differs between its configuration and that of a later state, field by field.
    pub(super) fn changes_to(&self, after: &State) -> Vec<ConfigChange> {
        let mut changes = self.settings.changes(&after.settings);
        let text = |author: &Option<Arc<str>>| author.as_deref().map(|author| Value::Text(author.to_owned()));
        if let Some(values) = Change::between(text(&self.author), text(&after.author)) {
            changes.insert(0, ConfigChange { field: "Author".into(), values });
        }
        changes
    }

    /// The layers, base first.
    pub fn layers(&self) -> Vec<Layer> {
        self.stack.iter().map(|stacked| stacked.layer.clone()).collect()
    }

    /// The layers, each with what lies up to it.
    pub(crate) fn stack(&self) -> &Vector<Arc<Stacked>> {
        &self.stack
    }

    /// The bytes of all layers, as they are stored.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// One entry for each instruction, oldest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = &History> {
        self.history.iter().map(|entry| &**entry)
    }

    /// The chain ID of its layers; `None` for an empty file system.
    pub(crate) fn chain_id(&self) -> Option<ChainId> {
        self.stack.last().map(|stacked| stacked.chain)
    }

    /// Whether its file system is that of `scratch`, with nothing done to it.
    pub(crate) fn is_empty(&self) -> bool {
        self.file_system == StateId::image(SCRATCH, &self.platform.to_string(), None)
    }

    /// The value of a variable: ENV and ARG, the later one winning.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.settings.variables.get(name)
    }

    /// The shell that the shell form is run by.
    pub(crate) fn shell(&self) -> Vec<String> {
        match &self.settings.single().shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => vec!["/bin/sh".into(), "-c".into()],
        }
    }

    /// The user that commands run as; empty is root.
    pub(crate) fn user(&self) -> &str {
        &self.settings.single().user
    }

    /// The working directory, absolute.
    pub(crate) fn working_dir(&self) -> &str {
        match self.settings.single().working_dir.as_str() {
            "" => "/",
            path => path,
        }
    }
}

/// The last state of a stage, by its number, as far as there is one.
pub(super) type StageStates<'s> = &'s dyn Fn(usize) -> Option<Arc<State>>;

/// The id of an image with this configuration.
pub(super) fn id_of(image: &ImageConfig) -> Digest {
    Digest::of(&serde_json::to_vec(image).expect("a configuration is plain data"))
}

impl crate::dockerfile::words::Variables for State {
    fn get(&self, name: &str) -> Option<String> {
        self.variable(name).map(str::to_owned)
    }
}
