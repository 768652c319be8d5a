//! `layerlab export`: all files of a container, as an archive.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::archive;
use crate::runtime::Still;
use crate::world::World;

/// Write all files of a container to a tar archive.
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab export web | layerlab import - copy-of-web")]
pub(crate) struct Export {
    /// The archive (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The container
    container: String,
}

impl Export {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        interrupts::catch(world.interrupt());
        let Some(path) = &self.output else {
            let out = ui.bytes().ok_or_else(|| {
                Diagnostic::error("an archive can't be written to a terminal")
                    .hint("name a file with `-o FILE`, or pipe it on: `layerlab export NAME | tar -t`")
            })?;
            return Still::of(world, &self.container)?.export(out).map_err(Failure::of_output);
        };
        let container = Still::of(world, &self.container)?;
        archive::write_whole(path, |out| Ok(container.export(out)?))
    }
}
