//! A build context that is no folder: a git repository, or an archive that comes from a URL or a pipe.
//!
//! ```text
//! address ──▶ the files of a commit ─────────────────────────────┐
//! URL ──▶ a file ─┬─ an archive ──▶ a layer ──▶ its tree ────────┴─▶ RemoteContext: the Dockerfile, and what `.dockerignore` leaves
//! pipe ──▶ a file ┴─ anything else ──▶ the Dockerfile, and no context
//! ```
//!
//! What a server has is kept as for ADD, and asked for by the same rules. The files of an archive have the owners that it says, as in BuildKit.
//! Unlike there, `.dockerignore` counts here, as it did in Docker's earlier builder.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::actions::copy::{repository, url};
use super::actions::from::{Fetching, Search};
use super::contexts::Meaning;
use super::event::EventKind;
use super::given::Given;
use super::inputs::Inputs;
use super::noted::Noted;
use super::{Error, Options, Pull};
use crate::context::{Snapshot, text};
use crate::git::{Keep, Source};
use crate::layer::{self, archive};
use crate::limits::Bound;
use crate::store::Store;
use crate::tree::{Kind, Place, Tree, TreePath};
use crate::world::World;

/// A context, read.
#[derive(Debug)]
pub(crate) struct RemoteContext {
    pub(super) snapshot: Snapshot,
    /// The name of the Dockerfile in it, and its text.
    pub(crate) dockerfile: (String, Vec<u8>),
    /// What is to be told of how it came.
    pub(super) brought: Vec<EventKind>,
}

/// What has come.
#[derive(Debug)]
pub(crate) enum Arrived {
    Context(Box<RemoteContext>),
    /// A Dockerfile, and no context.
    Dockerfile(Vec<u8>),
}

/// Brings what an address leads to. `dockerfile` is the path of the Dockerfile in it.
///
/// # Errors
/// It does not come, or has no Dockerfile.
pub(crate) fn bring(
    world: &Arc<World>,
    options: &Options,
    from: &Meaning,
    dockerfile: Option<&Path>,
) -> Result<Arrived, Error> {
    let (noted, inputs) = (Noted::default(), Inputs::new(world, None, None, options.caches.clone()));
    let search = Search { store: &world.store, options, fetch: Fetching::Done, noted: &noted };
    match from {
        Meaning::Repository(source) => {
            let (tree, _) = repository::files(source, Keep::Files, search, &inputs)?;
            let context = RemoteContext::of(&world.store, &tree, dockerfile)?;
            Ok(Arrived::Context(Box::new(context)).told_of(&noted))
        }
        Meaning::Url(address) => {
            let node = url::file(address, None, search, &inputs)?;
            match &node.kind {
                Kind::File(content) => match &content.place {
                    Place::Blob { blob, .. } => {
                        let arrived =
                            understand(world, world.store.open_blob(blob)?, Path::new(address.as_str()), dockerfile)?;
                        Ok(arrived.told_of(&noted))
                    }
                    Place::Host(_) | Place::Seen(_) | Place::Bytes(_) | Place::Spool(_) => unreachable!("it is a blob"),
                },
                Kind::Directory
                | Kind::Symlink(_)
                | Kind::CharDevice { .. }
                | Kind::BlockDevice { .. }
                | Kind::Fifo => {
                    unreachable!("a URL has a file")
                }
            }
        }
        Meaning::Scratch | Meaning::Image(_) | Meaning::Layout { .. } | Meaning::Folder(_) => {
            unreachable!("it is asked for addresses only")
        }
    }
}

/// The files of a commit, kept as those of a context, and its id. `given` has what a server of repositories may ask for.
///
/// # Errors
/// They don't come.
pub(crate) fn files_of_commit(world: &Arc<World>, source: &Source, given: Given) -> Result<(Tree, String), Error> {
    let options = Options { pull: Pull::AsSet, given, ..Options::default() };
    let (noted, inputs) = (Noted::default(), Inputs::new(world, None, None, options.caches.clone()));
    let search = Search { store: &world.store, options: &options, fetch: Fetching::Done, noted: &noted };
    repository::files(source, Keep::Files, search, &inputs)
}

/// An archive or a Dockerfile: by its first block, as Docker tells them.
///
/// # Errors
/// It can't be read, is damaged, or has no Dockerfile.
pub(crate) fn understand(
    world: &Arc<World>,
    mut file: File,
    name: &Path,
    dockerfile: Option<&Path>,
) -> Result<Arrived, Error> {
    let store = &world.store;
    let io = |operation| move |source| Error::Io { operation, path: name.to_owned(), source };
    let limits = layer::Limits::of(store.limits());
    if archive::is_archive(name, file.try_clone().map_err(io("open"))?, &limits)? {
        file.rewind().map_err(io("rewind"))?;
        let layer = archive::import_from(store, archive::of_file(name, file, &limits)?)?;
        let tree = super::tree_of(store, &[layer])?;
        return Ok(Arrived::Context(Box::new(RemoteContext::of(store, &tree, dockerfile)?)));
    }
    file.rewind().map_err(io("rewind"))?;
    let bytes = text::read_stream(file, &name.display().to_string(), store.limits())?;
    Ok(Arrived::Dockerfile(bytes))
}

impl Arrived {
    /// The same, with what is to be told of how it came.
    fn told_of(mut self, noted: &Noted) -> Arrived {
        if let Arrived::Context(context) = &mut self {
            context.brought = noted.take_brought();
        }
        self
    }
}

impl RemoteContext {
    fn of(store: &Store, tree: &Tree, dockerfile: Option<&Path>) -> Result<RemoteContext, Error> {
        let wanted: Vec<PathBuf> = match dockerfile {
            Some(path) => vec![path.to_owned()],
            None => ["Dockerfile", "dockerfile"].map(PathBuf::from).into(),
        };
        let bound = store.home().bound(&text::DOCKERFILE);
        let mut found = None;
        for path in &wanted {
            if found.is_none() {
                found = read(store, tree, path, bound)?.map(|bytes| (path.display().to_string(), bytes));
            }
        }
        let dockerfile = found.ok_or_else(|| Error::Argument {
            message: format!("the context has no file `{}`", wanted[0].display()),
            hint: Some("`-f FILE` says where in it the Dockerfile is".into()),
        })?;
        let beside = PathBuf::from(format!("{}.dockerignore", dockerfile.0));
        let mut ignored = (PathBuf::from(".dockerignore"), Vec::new());
        for path in [beside, PathBuf::from(".dockerignore")] {
            if let Some(bytes) = read(store, tree, &path, bound)? {
                ignored = (path, bytes);
                break;
            }
        }
        let snapshot = Snapshot::of_tree(tree, &ignored.0, &ignored.1)?;
        Ok(RemoteContext { snapshot, dockerfile, brought: Vec::new() })
    }
}

/// A file of the context, links followed inside of it; `None` where there is none.
fn read(store: &Store, tree: &Tree, path: &Path, bound: Bound) -> Result<Option<Vec<u8>>, Error> {
    let refuse = |reason: &str| Error::Argument { message: format!("`{}` {reason}", path.display()), hint: None };
    let Ok(real) = tree.resolve_by_letters(&TreePath::new(path.as_os_str().as_encoded_bytes())) else {
        return Ok(None);
    };
    let Some(node) = tree.get(&real) else { return Ok(None) };
    let Some(content) = node.content() else { return Err(refuse("is not a file")) };
    if content.size > bound.most {
        return Err(refuse(&format!("has more than {} bytes, the limit for a {}", bound.most, bound.what)));
    }
    let mut bytes = Vec::new();
    let opened = layer::open(store, content)?.take(bound.most).read_to_end(&mut bytes);
    opened.map_err(|source| Error::Io { operation: "read", path: path.to_owned(), source })?;
    Ok(Some(bytes))
}
