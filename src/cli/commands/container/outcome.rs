//! What comes of a command on containers: signals that are passed on, names that are printed, and exit codes.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::DetachKeys;
use crate::diagnostic::Diagnostic;
use crate::runtime::{self, Parted};

/// Whether signals that we get are passed on.
#[derive(Debug, Args)]
pub(super) struct Proxy {
    /// Pass signals on to the container
    #[arg(
        long,
        value_name = "true|false",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub(super) sig_proxy: bool,
}

/// The keys that leave a container or a command in it.
#[derive(Debug, Args)]
pub(super) struct Leaving {
    /// The keys that detach, such as `ctrl-a,x` (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true)]
    detach_keys: String,
}

impl Leaving {
    /// What they are.
    ///
    /// # Errors
    /// The text is not one of keys.
    pub(super) fn keys(&self) -> Result<DetachKeys, Diagnostic> {
        DetachKeys::parse(&self.detach_keys).ok_or_else(|| {
            Diagnostic::error(format!("`{}` is not a sequence of keys", crate::shown::line(&self.detach_keys)))
                .hint("write it as `ctrl-a,x`: letters and `ctrl-LETTER`, with commas between")
        })
    }
}

/// Does something with each of several containers: where it is done, the container is printed as it was given, and one that refuses does
/// not stop the others.
pub(super) fn each(
    names: &[String],
    ui: &Ui,
    mut work: impl FnMut(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut diagnostics = Vec::new();
    for name in names {
        match work(name) {
            Ok(()) => writeln!(ui.plain(), "{}", crate::shown::line(name))?,
            Err(failure) => diagnostics.extend(failure.diagnostics),
        }
    }
    if diagnostics.is_empty() { Ok(()) } else { Err(Failure::messages(diagnostics)) }
}

/// The end of a container, as the exit code of the command that had it in the foreground.
pub(super) fn ended(parted: Parted) -> Result<(), Failure> {
    match parted {
        Parted::Ended(0) | Parted::Again(0) | Parted::Detached => Ok(()),
        Parted::Ended(status) | Parted::Again(status) => Err(Failure::status(u8::try_from(status).unwrap_or(255))),
        Parted::Signalled(signal) => Err(Failure::status(u8::try_from(128 + signal).unwrap_or(255))),
        Parted::Broken => Err(Failure::status(128 + libc::SIGPIPE as u8)),
        Parted::Failed(failed) => Err(not_started(failed)),
        Parted::Lost => Err(Diagnostic::error("the container was killed together with its monitor").into()),
    }
}

/// The failure of a container that was not started, with Docker's exit code for it.
pub(super) fn not_started(failed: runtime::Failed) -> Failure {
    let mut diagnostic = Diagnostic::error(failed.message);
    diagnostic.hint = failed.hint;
    Failure { status: u8::try_from(failed.status).ok(), ..Failure::from(diagnostic) }
}
