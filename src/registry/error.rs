//! Why an image does not come from a registry, or does not get there.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Explained;
use crate::oci::{Digest, Platform};
use crate::{document, errno, layer, store};

/// What goes wrong between this program and a registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server can't be reached.
    #[error("can't reach {server}: {reason}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the kernel or the library says.
        reason: String,
        /// Whether nobody listens, or the name has no address: the machine may be offline.
        is_offline: bool,
    },
    /// The certificate of the server is not good, or it does not speak TLS.
    #[error("{server} can't be trusted: {reason}")]
    Untrusted {
        /// Host and port.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The registry has no such image.
    #[error("{registry} has no image `{name}`")]
    NotFound {
        /// The registry.
        registry: String,
        /// The image, as people write it.
        name: String,
    },
    /// A blob that the image lists is not in the registry.
    #[error("{registry} lists {digest} but does not have it")]
    NoBlob {
        /// The registry.
        registry: String,
        /// The blob.
        digest: Box<Digest>,
    },
    /// The registry wants to know who asks.
    #[error("{registry} refuses access to `{repository}`: {}", if *.has_credentials { "the user name or the password is wrong, or this user may not" } else { "it is private, or it does not exist" })]
    Unauthorized {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// Whether a user name and a password were sent.
        has_credentials: bool,
    },
    /// The registry knows who asks, and refuses.
    #[error("{registry} refuses: {reason}")]
    Denied {
        /// The registry.
        registry: String,
        /// What it says.
        reason: String,
    },
    /// Nobody may push there who is not known, or this user may not.
    #[error("denied: requested access to the resource is denied: {registry} does not let {} push to `{repository}`", if *.has_credentials { "this user" } else { "everybody" })]
    MayNotPush {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// Whether a user name and a password were sent.
        has_credentials: bool,
    },
    /// It does not take so many bytes at a time.
    #[error("{registry} refuses: it, or a proxy before it, does not take so large a blob (413)")]
    TooLarge {
        /// The registry.
        registry: String,
    },
    /// The user name or the password is wrong.
    #[error("{registry} does not accept this user name and password")]
    BadLogin {
        /// The registry.
        registry: String,
    },
    /// Too many requests.
    #[error("{registry} answers no more requests for now: {reason}")]
    RateLimited {
        /// The registry.
        registry: String,
        /// What it says.
        reason: String,
        /// After how long it may be asked again, where it says so.
        after: Option<Duration>,
    },
    /// The server has failed, or answers what it should not.
    #[error("{url}: {reason}")]
    Answer {
        /// What was asked.
        url: String,
        /// What was wrong with the answer.
        reason: String,
    },
    /// An answer names a server that must not be asked.
    #[error("{from} sends us to {to}, which is refused: {reason}")]
    Forbidden {
        /// Who has named it.
        from: String,
        /// What it has named.
        to: String,
        /// Why it is refused.
        reason: &'static str,
    },
    /// What came is something else than what was asked for.
    #[error("what {registry} has sent for {expected} has the digest {actual}")]
    Content {
        /// The registry.
        registry: String,
        /// What was asked for.
        expected: String,
        /// What came.
        actual: String,
    },
    /// It has not as many bytes as its descriptor says.
    #[error("what {registry} has sent for {digest} has {}", if .actual > .expected { format!("more than {expected} bytes") } else { format!("{actual} bytes, not {expected}") })]
    Size {
        /// The registry.
        registry: String,
        /// What was asked for.
        digest: Box<Digest>,
        /// What the descriptor says.
        expected: u64,
        /// How many came; where there are more, one more than expected.
        actual: u64,
    },
    /// A document that can't be used.
    #[error("{name}: {reason}")]
    Invalid {
        /// The image or the document.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The image is not there for the platform.
    #[error("`{name}` is not there for {platform}; it is there for {available}")]
    Platform {
        /// The image.
        name: String,
        /// What was asked for.
        platform: Box<Platform>,
        /// What there is.
        available: String,
    },
    /// The settings say that nobody asks this registry.
    #[error("{registry} is blocked by {}", file.display())]
    Blocked {
        /// The registry.
        registry: String,
        /// Where it says so.
        file: PathBuf,
    },
    /// `registries.toml` is not understood.
    #[error("{}:{line}:{column}: {reason}", file.display())]
    Settings {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A variable of the environment is not understood.
    #[error("{name}: {reason}")]
    Variable {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A file with credentials is not understood, or a helper has failed.
    #[error("{}: {reason}", place.display())]
    Credentials {
        /// The file, or the helper.
        place: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What a file says of one registry is not understood.
    #[error("{}: the `auth` of {registry} is not base64 of `user:password`", file.display())]
    BadAuth {
        /// The file.
        file: PathBuf,
        /// The registry.
        registry: String,
    },
    /// A file can't be read or written.
    #[error("can't {operation} {}: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error(transparent)]
    Document(#[from] document::Error),
    /// A layer can't be read.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether the registry could not be asked at all: a name that has to be looked up, a network that is not there.
    pub(crate) fn is_offline(&self) -> bool {
        matches!(self, Error::Unreachable { is_offline: true, .. })
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Error::Unreachable { is_offline: true, .. } => {
                "is this machine online, and the name of the registry right? `registries.toml` can name a mirror"
                    .to_owned()
            }
            Error::Unreachable { .. } => "try again; `registries.toml` can name a mirror".to_owned(),
            Error::Untrusted { server, .. } => format!(
                "for a registry with its own authority, write `certificate = \"ca.crt\"` below `[registry.\"{server}\"]` in \
                 `registries.toml`; for one without TLS, `insecure = true`"
            ),
            Error::NotFound { .. } => "check the name and the tag".to_owned(),
            Error::Unauthorized { registry, has_credentials: false, .. } => {
                format!("check the name; `layerlab login {registry}` logs in")
            }
            Error::Unauthorized { registry, .. } => format!("`layerlab login {registry}` logs in as another user"),
            Error::MayNotPush { registry, has_credentials: false, .. } => {
                format!("`layerlab login {registry}` logs in")
            }
            Error::MayNotPush { registry, .. } => {
                format!(
                    "check the name, which often begins with the user's; `layerlab login {registry}` logs in as another user"
                )
            }
            Error::TooLarge { .. } => {
                "who runs it can raise the limit (nginx: `client_max_body_size`); smaller layers may do, too".to_owned()
            }
            Error::BadLogin { .. } => {
                "a registry with two-factor login wants an access token for a password".to_owned()
            }
            Error::RateLimited { after: Some(after), .. } => {
                format!("try again in {} seconds, log in, or use a mirror (`registries.toml`)", after.as_secs())
            }
            Error::RateLimited { .. } => "try again later, log in, or use a mirror (`registries.toml`)".to_owned(),
            Error::BadAuth { registry, .. } => format!("`layerlab login {registry}` replaces it"),
            Error::Platform { .. } => "choose one of these with `--platform`".to_owned(),
            Error::Content { .. } | Error::Size { .. } => {
                "nothing of it was kept; the registry, or something between it and this machine, is broken".to_owned()
            }
            Error::Denied { .. }
            | Error::NoBlob { .. }
            | Error::Answer { .. }
            | Error::Forbidden { .. }
            | Error::Invalid { .. }
            | Error::Blocked { .. }
            | Error::Settings { .. }
            | Error::Variable { .. }
            | Error::Credentials { .. } => return None,
            Error::Io { source, .. } => return errno::hint(source),
            Error::Document(error) => return error.hint(),
            Error::Layer(error) => return error.hint(),
            Error::Store(error) => return error.hint(),
        })
    }
}
