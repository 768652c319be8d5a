//! What is in an archive of images, by name and by digest, whether it is a tar archive or a folder.
//!
//! A file of a tar archive is staged when it comes by. A file of a folder is staged when it is asked for. From then on both are the
//! same: bytes of which the digest is known.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Error;
use crate::document::{self, Links};
use crate::layer;
use crate::layer::archive::{self, Member};
use crate::limits::{Limit, Limits};
use crate::oci::{Algorithm, Descriptor, Digest};
use crate::store::{self, StageError, Staging, Store};
use crate::tree::{Kind, TreePath};

/// How many links may lead from a name to a file.
const MOST_LINKS: usize = 8;

/// A file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// An entry of a tar archive.
enum Entry {
    File(Staged),
    /// Another name of an entry, as old versions of Docker write a layer that occurs twice.
    Link(TreePath),
}

enum Place {
    Archive(BTreeMap<TreePath, Entry>),
    Folder(PathBuf),
}

/// The files of an archive.
pub(super) struct Contents<'s> {
    /// The archive as messages call it.
    pub(crate) name: String,
    pub(crate) staging: Staging<'s>,
    place: Place,
    /// What was staged of a folder so far.
    staged: RefCell<BTreeMap<Digest, Staged>>,
}

impl<'s> Contents<'s> {
    /// Opens a folder. Nothing is read yet.
    ///
    /// # Errors
    /// [`Error::Io`] for a folder that can't be found.
    pub(crate) fn of_folder(store: &'s Store, folder: &Path) -> Result<Contents<'s>, Error> {
        // What the folder's own name leads to is the user's choice; what its files' names lead to is not.
        let root = folder.canonicalize().map_err(Error::io("open", folder))?;
        Ok(Contents {
            name: folder.display().to_string(),
            staging: Staging::new(store)?,
            place: Place::Folder(root),
            staged: RefCell::default(),
        })
    }

    /// Reads a tar archive, compressed or not, to its end.
    ///
    /// # Errors
    /// [`Error::NotImages`] as soon as a name shows that it is something else, [`Error::Invalid`] for a file that is there twice or is not
    /// what its name says, [`Error::Layer`] for what is not an archive.
    pub(crate) fn of_archive(store: &'s Store, name: &Path, file: File) -> Result<Contents<'s>, Error> {
        let mut reading = archive::of_file(name, file, &layer::Limits::of(store.limits()))?;
        let mut contents = Contents {
            name: name.display().to_string(),
            staging: Staging::new(store)?,
            place: Place::Archive(BTreeMap::new()),
            staged: RefCell::default(),
        };
        let mut entries = BTreeMap::new();
        while let Some((path, member)) = reading.next_member()? {
            let entry = match member {
                Member::HardLink(target, _) => Entry::Link(target),
                Member::Node(node) => match node.kind {
                    Kind::Directory => continue,
                    Kind::File(_) => {
                        contents.expect_place(&path)?;
                        Entry::File(contents.stage(&path, reading.content())?)
                    }
                    Kind::Symlink(target) => Entry::Link(path.parent().unwrap_or_else(TreePath::root).join(target)),
                    Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
                        return Err(contents.not_images(format!("`{path}` in it is a device or a pipe")));
                    }
                },
            };
            if let (Some(Entry::File(before)), Entry::File(now)) = (entries.get(&path), &entry)
                && before != now
            {
                return Err(contents.invalid(path, "it is in the archive twice, with different contents"));
            }
            entries.insert(path, entry);
        }
        contents.place = Place::Archive(entries);
        Ok(contents)
    }

    /// Stages one file of the archive. A blob has to be what its name says.
    fn stage(&self, path: &TreePath, stream: impl std::io::Read) -> Result<Staged, Error> {
        let blob = blob_name(path);
        let algorithm = blob.map_or(Algorithm::Sha256, |(algorithm, _)| algorithm);
        let (digest, size) = self.add(algorithm, stream)?;
        if blob.is_some_and(|(_, name)| name != digest.hex()) {
            return Err(self.invalid(path, format!("its content has the digest {digest}")));
        }
        Ok(Staged { digest, size })
    }

    fn add(&self, algorithm: Algorithm, stream: impl std::io::Read) -> Result<(Digest, u64), Error> {
        self.staging.add(algorithm, stream).map_err(|error| match error {
            StageError::Read(error) => layer::Error::unreadable(&self.name, error).into(),
            StageError::Store(error) => error.into(),
        })
    }

    /// Images lie at the top, in one folder below it, or among the blobs. A file deeper down belongs to something else, which is better
    /// said now than after gigabytes.
    fn expect_place(&self, path: &TreePath) -> Result<(), Error> {
        let depth = path.components().count();
        let is_blob = depth == 3 && path.components().next() == Some(b"blobs");
        if depth <= 2 || is_blob {
            return Ok(());
        }
        Err(self.not_images(format!("it has a file `{}`", path.to_string().trim_start_matches('/'))))
    }

    /// Whether it is a folder, and not a tar archive.
    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Whether there is a file of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        match &self.place {
            Place::Archive(_) => self.file(name).is_some(),
            Place::Folder(root) => root.join(name).symlink_metadata().is_ok_and(|found| found.is_file()),
        }
    }

    /// Reads the document of this name; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Document`] for one that is too large, or not a file.
    pub(crate) fn document(&self, name: &str, limit: &Limit) -> Result<Option<Vec<u8>>, Error> {
        match &self.place {
            Place::Archive(_) => self.file(name).map(|file| self.bytes(name, file, limit)).transpose(),
            Place::Folder(root) => {
                match document::read(&root.join(name), self.staging.home().bound(limit), Links::RefuseOnTheWay) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// The file under a name that a document has; links are followed only inside the archive.
    pub(crate) fn file(&self, name: &str) -> Option<Staged> {
        let Place::Archive(entries) = &self.place else { return None };
        let mut path = TreePath::new(name);
        for _ in 0..=MOST_LINKS {
            match entries.get(&path)? {
                Entry::File(staged) => return Some(*staged),
                Entry::Link(target) => path = target.clone(),
            }
        }
        None
    }

    /// The bytes of a file. `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Document`] for more than the limit.
    pub(crate) fn bytes(&self, name: &str, file: Staged, limit: &Limit) -> Result<Vec<u8>, Error> {
        document::check(Path::new(name), file.size, self.staging.home().bound(limit))?;
        let mut bytes = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0));
        let opened = self.staging.open(&file.digest)?;
        opened.take(file.size).read_to_end(&mut bytes).map_err(store::Error::io("read", self.staging.folder()))?;
        Ok(bytes)
    }

    /// The blob that a descriptor means, staged; `None` where it is not there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one that has another size or digest.
    pub(crate) fn blob(&self, descriptor: &Descriptor) -> Result<Option<Staged>, Error> {
        let name = path_of(&descriptor.digest);
        let staged = match &self.place {
            Place::Archive(_) => self.file(&name),
            Place::Folder(root) => self.blob_of_folder(root, &name, descriptor.digest)?,
        };
        match staged {
            Some(staged) if staged.size != descriptor.size => {
                let reason = format!("it has {} bytes, but its descriptor says {}", staged.size, descriptor.size);
                Err(self.invalid(name, reason))
            }
            // A link may lead to a file that is another blob.
            Some(staged) if staged.digest != descriptor.digest => {
                Err(self.invalid(name, format!("its content has the digest {}", staged.digest)))
            }
            staged => Ok(staged),
        }
    }

    /// A blob of a folder, which is staged when it is asked for the first time.
    fn blob_of_folder(&self, root: &Path, name: &str, digest: Digest) -> Result<Option<Staged>, Error> {
        if let Some(staged) = self.staged.borrow().get(&digest) {
            return Ok(Some(*staged));
        }
        let file = match document::open(&root.join(name), Links::RefuseOnTheWay) {
            Ok((file, _)) => file,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let staged = self.stage(&TreePath::new(name), file)?;
        self.staged.borrow_mut().insert(digest, staged);
        Ok(Some(staged))
    }

    /// The digest of the file under a name that a document has: of a blob of a folder, what its name says.
    pub(crate) fn digest(&self, name: &str) -> Option<Digest> {
        match &self.place {
            Place::Archive(_) => self.file(name).map(|file| file.digest),
            Place::Folder(_) => {
                let path = TreePath::new(name);
                let (algorithm, name) = blob_name(&path)?;
                format!("{}:{name}", algorithm.name()).parse().ok()
            }
        }
    }

    /// The uncompressed form of a file, staged as well.
    ///
    /// # Errors
    /// [`Error::Layer`] for what can't be decompressed within the limits.
    pub(crate) fn uncompressed(&self, file: Staged, limits: &Limits) -> Result<Staged, Error> {
        let opened = self.staging.open(&file.digest)?;
        let decoder = layer::decompress(opened, &layer::Limits::of(limits));
        let decoder = decoder.map_err(|error| layer::Error::unreadable(&self.name, error))?;
        let (digest, size) = self.add(Algorithm::Sha256, decoder)?;
        Ok(Staged { digest, size })
    }

    /// What is wrong with a file of the archive.
    pub(crate) fn invalid(&self, member: impl ToString, reason: impl ToString) -> Error {
        let member = member.to_string().trim_start_matches('/').to_owned();
        Error::Invalid { archive: self.name.clone(), member, reason: reason.to_string() }
    }

    /// A file that a document names is not there.
    pub(crate) fn missing(&self, member: impl ToString, by: impl ToString) -> Error {
        Error::Missing { archive: self.name.clone(), member: member.to_string(), by: by.to_string() }
    }

    /// It is something else than an archive of images.
    pub(crate) fn not_images(&self, reason: String) -> Error {
        Error::NotImages { archive: self.name.clone(), reason }
    }
}

/// Where a blob is in a layout.
pub(super) fn path_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// The algorithm and the digits in the name of a blob, `blobs/sha256/…`.
fn blob_name(path: &TreePath) -> Option<(Algorithm, &str)> {
    let (algorithm, name) = std::str::from_utf8(path.relative()).ok()?.strip_prefix("blobs/")?.split_once('/')?;
    Some((Algorithm::of_name(algorithm)?, name))
}
