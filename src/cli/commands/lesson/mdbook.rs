//! `layerlab mdbook`: what mdBook calls to make real questions and tasks of the blocks of a lesson.
//!
//! ```toml
//! [preprocessor.lessons]
//! command = "layerlab mdbook"
//! after = ["links"]
//! ```
//!
//! mdBook asks whether a form of the book is supported, then gives the book as JSON on standard input and takes it back from standard output
//! (<https://rust-lang.github.io/mdBook/for_developers/preprocessors.html>). Only the texts of chapters are looked at, in whichever
//! order mdBook has them, so that each of its versions will do.

use std::io::{self, Write as _};
use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::failure::Failure;
use crate::cli::preferences;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::document;
use crate::lesson::{self, Page};
use crate::view::chapter::chapter;

/// Make questions and tasks of the blocks of lessons, for mdBook.
#[derive(Debug, Args)]
pub(crate) struct MdBook {
    #[command(subcommand)]
    question: Option<Asked>,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// Say whether a form of the book is supported
    Supports {
        /// The form, such as html
        renderer: String,
    },
}

impl MdBook {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        match self.question {
            // Every form takes Markdown with elements of HTML in it.
            Some(Asked::Supports { renderer: _ }) => Ok(()),
            None => convert(ui),
        }
    }
}

fn convert(ui: &Ui) -> Result<(), Failure> {
    let bound = preferences()?.limits.bound(&lesson::BOOK);
    let given = document::read_to_end(io::stdin().lock(), Path::new("standard input"), bound)?;
    let not_a_book = |why: String| {
        Diagnostic::error(format!("standard input is no book as mdBook gives one: {why}"))
            .hint("mdBook calls this command where book.toml has it as a preprocessor".to_owned())
    };
    let given: Value = serde_json::from_slice(&given).map_err(|error| not_a_book(error.to_string()))?;
    // The first one is about the book: its settings, and who calls.
    let Value::Array(parts) = given else { return Err(not_a_book("it is no array".to_owned()).into()) };
    let Ok([_, mut book]) = <[Value; 2]>::try_from(parts) else {
        return Err(not_a_book("it has not two elements".to_owned()).into());
    };
    convert_chapters(&mut book)?;
    let book = serde_json::to_vec(&book).map_err(io::Error::from)?;
    Ok(ui.plain().write_all(&book)?)
}

/// Converts the text of each chapter in a part of the book.
fn convert_chapters(part: &mut Value) -> Result<(), Failure> {
    match part {
        Value::Array(parts) => parts.iter_mut().try_for_each(convert_chapters),
        Value::Object(fields) => {
            let path = fields.get("path").and_then(Value::as_str).unwrap_or_default().to_owned();
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("content", Value::String(content)) => {
                        let page = Page::parse(&path, content)?;
                        // It becomes part of names in HTML.
                        *content = chapter(&page, &path.replace(|letter: char| !letter.is_alphanumeric(), "-"))?;
                    }
                    (_, value) => convert_chapters(value)?,
                }
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
