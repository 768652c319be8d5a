//! Why the files of a repository don't come.

use std::path::PathBuf;

use crate::diagnostic::Explained;
use crate::limits::Bound;
use crate::{errno, layer, shown, store};

/// Why the files of a repository don't come. No address in it has a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no address.
    #[error("`{}` is not the address of a repository: {reason}", shown::line(written))]
    Invalid {
        /// As it was written, without a password.
        written: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no `git`.
    #[error("the program `git` is not installed, and repositories come by it")]
    NoProgram,
    /// `git` does not start, or can't be waited for.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The server can't be reached.
    #[error("can't reach {server}: {}", shown::line(reason))]
    Unreachable {
        /// Host and port.
        server: String,
        /// What `git` or the kernel says.
        reason: String,
    },
    /// The address must not be asked.
    #[error("{server} is refused: {reason}")]
    Forbidden {
        /// Host and port.
        server: String,
        /// Why.
        reason: &'static str,
    },
    /// The server says nothing any more.
    #[error("{repository}: nothing has come for {seconds} seconds")]
    Silent {
        /// Its address.
        repository: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// `git` has failed.
    #[error("{repository}: git says: {}", shown::line(said))]
    Failed {
        /// Its address.
        repository: String,
        /// The last of what it has said.
        said: String,
    },
    /// The server has no such commit.
    #[error("{repository} has no {}", shown::line(what))]
    NoReference {
        /// Its address.
        repository: String,
        /// What was looked for.
        what: String,
    },
    /// It is another commit than it should be.
    #[error("{repository} is at commit {actual}, but {} is asked for", shown::line(expected))]
    Checksum {
        /// Its address.
        repository: String,
        /// What was asked for.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// The server has listed one commit, and sent another.
    #[error("{repository} sent commit {sent} for `{}` after listing {listed}", shown::line(name))]
    Moved {
        /// Its address.
        repository: String,
        /// The reference.
        name: String,
        /// What the reference was when it was looked up.
        listed: String,
        /// What has come.
        sent: String,
    },
    /// There is more than may come.
    #[error("{repository} has more than {} bytes, the limit for a {}", bound.most, bound.what)]
    TooLarge {
        /// Its address.
        repository: String,
        /// The limit.
        bound: Bound,
    },
    /// What it has can't be used.
    #[error("{repository}: {}", shown::line(reason))]
    Unusable {
        /// Its address.
        repository: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its files can't become a layer.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The store can't be written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether nobody could be asked at all.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(self, Error::Unreachable { .. } | Error::Silent { .. })
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoProgram => "install the package `git`".to_owned(),
            Error::Unreachable { .. } | Error::Silent { .. } => {
                "is this machine online, and the name of the server right? With `LAYERLAB_PULL=never` or `newer`, \
                 what an earlier build has brought is used"
                    .to_owned()
            }
            Error::Failed { said, .. } => return advice(said),
            Error::NoReference { .. } => "name a branch, a tag, or a whole commit id".to_owned(),
            Error::Checksum { .. } => {
                "nothing of it was kept; if the commit is the right one, correct the checksum".to_owned()
            }
            Error::Moved { .. } => {
                "nothing of it was kept; if somebody has pushed to it just now, try again".to_owned()
            }
            Error::TooLarge { bound, .. } => {
                format!("set {} to a larger number of bytes to raise the limit", bound.variable)
            }
            Error::Invalid { .. } | Error::Forbidden { .. } | Error::Unusable { .. } => return None,
            Error::Io { source, .. } => return errno::hint(source),
            Error::Layer(error) => return error.hint(),
            Error::Store(error) => return error.hint(),
        })
    }
}

/// Whether there is advice against what `git` says.
pub(super) fn is_known(said: &str) -> bool {
    advice(said).is_some()
}

/// What helps against what `git` says: it has no other way to say it than words, which LC_ALL=C makes the same everywhere.
fn advice(said: &str) -> Option<String> {
    let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
    Some(if says(&["Host key verification failed", "host key"]) {
        "get to know the server first: `ssh-keyscan HOST >> ~/.ssh/known_hosts`, and compare the key with what it publishes"
            .to_owned()
    } else if says(&["Permission denied"]) {
        "give the build an agent that has your key: `--ssh default`".to_owned()
    } else if says(&["could not read Username", "Authentication failed", "error: 401", "error: 403"]) {
        "does it exist, and may everybody read it? A token is given with `--secret id=GIT_AUTH_TOKEN,env=NAME`"
            .to_owned()
    } else if says(&["not found", "error: 404", "does not exist", "not exported"]) {
        "check the address".to_owned()
    } else if says(&["error: 301", "error: 302", "error: 303", "error: 307", "error: 308"]) {
        "the server sends elsewhere: write the address that it names".to_owned()
    } else {
        return None;
    })
}

/// Why nobody is reached, without the address, which is said already, and without the time that it took.
pub(super) fn reason(said: &str) -> String {
    let reason = said.rsplit_once("': ").map_or(said, |(_, reason)| reason);
    match (reason.find(" after "), reason.find(" ms: ")) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &reason[..from], &reason[to + 3..]),
        _ => reason.to_owned(),
    }
}

/// Whether git, curl or ssh say that a server can't be reached.
pub(super) fn is_offline(said: &str) -> bool {
    const OFFLINE: [&str; 8] = [
        "Could not resolve host",
        "Failed to connect",
        "Couldn't connect",
        "unable to connect",
        "unable to look up",
        "Connection refused",
        "timed out",
        "Network is unreachable",
    ];
    OFFLINE.iter().any(|words| said.contains(words))
}
