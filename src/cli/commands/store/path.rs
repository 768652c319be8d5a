//! `layerlab store path`: where everything is.

use std::io::Write as _;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::world::World;

pub(super) fn run(world: &World, ui: &Ui) -> Result<(), Failure> {
    Ok(writeln!(ui.plain(), "{}", world.home().root().display())?)
}
