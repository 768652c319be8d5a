//! Views: what people and programs see of the machine's events.
//!
//! A view gets one event after another and writes text; it recomputes nothing. `classic` is the transcript that tutorials
//! show; `plain` is BuildKit's numbered one; `tty` keeps a line for each step; `quiet` gives the image id alone; `json` is for
//! programs; `debugger` is what the debugger's prompt shows of a step; `report` is a build as a page, written with `html`. `layout` fits blocks to a width, `table` columns, `message` messages;
//! `live` and `frame` are the lines that move. `palette` is the only place that knows colours, `screen`
//! the only writer: through it passes all that is shown, and nothing that a terminal would act on. Views get events as they
//! are; a text in them that has one line passes `shown::line`. `program` is what a program in a container printed, `files` what ls(1) says of a
//! file, `chapter` a lesson as a chapter of a book. Begin with
//! `progress.rs`.

mod base64;
pub(crate) mod chapter;
pub(crate) mod classic;
pub(crate) mod debugger;
pub(crate) mod deeds;
pub(crate) mod drift;
mod files;
mod frame;
pub(crate) mod grades;
pub(crate) mod html;
pub(crate) mod json;
mod layers;
pub(crate) mod layout;
pub(crate) mod learning;
mod live;
pub(crate) mod message;
mod mismatch;
mod origin;
pub(crate) mod page;
pub(crate) mod palette;
pub(crate) mod pictures;
pub(crate) mod plain;
pub(crate) mod program;
mod progress;
pub(crate) mod proofs;
pub(crate) mod quiet;
pub(crate) mod report;
pub(crate) mod screen;
mod sgr;
mod sharing;
mod showing;
pub(crate) mod table;
mod tail;
pub(crate) mod template;
pub(crate) mod transcript;
mod transfers;
mod tty;
pub(crate) mod units;
pub(crate) mod visits;
mod warning;
pub(crate) mod watched;

pub(crate) use frame::Scene;
pub(crate) use progress::Progress;
pub(crate) use showing::View;
pub(crate) use transfers::{Sink, Transfers};
