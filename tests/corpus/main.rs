//! Conformance: cases that others wrote, from the folder that `LAYERLAB_CORPUS` names.
//!
//! Without the variable the tests say that they were skipped.

mod dockerignore;

use std::path::PathBuf;

/// The folder with the cases, `None` (and a line on standard error) if there is none on this machine.
pub fn folder(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("LAYERLAB_CORPUS") else {
        eprintln!("skipped: LAYERLAB_CORPUS is not set");
        return None;
    };
    Some(PathBuf::from(root).join(name))
}
