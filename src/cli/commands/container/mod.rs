//! Containers.

pub(in crate::cli) mod run;
pub(in crate::cli) mod serve_files;
