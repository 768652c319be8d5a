//! Containers: their plans as snapshots, and their behaviour for real.
//!
//! Every behaviour is tried with each identity: as root, as an ordinary user with mapped ids, and
//! as one with a single id. See `harness` for how a test becomes another user.

mod behaviour;
mod confinement;
mod files;
mod harness;
mod identity;
mod plans;
mod processes;
mod security;
