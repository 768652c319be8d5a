//! Why the file of a URL does not come.

use crate::diagnostic::Explained;
use crate::limits::Bound;
use crate::oci::Digest;
use crate::{shown, store};

/// Why a file does not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no address.
    #[error("`{}` is not the URL of a file: {reason}", shown::line(written))]
    Invalid {
        /// As it was written.
        written: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The server can't be reached.
    #[error("can't reach {server}: {reason}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the kernel or the library says.
        reason: String,
    },
    /// The certificate of the server is not good, or it does not speak TLS.
    #[error("{server} can't be trusted: {reason}")]
    Untrusted {
        /// Host and port.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The server has another answer than a file.
    #[error("{url}: the server answers {status}")]
    Answer {
        /// What was asked.
        url: String,
        /// The status and what it is called.
        status: String,
        /// The status alone.
        code: u16,
    },
    /// The answer can't be understood.
    #[error("{url}: {reason}")]
    Protocol {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address must not be asked.
    #[error("{to} is refused: {reason}")]
    Forbidden {
        /// Host and port.
        to: String,
        /// Why.
        reason: &'static str,
    },
    /// An answer names an address that must not be asked.
    #[error("{from} sends us to {to}, which is refused: {reason}")]
    ForbiddenRedirect {
        /// Who has named it.
        from: String,
        /// Host and port.
        to: String,
        /// Why.
        reason: &'static str,
    },
    /// There is more than may come.
    #[error("{url} has more than {} bytes, the limit for a {}", bound.most, bound.what)]
    TooLarge {
        /// What was asked.
        url: String,
        /// The limit.
        bound: Bound,
    },
    /// The content is not what it should be.
    #[error("{url} has the digest {actual}, but {expected} is asked for")]
    Checksum {
        /// What was asked.
        url: String,
        /// What `--checksum` says.
        expected: Box<Digest>,
        /// What came.
        actual: Box<Digest>,
    },
    /// The store can't be written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether nobody could be asked at all.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(self, Error::Unreachable { .. })
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Unreachable { .. } => "is this machine online, and the name of the server right? With \
                 `LAYERLAB_PULL=never` or `newer`, what an earlier build has downloaded is used"
                .to_owned(),
            Error::Untrusted { .. } => {
                "the machine's certificates count: an authority of your own has to be among them".to_owned()
            }
            Error::Answer { code: 401 | 403 | 407, .. } => {
                "a file that only some may have can be copied from the context".to_owned()
            }
            Error::Answer { code: 404 | 410, .. } => "check the URL".to_owned(),
            Error::Answer { code: 429 | 500.., .. } => "try again later".to_owned(),
            Error::Answer { .. } => return None,
            Error::TooLarge { bound, .. } => {
                format!("set {} to a larger number of bytes to raise the limit", bound.variable)
            }
            Error::Checksum { .. } => {
                "nothing of it was kept; if the file is the right one, correct `--checksum`".to_owned()
            }
            Error::Invalid { .. }
            | Error::Protocol { .. }
            | Error::Forbidden { .. }
            | Error::ForbiddenRedirect { .. } => return None,
            Error::Store(error) => return error.hint(),
        })
    }
}
