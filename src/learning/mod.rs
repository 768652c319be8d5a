//! The walk through a lesson, without a face: plain data in and out, nothing prints.
//!
//! ```text
//! catalogue.rs  the lessons: those in this program, and those of a folder
//! packs.rs      lessons of others: where they come from, and whether their commands may be run; courses.rs: what is kept of each;
//!               commit.rs: the names in that
//! walk.rs       a lesson → its stops (stop.rs): a question, a command to run, a file, a task, each with the text before it
//! progress.rs   what is kept of how far a learner has come; record.rs: what of it is told to who grades
//! workspace.rs  the learner's own place: a folder to work in, a home of its own, the checks of tasks; a folder with the files alone
//! files.rs      files in the learner's folder, written as a whole
//! kept.rs       what is kept of lessons that were begun, and how it goes
//! console.rs    the terminal at which the learner's commands run, one shell for all of them; printed.rs, keyboard.rs: its two directions;
//!               driver.rs: what the shell carries out; ready.rs: what there is to read
//! ahead.rs      what is typed while a command runs that does not read it
//! left.rs       what that shell leaves to the next: where it is, and variables of the lesson; shell_word.rs, quoted.rs: how it reads words
//! watch.rs      who saves a file is noticed
//! ```
//!
//! What a page may hold, and how its commands are compared, is said in [`crate::lesson`]. Begin with `walk.rs`.

mod ahead;
mod catalogue;
mod commit;
mod console;
mod courses;
mod driver;
mod error;
mod files;
mod kept;
mod keyboard;
mod left;
mod packs;
mod printed;
mod progress;
mod quoted;
mod ready;
mod record;
mod shell_word;
mod stop;
mod user;
mod walk;
mod watch;
mod workspace;

pub(crate) use ahead::TypedAhead;
pub(crate) use catalogue::{Catalogue, Lesson, Unread};
pub(crate) use commit::Commit;
pub(crate) use console::{Console, Seen, Stage};
pub(crate) use error::Error;
pub(crate) use kept::Kept;
pub(crate) use packs::{InUse, Origin, Pack, Packs};
pub(crate) use printed::{is_debugger, is_question};
pub(crate) use progress::{Making, Progress, Records, SharedProgress};
pub(crate) use quoted::quoted;
pub(crate) use record::{LearningRecord, PredictionRecord, TaskRecord};
pub(crate) use stop::{Edit, Kind, Line, Stop};
pub(crate) use user::{Streams, User, WaitFor};
pub(crate) use walk::Walk;
pub(crate) use watch::Watch;
pub(crate) use workspace::{LessonLock, Workspace, clear_the_way, write_files};
