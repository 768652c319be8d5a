//! The actions: what each family of instructions does, as functions that take only what they need.
//!
//! | file | instructions |
//! |---|---|
//! | `from` | FROM: the state that a stage begins with |
//! | `configure` | those that change only the configuration |
//! | `workdir` | WORKDIR |
//! | `copy` | COPY and ADD |
//! | `run` | RUN |
//!
//! Resolving gives an [`Intent`](super::intent::Intent), and what is to be executed; executing it leaves what a layer is made from.

pub(crate) mod command;
pub(crate) mod configure;
pub(crate) mod copy;
pub(crate) mod from;
pub(crate) mod named;
pub(super) mod run;
pub(crate) mod workdir;
