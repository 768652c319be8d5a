//! Commands about lessons and tutorials.

pub(in crate::cli) mod verify;
