//! States: the immutable values between steps.
//!
//! A state is an image configuration, a chain of layers, and what only the build knows of it: the environment with its
//! ARGs, and the identity of its file system. Its file tree is the fold of its layers and is made when somebody asks
//! (see `trees.rs`): a build of nothing but cache hits opens no layer.

use crate::cache::StateId;
use crate::layer::Layer;
use crate::oci::{ChainId, Digest, ImageConfig};

/// What the layers of an image without any are called.
pub const SCRATCH: &str = "scratch";

// ANCHOR: state
/// The state after a step. Cheap to clone behind an `Arc`; never changed.
#[derive(Clone, Debug)]
pub struct State {
    /// The configuration, with rootfs and history as they would be committed.
    pub image: ImageConfig,
    /// The layers, base first; one for each of the configuration's `diff_ids`.
    pub layers: Vec<Layer>,
    /// ENV and ARG in the order in which RUN gets them.
    pub environment: Vec<(String, String)>,
    /// The ARGs declared so far in this stage and the stages it is from, with their values.
    pub arguments: Vec<(String, Option<String>)>,
    /// What its file system is: a step that depends on what is below it names this as its parent.
    pub file_system: StateId,
    /// The base image's identity: what a step without files depends on besides its own text.
    pub base: String,
    /// Whether this stage had a CMD: an ENTRYPOINT resets an inherited one only.
    pub has_cmd: bool,
    /// When the newest part of it was made, in RFC 3339.
    pub created: String,
}
// ANCHOR_END: state

impl State {
    /// The digest of the configuration: the image id that this state has or would have.
    pub fn id(&self) -> Digest {
        let json = serde_json::to_vec(&self.image).expect("a configuration is plain data");
        Digest::of(&json)
    }

    /// The chain ID of its layers; `None` for an empty file system.
    pub fn chain_id(&self) -> Option<ChainId> {
        ChainId::of(&self.image.rootfs.diff_ids)
    }

    /// Whether its file system is that of `scratch`, with nothing done to it.
    pub fn is_empty(&self) -> bool {
        let platform = self.image.platform().to_string();
        self.file_system == StateId::image(SCRATCH, &platform, None)
    }

    /// The value of a variable: ENV and ARG, ENV winning where both are set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Sets a variable of the build's environment. A variable that is set again moves to the end, as in BuildKit's
    /// state: RUN's key sees the order.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The shell that the shell form is run by.
    pub fn shell(&self) -> Vec<String> {
        match &self.image.config.shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => vec!["/bin/sh".into(), "-c".into()],
        }
    }

    /// The working directory, absolute.
    pub fn working_dir(&self) -> &str {
        match self.image.config.working_dir.as_str() {
            "" => "/",
            path => path,
        }
    }
}

impl crate::dockerfile::words::Variables for State {
    fn get(&self, name: &str) -> Option<String> {
        self.variable(name).map(str::to_owned)
    }
}
