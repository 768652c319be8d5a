//! Commands about lessons and tutorials.

pub(in crate::cli) mod mdbook;
pub(in crate::cli) mod verify;
