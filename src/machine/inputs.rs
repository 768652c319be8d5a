//! What COPY and ADD read, and what of it is in their key: the build context, the listings of files, their digests.
//!
//! The context is walked when the first instruction needs it. Contents are digested through the stat cache; those of other
//! stages are read once a build. Which files those are is the matter of `selection.rs`.

use std::collections::HashMap;
use std::path::Path;
use std::time::SystemTime;

use super::Error;
use super::driver::Machine;
use super::event::EventKind;
use super::selection::{Choice, Selected, Selection};
use crate::cache::{Entry, EntryKind, Listing, Roots};
use crate::context::{Context, Snapshot, StatCache};
use crate::layer::{self};
use crate::oci::Digest;
use crate::tree::{Content, Kind, Node, Place, TreePath};

/// The build context as it was when the build first needed it.
#[derive(Debug)]
pub struct LoadedContext {
    pub snapshot: Snapshot,
    pub cache: std::cell::RefCell<StatCache>,
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

    pub(super) fn save_digests(&self) -> Result<(), Error> {
        Ok(self.cache.borrow_mut().save()?)
    }
}

/// Digests of files that lie in blobs: hashed once a build, since COPY --from goes by content.
pub type Digests = HashMap<(Digest, u64), Digest>;

impl Machine {
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
        let mut cache = StatCache::load(&self.world.home().cache_dir().join("stat"));
        // The real time, whatever the build's clock says: it is compared with the file system's.
        let snapshot = Context::open(folder, self.source.dockerfile.as_deref())?.scan(&mut cache, SystemTime::now())?;
        Ok(self.context.get_or_init(|| LoadedContext { snapshot, cache: cache.into() }))
    }

    /// Everything about the files of a source that its key is made of; and which of them are second names of another, as
    /// `second = first`.
    pub(super) fn listing(&self, selections: &[Selection], mut roots: Roots) -> Result<(Listing, Vec<String>), Error> {
        let mut found: Vec<(Vec<u8>, &Node)> = Vec::new();
        let mut names = Vec::new();
        for selection in selections {
            let first = found.len();
            let directory = match &selection.what {
                Selected::File(node) => {
                    found.push((selection.name.clone(), node));
                    roots.push(folder_of(&selection.path), 1);
                    continue;
                }
                Selected::Directory(directory) => directory,
            };
            // Where patterns choose, names are relative to where the copy starts.
            let is_whole = directory.choice() != Choice::Included;
            let (name, folder) = match selection.path.file_name() {
                Some(name) if is_whole => (TreePath::new(name), folder_of(&selection.path)),
                _ => (TreePath::root(), text_of(&selection.path)),
            };
            // The directory itself: a file and a directory with only such a file in it are not the same to copy.
            if is_whole {
                found.push((if name.is_root() { b".".to_vec() } else { name.relative().to_vec() }, directory.node()));
            }
            let mut first_names = HashMap::new();
            for (path, node, _) in directory.entries() {
                // The names of a link or a device are copied as files of their own.
                if let (Kind::File(_), Some(link)) = (&node.kind, node.link) {
                    let first: &TreePath = first_names.entry(link).or_insert_with(|| path.clone());
                    if *first != path {
                        names.push(format!("{} = {}", path.relative().escape_ascii(), first.relative().escape_ascii()));
                    }
                }
                found.push((name.join(path.relative()).relative().to_vec(), node));
            }
            roots.push(folder, (found.len() - first) as u64);
        }
        let digests = self.digests(found.iter().filter_map(|(_, node)| node.content()))?;
        let mut digests = digests.into_iter();
        let mut listing = Listing::new(roots);
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
        Ok((listing, names))
    }

    /// The content digest of each file, in order. The context's come from the stat cache.
    pub(super) fn digests<'c>(&self, contents: impl Iterator<Item = &'c Content>) -> Result<Vec<Digest>, Error> {
        let contents: Vec<&Content> = contents.collect();
        let host: Vec<&Path> = contents
            .iter()
            .filter_map(|content| match &content.place {
                Place::Seen(seen) => Some(&*seen.path),
                Place::Host(_) | Place::Blob { .. } | Place::Bytes(_) | Place::Spool(_) => None,
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
                Place::Seen(_) => host_digests.next().expect("there is a digest for every path"),
                Place::Bytes(bytes) => Digest::of(bytes),
                Place::Blob { blob, offset } => {
                    let known = self.digests.borrow().get(&(*blob, *offset)).copied();
                    match known {
                        Some(digest) => digest,
                        None => {
                            let digest = layer::digest_of(&self.world.store, content)?;
                            self.digests.borrow_mut().insert((*blob, *offset), digest);
                            digest
                        }
                    }
                }
                Place::Host(_) | Place::Spool(_) => layer::digest_of(&self.world.store, content)?,
            });
        }
        Ok(digests)
    }

    /// The content of a small file of the context, if it was read a moment ago for its digest. So what goes into the layer is
    /// what the key was made of, and the file need not be opened twice.
    pub(super) fn content_at_hand(&self, node: &Node) -> Option<Box<[u8]>> {
        let Place::Seen(seen) = &node.content()?.place else { return None };
        let context = self.context.get()?;
        context.snapshot.take_content(&mut context.cache.borrow_mut(), &seen.path)
    }
}

/// The folder that a path lies in, as [`Roots`] have it.
fn folder_of(path: &TreePath) -> String {
    path.parent().map_or_else(String::new, |folder| text_of(&folder))
}

fn text_of(path: &TreePath) -> String {
    path.relative().escape_ascii().to_string()
}
