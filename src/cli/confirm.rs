//! A question before something goes that can't be brought back.

use std::io::{self, BufRead as _, Write as _};

use super::failure::Failure;
use super::ui::Ui;

/// Says what will happen and asks whether it may, as Docker does. No answer is a no.
///
/// # Errors
/// The question can't be written, or the answer not be read.
pub(super) fn confirmed(ui: &Ui, warning: &str) -> Result<bool, Failure> {
    let mut out = ui.plain();
    write!(out, "WARNING! {warning}\nAre you sure you want to continue? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        writeln!(out)?;
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
