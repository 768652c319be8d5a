//! The log of a runtime: a line for each error, which its manager reads.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::ValueEnum;

use crate::cli::failure::Failure;
use crate::world::Clock;

/// The form of a log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Words
    #[default]
    Text,
    /// Objects
    Json,
}

/// Where errors are written.
pub(super) struct Log<'a> {
    pub(super) file: Option<&'a Path>,
    pub(super) form: LogFormat,
}

impl Log<'_> {
    /// Writes what a command has failed with. It is said on standard error as well, so nobody is told where this fails.
    pub(super) fn note(&self, failure: &Failure) {
        let Some(path) = self.file else { return };
        let Ok(mut file) = OpenOptions::new().append(true).create(true).open(path) else { return };
        let now = Clock::from_environment().map(|clock| clock.rfc3339()).unwrap_or_default();
        for diagnostic in &failure.diagnostics {
            let message = match &diagnostic.hint {
                Some(hint) => format!("{} ({hint})", diagnostic.message),
                None => diagnostic.message.clone(),
            };
            let line = match self.form {
                LogFormat::Json => serde_json::json!({"level": "error", "msg": message, "time": now}).to_string(),
                LogFormat::Text => format!("time=\"{now}\" level=error msg={message:?}"),
            };
            let _ = writeln!(file, "{line}");
        }
    }
}
