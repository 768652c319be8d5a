//! `layerlab explain`: what a word means, what an instruction does, and what the built-in base image is made of.

use std::io::Write as _;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::debugger;
use crate::diagnostic::Diagnostic;
use crate::userland;
use crate::view::debugger::explained;
use crate::world::Clock;

/// Where the word itself is explained.
const IN_GENERAL: &str = "what a base image is in general: `explain base` at the prompt of `layerlab step`";

/// Explain an instruction, a word such as `layer`, or what the built-in base image is made of.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// An instruction such as COPY, or a word such as `layer`; `base` lists what the built-in base image is made of, and why
    /// each library is in it
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

impl Explain {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        if self.words.is_empty() {
            return Ok(ui.out().write_all(ui.layout(&Clock::stopped(0)).fill(&debugger::explainable()).as_bytes())?);
        }
        let first = self.words.first().map_or("", String::as_str);
        if self.words.len() == 1 && first == "base" {
            let columns = ui.layout(&Clock::stopped(0)).columns();
            return ui.lines(&format!("{}\n{IN_GENERAL}\n", userland::explain(&preferences()?, columns)?));
        }
        let found = debugger::explain(first)
            .map_err(|error| Diagnostic::error(error.to_string()).hint(debugger::near(first)))?;
        Ok(ui.out().write_all(explained(&ui.layout(&Clock::stopped(0)), &found).as_bytes())?)
    }
}
