//! The debugger's prompt: commands that step through a Dockerfile, look at its states, and go back.
//!
//! ```text
//! a line ──command──▶ Command ──moving, looking, …──▶ the debugger's methods ──data, events──▶ view::debugger
//!          └─────────▶ an instruction ─────────────────────────┘
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | `table` | the commands as data: names, usage, help |
//! | `habits`, `meant` | what people type who know other programs, and what it does here |
//! | `help` | what `help` shows |
//! | `command`, `form` | a line of text → a `Command`, or what is wrong with it; pure |
//! | `operands` | the arguments that are more than a number |
//! | `completion` | what a line that is being typed can go on with |
//! | `lines`, `editor` | where lines come from: a script, or a person at a terminal |
//! | `prompt` | the loop: one line after another, each to its command |
//! | `session` | what is kept between two lines |
//! | `moving`, `looking`, `changing`, `keeping`, `entering` | the commands: each asks the debugger and shows what it says |
//! | `mending` | the user's editor, and a Dockerfile that is wrong from the start |
//! | `output`, `pager` | the screen and the copy for `save`; what is longer than the screen |
//! | `modes` | the terminal as it was, and one key of it |
//! | `pipe` | `COMMAND | PROGRAM` |
//! | `error` | what went wrong, with the command to type instead |
//!
//! A front end: it parses lines and renders data, and decides nothing.

mod changing;
mod command;
mod completion;
mod editor;
mod entering;
mod error;
mod form;
mod habits;
mod help;
mod hunks;
mod keeping;
mod lines;
mod looking;
mod meant;
mod mending;
mod modes;
mod moving;
mod operands;
mod output;
mod pager;
mod pipe;
mod prompt;
mod session;
mod table;

pub(crate) use editor::Terminal;
pub(crate) use error::Error;
pub(crate) use keeping::saved_for;
pub(crate) use lines::{Lines, Script};
pub(crate) use mending::mend;
pub(crate) use modes::{Unseen, ask_hidden};
pub(crate) use output::Shown;
pub(crate) use pager::show;
pub(crate) use prompt::run;
pub(crate) use session::{Ending, Session};

/// Whether two lines are the same to the prompt: `s` is `step`.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    match (command::parse(one), command::parse(other)) {
        (Ok(command::Line::Empty | command::Line::Comment), _) => false,
        (Ok(one), Ok(other)) => one == other,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Whether the prompt understands a line.
pub(crate) fn knows(line: &str) -> bool {
    command::parse(line).is_ok()
}

/// Whether a word is a command of the prompt.
pub(crate) fn is_command(word: &str) -> bool {
    table::find(word).is_some_and(|entry| entry.name == word)
}
