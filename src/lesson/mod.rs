//! Lessons and tutorials: Markdown whose command lines are run, so that what a page shows is what happens.
//!
//! ```text
//! reading.rs  the pages of a folder, and their texts
//! page.rs     a Markdown text → its fenced blocks; fence.rs: their lines; kind.rs: what each of them means
//! script.rs   blocks → acts: files to write, changes to make, commands to run
//! session.rs  commands with what they print; unfinished.rs: whether a command is whole
//! about.rs    what a lesson says of itself; question.rs: what it asks before something happens; task.rs: what is to be done
//! fitting.rs  whether a line that was printed is the line that is shown
//! change.rs   how a block changes a file
//! digests.rs  ids and digests, which differ from machine to machine
//! room.rs     a folder with a home of its own; copying.rs: what comes into it; unready.rs: why there is none; shell.rs and terminal.rs: where commands are typed
//! hub.rs      what stands in for Docker Hub
//! checking.rs whether commands do what is shown
//! replay.rs   a page's acts, carried out; how the page would have to look; rewriting.rs: whether it still is the same page then; trouble.rs: what else goes wrong
//! form.rs     what a lesson has to have; proving.rs, answers.rs, finding.rs: whether all that it claims is so
//! leaving.rs  what is there at the end; processes.rs: what goes on then; guard.rs: who ends it where we are killed
//! grading.rs  what a student has done of a lesson; handed_in.rs: a folder that is not to be trusted, copied
//! together.rs several pages at the same time; sample.rs: a lesson to begin with
//! ```
//!
//! Begin with `script.rs`, which says what may stand in a page. Front ends show what is found; nothing here prints.

mod about;
mod answers;
mod change;
mod checking;
mod copying;
mod digests;
mod driver;
mod fence;
mod finding;
mod fitting;
mod form;
mod grading;
mod guard;
mod handed_in;
mod hub;
mod kind;
mod leaving;
mod page;
mod printed;
mod processes;
mod proving;
mod question;
mod reading;
mod replay;
mod rewriting;
mod room;
mod sample;
mod script;
mod session;
mod shell;
mod signals;
mod task;
mod terminal;
mod together;
mod trouble;
mod unfinished;
mod unready;

pub(crate) use about::About;
pub(crate) use change::{changed, is_changed};
pub(crate) use checking::{Cause, Mismatch, first_mismatch};
pub(crate) use copying::is_apart;
pub(crate) use digests::{DigestMap, OnPages};
pub(crate) use finding::{Evidence, Finding, Level, Subject};
pub(crate) use fitting::{Comparison, align, arranged, fits};
pub(crate) use grading::{Grade, Graded, Grader};
pub(crate) use guard::Guard;
pub(crate) use kind::BlockKind;
pub(crate) use page::{Block, Mistake, Page};
pub(crate) use processes::{Kin, in_background, is_of as is_process_of};
pub(crate) use proving::{Proof, prove};
pub(crate) use question::{Answer, Question};
pub(crate) use reading::{Error as ReadError, pages_in, read_text};
pub(crate) use replay::{Error, Options, Purpose, Replay, replay};
pub(crate) use room::{Error as RoomError, HUB, Room, copy_lesson};
pub(crate) use sample::write as write_sample;
pub(crate) use script::{Act, FileName, acts};
pub(crate) use session::{CTRL_C, Run, goes_on, typed_at_prompt};
pub(crate) use shell::Typing;
pub(crate) use signals::heeding_signals;
pub(crate) use task::Task;
pub(crate) use terminal::plain;
pub(crate) use together::on_each;
pub(crate) use unfinished::is_unfinished;

use std::path::Path;

use crate::limits::Limit;

/// The size of a page.
pub(crate) const PAGE: Limit = Limit::bytes("page", "LAYERLAB_MAX_PAGE", 4 << 20);

/// The size of a book with all its pages.
pub(crate) const BOOK: Limit = Limit::bytes("book", "LAYERLAB_MAX_BOOK", 64 << 20);

/// The name of the file that a lesson is, in its folder.
pub(crate) const LESSON: &str = "lesson.md";

/// The folder that a page is in.
pub(crate) fn folder_of(page: &Path) -> &Path {
    page.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}
