//! The Dockerfile language: text → syntax tree, and the expansion of words.
//!
//! The language is that of BuildKit's Dockerfile frontend 1.26. A file goes through three phases, each usable on
//! its own:
//!
//! 1. `lines.rs` joins continued lines and removes comments and directives ([`directive`]);
//! 2. [`statement`] splits each instruction by `grammar/dockerfile.pest`: keyword, flags, arguments;
//! 3. `instruction/` finds out what it means and builds the `ast/`, or says what is wrong.
//!
//! [`parse`](parse()) does all of it, and returns a tree and messages ([`rules`]) for any text: a mistake costs the tree one
//! instruction, not the rest. [`words`] (`grammar/words.pest`) replaces variables in the arguments later, when
//! their values are known. Nothing here reads a file, a clock or the environment.
//!
//! Only this module uses pest.

mod ast;
mod checks;
mod device;
pub mod directive;
mod duration;
mod flags;
mod glob;
mod grammar;
pub mod heredoc;
mod instruction;
mod keywords;
mod limits;
mod lines;
mod lint;
mod list;
pub mod mount;
mod nearly_json;
mod parse;
pub mod print;
pub mod rules;
pub mod statement;
mod word;
pub mod words;

pub(crate) use ast::{
    Add, Cmd, Copy, Entrypoint, Env, Expose, From, Label, Run, Stopsignal, Volume, WithFiles, Workdir,
};
pub use ast::{
    Arg, Command, Dockerfile, Healthcheck, Heredoc, Instruction, Located, Network, Node, Security, Separator, Source,
    Stage,
};
pub(crate) use checks::Checks;
pub(crate) use device::Device;
pub(crate) use duration::parse as parse_duration;
pub(crate) use keywords::KEYWORDS;
pub use limits::Limit;
pub(crate) use list::split as split_list;
pub(crate) use mount::Mount;
pub(crate) use parse::is_complete;
pub use parse::{parse, parse_checked, parse_instruction, parse_within};
pub use word::Word;
