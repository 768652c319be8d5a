//! The folder in which the program keeps everything.

use std::path::{Path, PathBuf};

use super::{Error, atomic_write, write};
use crate::oci::{ChainId, DiffId, Digest, Index, Layout, to_json, validate};

/// A folder with a store in it. The value is only the path; [`super::Store`] does the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The folder that the environment names: `LAYERLAB_HOME`, else `layerlab` in `XDG_DATA_HOME`, else
    /// `~/.local/share/layerlab`. A variable that is empty counts as not set.
    pub fn default_path(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Result<PathBuf, Error> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        set("LAYERLAB_HOME")
            .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("layerlab")))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/layerlab")))
            .ok_or(Error::NoHome)
    }

    /// Opens a home, and makes what is missing of its folders and files. Idempotent.
    ///
    /// Any image layout can become a home. A folder that has other files in it, or a layout of another version, is
    /// refused and not touched.
    pub fn open(path: impl AsRef<Path>) -> Result<Home, Error> {
        let path = path.as_ref();
        let layout = path.join("oci-layout");
        match std::fs::read(&layout) {
            Ok(text) => {
                if let Some(reason) = validate::layout(&text).into_iter().next() {
                    return Err(Error::Invalid { name: layout.display().to_string(), kind: "image layout", reason });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
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
            Err(source) => {
                return Err(Error::Io { operation: "read", path: layout, source });
            }
        }
        // Absolute, because containers change the working directory.
        let root = std::path::absolute(path).map_err(Error::io("find", path))?;
        let home = Home { root };
        for folder in [
            home.blobs(),
            home.temporary(),
            home.expanded_dir(),
            home.unpacked_dir(),
            home.cache_dir(),
            home.builds_dir(),
            home.containers_dir(),
            home.volumes_dir(),
        ] {
            write::create_folder(&folder)?;
        }
        if !home.index_path().exists() {
            // Two processes may come here at a time; neither may replace an index that the other has already changed.
            let _lock = super::lock(&home.index_lock_path(), super::LockMode::Exclusive)?;
            if !home.index_path().exists() {
                atomic_write(&home.index_path(), &to_json(&Index::new(Vec::new())))?;
            }
        }
        Ok(home)
    }

    /// The folder itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the blobs.
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    /// The list of images.
    pub fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
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
    pub fn expanded_sparse(&self, name: &Digest) -> PathBuf {
        self.expanded_dir().join(format!("{}.sparse", name.hex()))
    }

    /// The folder of unpacked layers.
    pub fn unpacked_dir(&self) -> PathBuf {
        self.root.join("unpacked")
    }

    /// An unpacked layer that needs nothing of the layers below it, see [`crate::layer::unpack_all`].
    pub fn unpacked(&self, diff_id: &DiffId) -> PathBuf {
        self.unpacked_dir().join(diff_id.0.hex())
    }

    /// An unpacked layer whose files depend on the layers below it, named by the whole chain.
    pub fn unpacked_chain(&self, chain_id: &ChainId) -> PathBuf {
        self.unpacked_dir().join(format!("chain-{}", chain_id.0.hex()))
    }

    /// Cache records.
    pub fn cache_dir(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Past builds.
    pub fn builds_dir(&self) -> PathBuf {
        self.root.join("builds")
    }

    /// Containers.
    pub fn containers_dir(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// Volumes.
    pub fn volumes_dir(&self) -> PathBuf {
        self.root.join("volumes")
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

    /// Removes the temporary files and folders of killed processes. The caller holds `store.lock` exclusively.
    ///
    /// What can't be removed is left: a half-unpacked layer may belong to other user ids of a user namespace.
    pub(super) fn sweep(&self) {
        for folder in [
            self.root.clone(),
            self.temporary(),
            self.expanded_dir(),
            self.unpacked_dir(),
            self.cache_dir(),
            self.builds_dir(),
        ] {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                if !write::is_temporary(&entry.file_name()) {
                    continue;
                }
                let _ = match entry.file_type() {
                    Ok(kind) if kind.is_dir() => write::remove_folder(&entry.path()),
                    _ => write::remove_file(&entry.path()),
                };
            }
        }
    }
}

/// Whether a folder has nothing in it but temporary files of an opening that was killed.
fn is_unused(path: &Path) -> Result<bool, Error> {
    for entry in std::fs::read_dir(path).map_err(Error::io("list", path))? {
        let entry = entry.map_err(Error::io("list", path))?;
        if !write::is_temporary(&entry.file_name()) {
            return Ok(false);
        }
    }
    Ok(true)
}
