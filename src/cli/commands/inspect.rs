//! `layerlab inspect`: what is known of containers, images, volumes and networks.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{container, image, network, volume};
use crate::cli::failure::Failure;
use crate::cli::format::show_documents;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::{self, Policy};
use crate::runtime;
use crate::runtime::volume::kept;
use crate::store;
use crate::world::World;

/// Show containers, images, volumes and networks as JSON, or what a template makes of that.
///
/// Example: `docker inspect --format '{{.State.Status}}' web`
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// What is shown of each: `json`, or a Go template such as '{{.State.Status}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Also show how much a container has written
    #[arg(short, long)]
    size: bool,
    /// Draw each image as a tree: the list of images, the manifest, the configuration, the layers, with the digest of each
    #[arg(long, conflicts_with_all = ["format", "size", "kind"])]
    tree: bool,
    /// Look only at things of one kind
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Kind>,
    /// The containers, images, volumes and networks
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Container,
    Image,
    Volume,
    Network,
}

impl Inspect {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        if self.tree {
            return self.names.iter().try_for_each(|name| image::inspect::show_tree(world, ui, name));
        }
        show_documents(ui, self.format.as_deref(), &self.names, |name| self.document(world, name))
    }

    /// The first of a container, an image, a volume and a network that there is, unless only one of them is wanted.
    fn document(&self, world: &World, name: &str) -> Result<Value, Failure> {
        match self.kind {
            Some(Kind::Container) => container::inspect::known(world, name, self.size),
            Some(Kind::Image) => image::inspect::document(world, name),
            Some(Kind::Volume) => volume(world, name),
            Some(Kind::Network) => network::inspect::document(world, name),
            None => match runtime::find(world, name) {
                Ok(_) => container::inspect::known(world, name, self.size),
                Err(runtime::Error::NoContainer(_)) => self.no_container(world, name),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// What a name means that is not a container's.
    fn no_container(&self, world: &World, name: &str) -> Result<Value, Failure> {
        use images::Error::{NoneYet, Store};
        match images::by_text(&world.store, name, Policy::default()) {
            Err(Store(store::Error::NoImage { other_tag: None, .. }) | NoneYet { .. }) => {
                volume(world, name).or_else(|_| network::inspect::document(world, name)).map_err(|_| nothing(name))
            }
            Ok(_) | Err(_) => image::inspect::document(world, name),
        }
    }
}

fn nothing(name: &str) -> Failure {
    Diagnostic::error(format!("nothing is called `{name}`: no container, image, volume or network"))
        .hint("`layerlab ps -a`, `layerlab images`, `layerlab volume ls` and `layerlab network ls` list what there is")
        .into()
}

fn volume(world: &World, name: &str) -> Result<Value, Failure> {
    Ok(volume::inspect::document(world, &kept::find(world.home(), name)?))
}
