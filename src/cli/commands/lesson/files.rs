//! `layerlab learn files`: the files of a lesson, for who goes through it by hand.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::packs::{PackOptions, catalogue};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::learning::{quoted, write_files};
use crate::shown;
use crate::world::World;

#[derive(Debug, Args)]
pub(super) struct Files {
    /// The lesson
    #[arg(value_name = "LESSON")]
    lesson: String,
    /// A new folder, or an empty one (default: one with the lesson's name, here)
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

impl Files {
    pub(super) fn run(&self, pack: &PackOptions, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let found = pack.find(world, ui)?;
        let catalogue = catalogue(world, found.as_ref())?;
        let lesson = catalogue.find(&self.lesson)?;
        let _in_use = pack.agree(world.home().root(), found.as_ref(), ui)?;
        let folder = self.folder.clone().unwrap_or_else(|| PathBuf::from(&lesson.name));
        let left_out = write_files(lesson, &folder)?;
        for link in left_out {
            ui.note(&format!("`{}` is left out: it leads out of the lesson", shown::line(&link.to_string_lossy())));
        }
        let way = quoted(&folder.to_string_lossy()).into_owned();
        let name = shown::line(&lesson.name);
        ui.lines(&format!("The files of {name} are written: `cd {}` goes there.\n", shown::line(&way)))
    }
}
