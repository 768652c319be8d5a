//! What steps read: the build context, the trees of states, and the digests of files.
//!
//! The context is walked when the first instruction needs it. Contents are known from earlier builds or read; those of other
//! stages are read once a build. Which files a COPY takes is the matter of
//! `actions/copy/`.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::event::EventKind;
use super::trees::Trees;
use super::{Error, State};
use crate::cache::{Caches, Downloaded};
use crate::context::{Contents, Context, Snapshot, StatCache, learn};
use crate::layer;
use crate::limits::Limits;
use crate::oci::{Digest, Layer};
use crate::tree::{Content, Place, Seen, Tree};
use crate::world::World;

/// What a build reads. Each thing is read when it is first asked for.
#[derive(Debug)]
pub(super) struct Inputs {
    world: Arc<World>,
    folder: Option<PathBuf>,
    dockerfile: Option<PathBuf>,
    context: OnceCell<LoadedContext>,
    /// The folders that have names.
    named: RefCell<BTreeMap<String, Arc<LoadedContext>>>,
    /// The bytes of the small files that were read last: they are most often written into a layer next.
    contents: RefCell<Contents>,
    /// Digests of files that lie in blobs: hashed once a build, since COPY --from goes by content.
    digests: RefCell<HashMap<(Digest, u64), Digest>>,
    /// What URLs had when this build asked them.
    downloaded: RefCell<HashMap<String, Downloaded>>,
    trees: Trees,
    /// What may not be here yet.
    caches: Caches,
}

/// The build context as it was when the build first needed it.
#[derive(Debug)]
pub(crate) struct LoadedContext {
    pub(crate) snapshot: Snapshot,
    /// Where it is kept what is known of the files.
    stat_file: PathBuf,
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
    fn save_digests(&self, limits: &Limits) {
        if self.snapshot.has_learnt() {
            let _ = self.snapshot.save(&StatCache::load(&self.stat_file, limits));
        }
    }
}

impl Inputs {
    /// The context is `folder`; `dockerfile` says where the Dockerfile lies.
    pub(super) fn new(
        world: &Arc<World>,
        folder: Option<PathBuf>,
        dockerfile: Option<PathBuf>,
        caches: Caches,
    ) -> Inputs {
        Inputs {
            world: Arc::clone(world),
            folder,
            dockerfile,
            context: OnceCell::new(),
            named: RefCell::default(),
            contents: RefCell::default(),
            digests: RefCell::default(),
            downloaded: RefCell::default(),
            trees: Trees::default(),
            caches,
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
        let loaded = self.load(folder, self.dockerfile.as_deref())?;
        Ok(self.context.get_or_init(|| loaded))
    }

    /// Takes a context that is no folder.
    pub(super) fn give(&mut self, snapshot: Snapshot) {
        let stat_file = self.world.home().cache_dir().join("stat");
        self.context = OnceCell::from(LoadedContext { snapshot, stat_file });
    }

    /// The folder that a name stands for; read when it is first asked for.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn named(&self, name: &str, folder: &Path) -> Result<Arc<LoadedContext>, Error> {
        if let Some(context) = self.named.borrow().get(name) {
            return Ok(Arc::clone(context));
        }
        let loaded = Arc::new(self.load(folder, None)?);
        self.named.borrow_mut().insert(name.to_owned(), Arc::clone(&loaded));
        Ok(loaded)
    }

    fn load(&self, folder: &Path, dockerfile: Option<&Path>) -> Result<LoadedContext, Error> {
        let stat_file = self.world.home().cache_dir().join("stat");
        let limits = self.world.store.limits();
        let cache = StatCache::load(&stat_file, limits);
        // The real time, whatever the build's clock says: it is compared with the file system's.
        let context = Context::open(folder, dockerfile, limits)?;
        let snapshot = context.counted_on(self.world.meter()).scan(&cache, SystemTime::now())?;
        Ok(LoadedContext { snapshot, stat_file })
    }

    /// Keeps what was learnt of all folders that were read.
    pub(super) fn save_digests(&self) {
        let limits = self.world.store.limits();
        self.context.get().into_iter().for_each(|context| context.save_digests(limits));
        self.named.borrow().values().for_each(|context| context.save_digests(limits));
    }

    /// The context, where it was read.
    pub(super) fn loaded(&self) -> Option<&LoadedContext> {
        self.context.get()
    }

    /// Lets go of the context, and of what URLs had: whoever needs it next reads it anew.
    pub(super) fn forget_context(&mut self) {
        self.context = OnceCell::new();
        self.named = RefCell::default();
        self.contents = RefCell::default();
        self.downloaded = RefCell::default();
    }

    /// What a URL had when this build asked.
    pub(super) fn downloaded(&self, url: &str) -> Option<Downloaded> {
        self.downloaded.borrow().get(url).cloned()
    }

    /// Notes what a URL has: this build does not ask again.
    pub(super) fn remember_download(&self, found: &Downloaded) {
        // Its content is a blob, which was hashed as it came.
        self.digests.borrow_mut().insert((found.digest, 0), found.digest);
        self.downloaded.borrow_mut().insert(found.url.clone(), found.clone());
    }

    /// The file tree of a state.
    ///
    /// # Errors
    /// Where a layer can't be read; [`Error::Awaited`] where one has to be fetched first.
    pub(super) fn tree(&self, state: &State) -> Result<Tree, Error> {
        self.require(state.stack().iter().map(|stacked| &stacked.layer))?;
        self.trees.of(&self.world.store, state)
    }

    /// The file tree above layers, the lowest first.
    ///
    /// # Errors
    /// As [`Inputs::tree`].
    pub(super) fn tree_of_layers(&self, layers: &[Layer]) -> Result<Tree, Error> {
        self.require(layers.iter())?;
        self.trees.of_layers(&self.world.store, layers)
    }

    fn require<'l>(&self, layers: impl Iterator<Item = &'l Layer>) -> Result<(), Error> {
        let store = &self.world.store;
        let layers: Vec<Layer> = layers.filter(|layer| self.caches.awaits(store, layer)).cloned().collect();
        if layers.is_empty() { Ok(()) } else { Err(Error::Awaited { layers }) }
    }

    /// Reads what is not known yet of files of the context.
    ///
    /// # Errors
    /// The first file that can't be read or is another by now.
    pub(super) fn learn<'f>(&self, files: impl Iterator<Item = &'f Seen>) -> Result<(), Error> {
        // Those of the COPY before are let go of first: there is room for one.
        self.contents.take();
        self.contents.replace(learn(files, self.world.meter())?);
        Ok(())
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
