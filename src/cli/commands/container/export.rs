//! `layerlab export`: all files of a container, as an archive.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::errno;
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
            return Ok(Still::of(world, &self.container)?.export(out)?);
        };
        let container = Still::of(world, &self.container)?;
        let refused = |operation: &'static str| {
            move |error: std::io::Error| {
                Diagnostic::error(format!("can't {operation} `{}`: {}", path.display(), errno::describe(&error)))
            }
        };
        // It gets its name when it is whole.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(refused("create"))?;
        container.export(Box::new(std::io::BufWriter::new(file.as_file_mut())))?;
        file.flush().map_err(refused("write"))?;
        file.persist(path).map_err(|error| refused("write")(error.error))?;
        Ok(())
    }
}
