//! `layerlab load`: images from an archive.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::archive::{self, Input};
use crate::shown;
use crate::view::Scene;
use crate::world::World;

/// Load images from an archive written by `docker save`, Podman or skopeo.
///
/// A docker archive or an OCI layout, compressed or not, or the folder of an OCI layout: it is recognised by what is inside.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Load {
    /// The archive, or the folder of an OCI layout (default: standard input)
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Accepted and without effect: no progress is shown
    #[arg(short, long, hide = true)]
    quiet: bool,
}

impl Load {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let input = match &self.input {
            Some(path) if path.as_os_str() != "-" => Input::Path(path),
            Some(_) | None => Input::Stream(standard_input()?, "(standard input)"),
        };
        load(world, ui, input, None)
    }
}

/// Loads an archive, or what has a tag in it, and says what that was.
pub(super) fn load(world: &World, ui: &Ui, input: Input<'_>, tag: Option<&str>) -> Result<(), Failure> {
    interrupts::catch(world.interrupt());
    let mut out = ui.plain().with_live(world.meter());
    out.begin(Scene::Below);
    let images = archive::load(&world.store, input, tag)?;
    out.end()?;
    for image in images {
        for name in &image.names {
            writeln!(out, "Loaded image: {}", shown::line(&name.familiar()))?;
        }
        if image.names.is_empty() {
            writeln!(out, "Loaded image ID: {}", image.id)?;
        }
    }
    Ok(())
}

fn standard_input() -> Result<File, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Diagnostic::error("standard input is a terminal, not an archive")
            .hint("give the archive with `-i FILE`, or pipe it in: `docker save NAME | layerlab load`")
            .into());
    }
    Ok(File::from(stdin.as_fd().try_clone_to_owned()?))
}
