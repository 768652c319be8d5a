//! What can go wrong when a container is set up.
//!
//! Three sorts are told apart: the user's mistake (a program or a user that the image lacks), the
//! kernel's refusal (which operation, which call, which path, which errno, and the setting that
//! would allow it), and the death of one of our own processes. Nothing here is about what the
//! container's command itself does: a command that fails is an [`Exit`](super::Exit), not an error.
//!
//! [`Failure`] is the form in which an error crosses the pipe between the forked child and us.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// An error of this module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file operation of our own process failed.
    #[error("can't {operation} `{}`: {}", path.display(), described(source))]
    Io {
        /// What was tried, as a verb: `create`, `write`.
        operation: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A system call of our own process failed.
    #[error("{call} failed: {errno}")]
    Call {
        /// The name of the call.
        call: &'static str,
        /// The system's answer.
        errno: Errno,
    },
    /// A set-up operation was refused in one of the forked processes.
    #[error("{0}")]
    Setup(Failure),
    /// The command is not executed yet, so there is nobody to do something to.
    #[error("the container is not started")]
    NotStarted,
    /// Something of the container goes on though it was told to stop: the kernel does not let go of it.
    #[error("not all processes of the container have stopped after {} second", .0.as_secs())]
    StillRuns(std::time::Duration),
    /// A limit that nothing here can keep.
    #[error("`{option}` can't be kept: there is no control group for `{controller}` here")]
    Limit {
        /// The option that asks for it.
        option: &'static str,
        /// What the kernel calls it.
        controller: &'static str,
        /// What would allow it.
        hint: &'static str,
    },
    /// What was given as a host name is not one.
    #[error("`{}` is not a host name", .0.escape_debug())]
    Hostname(String),
    /// The identity map could not be written.
    #[error("`{program}` can't map the user and group ids: {message}")]
    Map {
        /// `newuidmap` or `newgidmap`.
        program: &'static str,
        /// What it said.
        message: String,
    },
    /// One of our own processes panicked or died: that of [`Identity::within`](super::Identity::within), or the keeper.
    #[error("the process inside the user namespace {0}")]
    Within(String),
}

impl Error {
    /// The exit status that Docker gives for this error: 127 where the program is not in the image,
    /// 126 where it is there and can't be executed, 125 for everything else.
    pub fn status(&self) -> i32 {
        match self {
            Error::Setup(Failure { cause: Cause::NotFound, .. }) => 127,
            Error::Setup(Failure { cause: Cause::NotExecutable, .. }) => 126,
            _ => 125,
        }
    }

    /// The setting or change that would avoid the error, where one is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::Setup(failure) => failure.hint.as_deref(),
            Error::Limit { hint, .. } => Some(hint),
            Error::Hostname(_) => {
                Some("up to 64 letters, digits, hyphens, underscores and dots, beginning with a letter or a digit")
            }
            Error::StillRuns(_) => Some("try again in a moment: they wait for a slow disk or device"),
            Error::Map { .. } => Some("the ranges of `/etc/subuid` and `/etc/subgid` must belong to this user"),
            _ => None,
        }
    }

    /// The system's answer, where it was asked.
    pub(crate) fn answer(&self) -> Option<std::io::Error> {
        let number = match self {
            Error::Io { source, .. } => source.raw_os_error()?,
            Error::Call { errno, .. } => *errno as i32,
            Error::Setup(failure) => failure.errno,
            Error::Map { .. } | Error::Limit { .. } | Error::Hostname(_) | Error::Within(_) => return None,
            Error::NotStarted | Error::StillRuns(_) => return None,
        };
        (number != 0).then(|| std::io::Error::from_raw_os_error(number))
    }

    /// A descriptor could not be duplicated.
    pub(crate) fn descriptor(source: std::io::Error) -> Error {
        Error::Call { call: "dup", errno: errno(&source) }
    }

    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.to_owned(), source }
    }

    pub(super) fn call(call: &'static str) -> impl FnOnce(Errno) -> Error {
        move |errno| Error::Call { call, errno }
    }
}

/// The system's answer with its name, as the rest of the program says it.
fn described(error: &std::io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => format!("{} ({errno:?})", errno.desc()),
        None => error.to_string(),
    }
}

/// What to look at where a user namespace can't be made, or gives no rights.
pub(super) const USER_NAMESPACE_HINT: &str = "ordinary users may make namespaces only where \
     `sysctl user.max_user_namespaces` is not 0, `kernel.unprivileged_userns_clone` (Debian) is 1 \
     and `kernel.apparmor_restrict_unprivileged_userns` (Ubuntu) is 0";

/// Why a script with the line ends of Windows does not start.
pub(crate) const CARRIAGE_RETURN_HINT: &str = "its `#!` line ends with a carriage return, and no interpreter has that in its name: \
     save the script with Unix line ends (LF)";

/// One refused operation, as it is reported by the child that executed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The operation as the plan prints it; empty when the failure belongs to none.
    pub(crate) operation: String,
    /// The sentence about what failed, without the errno's text.
    pub(crate) message: String,
    /// The kernel's answer; 0 where the kernel was not asked.
    pub(crate) errno: i32,
    /// The setting that would allow it.
    pub(crate) hint: Option<String>,
    /// Whose fault it is, which decides the exit status.
    pub(crate) cause: Cause,
}

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// The kernel refused a call: status 125.
    Refused,
    /// The image has no such user or group: status 125.
    NoSuchUser,
    /// The image has no such program: status 127.
    NotFound,
    /// The program exists and can't be executed: status 126.
    NotExecutable,
}

impl Failure {
    /// A call the kernel refused: `call` names it, `path` is what it was applied to.
    pub(super) fn refused(call: &str, path: &Path, errno: Errno) -> Failure {
        Failure {
            operation: String::new(),
            message: format!("{call} `{}`", path.display()),
            errno: errno as i32,
            hint: None,
            cause: Cause::Refused,
        }
    }

    /// As [`Failure::refused`], with what the standard library has for an answer.
    pub(super) fn io(call: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure::refused(call, path, errno(error))
    }

    /// A call without a path.
    pub(super) fn call(call: &str, errno: Errno) -> Failure {
        Failure {
            operation: String::new(),
            message: call.to_owned(),
            errno: errno as i32,
            hint: None,
            cause: Cause::Refused,
        }
    }

    /// One of our own processes has a fault.
    pub(super) fn panicked() -> Failure {
        Failure::call("the set-up panicked", Errno::ENOTRECOVERABLE)
    }

    /// A failure that the kernel had no part in.
    pub(super) fn of(cause: Cause, message: String) -> Failure {
        Failure { operation: String::new(), message, errno: 0, hint: None, cause }
    }

    pub(super) fn hint(mut self, hint: &str) -> Failure {
        self.hint = Some(hint.to_owned());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.message)?;
        if self.errno != 0 {
            write!(formatter, ": {}", Errno::from_raw(self.errno))?;
        }
        // A missing program or user says all there is to say; the others need their operation.
        if self.cause == Cause::Refused && !self.operation.is_empty() {
            write!(formatter, " (while setting up: {})", self.operation)?;
        }
        Ok(())
    }
}

/// The errno of a call that was made through `rustix`.
pub(super) fn answer(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// The errno of an I/O error; 0 where it has none.
pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}
