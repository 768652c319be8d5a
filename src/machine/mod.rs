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
//! Everything that happens is told as an [`Event`]. Read `driver.rs` first; then one file for each family of instructions:
//! `from.rs`, `configure.rs` (no files), `files.rs` (COPY and ADD; which files they take is `selection.rs`, their key
//! `inputs.rs`, the placing itself `copy.rs`), `workdir.rs`, `run.rs`.
//!
//! Semantics are BuildKit's (moby/buildkit, `frontend/dockerfile/dockerfile2llb`). Left out for now: mounts, secrets and
//! devices of RUN, remote sources of ADD.

mod advance;
mod changes;
pub mod chmod;
pub mod configure;
mod control;
pub mod copy;
pub mod decide;
pub mod driver;
mod event;
pub mod files;
mod finish;
pub mod folder;
mod from;
pub mod inputs;
pub mod lacking;
mod missing;
pub mod obstacle;
pub mod owner;
pub mod placed;
pub mod ports;
mod predict;
mod resolve;
mod resume;
pub mod run;
mod script;
pub mod selection;
pub mod settings;
mod state;
mod supported;
mod taken;
mod transfer;
mod trees;
pub mod unpacked;
mod unstartable;
pub mod variables;
mod warnings;
mod workdir;

pub use crate::cache::{Decision, MissReason};
pub use crate::container::DEFAULT_PATH;
pub use changes::{ChangeKind, Changes, PathChange, describe};
pub use control::Control;
pub use driver::{Finished, Machine, Phase, Source};
pub use event::{ConfigChange, Event, EventKind, Place, StepLabel, Stream, Warning};
pub use predict::Prediction;
pub use state::State;
pub use taken::Taken;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::plan::Request;

/// What is asked of the machine.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub request: Request,
    pub cache: CacheUse,
    /// Use a built-in image for one that is not in the store.
    pub stand_ins: bool,
    /// `--label`: added to the finished image.
    pub labels: BTreeMap<String, String>,
    /// `--network` for RUN without a flag of its own.
    pub network: Option<String>,
    /// The host name that RUN sees.
    pub hostname: Option<crate::container::Hostname>,
    pub unsupported: Unsupported,
}

/// When a Dockerfile is refused for what is not supported yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsupported {
    /// Before anything runs, everything at once.
    #[default]
    Refused,
    /// At the step itself: whoever goes step by step may look at what comes before it.
    StoppedAt,
}

/// Whether the cache is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CacheUse {
    #[default]
    Ask,
    /// Every step runs, whatever the cache has. Older records are not deleted, but replaced where keys are equal.
    Ignore,
    /// The steps of these stages run.
    IgnoreFor(Vec<String>),
}

impl CacheUse {
    /// Whether it is asked for a stage of this name.
    pub fn asks_for(&self, stage: &str) -> bool {
        match self {
            CacheUse::Ask => true,
            CacheUse::Ignore => false,
            CacheUse::IgnoreFor(stages) => !stages.iter().any(|other| other.eq_ignore_ascii_case(stage)),
        }
    }
}

/// Why a step, or a build, can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mistakes in the Dockerfile, with their places.
    #[error("{}", .0.first().map_or("", |diagnostic| diagnostic.message.as_str()))]
    Diagnostics(Vec<Diagnostic>),
    #[error("{message}")]
    Argument { message: String, hint: Option<String> },
    #[error("`{owner}` is a name, and there is no file system to look it up in")]
    NoOwners { owner: String },
    #[error(transparent)]
    BadId(#[from] owner::BadId),
    #[error("`{path}` is not in {origin}")]
    NotFound { path: String, origin: String, hint: Option<String> },
    #[error(transparent)]
    Select(#[from] selection::SelectError),
    #[error(transparent)]
    Copy(#[from] copy::CopyError),
    #[error("the working directory {0}")]
    Workdir(Box<obstacle::Obstacle>),
    #[error(transparent)]
    Mode(#[from] chmod::BadMode),
    #[error("the command `{command}` returned a non-zero code: {status}")]
    CommandFailed {
        command: String,
        status: i32,
        /// Whether only one id exists in the container, so that no file can be given away.
        single_id: bool,
        /// A script of the command whose `#!` line ends with a carriage return.
        carriage_return: Option<String>,
        /// What is to be said of a program that a stand-in does not have.
        lacking: Option<String>,
    },
    #[error("interrupted")]
    Interrupted,
    #[error("can't {operation} `{}`: {source}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the ONBUILD trigger `{text}` of the base image can't be used: {}", problem.message)]
    Trigger { text: String, problem: Box<Diagnostic> },
    #[error("there is no step {number}: the steps are numbered from 1 to {total}")]
    NoStep { number: usize, total: usize },
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    #[error(transparent)]
    Image(#[from] crate::images::Error),
    #[error(transparent)]
    Layer(#[from] crate::layer::Error),
    #[error(transparent)]
    Tree(#[from] crate::tree::Error),
    #[error(transparent)]
    Context(#[from] crate::context::Error),
    #[error(transparent)]
    Cache(#[from] crate::cache::Error),
    #[error(transparent)]
    Container(#[from] crate::container::Error),
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Error {
        Error::Diagnostics(vec![diagnostic])
    }
}

impl Error {
    /// The error as diagnostics. An error without a place of its own is laid on `span`, the instruction that it stopped.
    pub fn diagnostics(&self, span: Option<crate::source::Span>) -> Vec<Diagnostic> {
        let place = |diagnostic: Diagnostic| match span {
            Some(span) => diagnostic.at_if_none(span),
            None => diagnostic,
        };
        if let Error::Diagnostics(diagnostics) = self {
            return diagnostics.iter().cloned().map(place).collect();
        }
        let mut diagnostic = place(Diagnostic::error(errno::named(&self.to_string())));
        if let Some(hint) = self.hint() {
            diagnostic = diagnostic.hint(hint);
        }
        vec![diagnostic]
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Argument { hint, .. } | Error::NotFound { hint, .. } => hint.clone(),
            Error::Trigger { problem, .. } => problem.hint.clone(),
            Error::NoOwners { .. } => Some(
                "write numbers: `scratch` has no `/etc/passwd`, and `--link` does not look at what lies below".into(),
            ),
            Error::Container(error) => {
                error.hint().map(str::to_owned).or_else(|| error.answer().and_then(|answer| out_of_room(answer.kind())))
            }
            Error::BadId(_) => Some(owner::BadId::HINT.into()),
            Error::Context(error) => error.hint(),
            Error::Image(error) if error.hint().is_some() => error.hint(),
            Error::Copy(error) => error.hint(),
            Error::Workdir(obstacle) => obstacle.hint(),
            Error::Layer(error) if error.hint().is_some() => error.hint(),
            Error::CommandFailed { single_id: true, command, .. } if command.contains("chown") || command.contains("chgrp") => {
                Some("you have one id only, so `chown` can't work: install newuidmap, and add yourself to /etc/subuid and /etc/subgid".into())
            }
            Error::CommandFailed { carriage_return: Some(script), .. } => {
                Some(format!("`{script}` is there, but {}", crate::container::CARRIAGE_RETURN_HINT))
            }
            Error::CommandFailed { lacking: Some(advice), .. } => Some(advice.clone()),
            Error::CommandFailed { status: 127, .. } => {
                Some("127 means that the shell did not find the program".into())
            }
            Error::CommandFailed { status: 126, .. } => Some("126 means that the file can't be executed".into()),
            Error::CommandFailed { status: 137, .. } => {
                Some("137 is 128 + 9: the process was killed, often for want of memory".into())
            }
            Error::CommandFailed { status: 153, .. } => {
                Some("153 is 128 + 25: a file became larger than `ulimit -f` allows".into())
            }
            Error::Store(error) | Error::Layer(crate::layer::Error::Store(error)) if error.hint().is_some() => error.hint(),
            _ => match errno::cause(self)?.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a folder that is yours with `--home` or LAYERLAB_HOME".into())
                }
                kind => out_of_room(kind),
            },
        }
    }
}

/// What helps where something could not be written to its end.
fn out_of_room(kind: ErrorKind) -> Option<String> {
    match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room on that disk, or choose a folder on another with `--home` or LAYERLAB_HOME".into())
        }
        ErrorKind::FileTooLarge => {
            Some("`ulimit -f` shows how large a file may become, and `ulimit -f unlimited` takes the limit away".into())
        }
        _ => None,
    }
}
