//! What URLs, and repositories, had when they were last asked: where the content lies, and what a server is asked with whether it is still the same.
//!
//! ```text
//! cache/url-<SHA-256 of the address>.json    {"url": …, "digest": …, "bytes": …, "version": …, "modified": …}
//! ```
//!
//! A repository has a name that is no URL, and its commit for a version; its content is a layer. The content itself is a blob of the store. Nothing
//! here is part of a key: a key has the content's digest. What is damaged or gone counts as
//! none, and the URL is asked anew.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::limits::Bound;
use crate::oci::Digest;
use crate::store::{Home, atomic_replace, write};

/// What a URL had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Downloaded {
    pub(crate) url: String,
    /// Of the content, which is a blob.
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    /// What the server calls this content: its `ETag` (RFC 9110, section 8.8.3), or the commit of a repository.
    pub(crate) version: Option<String>,
    /// When it was last changed, as the server has written it: section 8.8.2.
    pub(crate) modified: Option<String>,
}

/// What is kept of the URLs of one home.
#[derive(Clone, Debug)]
pub(crate) struct Downloads {
    folder: PathBuf,
    bound: Bound,
}

impl Downloads {
    pub(crate) fn open(home: &Home) -> Downloads {
        Downloads { folder: home.cache_dir(), bound: home.bound(&super::RECORD) }
    }

    /// Where it is kept what a URL had. Its time says when the URL was last used.
    pub(crate) fn path(&self, url: &str) -> PathBuf {
        self.folder.join(format!("url-{}.json", Digest::of(url.as_bytes()).hex()))
    }

    /// What a URL had, if it is known. Whether the content is still there is not looked at.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub(crate) fn get(&self, url: &str) -> Result<Option<Downloaded>, Error> {
        Ok(self.read(&self.path(url))?.filter(|found| found.url == url))
    }

    /// Keeps what a URL has, in the place of what it had before.
    ///
    /// # Errors
    /// The cache can't be written to.
    pub(crate) fn put(&self, found: &Downloaded) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(found).expect("it is plain data");
        Ok(atomic_replace(&self.path(&found.url), &json)?)
    }

    /// Forgets a URL; that nothing is known of it is not an error.
    ///
    /// # Errors
    /// [`Error::Store`] for what can't be removed.
    pub(crate) fn remove(&self, url: &str) -> Result<(), Error> {
        Ok(write::remove_file(&self.path(url))?)
    }

    /// All that is known, in no order.
    ///
    /// # Errors
    /// The folder, or a file in it, can't be read.
    pub(crate) fn all(&self) -> Result<Vec<Downloaded>, Error> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { operation: "list", path: self.folder.clone(), source }),
        };
        let mut all = Vec::new();
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b"url-") {
                all.extend(self.read(&entry.path())?);
            }
        }
        Ok(all)
    }

    fn read(&self, path: &Path) -> Result<Option<Downloaded>, Error> {
        let Some(bytes) = super::read(path, self.bound)? else { return Ok(None) };
        Ok(serde_json::from_slice(&bytes).ok())
    }
}
