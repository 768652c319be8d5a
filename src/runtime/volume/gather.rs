//! Which mounts a container has: those that were asked for, those of other containers, those that the image declares.
//!
//! What was asked for wins over what comes from another container, and that over the image, as in Docker.

use super::kept;
use super::mounted::{Source, Volume};
use super::wish::{What, Wish};
use crate::container::Access;
use crate::limits::Limit;
use crate::oci::ImageConfig;
use crate::runtime::Error;
use crate::world::World;

/// Anybody may have made the image, and each of its volumes is a folder of the home.
const MOST: Limit = Limit::number("number of volumes of an image", "LAYERLAB_MAX_IMAGE_VOLUMES", 200);

/// The mounts of a container, and which of them are volumes that are its own.
#[derive(Clone, Debug, Default)]
pub(in crate::runtime) struct Gathered {
    pub(in crate::runtime) volumes: Vec<Volume>,
    /// The names of the volumes that nobody has named.
    pub(in crate::runtime) anonymous: Vec<String>,
}

/// Puts together what a container has. Makes nothing.
///
/// # Errors
/// [`Error::Argument`] for what an image can't declare.
pub(in crate::runtime) fn gather(
    world: &World,
    wishes: &[Wish],
    others: &[Volume],
    image: &ImageConfig,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::default();
    for wish in wishes {
        gathered.add(world, wish);
    }
    // Of several containers, the last.
    for volume in others.iter().rev() {
        if !gathered.has(&volume.target) {
            gathered.volumes.push(volume.clone());
        }
    }
    let declared = &image.config.volumes;
    let bound = world.home().bound(&MOST);
    if declared.len() as u64 > bound.most {
        return Err(Error::argument(
            format!("the image declares {} volumes, more than {}", declared.len(), bound.most),
            "the variable LAYERLAB_MAX_IMAGE_VOLUMES raises the limit",
        ));
    }
    for path in declared.keys() {
        let target = super::clean(path);
        if target == "/" {
            return Err(Error::argument("the image declares a VOLUME at `/`", "a container can't have that"));
        }
        if !gathered.has(&target) {
            gathered.add(world, &Wish::of_image(target));
        }
    }
    Ok(gathered)
}

impl Gathered {
    fn has(&self, target: &str) -> bool {
        self.volumes.iter().any(|volume| volume.target == target)
    }

    fn add(&mut self, world: &World, wish: &Wish) {
        let source = match &wish.what {
            What::Given(source) => source.clone(),
            What::Anonymous { copying, labels } => {
                let name = self.new_name(world);
                self.anonymous.push(name.clone());
                Source::Named { name, copying: *copying, labels: labels.clone() }
            }
        };
        self.volumes.push(Volume { source, target: wish.target.clone(), access: wish.access, mode: wish.mode.clone() });
    }

    /// 64 digits that no volume has: where time stands still, the same ones come again.
    fn new_name(&self, world: &World) -> String {
        loop {
            let name = world.clock.new_id();
            if !self.anonymous.contains(&name) && kept::data(world.home(), &name).symlink_metadata().is_err() {
                return name;
            }
        }
    }
}

/// The mounts of another container, for one that is to have the same.
///
/// # Errors
/// [`Error::Argument`] for an access that is none.
pub(crate) fn of_another(volumes: &[Volume], access: Option<&str>) -> Result<Vec<Volume>, Error> {
    let is_read_only = match access {
        None | Some("rw" | "z" | "Z") => false,
        Some("ro") => true,
        Some(other) => {
            return Err(Error::argument(
                format!("invalid mode `{other}` of --volumes-from"),
                "volumes of another container are written `NAME`, `NAME:ro` or `NAME:rw`",
            ));
        }
    };
    let as_asked = |volume: &Volume| {
        let access = if is_read_only { Access::ReadOnly } else { volume.access };
        Volume { access, ..volume.clone() }
    };
    // What lies in memory belongs to one container.
    let is_shared = |volume: &&Volume| !matches!(volume.source, Source::Memory { .. });
    Ok(volumes.iter().filter(is_shared).map(as_asked).collect())
}
