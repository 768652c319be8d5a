//! The commands: a folder for each noun, in it a file for each verb.

pub(super) mod build;
pub(super) mod class;
pub(super) mod container;
pub(super) mod explain;
pub(super) mod image;
pub(super) mod inspect;
pub(super) mod lesson;
pub(super) mod network;
pub(super) mod oci;
pub(super) mod parse;
pub(super) mod registry;
pub(super) mod shell;
pub(super) mod store;
pub(super) mod system;
pub(super) mod volume;
