//! `layerlab commit`: an image of a container with its changes.

use std::io::Write as _;
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::names::parse_name;
use crate::cli::ui::Ui;
use crate::machine;
use crate::oci::History;
use crate::runtime::{self, Still};
use crate::world::World;

/// Create an image from a container and its changes.
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab commit -m 'a page of my own' -c 'CMD [\"sh\"]' web my/web")]
pub(crate) struct Commit {
    /// Who made the image
    #[arg(short, long, value_name = "NAME")]
    author: Option<String>,
    /// What the image is about
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Change the configuration by an instruction: CMD, ENV, EXPOSE …
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Pause the container meanwhile; always done, as its files must not change while they are read
    #[arg(short, long, value_name = "true|false", default_value_t = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set)]
    pause: bool,
    /// The container
    container: String,
    /// The image's name.
    #[arg(help = "The image's name; without one it is listed as <none>")]
    name: Option<String>,
}

impl Commit {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let name = self.name.as_deref().map(parse_name).transpose()?;
        interrupts::catch(world.interrupt());
        if !self.pause {
            ui.note("note: a running container is paused meanwhile, as its files must not change while they are read");
        }
        let container = Still::of(world, &self.container)?;
        let (_, mut config) = world.store.load_image(&container.record.image.manifest)?;
        runtime::configure(&mut config.config, &container.record);
        let mut config = machine::reconfigure(config, &self.change)?;
        let mut layers = container.record.layers.clone();
        let layer = container.layer()?;
        let created = Some(world.clock.rfc3339());
        config.created.clone_from(&created);
        config.author = self.author.clone().or(config.author);
        config.history.push(History {
            created,
            created_by: Some(container.record.process.args.join(" ")),
            author: self.author.clone(),
            comment: self.message.clone(),
            empty_layer: layer.is_none(),
        });
        config.rootfs.diff_ids.extend(layer.iter().map(|layer| layer.diff_id));
        layers.extend(layer);
        drop(container);
        let manifest = world.store.put_image(&config, &layers)?;
        world.store.name_all([(&manifest, name.as_slice())])?;
        let (manifest, _) = world.store.load_image(&manifest)?;
        Ok(writeln!(ui.plain(), "{}", manifest.config.digest)?)
    }
}
