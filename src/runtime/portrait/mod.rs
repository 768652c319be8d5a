//! A container as it is at this moment: what its record says it is to be, and what the kernel says it is.
//!
//! ```text
//! Record, Status ─┐
//!                 ├─▶ Portrait ──words──▶ boxes, or groups of rows
//! /proc, cgroups ─┘       └──serde──▶ JSON
//! ```
//!
//! Nothing is assumed: namespaces, mounts, rights and who listens are read from proc(5) for the container's first process, and what can't be
//! read is listed as that. One that has ended has no such process: then it is how it ended, and what is left of it.
//!
//! Read [`whole`] first, then [`words`] for what is said of it, [`kernel`] and [`mounts`] for where it comes from.

mod kernel;
mod mounts;
mod network;
mod whole;
mod words;

pub(crate) use self::whole::{Portrait, of};
pub(crate) use self::words::{enclosures, title};
