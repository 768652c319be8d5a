//! Lessons and tutorials: Markdown whose command lines are run, so that what a page shows is what happens.
//!
//! ```text
//! page.rs     a Markdown text → its fenced blocks
//! script.rs   blocks → acts: files to write, changes to make, commands to run
//! session.rs  commands with what they print
//! about.rs    what a lesson says of itself; question.rs: what it asks before something happens; task.rs: what is to be done
//! fitting.rs  whether a line that was printed is the line that is shown
//! change.rs   how a block changes a file
//! digests.rs  ids and digests, which differ from machine to machine
//! room.rs     a fresh folder with an empty home; shell.rs and terminal.rs: where commands are typed
//! hub.rs      what stands in for Docker Hub
//! replay.rs   a page's acts, carried out; how the page would have to look
//! ```
//!
//! Begin with `script.rs`, which says what may stand in a page. Front ends show what is found; nothing here prints.

mod about;
mod change;
mod digests;
mod fitting;
mod hub;
mod page;
mod question;
mod replay;
mod room;
mod script;
mod session;
mod shell;
mod task;
mod terminal;

pub(crate) use about::{ABOUT, About};
pub(crate) use digests::OnPages;
pub(crate) use page::{Block, Mistake, PREDICTION, Page, TASKS};
pub(crate) use question::{Answer, Question};
pub(crate) use replay::{Error, Options, Replay, replay};
pub(crate) use task::Task;

use crate::limits::Limit;

/// The size of a page.
pub(crate) const PAGE: Limit = Limit::bytes("page", "LAYERLAB_MAX_PAGE", 4 << 20);

/// The size of a book with all its pages.
pub(crate) const BOOK: Limit = Limit::bytes("book", "LAYERLAB_MAX_BOOK", 64 << 20);

/// The name of the file that a lesson is, in its folder.
const LESSON: &str = "lesson.md";
