//! The machine: it takes an immutable state and an instruction and gives the next state, one step after another.
//!
//! A step goes through five phases, and a caller can stop between any two:
//!
//! ```text
//! resolve   expand variables, find the image or the files: what exactly is to be done, and from which ingredients
//! decide    look up the ingredients' key: hit, or miss with its reason
//! execute   on a miss: place the files, or run the command
//! write     the layer of what that changed in the file system
//! commit    the cache record, and what changed in the configuration: the next state
//! ```
//!
//! Everything that happens is reported as an [`Event`]. Read `state.rs` first, then `driver.rs` and `phases.rs`; what each family of
//! instructions does is in `actions/`.
//!
//! Semantics are BuildKit's (moby/buildkit, `frontend/dockerfile/dockerfile2llb`). Left out for now: devices of RUN,
//! remote sources of ADD.

mod actions;
mod asked;
mod causes;
pub(crate) mod contexts;
mod control;
mod decide;
mod driver;
mod error;
mod event;
mod finish;
mod given;
mod go;
mod graph;
mod inputs;
mod intent;
mod noted;
mod options;
mod past;
mod paths;
mod phases;
mod predict;
mod questions;
mod reconfigure;
mod remote;
mod resolve;
mod scope;
pub(crate) mod settings;
mod sharing;
mod state;
mod steps;
mod supported;
mod taken;
mod times;
mod trees;
pub(crate) mod variables;
mod warnings;

pub(crate) use actions::run::lacking;
pub(crate) use asked::Asked;
pub use contexts::{NamedContext, NamedContexts};
pub use control::{Acted, Control};
pub(crate) use driver::Phase;
pub use driver::{Machine, Source};
pub use error::Error;
pub(crate) use event::{ConfigChange, Done, StepLabel, Stream, Value, Warning};
pub use event::{Event, EventKind};
pub(crate) use finish::Finished;
pub(crate) use given::SECRET;
pub use given::{Given, SecretSource};
pub(crate) use graph::{EdgeKind, Graph, Node, Outcome, Reach};
pub use options::{Arrival, CacheUse, Insecure, Options, Pull};
pub(crate) use options::{AtMiss, Unsupported};
pub use paths::ChangeKind;
pub(crate) use paths::{Changes, FileFacts, FileKind, PathChange};
pub(crate) use predict::{Foresight, Prediction, Wrong};
pub(crate) use reconfigure::reconfigure;
pub(crate) use remote::{Arrived, RemoteContext, bring, files_of_commit, understand};
pub(crate) use sharing::Extent;
pub(crate) use state::State;
pub(crate) use taken::Taken;
pub(crate) use times::{Spent, Sum, Timed, Times};
pub(crate) use trees::tree_of;

pub use crate::cache::shared::Exported;
pub use crate::cache::{BuildName, Caches, Decision, MissReason};
pub(crate) use crate::container::DEFAULT_PATH;
