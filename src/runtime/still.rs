//! The files of a container while nobody changes them: listed as changes, written as a layer, exported as a whole.
//!
//! A container that does not run is locked meanwhile. One that runs is paused: what it has changed lies in a folder of the machine, and one
//! that could exchange a folder there for a link while it is read would lead the reader out. It goes on when we are done, also when we are
//! killed, since its monitor waits for that.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::changes::{self, Form, Laid};
use super::found::find;
use super::monitor::talk::Ask;
use super::record::Record;
use super::session::Session;
use super::stored::{self, Claimed};
use super::{Error, folder_of, unpacked};
use crate::container::is_called_root;
use crate::layer::{self, LayerWriter, Stream, Times};
use crate::oci::Layer;
use crate::tree::{Change, Kind, Node, Tree, TreePath};
use crate::world::World;

/// A container of which nobody changes the files.
pub(crate) struct Still {
    world: Arc<World>,
    pub(crate) record: Record,
    folder: PathBuf,
    held: Held,
}

/// What keeps it still, as long as this lives.
enum Held {
    Locked {
        _lock: Box<Claimed>,
    },
    /// It goes on when the connection ends.
    Paused {
        _connection: Session,
    },
}

/// A path that differs from the image, as Docker lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    Added,
    Changed,
    Deleted,
}

impl Still {
    /// Takes hold of a container.
    ///
    /// # Errors
    /// There is none of this name; it can't be locked or paused.
    pub(crate) fn of(world: &Arc<World>, name: &str) -> Result<Still, Error> {
        let found = find(world, name)?;
        let folder = folder_of(world, &found.record.id);
        let session = if found.is_running() { Session::open(world, &found.record.id)? } else { None };
        let held = match session {
            Some(session) => {
                session.ask(&Ask::Hold)?;
                Held::Paused { _connection: session }
            }
            None => Held::Locked { _lock: Box::new(stored::claim(world, &found.record.id)?) },
        };
        Ok(Still { world: world.clone(), record: found.record, folder, held })
    }

    /// What it has changed, by path; a directory that leads to a change is one.
    ///
    /// # Errors
    /// Something can't be read.
    pub(crate) fn differences(&self) -> Result<Vec<(TreePath, Difference)>, Error> {
        let below = self.image()?;
        let changes = self.within(|| changes::list(&self.world, &self.upper(), self.laid(), &below))?;
        let is_ours = |change: &Change| match change {
            Change::Added { path, node } => self.is_mount_point(path, node),
            Change::Modified { .. } | Change::Deleted { .. } => false,
        };
        let (ours, changes): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(is_ours);
        let holds_ours = |path: &TreePath| ours.iter().any(|change| change.path().parent().as_ref() == Some(path));
        let mut found = std::collections::BTreeMap::new();
        for change in changes.iter().filter(|change| !(change.is_directory_time() && holds_ours(change.path()))) {
            let mut above = change.path().parent();
            while let Some(path) = above.filter(|path| !path.is_root()) {
                above = path.parent();
                found.entry(path).or_insert(Difference::Changed);
            }
            found.insert(
                change.path().clone(),
                match change {
                    Change::Added { .. } => Difference::Added,
                    Change::Modified { .. } => Difference::Changed,
                    Change::Deleted { .. } => Difference::Deleted,
                },
            );
        }
        Ok(found.into_iter().collect())
    }

    /// Writes what it has changed as a layer of the store; none where that is nothing.
    ///
    /// # Errors
    /// Something can't be read, or be in no layer.
    pub(crate) fn layer(&self) -> Result<Option<Layer>, Error> {
        let below = self.image()?;
        Ok(self.within(|| changes::write_layer(&self.world, &self.upper(), self.laid(), &below))?.0)
    }

    /// Writes its whole file system as an archive. What is mounted in it is not part of that.
    ///
    /// # Errors
    /// Something can't be read, or written.
    pub(crate) fn export(&self, out: Box<dyn Write + '_>) -> Result<(), Error> {
        self.with_files(|tree| {
            let mut writer = LayerWriter::to(Stream { out }, &self.world.store).times(Times::Seconds);
            for (path, node) in tree.walk(&TreePath::root()).filter(|(path, _)| !path.is_root()) {
                writer.append_node(&path, node)?;
            }
            Ok(writer.end()?)
        })
    }

    /// Does something with its whole file system, as one who may read every file of it.
    ///
    /// # Errors
    /// Something can't be read; or as `work`.
    pub(super) fn with_files<R>(&self, work: impl FnOnce(&Tree) -> Result<R, Error>) -> Result<R, Error> {
        let mut tree = self.image()?;
        self.within(|| {
            for change in changes::list(&self.world, &self.upper(), self.laid(), &tree.clone())? {
                match change {
                    Change::Added { path, node } | Change::Modified { path, after: node, .. } => {
                        tree.insert(&path, node);
                    }
                    Change::Deleted { path, .. } => drop(tree.remove(&path)),
                }
            }
            work(&tree)
        })
    }

    fn within<R>(&self, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        self.world.identity.within(work)?
    }

    fn image(&self) -> Result<Tree, Error> {
        Ok(layer::tree_of(&self.world.store, &self.record.layers)?)
    }

    fn upper(&self) -> PathBuf {
        self.folder.join("upper")
    }

    fn laid(&self) -> Laid {
        let form = if self.folder.join("copied").exists() { Form::Copy } else { Form::Upper };
        let Record { ownership, process, .. } = &self.record;
        let ownership = ownership.unwrap_or_else(|| unpacked::ownership(&self.world.identity));
        Laid { form, ownership, as_root: is_called_root(&process.user) }
    }

    /// Whether the set-up of a container that runs has made this to mount something on.
    fn is_mount_point(&self, path: &TreePath, node: &Node) -> bool {
        let is_empty = match &node.kind {
            Kind::Directory => true,
            Kind::File(content) => content.size == 0,
            Kind::Symlink(_) | Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => false,
        };
        let paths: [&[u8]; 6] = [b"dev", b"proc", b"sys", b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"];
        matches!(self.held, Held::Paused { .. }) && is_empty && paths.contains(&path.relative())
    }
}
