//! `layerlab import`: an image of a root file system.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::parse_name;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::archive::recognise::recognise;
use crate::layer::{self, archive};
use crate::machine;
use crate::oci::{History as HistoryEntry, ImageConfig, Platform};
use crate::view::Scene;
use crate::world::World;

/// Create an image from a root file system archive.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The archive: tar, or tar compressed with gzip, bzip2, xz or zstd; `-` is standard input
    file: PathBuf,
    /// The image's name.
    #[arg(help = "The image's name; without one it is listed as <none>")]
    name: Option<String>,
    /// What the image is about
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Change the configuration by an instruction: CMD, ENV, EXPOSE …
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
}

impl Import {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let name = self.name.as_deref().map(parse_name).transpose()?;
        let mut config = ImageConfig::empty(&Platform::host());
        config.config.env.push(format!("PATH={}", machine::DEFAULT_PATH));
        let path = if self.file.as_os_str() == "-" { Path::new("/dev/stdin") } else { self.file.as_path() };
        interrupts::catch(world.interrupt());
        let mut out = ui.plain().with_live(world.meter());
        out.begin(Scene::Below);
        let layer = archive::import(&world.store, path)?;
        let tree = layer::tree_of(&world.store, std::slice::from_ref(&layer))?;
        if let Some(kind) = recognise(&world.store, &tree) {
            let input =
                if self.file.as_os_str() == "-" { String::new() } else { format!(" -i {}", self.file.display()) };
            return Err(Diagnostic::error(format!("`{}` is {kind}, not a root file system", self.file.display()))
                .hint(format!("`layerlab load{input}` loads the images in it"))
                .into());
        }
        let created = world.clock.rfc3339();
        config.created = Some(created.clone());
        config.rootfs.diff_ids.push(layer.diff_id);
        config.history.push(HistoryEntry {
            created: Some(created),
            created_by: Some(format!("import {}", self.file.display())),
            author: None,
            comment: self.message.clone(),
            empty_layer: false,
        });
        let config = machine::reconfigure(config, &self.change)?;
        let manifest = world.store.put_image(&config, &[layer])?;
        world.store.name_all([(&manifest, name.as_slice())])?;
        let (manifest, _) = world.store.load_image(&manifest)?;
        out.end()?;
        writeln!(out, "{}", manifest.config.digest)?;
        Ok(())
    }
}
