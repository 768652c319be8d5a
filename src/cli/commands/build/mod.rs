//! Dockerfiles: building, predicting, stepping.

#[expect(clippy::module_inception, reason = "the verb is called as the noun")]
pub(in crate::cli) mod build;
pub(in crate::cli) mod builds;
mod contexts;
pub(in crate::cli) mod given;
mod options;
pub(in crate::cli) mod plan;
mod report;
mod sharing;
pub(in crate::cli) mod step;
