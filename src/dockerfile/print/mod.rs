//! Printing a Dockerfile: as a tree for people, as JSON, as s-expressions, and as a Dockerfile again.

mod sexp;
mod text;
mod tree;

pub use sexp::sexp;
pub use text::{dockerfile, instruction};
pub use tree::tree;

use serde::Serialize;

use super::ast::Dockerfile;
use crate::diagnostic::Diagnostic;
use crate::source::SourceFile;

/// The whole syntax tree as JSON: spans are byte offsets, lines are counted from 1, durations are in seconds
/// and nanoseconds.
pub fn json(dockerfile: &Dockerfile) -> String {
    serde_json::to_string_pretty(dockerfile).expect("the tree has only string keys")
}

/// What became of parsing a text, as JSON: the tree where there is one, and all messages.
pub fn report(parsed: &Result<Dockerfile, Vec<Diagnostic>>, source: Option<&SourceFile>) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        #[serde(flatten)]
        dockerfile: Option<&'a Dockerfile>,
        diagnostics: Vec<serde_json::Value>,
    }
    let diagnostics = match parsed {
        Ok(dockerfile) => &dockerfile.warnings,
        Err(errors) => errors,
    };
    let diagnostics = diagnostics.iter().map(|diagnostic| diagnostic.to_json(source)).collect();
    let report = Report { dockerfile: parsed.as_ref().ok(), diagnostics };
    serde_json::to_string_pretty(&report).expect("the tree has only string keys")
}
