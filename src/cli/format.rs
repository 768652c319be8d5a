//! `--format`: a list as its table, as JSON, or as a template wants it.
//!
//! A list has one kind of row, which serde writes; the table, the JSON and the templates are views of that. How a command uses it:
//!
//! ```text
//! const TABLE: Table = Table {
//!     shown: &["ID", "Name"],
//!     titles: &[("ID", "NETWORK ID"), ("Name", "NAME"), ("Labels", "LABELS")],
//!     too_wide: TooWide::Whole,
//! };
//!
//! #[command(flatten)] format: FormatOption          let format = self.format.read()?;
//!                                                   format.show(ui, &TABLE, rows)
//! ```
//!
//! A row's fields have the names that Docker's documentation gives them, and are texts.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::ui::Ui;
use crate::view::json;
use crate::view::table::TooWide;
use crate::view::template::{Mistake, Template};

/// The option.
#[derive(Debug, Args)]
pub(super) struct FormatOption {
    /// The form: `table`, `table TEMPLATE`, `json`, or a Go template such as '{{.ID}}'
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
}

/// The columns of a list.
pub(super) struct Table {
    /// The fields that the table shows by itself.
    pub(crate) shown: &'static [&'static str],
    /// All fields, each with its title.
    pub(crate) titles: &'static [(&'static str, &'static str)],
    /// What becomes of a cell that has no room on a terminal.
    pub(crate) too_wide: TooWide,
}

/// A line of a list.
pub(super) trait Row: Serialize {
    /// What `.Label "NAME"` looks in.
    fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

impl<R: Row> Row for &R {
    fn labels(&self) -> BTreeMap<String, String> {
        (**self).labels()
    }
}

/// The form that is wanted.
#[derive(Debug)]
pub(super) enum Format {
    /// The table with its own columns.
    Usual,
    /// A table with other columns.
    Table(Template),
    /// A line of JSON for each row.
    Json,
    /// A line for each row.
    Lines(Template),
}

impl FormatOption {
    /// Reads it.
    ///
    /// # Errors
    /// It is no template.
    pub(crate) fn read(&self) -> Result<Format, Failure> {
        // As Docker's, for shells that have no other way to write them.
        let template =
            |text: &str| Template::parse(&text.replace("\\t", "\t").replace("\\n", "\n")).map_err(Failure::from);
        let text = self.format.as_deref().unwrap_or_default().trim();
        Ok(match text.split_once(char::is_whitespace) {
            None if text.is_empty() || text == "table" => Format::Usual,
            None if text == "json" => Format::Json,
            Some(("table", columns)) => Format::Table(template(columns.trim())?),
            None | Some(_) => Format::Lines(template(text)?),
        })
    }

    /// Whether ids alone are to be shown, which leaves a format without effect: as Docker, it is said.
    pub(crate) fn is_quiet(&self, quiet: bool, ui: &Ui) -> bool {
        if quiet && self.format.is_some() {
            ui.note("WARNING: Ignoring custom format, because both --format and --quiet are set.");
        }
        quiet
    }

    /// Whether a field is asked for, so that it has to be worked out.
    pub(crate) fn asks_for(&self, field: &str) -> bool {
        self.format.as_ref().is_some_and(|format| format.contains(&format!(".{field}")))
    }
}

impl Format {
    /// Shows a list.
    ///
    /// # Errors
    /// The template asks for something that rows do not have; what writing says.
    pub(crate) fn show<R: Row>(&self, ui: &Ui, table: &Table, rows: &[R]) -> Result<(), Failure> {
        match self {
            Format::Usual => {
                let cells: Vec<Vec<String>> = rows.iter().map(|row| table.cells(row)).collect();
                ui.table(&table.header(), &cells, table.too_wide)
            }
            Format::Table(_) | Format::Json | Format::Lines(_) => self.show_long(ui, table, || rows.iter()),
        }
    }

    /// As [`Format::show`], of rows that are made when they are needed: a long list is never in memory as a whole.
    ///
    /// # Errors
    /// As [`Format::show`].
    pub(crate) fn show_long<R: Row, I: Iterator<Item = R>>(
        &self,
        ui: &Ui,
        table: &Table,
        rows: impl Fn() -> I,
    ) -> Result<(), Failure> {
        match self {
            Format::Usual => ui.long_table(&table.header(), || rows().map(|row| table.cells(&row)), table.too_wide),
            Format::Table(template) => {
                let columns = |text: String| text.split('\t').map(str::to_owned).collect::<Vec<_>>();
                let titles = columns(template.titles(table.titles)?);
                let cells = |row: R| Ok(columns(template.render(&fields(&row), &row.labels())?));
                let cells: Vec<Vec<String>> = rows().map(cells).collect::<Result<_, Failure>>()?;
                let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
                ui.table(&titles, &cells, table.too_wide)
            }
            Format::Json => {
                let mut out = ui.plain();
                // As Docker's: sorted by name.
                let sorted = |row: &R| -> BTreeMap<String, Value> {
                    fields(row).as_object().cloned().unwrap_or_default().into_iter().collect()
                };
                rows().try_for_each(|row| Ok(writeln!(out, "{}", json::compact(&sorted(&row))?)?))
            }
            Format::Lines(template) => {
                let mut out = ui.plain();
                rows().try_for_each(|row| Ok(writeln!(out, "{}", template.render(&fields(&row), &row.labels())?)?))
            }
        }
    }
}

/// The fields of a row by name. A row is texts and numbers, which all have a form in JSON.
fn fields(row: &impl Row) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

impl Table {
    /// The titles of the columns that are shown by themselves.
    fn header(&self) -> Vec<&'static str> {
        self.shown.iter().map(|field| self.title(field)).collect()
    }

    /// The cells of a row in these columns.
    fn cells(&self, row: &impl Row) -> Vec<String> {
        let fields = fields(row);
        self.shown.iter().map(|field| fields[field].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The title of a field.
    fn title(&self, field: &str) -> &'static str {
        self.titles.iter().find(|(name, _)| *name == field).map_or("", |(_, title)| title)
    }
}

/// Shows what is known of things: as a template wants it, each on a line, or all of it as JSON. As Docker does, what is found is shown
/// although others are not.
///
/// # Errors
/// One is not found; the template asks for something that there is not; what writing says.
pub(super) fn show_documents(
    ui: &Ui,
    format: Option<&str>,
    names: &[String],
    document: impl Fn(&str) -> Result<Value, Failure>,
) -> Result<(), Failure> {
    let format = format.map(str::trim).filter(|format| !format.is_empty());
    let template = format.filter(|format| *format != "json").map(Template::parse).transpose()?;
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for name in names {
        match document(name) {
            Ok(document) => documents.push(document),
            Err(failure) => problems.extend(failure.diagnostics),
        }
    }
    let mut out = ui.plain();
    match (&template, format) {
        (Some(template), _) => {
            let no_labels = BTreeMap::new();
            for document in &documents {
                writeln!(out, "{}", template.render(document, &no_labels)?)?;
            }
        }
        (None, Some(_)) => {
            documents.iter().try_for_each(|document| writeln!(out, "{}", json::compact(document)?))?;
        }
        (None, None) => writeln!(out, "{}", json::pretty(&documents)?)?,
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::messages(problems)) }
}

impl From<Mistake> for Failure {
    fn from(mistake: Mistake) -> Failure {
        Failure::messages(vec![mistake.diagnostic]).within(&mistake.source)
    }
}
