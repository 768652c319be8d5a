//! What was proven of lessons: told, and what that means for the exit code.

use std::io::Write as _;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::lesson::Proof;
use crate::view::proofs;

/// Tells what was found of lessons, each with the name of its page: as text, or as a document of this kind.
///
/// # Errors
/// Something is not proven.
pub(super) fn tell(ui: &Ui, kind: &str, is_json: bool, found: &[(String, Proof)]) -> Result<(), Failure> {
    if is_json {
        writeln!(ui.plain(), "{:#}", proofs::document(kind, found))?;
    } else {
        for (page, proof) in found {
            ui.out().write_all(proofs::report(ui.palette, page, proof).as_bytes())?;
        }
    }
    if found.iter().all(|(_, proof)| proof.is_whole()) { Ok(()) } else { Err(Failure::status(1)) }
}
