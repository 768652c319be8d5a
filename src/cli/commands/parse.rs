//! `layerlab parse`: what the parser made of a Dockerfile.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::context::text;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{self, print};
use crate::limits::Limits;
use crate::source::SourceFile;
use crate::view::json;
use crate::view::screen::Screen;

/// The form of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A readable tree
    #[default]
    Tree,
    /// JSON
    Json,
    /// The s-expressions of BuildKit's parser tests
    Sexp,
    /// A Dockerfile, printed from the syntax tree
    Dockerfile,
}

/// Print the syntax tree of a Dockerfile.
#[derive(Debug, Args)]
pub(crate) struct Parse {
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
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        let limits = preferences()?.limits;
        let format = if self.json { Format::Json } else { self.format };
        let source = match self.source(&limits) {
            Ok(source) => source,
            // Whoever reads JSON gets every mistake as JSON, also that the file is not a text.
            Err(error) if format == Format::Json => {
                print_line(ui, &json::harmless(&print::refusal(&error)))?;
                return Err(Failure::status(1));
            }
            Err(error) => return Err(error.into()),
        };
        if format == Format::Sexp {
            let text = print::sexp(&source);
            return print_line(ui, &text.map_err(|error| Failure::from(error).within(&source))?);
        }
        let parsed = dockerfile::parse_within(&source, &limits);
        if format == Format::Json {
            // A text with errors is a failure all the same.
            let failed = parsed.has_errors();
            print_line(ui, &json::harmless(&print::report(parsed, &source)))?;
            return if failed { Err(Failure::status(1)) } else { Ok(()) };
        }
        let dockerfile = parsed.into_dockerfile().map_err(|errors| Failure::messages(errors).within(&source))?;
        // The tree goes to standard output, for people and programs alike; what is suspicious does not belong in it.
        ui.report(&dockerfile.warnings, Some(&source));
        match format {
            Format::Dockerfile => {
                Ok(Screen::document(&format!("{}\n", print::dockerfile(&dockerfile).trim_end_matches('\n')))?)
            }
            Format::Tree | Format::Json | Format::Sexp => print_line(ui, &print::tree(&dockerfile)),
        }
    }

    fn source(&self, limits: &Limits) -> Result<SourceFile, Diagnostic> {
        let bytes = match self.file.as_os_str() == "-" {
            true => text::read_stream(std::io::stdin().lock(), "(standard input)", limits),
            false => text::read(&self.file, None, limits.bound(&text::DOCKERFILE)),
        };
        Ok(SourceFile::from_bytes(self.file.display().to_string(), &bytes?)?)
    }
}

fn print_line(ui: &Ui, text: &str) -> Result<(), Failure> {
    Ok(writeln!(ui.plain(), "{}", text.trim_end_matches('\n'))?)
}
