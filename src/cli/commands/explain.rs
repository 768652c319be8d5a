//! `layerlab explain`: what a word means, what an instruction does, what the built-in base image is made of, and what a container is like.

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::format::show_documents;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::portrait::{self, Portrait};
use crate::view::debugger::explained;
use crate::view::layout::Layout;
use crate::view::pictures;
use crate::world::{Clock, World};
use crate::{debugger, runtime, shown, userland};

/// Where the word itself is explained.
const IN_GENERAL: &str = "what a base image is in general: `explain base` at the prompt of `layerlab step`";

/// Where what is to be tried is typed.
const TRY: &str = "Try at the prompt of `layerlab step`";

/// Explain an instruction, a word, the built-in base image, or a container as it is now.
#[derive(Debug, Args)]
#[command(after_help = "Examples: layerlab explain layer\n          layerlab explain web --boxes")]
pub(crate) struct Explain {
    /// An instruction such as COPY, or a word such as `layer`; `base` lists what the built-in base image is made of, and why
    /// each library is in it; or else the name or id of a container, running or not: a word wins over a container of the same name
    #[arg(value_name = "WORD|CONTAINER")]
    words: Vec<String>,
    /// Draw a container as boxes within boxes
    #[arg(long, conflicts_with = "format")]
    boxes: bool,
    /// Show a container as `json`, or as what a Go template makes of that
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Explain {
    pub(in crate::cli) fn run(
        &self,
        world: impl FnOnce() -> Result<Arc<World>, Failure>,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let layout = ui.layout(&Clock::stopped(0));
        if self.words.is_empty() {
            return Ok(ui.out().write_all(layout.fill(&debugger::explainable()).as_bytes())?);
        }
        let first = self.words.first().map_or("", String::as_str);
        if self.words.len() == 1 && first == "base" {
            return ui.lines(&format!("{}\n{IN_GENERAL}\n", userland::explain(&preferences()?, layout.columns())?));
        }
        let unknown = match debugger::explain(first) {
            Ok(found) => return Ok(ui.out().write_all(explained(&layout, &found, TRY).as_bytes())?),
            Err(error) => error,
        };
        // Without a home there are no containers, and the word is what is wrong.
        if let (1, Ok(world)) = (self.words.len(), world()) {
            match portrait::of(&world, first) {
                Err(runtime::Error::NoContainer(_)) => {}
                found => return self.show(&found?, &layout, ui),
            }
        }
        Err(Diagnostic::error(unknown.to_string()).hint(debugger::near(first)).into())
    }

    fn show(&self, found: &Portrait, layout: &Layout, ui: &Ui) -> Result<(), Failure> {
        if let Some(format) = &self.format {
            let document =
                |_: &str| serde_json::to_value(found).map_err(|error| Diagnostic::error(error.to_string()).into());
            return show_documents(ui, Some(format), std::slice::from_ref(&found.name), document);
        }
        let boxes = portrait::enclosures(found);
        let drawn = if self.boxes { pictures::enclosed(layout, &boxes) } else { pictures::grouped(layout, &boxes) };
        let text = layout.hang("", &shown::line(&portrait::title(found))) + &drawn;
        Ok(ui.out().write_all(text.as_bytes())?)
    }
}
