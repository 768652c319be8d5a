//! COPY, ADD and WORKDIR: the instructions that change files without running anything.
//!
//! They are operations on trees. Nothing is unpacked and nobody needs to be root: the bytes go from where they lie (the
//! context, another stage's layer, the Dockerfile itself) into the layer's archive in one pass.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::chmod::Chmod;
use super::copy::{self, Adjustments, Placement};
use super::event::{ChangeKind, Event, PathChange};
use super::machine::{Executed, Machine};
use super::owner::Owner;
use super::resolve::{Action, Resolved, configured};
use super::{Error, State};
use crate::cache::{Entry, EntryKind, Ingredient, Ingredients, Listing};
use crate::context::{Context, Patterns, Snapshot, StatCache, glob};
use crate::diagnostic::closest;
use crate::dockerfile::{self, Add, Copy, Word, Workdir};
use crate::layer::{self, Layer, LayerWriter, archive};
use crate::oci::Digest;
use crate::plan::CopySource;
use crate::tree::{Content, Follow, Kind, Metadata, Node, Place, Tree, TreePath};

/// The build context as it was when the build first needed it.
#[derive(Debug)]
pub struct LoadedContext {
    pub snapshot: Snapshot,
    pub cache: std::cell::RefCell<StatCache>,
}

impl LoadedContext {
    pub(super) fn event(&self) -> Event {
        let summary = self.snapshot.summary();
        Event::ContextLoaded {
            files: summary.files as u64,
            bytes: summary.bytes,
            excluded: self.snapshot.excluded().len() as u64,
        }
    }

    pub(super) fn save_digests(&self) -> Result<(), Error> {
        Ok(self.cache.borrow_mut().save()?)
    }
}

/// Digests of files that lie in blobs: hashed once a build, since COPY --from goes by content.
pub type Digests = HashMap<(Digest, u64), Digest>;

/// Where the files of one source word come from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Paths in a tree: the context's, another stage's or another image's.
    Tree { tree: Tree, paths: Vec<TreePath> },
    /// A document in the Dockerfile.
    Document { name: String, text: String },
}

/// A COPY or ADD, resolved.
#[derive(Clone, Debug)]
pub(super) struct CopyAction {
    pub origins: Vec<Origin>,
    /// Absolute; a trailing `/` says that it is a directory.
    pub destination: String,
    pub chown: Option<String>,
    pub chmod: Option<Chmod>,
    pub excludes: Option<Patterns>,
    /// `--parents`, one for each origin.
    pub includes: Vec<Option<Patterns>>,
    /// The layer does not depend on what is below it.
    pub link: bool,
    /// ADD unpacks local archives.
    pub unpack: bool,
}

/// A WORKDIR, resolved.
#[derive(Clone, Debug)]
pub(super) struct WorkdirAction {
    pub path: String,
    /// The USER in force, who will own the directory.
    pub user: String,
}

/// What COPY and ADD have in common.
struct Request<'r> {
    keyword: &'static str,
    sources: &'r [dockerfile::Source],
    destination: &'r Word,
    chown: Option<&'r Word>,
    chmod: Option<&'r Word>,
    excludes: &'r [Word],
    link: bool,
    parents: bool,
    unpack: bool,
    from: Option<&'r Word>,
}

impl Machine<'_> {
    /// The build context; read when it is first asked for.
    pub fn context(&self) -> Result<&LoadedContext, Error> {
        if let Some(context) = self.context.get() {
            return Ok(context);
        }
        let Some(folder) = &self.source.context else {
            return Err(Error::Argument {
                message: "there is no build context to copy from".into(),
                hint: Some("name a folder: `layerlab step FOLDER`".into()),
            });
        };
        let mut cache = StatCache::load(&self.world.home.cache_dir().join("stat"));
        // The real time, whatever the build's clock says: it is compared with the file system's.
        let snapshot =
            Context::open(folder, self.source.dockerfile.as_deref())?.scan(&mut cache, SystemTime::now())?;
        Ok(self.context.get_or_init(|| LoadedContext { snapshot, cache: cache.into() }))
    }

    pub(super) fn resolve_copy(
        &self,
        stage: usize,
        copy: &Copy,
        before: Arc<State>,
        stage_state: impl Fn(usize) -> Option<Arc<State>>,
    ) -> Result<Resolved, Error> {
        let request = Request {
            keyword: "COPY",
            sources: &copy.sources,
            destination: &copy.destination,
            chown: copy.chown.as_ref(),
            chmod: copy.chmod.as_ref(),
            excludes: &copy.excludes,
            link: copy.link,
            parents: copy.parents,
            unpack: false,
            from: copy.from.as_ref(),
        };
        let source = match self.plan.copy_source(stage, copy)? {
            None => None,
            Some(CopySource::Scratch) => Some((Tree::empty(), "`scratch`".to_owned())),
            Some(CopySource::Stage(index)) => {
                let state = stage_state(index).ok_or_else(|| Error::Argument {
                    message: format!("cannot copy from stage `{}`: it is not built yet", self.plan.stages[index].label()),
                    hint: None,
                })?;
                Some((self.tree(&state)?, format!("stage `{}`", self.plan.stages[index].label())))
            }
            Some(CopySource::Image(reference)) => {
                let state = self.image_state(&reference)?;
                Some((self.tree(&state)?, format!("image `{}`", reference.familiar())))
            }
        };
        self.resolve_request(&request, source, before)
    }

    pub(super) fn resolve_add(&self, add: &Add, before: Arc<State>) -> Result<Resolved, Error> {
        let request = Request {
            keyword: "ADD",
            sources: &add.sources,
            destination: &add.destination,
            chown: add.chown.as_ref(),
            chmod: add.chmod.as_ref(),
            excludes: &add.excludes,
            link: add.link,
            parents: false,
            unpack: add.unpack.unwrap_or(true),
            from: None,
        };
        self.resolve_request(&request, None, before)
    }

    fn resolve_request(
        &self,
        request: &Request<'_>,
        source: Option<(Tree, String)>,
        before: Arc<State>,
    ) -> Result<Resolved, Error> {
        let scope = self.scope();
        let optional = |word: Option<&Word>| word.map(|word| scope.word(word, &before)).transpose();
        let chown = optional(request.chown)?.filter(|text| !text.is_empty());
        let chmod_text = optional(request.chmod)?.filter(|text| !text.is_empty());
        let chmod = chmod_text.as_deref().map(Chmod::parse).transpose()?;
        let mut exclude_texts = Vec::new();
        for word in request.excludes {
            exclude_texts.push(scope.word(word, &before)?);
        }
        let excludes = match exclude_texts.as_slice() {
            [] => None,
            texts => Some(Patterns::new(texts).map_err(copy::CopyError::from)?),
        };
        let written = scope.word(request.destination, &before)?;
        let destination = destination(before.working_dir(), &written);

        let mut action = CopyAction {
            origins: Vec::new(),
            destination: destination.clone(),
            chown,
            chmod,
            excludes,
            includes: Vec::new(),
            // A mode that is set needs the files below, which a layer of its own does not have.
            link: request.link && chmod_text.is_none(),
            unpack: request.unpack,
        };
        let mut ingredients = Ingredients::default();
        if !request.link || chmod_text.is_some() {
            ingredients.push(Ingredient::Parent { key: before.key });
        }
        ingredients.push(Ingredient::setting("instruction", request.keyword));
        ingredients.push(Ingredient::setting("destination", destination));
        let mut history = String::from(request.keyword);
        if request.parents {
            history.push_str(" --parents");
        }
        for (name, value) in [("chown", &action.chown), ("chmod", &chmod_text)] {
            if let Some(value) = value {
                ingredients.push(Ingredient::setting(format!("--{name}"), value.clone()));
                history.push_str(&format!(" --{name}={value}"));
            }
        }
        for (name, set) in [("link", request.link), ("parents", request.parents), ("unpack", request.unpack)] {
            if set {
                ingredients.push(Ingredient::setting(format!("--{name}"), "true"));
            }
        }
        if !exclude_texts.is_empty() {
            ingredients.push(Ingredient::setting("--exclude", exclude_texts.join(" ")));
        }

        let mut listings = Vec::new();
        // Documents come last, wherever they are written.
        let is_document = |source: &&dockerfile::Source| matches!(source, dockerfile::Source::Heredoc(_));
        let paths = request.sources.iter().filter(|source| !is_document(source));
        for one in paths.chain(request.sources.iter().filter(is_document)) {
            match one {
                dockerfile::Source::Heredoc(document) => {
                    let text = if document.expand {
                        dockerfile::words::expand_document(&document.document(), before.as_ref())
                            .map_err(|error| crate::diagnostic::Diagnostic::error(error.to_string()))?
                            .text
                    } else {
                        document.document()
                    };
                    history.push_str(&format!(" <<{}", document.name));
                    ingredients.push(Ingredient::setting(format!("document {}", document.name), text.clone()));
                    action.origins.push(Origin::Document { name: document.name.clone(), text });
                    action.includes.push(None);
                }
                dockerfile::Source::Path(word) => {
                    let word = scope.word(word, &before)?;
                    if request.keyword == "ADD" && super::supported::is_remote(&word) {
                        return Err(Error::Argument { message: "`ADD URL` is not supported yet".into(), hint: None });
                    }
                    history.push_str(&format!(" {word}"));
                    let (tree, origin) = match &source {
                        Some((tree, name)) => (tree.clone(), name.clone()),
                        None => (self.context()?.snapshot.tree().clone(), "the build context".into()),
                    };
                    let (pattern, includes) = if request.parents { pivot(&tree, &word, &origin)? } else { (word.clone(), None) };
                    let paths = copy::expand_source(&tree, &pattern)
                        .map_err(|error| self.not_found(error, &tree, &word, &origin, source.is_none()))?;
                    let listing = self.listing(&tree, &paths, &action, includes.as_ref())?;
                    ingredients.push(Ingredient::Files {
                        source: if request.from.is_some() { format!("{word} in {origin}") } else { word.clone() },
                        listing: listing.digest(),
                        files: listing.files,
                        bytes: listing.bytes,
                    });
                    listings.push(listing);
                    action.origins.push(Origin::Tree { tree, paths });
                    action.includes.push(includes);
                }
            }
        }
        history.push_str(&format!(" {written}"));
        Ok(Resolved {
            after: (*before).clone(),
            before: Some(before),
            action: Action::Copy(Box::new(action)),
            ingredients: Some(ingredients),
            listings,
            expanded: has_variable(request).then(|| history.clone()),
            history: Some(history),
        })
    }

    /// The error for a source that is not there: with the pattern that excluded it, where one did.
    fn not_found(&self, error: copy::CopyError, tree: &Tree, word: &str, origin: &str, from_context: bool) -> Error {
        if !matches!(error, copy::CopyError::NotFound { .. }) {
            return Error::Copy(error);
        }
        let excluded = || self.context().ok().and_then(|context| excluded_hint(&context.snapshot, word));
        let hint = match from_context {
            true if word.split('/').any(|component| component == "..") => {
                Some("paths are relative to the context, and `..` does not lead out of it".into())
            }
            true => excluded().or_else(|| similar_hint(tree, word)),
            false => similar_hint(tree, word),
        };
        Error::NotFound { path: word.to_owned(), origin: origin.to_owned(), hint }
    }

    /// Everything about the files of a source that its key is made of.
    fn listing(
        &self,
        tree: &Tree,
        paths: &[TreePath],
        action: &CopyAction,
        includes: Option<&Patterns>,
    ) -> Result<Listing, Error> {
        let filter = Adjustments { excludes: action.excludes.clone(), includes: includes.cloned(), ..Adjustments::default() };
        let mut found: Vec<(Vec<u8>, &Node)> = Vec::new();
        for path in paths {
            let Ok(real) = tree.resolve(path, Follow::Last) else { continue };
            let Some(node) = tree.get(&real) else { continue };
            if !node.is_directory() {
                found.push((path.file_name().unwrap_or_default().to_vec(), node));
                continue;
            }
            let skip = real.relative().len();
            for (path, node) in tree.walk(&real).skip(1) {
                let relative = &path.relative()[skip..];
                let relative = relative.strip_prefix(b"/").unwrap_or(relative);
                if filter.takes(relative).map_err(copy::CopyError::from)? {
                    found.push((relative.to_vec(), node));
                }
            }
        }
        let digests = self.digests(found.iter().filter_map(|(_, node)| node.content()))?;
        let mut digests = digests.into_iter();
        let mut listing = Listing::default();
        for (path, node) in found {
            let kind = match &node.kind {
                Kind::File(content) => EntryKind::File {
                    size: content.size,
                    digest: digests.next().expect("there is a digest for every file"),
                },
                Kind::Directory => EntryKind::Directory,
                Kind::Symlink(target) => EntryKind::Symlink { target: target.clone() },
                Kind::CharDevice { major, minor } => EntryKind::CharDevice { major: *major, minor: *minor },
                Kind::BlockDevice { major, minor } => EntryKind::BlockDevice { major: *major, minor: *minor },
                Kind::Fifo => EntryKind::Fifo,
            };
            let metadata = &node.metadata;
            listing.push(&Entry {
                path,
                mode: metadata.mode,
                uid: metadata.uid,
                gid: metadata.gid,
                kind,
                xattrs: metadata.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            });
        }
        Ok(listing)
    }

    /// The content digest of each file, in order. The context's come from the stat cache.
    fn digests<'c>(&self, contents: impl Iterator<Item = &'c Content>) -> Result<Vec<Digest>, Error> {
        let contents: Vec<&Content> = contents.collect();
        let host: Vec<&Path> = contents
            .iter()
            .filter_map(|content| match &content.place {
                Place::Host(path) => Some(&**path),
                Place::Blob { .. } | Place::Bytes(_) | Place::Spool(_) => None,
            })
            .collect();
        let mut host_digests = match host.is_empty() {
            true => Vec::new(),
            false => {
                let context = self.context()?;
                context.snapshot.digests(&mut context.cache.borrow_mut(), &host)?
            }
        }
        .into_iter();
        let mut digests = Vec::with_capacity(contents.len());
        for content in contents {
            digests.push(match &content.place {
                Place::Host(_) => host_digests.next().expect("there is a digest for every path"),
                Place::Bytes(bytes) => Digest::of(bytes),
                Place::Blob { blob, offset } => {
                    let known = self.digests.borrow().get(&(*blob, *offset)).copied();
                    match known {
                        Some(digest) => digest,
                        None => {
                            let digest = layer::digest_of(self.world.store, content)?;
                            self.digests.borrow_mut().insert((*blob, *offset), digest);
                            digest
                        }
                    }
                }
                Place::Spool(_) => layer::digest_of(self.world.store, content)?,
            });
        }
        Ok(digests)
    }

    pub(super) fn place_files(
        &self,
        action: &CopyAction,
        before: &Option<Arc<State>>,
        sink: &mut dyn FnMut(&Event),
    ) -> Result<Executed<'static>, Error> {
        let mut warn = |message| sink(&Event::Warning { message });
        let below = match before {
            Some(state) => self.tree(state)?,
            None => Tree::empty(),
        };
        let below = if action.link { Tree::empty() } else { below };
        let owner = match &action.chown {
            Some(text) => Some(Owner::resolve(text, self.world.store, &below, &mut warn)?),
            None => None,
        };
        let mut placement = Placement::new(&below);
        for (origin, includes) in action.origins.iter().zip(&action.includes) {
            let adjust = Adjustments {
                owner,
                chmod: action.chmod.clone(),
                excludes: action.excludes.clone(),
                includes: includes.clone(),
                now: self.world.clock.seconds(),
            };
            match origin {
                Origin::Document { name, text } => {
                    let mut tree = Tree::empty();
                    let path = TreePath::new(name.as_bytes());
                    let mut node = Node::file(0o644, text.as_bytes().to_vec());
                    node.metadata.mtime = self.world.clock.seconds();
                    tree.insert(&path, node);
                    placement.copy(&tree, &path, &action.destination, &adjust)?;
                }
                Origin::Tree { tree, paths } => {
                    for path in paths {
                        if !(action.unpack && self.unpack_archive(tree, path, action, &mut placement, &adjust)?) {
                            placement.copy(tree, path, &action.destination, &adjust)?;
                        }
                    }
                }
            }
        }
        Ok(Executed::Placed(placement, below))
    }

    /// ADD of a local archive: its entries, below the destination. Gives `false` where the file is no archive.
    fn unpack_archive(
        &self,
        tree: &Tree,
        path: &TreePath,
        action: &CopyAction,
        placement: &mut Placement,
        adjust: &Adjustments,
    ) -> Result<bool, Error> {
        let path = tree.resolve(path, Follow::Last)?;
        let Some(Place::Host(file)) = tree.get(&path).and_then(Node::content).map(|content| &content.place) else {
            return Ok(false);
        };
        if !archive::is_archive(file)? {
            return Ok(false);
        }
        // `--chmod` is for files that are copied; what an archive holds, and the directory for it, keep their modes.
        let made = Adjustments { chmod: None, ..adjust.clone() };
        let root = placement.make_directories(&TreePath::new(action.destination.as_bytes()), &made)?;
        placement.unpack(&root, &mut archive::read(file)?, adjust)?;
        Ok(true)
    }

    pub(super) fn resolve_workdir(&self, workdir: &Workdir, before: Arc<State>) -> Result<Resolved, Error> {
        let written = self.scope().word(&workdir.path, &before)?;
        // An absolute path is kept as it is written, as BuildKit does; a relative one is joined and cleaned.
        let shown = match written.as_str() {
            "" => before.working_dir().to_owned(),
            absolute if absolute.starts_with('/') => absolute.to_owned(),
            relative => cleaned(&format!("{}/{relative}", before.working_dir())),
        };
        let path = cleaned(&shown);
        let mut after = (*before).clone();
        let history = format!("WORKDIR {shown}");
        after.image.config.working_dir = shown;
        if path == "/" {
            return Ok(configured(before, after, history, &format!("WORKDIR {written}")));
        }
        let user = before.image.config.user.clone();
        let mut ingredients = Ingredients::default();
        ingredients.push(Ingredient::Parent { key: before.key });
        ingredients.push(Ingredient::setting("directory", path.clone()));
        if !user.is_empty() {
            ingredients.push(Ingredient::setting("owner", user.clone()));
        }
        Ok(Resolved {
            before: Some(before),
            after,
            action: Action::MakeDirectory(WorkdirAction { path, user }),
            ingredients: Some(ingredients),
            listings: Vec::new(),
            expanded: (history != format!("WORKDIR {written}")).then(|| history.clone()),
            history: Some(history),
        })
    }

    pub(super) fn place_directory(
        &self,
        action: &WorkdirAction,
        before: &Option<Arc<State>>,
        sink: &mut dyn FnMut(&Event),
    ) -> Result<Executed<'static>, Error> {
        let mut warn = |message| sink(&Event::Warning { message });
        let below = match before {
            Some(state) => self.tree(state)?,
            None => Tree::empty(),
        };
        // Before anything else: an owner that can't be had is an error even where nothing is to be made.
        let owner = match action.user.as_str() {
            "" => None,
            user => Some(Owner::resolve(user, self.world.store, &below, &mut warn)?),
        };
        let path = TreePath::new(action.path.as_bytes());
        let is_there = below.resolve(&path, Follow::Last).ok().and_then(|path| below.get(&path)).is_some_and(Node::is_directory);
        if is_there {
            return Ok(Executed::Nothing);
        }
        let mut placement = Placement::new(&below);
        let adjust = Adjustments { owner, now: self.world.clock.seconds(), ..Adjustments::default() };
        placement.make_directories(&path, &adjust)?;
        Ok(Executed::Placed(placement, below))
    }

    /// The content of a small file of the context, if it was read a moment ago for its digest. So what goes into the layer is
    /// what the key was made of, and the file need not be opened twice.
    fn content_at_hand(&self, node: &Node) -> Option<Box<[u8]>> {
        let Place::Host(path) = &node.content()?.place else { return None };
        let context = self.context.get()?;
        context.snapshot.take_content(&mut context.cache.borrow_mut(), path)
    }

    /// Writes the placed entries as a layer: none where nothing was placed.
    pub(super) fn write_placement(
        &self,
        placement: &Placement,
        before: &Tree,
    ) -> Result<(Option<Layer>, Vec<PathChange>), Error> {
        if placement.entries.is_empty() {
            return Ok((None, Vec::new()));
        }
        let mut writer = LayerWriter::new(self.world.store)?;
        let mut changes = Vec::with_capacity(placement.entries.len());
        for (path, node) in &placement.entries {
            let kind = if before.get(path).is_some() { ChangeKind::Modified } else { ChangeKind::Added };
            changes.push(path_change(kind, path, node));
            let mut clamped;
            let node = match self.world.clock.epoch() {
                Some(epoch) if node.metadata.mtime > epoch => {
                    clamped = node.clone();
                    (clamped.metadata.mtime, clamped.metadata.mtime_nanos) = (epoch, 0);
                    &clamped
                }
                _ => node,
            };
            match self.content_at_hand(node) {
                Some(content) => writer.append(path, node, &mut content.as_ref())?,
                None => writer.append_node(path, node)?,
            }
        }
        Ok((Some(writer.finish()?), changes))
    }
}

/// Whether something in a request is expanded, so that its text alone does not tell what is done.
fn has_variable(request: &Request<'_>) -> bool {
    let sources = request.sources.iter().filter_map(|source| match source {
        dockerfile::Source::Path(word) => Some(word),
        dockerfile::Source::Heredoc(_) => None,
    });
    let words = [Some(request.destination), request.chown, request.chmod].into_iter().flatten();
    words.chain(sources).chain(request.excludes).any(|word| word.raw.contains('$'))
}

/// `--parents`: the part of a source word before `/./` is where the copy starts; what follows is what is taken, with
/// its parent directories. A word without wildcards has to exist.
fn pivot(tree: &Tree, word: &str, origin: &str) -> Result<(String, Option<Patterns>), Error> {
    let (base, pattern) = word.split_once("/./").unwrap_or(("/", word));
    let pattern = TreePath::new(pattern.as_bytes());
    let pattern = String::from_utf8_lossy(pattern.relative()).into_owned();
    let base = if base.is_empty() { "/" } else { base };
    if !glob::has_wildcard(base) && !glob::has_wildcard(&pattern) {
        let whole = TreePath::new(format!("{base}/{pattern}").as_bytes());
        tree.resolve(&whole, Follow::Never)
            .map_err(|_| Error::NotFound { path: word.into(), origin: origin.into(), hint: None })?;
    }
    let includes = match pattern.as_str() {
        "" => None,
        pattern => Some(Patterns::new([pattern]).map_err(copy::CopyError::from)?),
    };
    Ok((base.to_owned(), includes))
}

/// The destination as an absolute path, its trailing slash kept: it says that a directory is meant.
fn destination(working_dir: &str, written: &str) -> String {
    let is_directory = written.is_empty() || written == "." || written.ends_with('/') || written.ends_with("/.");
    let joined = if written.starts_with('/') { written.to_owned() } else { format!("{working_dir}/{written}") };
    let path = cleaned(&joined);
    if is_directory && path != "/" { format!("{path}/") } else { path }
}

/// A path made absolute and clean, as text that can be used as a path again.
fn cleaned(path: &str) -> String {
    String::from_utf8(TreePath::new(path.as_bytes()).as_bytes().to_vec()).expect("cleaning text by its `/` leaves text")
}

/// A name in the same folder that a slip of the keyboard would explain.
fn similar_hint(tree: &Tree, word: &str) -> Option<String> {
    let path = TreePath::new(word.as_bytes());
    let folder = path.parent()?;
    let name = String::from_utf8_lossy(path.file_name()?).into_owned();
    let names: Vec<String> =
        tree.children(&folder).map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    let similar = closest(&name, names.iter().map(String::as_str))?;
    let similar = folder.join(similar.as_bytes()).to_string();
    Some(format!("did you mean `{}`?", if word.starts_with('/') { &similar } else { similar.trim_start_matches('/') }))
}

/// Why a file that is in the folder is not in the context.
fn excluded_hint(snapshot: &Snapshot, word: &str) -> Option<String> {
    let path = TreePath::new(word.as_bytes());
    let excluded = snapshot.excluded().iter().find(|excluded| path.starts_with(&TreePath::new(&excluded.path)))?;
    Some(format!(
        "`.dockerignore` line {} leaves `{}` out: `{}`",
        excluded.line,
        excluded.path.escape_ascii(),
        excluded.pattern
    ))
}

/// A node as a view shows it.
pub fn path_change(kind: ChangeKind, path: &TreePath, node: &Node) -> PathChange {
    let Metadata { mode, uid, gid, .. } = node.metadata;
    PathChange {
        kind,
        path: path.to_string(),
        mode: if kind == ChangeKind::Deleted { String::new() } else { mode_text(node, mode) },
        uid,
        gid,
        size: node.content().map_or(0, |content| content.size),
        target: match &node.kind {
            Kind::Symlink(target) => Some(target.escape_ascii().to_string()),
            _ => None,
        },
    }
}

/// Like `drwxr-xr-x`, as ls(1) prints it.
pub fn mode_text(node: &Node, mode: u32) -> String {
    let kind = match node.kind {
        Kind::Directory => 'd',
        Kind::File(_) => '-',
        Kind::Symlink(_) => 'l',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
        Kind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}
