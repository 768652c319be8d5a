//! What the forked processes report through the failure pipe, and how we read it.
//!
//! ```text
//! {"Failed":{…}}                   an operation of the plan was refused
//! {"Executing":{…}}                the plan is done, the command comes next …
//! {"Executing":{…}} errno          … and could not be executed
//! ```
//!
//! The errno comes from the [`trampoline`](super::trampoline), which can't write JSON: four bytes as they lie in memory.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Error, Failure};
use super::leave;
use super::trampoline;

#[derive(Serialize, Deserialize)]
enum Report {
    Failed(Failure),
    Executing {
        program: PathBuf,
        /// The hint for a program that is there and is not found.
        missing: String,
    },
}

/// Tells that the set-up has failed.
pub(super) fn failed(pipe: &OwnedFd, failure: Failure) {
    send(pipe, &Report::Failed(failure));
}

/// Tells which program the command is, for the message in case that it can't be executed.
pub(super) fn executing(pipe: &OwnedFd, program: &Path, missing: &str) {
    send(pipe, &Report::Executing { program: program.to_owned(), missing: missing.to_owned() });
}

fn send(pipe: &OwnedFd, report: &Report) {
    let text = serde_json::to_vec(report).unwrap_or_default();
    if let Ok(pipe) = pipe.try_clone() {
        // Nobody is left to be told when this fails.
        let _ = File::from(pipe).write_all(&text);
    }
}

/// The failure in everything that came out of the pipe; `None` when the command was executed.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Failure>, Error> {
    let mut reports = serde_json::Deserializer::from_slice(bytes).into_iter::<Report>();
    match reports.next() {
        None => Ok(None),
        Some(Ok(Report::Failed(failure))) => Ok(Some(failure)),
        Some(Ok(Report::Executing { program, missing })) => {
            let rest = &bytes[reports.byte_offset()..];
            match trampoline::failed_with(rest) {
                Some(errno) => Ok(Some(leave::not_executed(&program, errno, &missing))),
                // The trampoline itself could not be executed, or nothing went wrong.
                None => read(rest),
            }
        }
        Some(Err(error)) => Err(Error::Within(format!("gave an unreadable report: {error}"))),
    }
}
