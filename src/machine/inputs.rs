//! What steps read: the build context, the trees of states, and the digests of files.
//!
//! The context is walked when the first instruction needs it. Contents are known from earlier builds or read; those of other
//! stages are read once a build. Which files a COPY takes is the matter of `selection.rs`.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::actions::copy::selection::{Choice, Selected, Selection};
use super::event::EventKind;
use super::trees::Trees;
use super::{Error, State};
use crate::cache::{Draft, Entry, EntryKind, Listing, Roots};
use crate::context::{Contents, Context, Snapshot, StatCache, learn};
use crate::layer;
use crate::limits::Limits;
use crate::oci::{Digest, Layer};
use crate::tree::{Content, Kind, LinkId, Node, Place, Tree, TreePath, name_text};
use crate::world::World;

/// What a build reads. Each thing is read when it is first asked for.
#[derive(Debug)]
pub(super) struct Inputs {
    world: Arc<World>,
    folder: Option<PathBuf>,
    dockerfile: Option<PathBuf>,
    context: OnceCell<LoadedContext>,
    /// The bytes of the small files that were read last: they are most often written into a layer next.
    contents: RefCell<Contents>,
    /// Digests of files that lie in blobs: hashed once a build, since COPY --from goes by content.
    digests: RefCell<HashMap<(Digest, u64), Digest>>,
    trees: Trees,
}

/// The build context as it was when the build first needed it.
#[derive(Debug)]
pub(crate) struct LoadedContext {
    pub(crate) snapshot: Snapshot,
    /// Where it is kept what is known of the files.
    stat_file: PathBuf,
}

/// The files of one source, as the key has them.
pub(super) struct Listed {
    pub(crate) listing: Listing,
    /// Which of them are second names of another, as `second = first`.
    pub(crate) hard_links: Vec<String>,
}

impl LoadedContext {
    pub(super) fn event(&self) -> EventKind {
        let summary = self.snapshot.summary();
        EventKind::ContextLoaded {
            files: summary.files as u64,
            bytes: summary.bytes,
            excluded: self.snapshot.excluded().len() as u64,
        }
    }

    /// Keeps what was learnt of the files for the next build. Where it can't, that one reads them again, and nothing else is lost.
    pub(super) fn save_digests(&self, limits: &Limits) {
        if self.snapshot.has_learnt() {
            let _ = self.snapshot.save(&StatCache::load(&self.stat_file, limits));
        }
    }
}

impl Inputs {
    /// The context is `folder`; `dockerfile` says where the Dockerfile lies.
    pub(super) fn new(world: &Arc<World>, folder: Option<PathBuf>, dockerfile: Option<PathBuf>) -> Inputs {
        Inputs {
            world: Arc::clone(world),
            folder,
            dockerfile,
            context: OnceCell::new(),
            contents: RefCell::default(),
            digests: RefCell::default(),
            trees: Trees::default(),
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// The build context; read when it is first asked for.
    ///
    /// # Errors
    /// Where there is no context, or it can't be read.
    pub(super) fn context(&self) -> Result<&LoadedContext, Error> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let Some(folder) = &self.folder else {
            return Err(Error::Argument {
                message: "there is no build context to copy from".into(),
                hint: Some("name a folder: `layerlab step FOLDER`".into()),
            });
        };
        let stat_file = self.world.home().cache_dir().join("stat");
        let limits = self.world.store.limits();
        let cache = StatCache::load(&stat_file, limits);
        // The real time, whatever the build's clock says: it is compared with the file system's.
        let context = Context::open(folder, self.dockerfile.as_deref(), limits)?;
        let snapshot = context.counted_on(self.world.meter()).scan(&cache, SystemTime::now())?;
        Ok(self.context.get_or_init(|| LoadedContext { snapshot, stat_file }))
    }

    /// The context, where it was read.
    pub(super) fn loaded(&self) -> Option<&LoadedContext> {
        self.context.get()
    }

    /// Lets go of the context: whoever needs it next reads it anew.
    pub(super) fn forget_context(&mut self) {
        self.context = OnceCell::new();
        self.contents = RefCell::default();
    }

    /// The file tree of a state.
    ///
    /// # Errors
    /// Where a layer can't be read.
    pub(super) fn tree(&self, state: &State) -> Result<Tree, Error> {
        self.trees.of(&self.world.store, state)
    }

    /// The file tree above layers, the lowest first.
    ///
    /// # Errors
    /// Where a layer can't be read.
    pub(super) fn tree_of_layers(&self, layers: &[Layer]) -> Result<Tree, Error> {
        self.trees.of_layers(&self.world.store, layers)
    }

    /// Reads what is not known yet of the files of selections, and completes them with it.
    ///
    /// # Errors
    /// The first file that can't be read or is another by now.
    pub(super) fn learn<'s>(&self, selections: impl Iterator<Item = &'s mut Selection>) -> Result<(), Error> {
        let mut selections: Vec<&mut Selection> = selections.collect();
        // Those of the COPY before are let go of first: there is room for one.
        self.contents.take();
        let contents = learn(selections.iter().flat_map(|selection| selection.seen()), self.world.meter())?;
        self.contents.replace(contents);
        selections.iter_mut().for_each(|selection| selection.complete());
        Ok(())
    }

    /// Everything about the files of a source that its key is made of.
    ///
    /// # Errors
    /// For content that can't be read.
    pub(super) fn list(&self, selections: &[Selection], mut roots: Roots) -> Result<Listed, Error> {
        let mut list = List::default();
        for selection in selections {
            let before = list.entries;
            let folder = match &selection.what {
                Selected::File(node) => {
                    list.push(self, &selection.name, node)?;
                    folder_of(&selection.path)
                }
                Selected::Directory(directory) => {
                    // Where patterns choose, names are relative to where the copy starts.
                    let is_whole = directory.choice() != Choice::Included;
                    let (name, folder) = match selection.path.file_name() {
                        Some(name) if is_whole => (name, folder_of(&selection.path)),
                        _ => (&b""[..], text_of(&selection.path)),
                    };
                    // The directory itself: a file and a directory with only such a file in it are not the same to copy.
                    if is_whole {
                        list.push(self, if name.is_empty() { b"." } else { name }, directory.node())?;
                    }
                    let mut first_names = HashMap::new();
                    let mut whole = name.to_vec();
                    for (path, node, _) in directory.entries() {
                        list.note_link(&path, node, &mut first_names);
                        whole.truncate(name.len());
                        whole.extend_from_slice(if name.is_empty() { path.relative() } else { path.as_bytes() });
                        list.push(self, &whole, node)?;
                    }
                    folder
                }
            };
            roots.push(folder, list.entries - before);
        }
        let listing = list.draft.finish(roots).map_err(spool_error)?;
        Ok(Listed { listing, hard_links: list.hard_links })
    }

    /// The digest of a file's content. That of a file of the machine is known, see [`Inputs::learn`].
    ///
    /// # Errors
    /// For content that can't be read.
    pub(super) fn digest(&self, content: &Content) -> Result<Digest, Error> {
        Ok(match &content.place {
            Place::Seen(seen) => seen.file().known().expect("what a listing has was read before").digest,
            Place::Bytes(bytes) => Digest::of(bytes),
            Place::Blob { blob, offset } => {
                let known = self.digests.borrow().get(&(**blob, *offset)).copied();
                match known {
                    Some(digest) => digest,
                    None => {
                        let digest = layer::digest_of(&self.world.store, content)?;
                        self.digests.borrow_mut().insert((**blob, *offset), digest);
                        digest
                    }
                }
            }
            Place::Host(_) | Place::Spool(_) => layer::digest_of(&self.world.store, content)?,
        })
    }
}

/// A listing as it grows.
#[derive(Default)]
struct List {
    draft: Draft,
    entries: u64,
    hard_links: Vec<String>,
    /// The entry that was written last: its memory serves the next.
    entry: Option<Entry>,
}

impl List {
    fn push(&mut self, inputs: &Inputs, path: &[u8], node: &Node) -> Result<(), Error> {
        let kind = match &node.kind {
            Kind::File(content) => EntryKind::File { size: content.size, digest: inputs.digest(content)? },
            Kind::Directory => EntryKind::Directory,
            Kind::Symlink(target) => EntryKind::Symlink { target: target.clone() },
            Kind::CharDevice { major, minor } => EntryKind::CharDevice { major: *major, minor: *minor },
            Kind::BlockDevice { major, minor } => EntryKind::BlockDevice { major: *major, minor: *minor },
            Kind::Fifo => EntryKind::Fifo,
        };
        let metadata = &node.metadata;
        let (mode, uid, gid) = (metadata.mode, metadata.uid, metadata.gid);
        let xattrs = metadata.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        let mut whole = self.entry.take().map(|entry| entry.path).unwrap_or_default();
        whole.clear();
        whole.extend_from_slice(path);
        let entry = self.entry.insert(Entry { path: whole, mode, uid, gid, kind, xattrs });
        self.entries += 1;
        self.draft.push(entry).map_err(spool_error)
    }

    /// Notes a second name of a file. The names of a link or a device are copied as files of their own.
    fn note_link(&mut self, path: &TreePath, node: &Node, first_names: &mut HashMap<LinkId, TreePath>) {
        let (Kind::File(_), Some(link)) = (&node.kind, node.link) else { return };
        let first = first_names.entry(link).or_insert_with(|| path.clone());
        if first != path {
            self.hard_links.push(format!("{} = {}", path.relative().escape_ascii(), first.relative().escape_ascii()));
        }
    }
}

fn spool_error(source: std::io::Error) -> Error {
    Error::Io { operation: "write the listing to", path: std::env::temp_dir(), source }
}

/// The folder that a path lies in, as [`Roots`] have it.
fn folder_of(path: &TreePath) -> String {
    path.parent().map_or_else(String::new, |folder| text_of(&folder))
}

fn text_of(path: &TreePath) -> String {
    name_text(path.relative())
}
