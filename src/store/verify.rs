//! To come.
/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Note.
    Note,
    /// Error.
    Error,
}
/// One.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Severity.
    pub severity: Severity,
    /// Blob.
    pub blob: String,
    /// Message.
    pub message: String,
}
/// All.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Findings.
    pub findings: Vec<Finding>,
}
/// Verify.
pub fn verify(_store: &super::Store) -> Report {
    Report::default()
}
