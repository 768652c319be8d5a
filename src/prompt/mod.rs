//! Lines that are typed at a prompt: by a person at a terminal, or in a script.
//!
//! ```text
//! terminal.rs   a person: line editing, history, completion and colours. The only file that names rustyline
//! script.rs     a file or a pipe, line by line
//! ```
//!
//! The front ends (`repl/`, `tutor/`) say what a line can go on with and how it is painted, and what a whole command is.

mod script;
mod terminal;

pub(crate) use script::Script;
pub(crate) use terminal::{Assistant, Candidate, Printer, Terminal, files};

/// What came.
#[derive(Debug)]
pub(crate) enum Next {
    Line(String),
    /// Ctrl-C: what was typed is forgotten.
    Interrupted,
    End,
}
