//! What every `prune` has: filters, and a question before something goes that can't be brought back.

use std::io::{self, BufRead as _, Write as _};

use clap::Args;

use super::failure::Failure;
use super::filters::Filters;
use super::ui::Ui;

/// The filters of what has an age and labels.
pub(super) const AGE_AND_LABELS: &[&str] = &["until", "label", "label!"];

/// The options.
#[derive(Debug, Args)]
pub(super) struct Pruning {
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Only remove some: `until=AGE`, such as `24h`, `label=NAME[=VALUE]`, `label!=NAME[=VALUE]`
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
}

impl Pruning {
    /// The filters, where `known` are those that mean something.
    ///
    /// # Errors
    /// As [`Filters::parse`].
    pub(crate) fn filters(&self, known: &[&str]) -> Result<Filters, Failure> {
        Ok(Filters::parse(&self.filter, known)?)
    }

    /// Says what will happen and asks whether it may, as Docker does, unless `--force` has said so. No answer is a no.
    ///
    /// # Errors
    /// The question can't be written, or the answer not be read.
    pub(crate) fn is_agreed(&self, ui: &Ui, warning: &str) -> Result<bool, Failure> {
        if self.force {
            return Ok(true);
        }
        is_confirmed(ui, &format!("WARNING! {warning}\nAre you sure you want to continue? [y/N] "))
    }
}

/// Asks whether something may happen. No answer is a no.
///
/// # Errors
/// The question can't be written, or the answer not be read.
pub(super) fn is_confirmed(ui: &Ui, question: &str) -> Result<bool, Failure> {
    let mut out = ui.plain();
    write!(out, "{question}")?;
    out.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        writeln!(out)?;
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
