//! Printing a Dockerfile: as a tree for people, as JSON, as s-expressions, and as a Dockerfile again.

mod sexp;
mod text;
mod tree;

pub use sexp::sexp;
pub use text::dockerfile;
pub use tree::tree;

use serde::Serialize;

use super::ast::{Dockerfile, SyntaxTree};
use super::parse::Parsed;
use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;

/// The stages as JSON: spans are byte offsets, lines are counted from 1, durations are in seconds and nanoseconds.
pub fn json(dockerfile: &Dockerfile) -> String {
    serde_json::to_string_pretty(dockerfile).expect("the tree has only string keys")
}

/// What became of a text, as JSON: the stages, or the nodes of a text with errors, and all messages.
pub(crate) fn report(parsed: Parsed, source: &SourceFile) -> String {
    /// The part of the tree that a reader can rely on.
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Readable {
        Stages(Dockerfile),
        Nodes(SyntaxTree),
    }
    #[derive(Serialize)]
    struct Report {
        #[serde(flatten)]
        readable: Readable,
        diagnostics: Vec<serde_json::Value>,
    }
    let diagnostics = parsed.diagnostics.iter().map(|diagnostic| diagnostic.to_json(Some(source))).collect();
    let readable = match parsed.has_errors() {
        true => Readable::Nodes(parsed.tree),
        false => Readable::Stages(Dockerfile::of(parsed.tree, Vec::new())),
    };
    serde_json::to_string_pretty(&Report { readable, diagnostics }).expect("the tree has only string keys")
}

/// Why there is no tree at all, in the form of [`report`].
pub(crate) fn refusal(error: &Diagnostic) -> String {
    let report = serde_json::json!({ "diagnostics": [error.to_json(None)] });
    serde_json::to_string_pretty(&report).expect("a message has only string keys")
}
