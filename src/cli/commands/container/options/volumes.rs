//! What `run` and `create` are told to mount in a container.

use clap::Args;

use crate::cli::failure::Failure;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::runtime::lent;
use crate::runtime::volume::gather::of_another;
use crate::runtime::{self, Hidden, Volume, Wish};
use crate::shown;
use crate::world::World;

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct Volumes {
    /// What is mounted.
    #[arg(
        short,
        long,
        value_name = "VOLUME",
        help = "Mount a folder or file of this machine, or a volume: SOURCE:TARGET[:ro]; without SOURCE, a new volume"
    )]
    volume: Vec<String>,
    /// Mount a folder, a volume or memory.
    #[arg(
        long,
        value_name = "MOUNT",
        help = "Mount a folder, a volume or memory: type=bind|volume|tmpfs,source=SOURCE,target=TARGET[,readonly]"
    )]
    mount: Vec<String>,
    /// Mount an empty folder in memory.
    #[arg(long, value_name = "TARGET", help = "Mount an empty folder in memory: TARGET[:size=SIZE,mode=MODE,exec]")]
    tmpfs: Vec<String>,
    /// Mount what another container has mounted.
    #[arg(long, value_name = "CONTAINER", help = "Mount what another container has mounted: CONTAINER[:ro]")]
    volumes_from: Vec<String>,
}

impl Volumes {
    /// What is to be mounted.
    ///
    /// # Errors
    /// A mount can't be understood, or not be had.
    pub(super) fn wishes(&self) -> Result<Vec<Wish>, Failure> {
        let here = std::env::current_dir().map_err(|error| {
            Diagnostic::error(format!("can't find the working directory: {}", errno::describe(&error)))
        })?;
        Ok(Wish::parse_all(&self.volume, &self.mount, &self.tmpfs, &here)?)
    }

    /// What other containers have.
    ///
    /// # Errors
    /// There is no such container.
    pub(super) fn of_others(&self, world: &World) -> Result<Vec<Volume>, Failure> {
        let mut volumes = Vec::new();
        for text in &self.volumes_from {
            let (name, access) = match text.split_once(':') {
                Some((name, access)) => (name, Some(access)),
                None => (text.as_str(), None),
            };
            let record = runtime::find(world, name)?.record;
            lent::check(&record)?;
            volumes.extend(of_another(&record.volumes, access)?);
        }
        Ok(volumes)
    }
}

/// What is said of a mount that hides files of the image.
pub(super) fn note(hidden: &Hidden, image: &str) -> String {
    let Hidden { target, names, files } = hidden;
    let (count, verb) =
        if *files == 1 { ("1 file".to_owned(), "shows it") } else { (format!("{files} files"), "shows them") };
    let more = if names.len() < *files { ", …" } else { "" };
    let names = names.join(", ");
    shown::line(&format!(
        "note: what is mounted at {target} hides {count} of the image ({names}{more}): `layerlab run --rm --entrypoint ls {image} -A {target}` {verb}"
    ))
    .into_owned()
}
