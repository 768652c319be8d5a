//! The folder in which the program keeps everything.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Error, atomic_write, documents, write};
use crate::limits::{Bound, Limit, Limits};
use crate::oci::{Algorithm, ChainId, DiffId, Digest, Index, Layout, to_json, validate};

/// Who may enter a folder of a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doors {
    /// Whoever may enter the home.
    AsMade,
    /// Its owner alone.
    Closed,
}

impl Doors {
    fn are_right(self, mode: u32) -> bool {
        match self {
            Doors::AsMade => true,
            Doors::Closed => mode & write::OTHERS == 0,
        }
    }
}

/// What the environment of the program asks of all work in a home. Who starts the program reads it, once, and nobody else does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// How much may be asked for by what is read, here and elsewhere.
    pub limits: Limits,
    /// What the built-in base image is made of: `LAYERLAB_BASE`.
    pub base: Option<OsString>,
    /// How overlays are mounted: `LAYERLAB_OVERLAY`.
    pub overlay: Option<OsString>,
    /// Variables that are about registries, those that are set: when they are asked, and where user names and passwords are kept.
    pub registries: BTreeMap<&'static str, OsString>,
}

/// A folder with a store in it. The value is only the path and the preferences; [`super::Store`] does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
    preferences: Preferences,
}

impl Home {
    /// The folder that the environment names: `LAYERLAB_HOME`, else `layerlab` in `XDG_DATA_HOME`, else
    /// `~/.local/share/layerlab`. A variable that is empty counts as not set.
    ///
    /// # Errors
    /// [`Error::NoHome`] where none of the three is set.
    pub fn default_path(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<PathBuf, Error> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        set("LAYERLAB_HOME")
            .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("layerlab")))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/layerlab")))
            .ok_or(Error::NoHome)
    }

    /// Opens a home, and makes what is missing of its folders and files. Idempotent.
    ///
    /// Any image layout can become a home, also one that can't be written to: what only reads works there. A folder that
    /// has other files in it, or a layout of another version, is refused and not touched.
    ///
    /// The folder becomes its owner's alone. Images hold secrets, and they hold set-user-id programs, which anybody who could
    /// reach them in `unpacked/` could execute as root (CVE-2021-41091).
    ///
    /// # Errors
    /// [`Error::NotAStore`] and [`Error::Invalid`] for a folder that is something else, [`Error::LinkedFolder`] for one whose folders
    /// are links, [`Error::Io`] for what can't be made.
    pub fn open(path: impl AsRef<Path>) -> Result<Home, Error> {
        Home::open_with(path, Preferences::default())
    }

    /// As [`Home::open`], with preferences.
    ///
    /// # Errors
    /// As [`Home::open`].
    pub fn open_with(path: impl AsRef<Path>, preferences: Preferences) -> Result<Home, Error> {
        let path = path.as_ref();
        let layout = path.join("oci-layout");
        match documents::read_file(&layout, preferences.limits.bound(&documents::LAYOUT)) {
            Ok(text) => {
                if let Some(reason) = validate::layout(&text).into_iter().next() {
                    return Err(Error::Invalid { name: layout.display().to_string(), kind: "image layout", reason });
                }
            }
            Err(Error::Document(error)) if error.is_not_found() => {
                write::create_folder(path)?;
                let made = if is_unused(path)? {
                    atomic_write(&layout, &to_json(&Layout::default()))
                } else {
                    Err(Error::NotAStore { path: path.to_path_buf() })
                };
                // Another process may have made the home since it was looked for.
                if !layout.exists() {
                    made?;
                }
            }
            Err(error) => return Err(error),
        }
        // Absolute, because containers change the working directory.
        let root = std::path::absolute(path).map_err(Error::io("find", path))?;
        let home = Home { root, preferences };
        let wanting = home.look()?;
        match home.complete(&wanting) {
            // Whatever writes will say so; whatever reads finds nothing where nothing is.
            Err(error) if error.is_read_only() => Ok(home),
            made => made.map(|()| home),
        }
    }

    /// The folders of a home, and who may come in: of those below the root, the ones with files that others could execute are closed as well,
    /// since somebody may open the root again.
    pub(super) fn folders(&self) -> [(PathBuf, Doors); 14] {
        [
            (self.root.join("blobs"), Doors::AsMade),
            (self.blobs(), Doors::AsMade),
            (self.unpacked_dir(), Doors::Closed),
            (self.containers_dir(), Doors::Closed),
            (self.volumes_dir(), Doors::Closed),
            (self.mount_caches_dir(), Doors::Closed),
            (self.names_dir(), Doors::AsMade),
            (self.networks_dir(), Doors::Closed),
            (self.leases_dir(), Doors::AsMade),
            (self.temporary(), Doors::AsMade),
            (self.expanded_dir(), Doors::AsMade),
            (self.proven_dir(), Doors::AsMade),
            (self.cache_dir(), Doors::AsMade),
            (self.builds_dir(), Doors::AsMade),
        ]
    }

    /// Looks at each folder once, and gives those that are to be made or closed: in a home that was opened before, none. A home of which a
    /// folder is a link is refused. What is left over in the folders is removed, and their modes are changed: behind a link that would
    /// happen to files that are not the home's.
    fn look(&self) -> Result<Vec<(PathBuf, Doors)>, Error> {
        let mut wanting = Vec::new();
        let other = self.blobs_by(Algorithm::Sha512);
        if other.is_symlink() {
            return Err(Error::LinkedFolder { path: other });
        }
        for (path, doors) in self.folders() {
            match path.symlink_metadata() {
                Ok(found) if found.is_symlink() => return Err(Error::LinkedFolder { path }),
                Ok(found) if found.is_dir() && doors.are_right(found.mode()) => {}
                Ok(_) | Err(_) => wanting.push((path, doors)),
            }
        }
        Ok(wanting)
    }

    /// Makes what is missing.
    fn complete(&self, wanting: &[(PathBuf, Doors)]) -> Result<(), Error> {
        write::create_private_folder(&self.root)?;
        for (folder, doors) in wanting {
            match doors {
                Doors::Closed => write::create_private_folder(folder)?,
                Doors::AsMade => write::create_folder(folder)?,
            }
        }
        if !self.index_path().exists() {
            // Two processes may come here at a time; neither may replace an index that the other has already changed.
            let _lock = super::lock(&self.index_lock_path(), super::LockMode::Exclusive)?;
            if !self.index_path().exists() {
                atomic_write(&self.index_path(), &to_json(&Index::new(Vec::new())))?;
            }
        }
        Ok(())
    }

    /// What the environment asks for.
    pub(crate) fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// A limit as it is in force here.
    pub(crate) fn bound(&self, limit: &Limit) -> Bound {
        self.preferences.limits.bound(limit)
    }

    /// The folder itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the blobs with a SHA-256.
    pub fn blobs(&self) -> PathBuf {
        self.blobs_by(Algorithm::Sha256)
    }

    /// The folder of the blobs by an algorithm. Only that of SHA-256 is always there.
    pub(crate) fn blobs_by(&self, algorithm: Algorithm) -> PathBuf {
        self.root.join("blobs").join(algorithm.name())
    }

    /// The folders of blobs that there are.
    pub(crate) fn blob_folders(&self) -> impl Iterator<Item = (Algorithm, PathBuf)> {
        let folders = Algorithm::ALL.map(|algorithm| (algorithm, self.blobs_by(algorithm)));
        folders.into_iter().filter(|(algorithm, path)| *algorithm == Algorithm::Sha256 || path.is_dir())
    }

    /// Where a blob is or would be.
    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs_by(digest.algorithm()).join(digest.hex())
    }

    /// As [`Home::blob`], for who is about to make it: its folder is there.
    pub(super) fn place_for_blob(&self, digest: &Digest) -> Result<PathBuf, Error> {
        if digest.algorithm() != Algorithm::Sha256 {
            write::create_folder(&self.blobs_by(digest.algorithm()))?;
        }
        Ok(self.blob(digest))
    }

    /// The list of images.
    pub fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    /// The room in which the next list of images is written when there is no other.
    pub(super) fn index_spare_path(&self) -> PathBuf {
        self.root.join("index.spare")
    }

    /// The folder of expanded archives.
    pub fn expanded_dir(&self) -> PathBuf {
        self.root.join("expanded")
    }

    /// The uncompressed copy of a compressed layer.
    pub fn expanded(&self, diff_id: &DiffId) -> PathBuf {
        self.expanded_dir().join(format!("{}.tar", diff_id.0.hex()))
    }

    /// A sparse file of a layer, in full. Its name says which one it is, but is not the digest of its bytes.
    pub(crate) fn expanded_sparse(&self, name: &Digest) -> PathBuf {
        self.expanded_dir().join(format!("{}.sparse", name.hex()))
    }

    /// The folder of unpacked layers.
    pub fn unpacked_dir(&self) -> PathBuf {
        self.root.join("unpacked")
    }

    /// An unpacked layer that needs nothing of the layers below it, see [`crate::layer::unpack_all`].
    pub(crate) fn unpacked(&self, diff_id: &DiffId) -> PathBuf {
        self.unpacked_dir().join(diff_id.0.hex())
    }

    /// An unpacked layer whose files depend on the layers below it, named by the whole chain.
    pub(crate) fn unpacked_chain(&self, chain_id: &ChainId) -> PathBuf {
        self.unpacked_dir().join(format!("chain-{}", chain_id.0.hex()))
    }

    /// The folder of proofs that layers are what their digests say.
    pub(crate) fn proven_dir(&self) -> PathBuf {
        self.root.join("proven")
    }

    /// The proof of one layer.
    pub(super) fn proof(&self, digest: &Digest) -> PathBuf {
        self.proven_dir().join(digest.hex())
    }

    /// What is remembered of blobs in registries: a file for each.
    pub(crate) fn distribution_dir(&self) -> PathBuf {
        self.root.join("distribution")
    }

    /// Cache records.
    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Past builds.
    pub(crate) fn builds_dir(&self) -> PathBuf {
        self.root.join("builds")
    }

    /// Containers.
    pub fn containers_dir(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// Which container has which name.
    pub(crate) fn names_dir(&self) -> PathBuf {
        self.root.join("names")
    }

    /// What networks there are, and the one process that keeps those in use.
    pub(crate) fn networks_dir(&self) -> PathBuf {
        self.root.join("networks")
    }

    /// Volumes.
    pub(crate) fn volumes_dir(&self) -> PathBuf {
        self.root.join("volumes")
    }

    /// What RUNs keep between builds.
    pub(crate) fn mount_caches_dir(&self) -> PathBuf {
        self.root.join("mount-caches")
    }

    /// What running processes use.
    pub(super) fn leases_dir(&self) -> PathBuf {
        self.root.join("leases")
    }

    /// Files that are being written.
    pub fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.root.join("store.lock")
    }

    pub(super) fn index_lock_path(&self) -> PathBuf {
        self.root.join("index.lock")
    }

    /// Removes the temporary files and folders of processes that do not live any more. `living` tells their owners, and is asked after the
    /// files were listed: whoever begins one has a lease before.
    ///
    /// What can't be removed is left: a half-unpacked layer may belong to other user ids of a user namespace.
    pub(super) fn sweep(&self, extent: Extent, living: impl FnOnce() -> BTreeSet<u32>) {
        let few = [self.root.clone(), self.temporary(), self.unpacked_dir()];
        let many =
            [self.expanded_dir(), self.proven_dir(), self.distribution_dir(), self.cache_dir(), self.builds_dir()];
        let folders = few.iter().chain(match extent {
            Extent::Short => &[][..],
            Extent::All => &many,
        });
        let entries = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        let owned = entries.filter_map(|entry| Some((write::owner_of(&entry.file_name())?, entry)));
        let temporary: Vec<_> = owned.collect();
        if temporary.is_empty() {
            return;
        }
        let living = living();
        for (_, entry) in temporary.iter().filter(|(owner, _)| !living.contains(owner)) {
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => write::remove_folder(&entry.path()),
                _ => write::remove_file(&entry.path()),
            };
        }
    }
}

/// How much is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The folders that have few files in them.
    Short,
    /// All: those with a file for each step of each build, too.
    All,
}

/// Files that the user writes.
const SETTINGS: [&str; 2] = ["registries.toml", "stand-ins.toml"];

/// Whether a folder has nothing in it but temporary files of an opening that was killed.
fn is_unused(path: &Path) -> Result<bool, Error> {
    for entry in std::fs::read_dir(path).map_err(Error::io("list", path))? {
        let entry = entry.map_err(Error::io("list", path))?;
        let name = entry.file_name();
        // Settings may be written before anything else is there.
        if !write::is_temporary(&name) && !SETTINGS.iter().any(|settings| name == *settings) {
            return Ok(false);
        }
    }
    Ok(true)
}
