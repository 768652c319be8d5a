//! Printing a Dockerfile: as a tree for people, as JSON, as s-expressions, and as a Dockerfile again.

mod sexp;
mod text;
mod tree;

pub use sexp::sexp;
pub use text::{dockerfile, instruction};
pub use tree::tree;

use super::ast::Dockerfile;

/// The whole syntax tree as JSON: spans are byte offsets, lines are counted from 1, durations are in seconds
/// and nanoseconds.
pub fn json(dockerfile: &Dockerfile) -> String {
    serde_json::to_string_pretty(dockerfile).expect("the tree has only string keys")
}
