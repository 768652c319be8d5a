//! The machine: it takes an immutable state and an instruction and gives the next state, one step after another.
//!
//! A step goes through five phases, and a caller can stop between any two:
//!
//! ```text
//! resolve   expand variables, find the image or the files: what exactly is to be done, and from which ingredients
//! decide    look the ingredients' key up: hit, or miss with its reason
//! execute   on a miss: place the files, or run the command
//! diff      what that changed in the file system and in the configuration
//! commit    write the layer and the cache record: the next state
//! ```
//!
//! Everything that happens is told as an [`Event`]. Read `state.rs` first, then `driver.rs` and `phases.rs`; what each family of
//! instructions does is in `actions/`.
//!
//! Semantics are BuildKit's (moby/buildkit, `frontend/dockerfile/dockerfile2llb`). Left out for now: mounts, secrets and
//! devices of RUN, remote sources of ADD.

mod actions;
mod change;
mod changes;
mod control;
mod decide;
mod driver;
mod error;
mod event;
mod finish;
mod go;
mod inputs;
mod intent;
mod options;
mod past;
mod phases;
mod predict;
mod questions;
mod resolve;
mod scope;
pub mod settings;
mod state;
mod steps;
mod supported;
mod taken;
mod trees;
pub mod variables;
mod warnings;

pub use actions::run::lacking;
pub use change::change;
pub use changes::{ChangeKind, Changes, PathChange, describe};
pub use control::{Acted, Control};
pub use decide::Asked;
pub use driver::{Machine, Phase, Source};
pub use error::Error;
pub use event::{ConfigChange, Event, EventKind, Place, StepLabel, Stream, Warning};
pub use finish::Finished;
pub use inputs::LoadedContext;
pub use options::{AtMiss, CacheUse, Options, Unsupported};
pub use predict::Prediction;
pub use state::State;
pub use taken::Taken;

pub use crate::cache::{Decision, MissReason};
pub use crate::container::DEFAULT_PATH;
