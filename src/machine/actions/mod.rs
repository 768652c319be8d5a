//! The actions: what each family of instructions does, as functions over what it needs and nothing else.
//!
//! | file | instructions |
//! |---|---|
//! | `from` | FROM: the state that a stage begins with |
//! | `configure` | those that change the configuration and no file |
//! | `workdir` | WORKDIR |
//! | `copy` | COPY and ADD |
//! | `run` | RUN |
//!
//! Resolving gives an [`Intent`](super::intent::Intent), and what is to be executed; executing leaves what a layer is made of.

pub(crate) mod command;
pub(crate) mod configure;
pub(crate) mod copy;
pub(crate) mod from;
mod ports;
pub(super) mod run;
pub(crate) mod workdir;
