//! What a verification finds.

use std::collections::BTreeMap;

use crate::oci::Digest;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong.
    Note,
    /// It is not as it should be, and can be used all the same.
    Warning,
    /// The store is damaged.
    Error,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The blob's digest, or the name of a file in the store.
    pub blob: String,
    /// What was found, as a sentence.
    pub message: String,
}

/// The result of [`super::verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything that was found, sorted: errors last.
    pub findings: Vec<Finding>,
    /// How many blobs were read.
    pub(crate) blobs: usize,
    /// How many bytes they have.
    pub(crate) bytes: u64,
    /// The blobs that no image needs, and their sizes: what only the cache keeps, and what is left over.
    pub unneeded: BTreeMap<Digest, u64>,
    /// How many images were followed to their last layer.
    pub(crate) images: usize,
}

impl Report {
    /// Whether nothing is damaged.
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }

    /// Adds what is wrong.
    pub(super) fn error(&mut self, blob: impl ToString, message: impl ToString) {
        let (blob, message) = (blob.to_string(), message.to_string());
        self.findings.push(Finding { severity: Severity::Error, blob, message });
    }

    /// Adds what is wrong and does no harm.
    pub(super) fn warning(&mut self, blob: impl ToString, message: impl ToString) {
        let (blob, message) = (blob.to_string(), message.to_string());
        self.findings.push(Finding { severity: Severity::Warning, blob, message });
    }

    /// Adds what is not wrong, but worth a word.
    pub(super) fn note(&mut self, blob: impl ToString, message: impl ToString) {
        let (blob, message) = (blob.to_string(), message.to_string());
        self.findings.push(Finding { severity: Severity::Note, blob, message });
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(formatter, "{severity}: {}: {}", self.blob, self.message)
    }
}
