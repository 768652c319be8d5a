//! `layerlab parse`: what the parser made of a Dockerfile.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Failure;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, Dockerfile, print};
use crate::errno;
use crate::source::SourceFile;
use crate::view::json;
use crate::view::palette::Palette;
use crate::view::screen::Screen;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A tree to read
    #[default]
    Tree,
    /// JSON
    Json,
    /// The s-expressions of BuildKit's parser tests
    Sexp,
    /// The Dockerfile again, from the syntax tree
    Dockerfile,
}

/// Print the syntax tree of a Dockerfile.
#[derive(Debug, Args)]
pub struct Parse {
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    /// The Dockerfile; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Parse {
    pub(super) fn run(&self, errors: Palette) -> Result<(), Failure> {
        let bytes = if self.file.as_os_str() == "-" {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
        } else {
            std::fs::read(&self.file)
        };
        let bytes = bytes.map_err(|error| {
            Diagnostic::error(format!("can't read `{}`: {}", self.file.display(), errno::describe(&error)))
        })?;
        let source = SourceFile::from_bytes(self.file.display().to_string(), &bytes)?;
        let failure = |diagnostics| Failure::Messages(diagnostics, Some(source.clone()));
        let parsed = || -> Result<Dockerfile, Failure> {
            let parsed = dockerfile::parse(&source).map_err(failure)?;
            // The tree goes to standard output, for people and programs alike; what is suspicious does not belong in it.
            super::report(&parsed.warnings, Some(&source), errors);
            Ok(parsed)
        };
        let format = if self.json { Format::Json } else { self.format };
        let text = match format {
            Format::Sexp => print::sexp(&source).map_err(|diagnostic| failure(vec![diagnostic]))?,
            Format::Tree => print::tree(&parsed()?),
            Format::Json => json::harmless(&print::json(&parsed()?)),
            Format::Dockerfile => print::dockerfile(&parsed()?),
        };
        let text = format!("{}\n", text.trim_end_matches('\n'));
        match format {
            Format::Dockerfile => Screen::document(&text)?,
            Format::Sexp | Format::Tree | Format::Json => write!(super::stdout(), "{text}")?,
        }
        Ok(())
    }
}
