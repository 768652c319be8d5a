//! Records on disk: one JSON file a key, and the listings they point at.
//!
//! A record is written after its layer is committed, so that whoever finds the record finds the layer, unless
//! the layer was removed since: a look-up checks. Writing is atomic and idempotent; the last writer wins. It does not
//! wait for the disk: what a loss of power has damaged counts as missing, and the step is done once more.

use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::PathBuf;

use super::{BuildName, CacheKey, Entry, Error, Ingredients, Listing};
use crate::limits::Bound;
use crate::oci::{Digest, Layer};
use crate::store::write::Temporary;
use crate::store::{Home, atomic_replace, write};

/// What a step gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StepResult {
    /// The committed layer; `None` where the step changed no file.
    pub(crate) layer: Option<Layer>,
    /// When it was made, in RFC 3339.
    pub(crate) created: String,
    /// The number of the build that made it, where it was made.
    pub(crate) build: u64,
    /// The shared cache that it came with; `None` where it was made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) imported_from: Option<String>,
    /// How long it took, in milliseconds.
    pub(crate) milliseconds: u64,
    /// What is told of the changed paths where the result is used again. The cache does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<serde_json::Value>,
}

impl StepResult {
    /// The build that made it.
    pub(crate) fn build_name(&self) -> BuildName {
        BuildName { number: self.build, imported_from: self.imported_from.clone() }
    }
}

/// One step as the cache remembers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) schema: u32,
    pub(crate) key: CacheKey,
    pub(crate) instruction: String,
    pub(crate) ingredients: Ingredients,
    pub(crate) result: StepResult,
    /// The digest of key and result: a result that was damaged, or belongs to another key, would be a wrong layer.
    pub(crate) seal: Digest,
}

impl Record {
    pub(crate) const SCHEMA: u32 = 3;

    pub(crate) fn new(instruction: String, ingredients: Ingredients, result: StepResult) -> Record {
        let key = ingredients.key();
        let seal = Record::seal(key, &result);
        Record { schema: Record::SCHEMA, key, instruction, ingredients, result, seal }
    }

    fn seal(key: CacheKey, result: &StepResult) -> Digest {
        Digest::of(&serde_json::to_vec(&(key, result)).expect("results are plain data"))
    }

    /// Whether this is the record of a key, and whole.
    fn is_of(&self, key: CacheKey) -> bool {
        self.key == key && self.is_whole()
    }

    /// Whether it is as it was written.
    pub(crate) fn is_whole(&self) -> bool {
        self.schema == Record::SCHEMA
            && self.ingredients.key() == self.key
            && self.seal == Record::seal(self.key, &self.result)
    }
}

/// The records of one home.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    record: Bound,
    listing: Bound,
}

impl Records {
    pub(crate) fn open(home: &Home) -> Records {
        Records { folder: home.cache_dir(), record: home.bound(&super::RECORD), listing: home.bound(&super::LISTING) }
    }

    /// Where the record of a key is, or would be.
    pub(crate) fn path(&self, key: CacheKey) -> PathBuf {
        self.folder.join(format!("{}.json", key.0.hex()))
    }

    fn listing_path(&self, digest: Digest) -> PathBuf {
        self.folder.join("listings").join(digest.hex())
    }

    /// The record of a key, if there is one. A file that is not a record of this schema counts as none.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub(crate) fn get(&self, key: CacheKey) -> Result<Option<Record>, Error> {
        let Some(bytes) = super::read(&self.path(key), self.record)? else { return Ok(None) };
        Ok(serde_json::from_slice::<Record>(&bytes).ok().filter(|record| record.is_of(key)))
    }

    /// Writes a record, replacing an older one of the same key.
    ///
    /// # Errors
    /// The cache can't be written to.
    pub(crate) fn put(&self, record: &Record) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(record).expect("records are plain data");
        Ok(atomic_replace(&self.path(record.key), &json)?)
    }

    /// Forgets a key; that there is no record of it is not an error.
    ///
    /// # Errors
    /// [`Error::Store`] for what can't be removed.
    pub(crate) fn remove(&self, key: CacheKey) -> Result<(), Error> {
        Ok(write::remove_file(&self.path(key))?)
    }

    /// Keeps a listing's text under its digest.
    ///
    /// # Errors
    /// The cache can't be written to.
    pub(crate) fn put_listing(&self, listing: &Listing) -> Result<(), Error> {
        let path = self.listing_path(listing.digest());
        // A file of another length was cut off by a loss of power.
        if path.metadata().is_ok_and(|metadata| metadata.len() == listing.length()) {
            return Ok(());
        }
        let folder = self.folder.join("listings");
        std::fs::create_dir_all(&folder).map_err(|source| Error::Io {
            operation: "create",
            path: folder.clone(),
            source,
        })?;
        let mut file = Temporary::create(&folder)?;
        std::io::copy(&mut listing.reader(), file.file()).map_err(|source| Error::Io {
            operation: "write",
            path: path.clone(),
            source,
        })?;
        Ok(file.replace(&path)?)
    }

    /// Every record of this home, in no order. Files that are not records are passed over.
    ///
    /// # Errors
    /// The folder, or a file in it, can't be read.
    pub(crate) fn all(&self) -> Result<Vec<Record>, Error> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { operation: "list", path: self.folder.clone(), source }),
        };
        let mut records = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(hex) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            let Ok(digest) = format!("sha256:{hex}").parse::<Digest>() else { continue };
            records.extend(self.get(CacheKey(digest))?);
        }
        Ok(records)
    }

    /// The entries of a listing, or `None` where it is gone or not what its name says.
    ///
    /// # Errors
    /// The file can't be read, or a line of it is not an entry.
    pub(crate) fn listing(&self, digest: Digest) -> Result<Option<Vec<Entry>>, Error> {
        let Some(bytes) = self.listing_text(digest)? else { return Ok(None) };
        let path = self.listing_path(digest);
        Listing::parse(&String::from_utf8_lossy(&bytes)).map(Some).map_err(|line| Error::Listing { path, line })
    }

    /// The text of a listing, or `None` where it is gone or not what its name says.
    ///
    /// # Errors
    /// The file can't be read.
    pub(crate) fn listing_text(&self, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        let bytes = super::read(&self.listing_path(digest), self.listing)?;
        Ok(bytes.filter(|bytes| Digest::of(bytes) == digest))
    }
}
