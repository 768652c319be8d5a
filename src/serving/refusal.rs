//! Why a request is not granted: the codes of the distribution specification, "Error codes", and the document that carries them.

use serde_json::json;

use crate::diagnostic::Explained as _;
use crate::http::Answer;
use crate::store;

/// A code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    Denied,
    Unsupported,
    TooManyRequests,
    /// What is no fault of the client's.
    Unknown,
}

impl Code {
    /// As the specification writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Code::BlobUnknown => "BLOB_UNKNOWN",
            Code::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Code::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Code::DigestInvalid => "DIGEST_INVALID",
            Code::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Code::ManifestInvalid => "MANIFEST_INVALID",
            Code::ManifestUnknown => "MANIFEST_UNKNOWN",
            Code::NameInvalid => "NAME_INVALID",
            Code::NameUnknown => "NAME_UNKNOWN",
            Code::SizeInvalid => "SIZE_INVALID",
            Code::Denied => "DENIED",
            Code::Unsupported => "UNSUPPORTED",
            Code::TooManyRequests => "TOOMANYREQUESTS",
            Code::Unknown => "UNKNOWN",
        }
    }

    /// The usual status of an answer with this code.
    fn status(self) -> u16 {
        match self {
            Code::BlobUnknown | Code::BlobUploadUnknown | Code::ManifestUnknown | Code::NameUnknown => 404,
            Code::BlobUploadInvalid
            | Code::DigestInvalid
            | Code::ManifestBlobUnknown
            | Code::ManifestInvalid
            | Code::NameInvalid
            | Code::SizeInvalid => 400,
            Code::Denied => 403,
            Code::Unsupported => 405,
            Code::TooManyRequests => 429,
            Code::Unknown => 500,
        }
    }
}

/// A request that is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: Code,
    /// Why, for people on either side.
    pub(crate) message: String,
    /// What the answer says besides, as a field.
    field: Option<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { status: code.status(), code, message: message.into(), field: None }
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: u16) -> Refusal {
        Refusal { status, ..self }
    }

    /// The same with a field of the answer.
    pub(super) fn with(self, name: &'static str, value: impl Into<String>) -> Refusal {
        Refusal { field: Some((name, value.into())), ..self }
    }

    /// What the client gets. What is wrong with this machine is said here, and not to the client: it has paths in it.
    pub(super) fn answer(&self) -> Answer {
        let message = match self.code {
            Code::Unknown => "the registry can't read or write its store: its owner sees why",
            _ => &self.message,
        };
        let document = json!({"errors": [{"code": self.code.name(), "message": message, "detail": null}]});
        let answer = Answer::bytes(self.status, "application/json", document.to_string().into_bytes());
        match &self.field {
            Some((name, value)) => answer.with(name, value),
            None => answer,
        }
    }
}

/// The store fails.
impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Refusal {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let refusal = Refusal::new(Code::Unknown, format!("{error}{hint}"));
        if error.is_full() { refusal.with_status(507) } else { refusal }
    }
}
