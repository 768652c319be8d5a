//! The log of a runtime: a line for each error and warning, which its manager reads.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use clap::ValueEnum;

use crate::bundle::error::Error;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::{Diagnostic, Explained, Severity};
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

/// Where errors and warnings are written.
pub(super) struct Log<'a> {
    pub(super) file: Option<&'a Path>,
    pub(super) form: LogFormat,
    pub(super) ui: &'a Ui,
}

impl Log<'_> {
    /// Writes what a command has failed with. It is said on standard error as well, so nobody is told where this fails.
    pub(super) fn note(&self, failure: &Failure) {
        self.write("error", &failure.diagnostics);
    }

    /// Says what went wrong and has kept nothing from being done, here and on standard error.
    pub(super) fn warn(&self, errors: &[Error]) {
        let warnings: Vec<Diagnostic> = errors
            .iter()
            .flat_map(Explained::diagnostics)
            .map(|diagnostic| diagnostic.severity(Severity::Warning))
            .collect();
        self.ui.report(&warnings, None);
        self.write("warning", &warnings);
    }

    fn write(&self, level: &str, diagnostics: &[Diagnostic]) {
        let Some(path) = self.file else { return };
        let Ok(mut file) = OpenOptions::new().append(true).create(true).open(path) else { return };
        let now = Clock::from_environment().map(|clock| clock.rfc3339()).unwrap_or_default();
        for diagnostic in diagnostics {
            let message = match &diagnostic.hint {
                Some(hint) => format!("{} ({hint})", diagnostic.message),
                None => diagnostic.message.clone(),
            };
            let line = match self.form {
                LogFormat::Json => serde_json::json!({"level": level, "msg": message, "time": now}).to_string(),
                LogFormat::Text => format!("time=\"{now}\" level={level} msg={message:?}"),
            };
            let _ = writeln!(file, "{line}");
        }
    }
}
