//! The prompt of `layerlab learn`: it shows a lesson's stops, one page at a time, and does what is typed there.
//!
//! ```text
//! words.rs    the words that are the lesson's; all else is a command of the learner's
//! lines.rs    where lines come from: a pipe; editor.rs: a person at a terminal
//! open.rs     what the prompt knows of the lesson that is open; setting.rs: what it is begun with; paths.rs: folders, as they are chosen, read and typed
//! paragraphs.rs  a page, as much at a time as there is room for
//! arriving.rs a stop is shown, and passed
//! doing.rs    commands are run, lines typed, files written; comparing.rs: what they print, beside what the page shows
//! tasks.rs    checks, hints, solutions; telling.rs: what is told beside the pages
//! prompt.rs   the loop
//! rehearsal.rs  a lesson gone through without a learner
//! ```
//!
//! Whatever is known of the lesson, of its files and of its state is asked of [`crate::learning`].

mod arriving;
mod comparing;
mod doing;
mod editor;
mod error;
mod lines;
mod open;
mod paragraphs;
mod paths;
mod prompt;
mod rehearsal;
mod setting;
mod tasks;
mod telling;
mod words;

pub(crate) use editor::Person;
pub(crate) use lines::{Lines, Script};
pub(crate) use open::{LEARNING, Tutor};
pub(crate) use paths::homely;
pub(crate) use prompt::{once, reset, run};
pub(crate) use rehearsal::{Conditions, rehearse};
pub(crate) use setting::Setting;
pub(crate) use telling::list;
pub(crate) use words::{Word, name_of};
