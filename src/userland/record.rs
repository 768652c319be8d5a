//! Knowing that an image is still right without making it again.
//!
//! Beside the image a record is kept of the files that it was made of, as `stat(2)` saw them. As long as all of them look
//! the same, and the programs that were missing still are, the image is the one that would be made. That is some sixty
//! calls, far below a millisecond.
//!
//! On disk: `cache/userland-<name>.json` in the home.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::programs;
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::Descriptor;
use crate::store::Store;
use crate::tree::FileIdentity;

/// Counts up when the same files would make another image.
const FORM: u32 = 1;

/// A record has a line for each file of an image, of which there are some sixty.
const RECORD: Limit = Limit::bytes("record of a built-in image", "LAYERLAB_MAX_BUILT_IN_RECORD", 8 << 20);

/// What an image was made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    form: u32,
    version: String,
    /// What the user asked for: the value of `LAYERLAB_BASE`, or the digest of the image below.
    pub(crate) wish: String,
    files: Vec<Seen>,
    missing: Vec<String>,
    /// The image.
    pub(crate) image: Descriptor,
}

/// A file as it was.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    path: PathBuf,
    /// Device, inode, size, then modification and change time in seconds and nanoseconds.
    stat: [i128; 7],
}

impl Record {
    /// Notes the files at these paths; links are followed.
    pub(crate) fn new<'a>(
        wish: String,
        paths: impl IntoIterator<Item = &'a Path>,
        missing: Vec<String>,
        image: Descriptor,
    ) -> Record {
        let files = paths.into_iter().filter_map(look_at).collect();
        Record { form: FORM, version: env!("CARGO_PKG_VERSION").to_owned(), wish, files, missing, image }
    }

    /// Reads the record of an image; `None` if there is none that can be used.
    pub(crate) fn load(store: &Store, name: &str) -> Option<Record> {
        let text = document::read(&path(store, name), store.home().bound(&RECORD), Links::Refuse).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Keeps the record.
    pub(crate) fn save(&self, store: &Store, name: &str) -> Result<(), crate::store::Error> {
        let text = serde_json::to_vec(self).expect("a record has string keys only");
        crate::store::atomic_write(&path(store, name), &text)
    }

    /// Whether the same wish would make the same image now, and the image is there.
    pub(crate) fn holds(&self, store: &Store, wish: &str) -> bool {
        self.form == FORM
            && self.version == env!("CARGO_PKG_VERSION")
            && self.wish == wish
            && store.has(&self.image.digest)
            && self.files.iter().all(|file| look_at(&file.path).as_ref() == Some(file))
            && self.missing.iter().all(|name| programs::find(name).is_none())
    }
}

fn path(store: &Store, name: &str) -> PathBuf {
    store.home().cache_dir().join(format!("userland-{}.json", name.replace('/', "-")))
}

fn look_at(path: &Path) -> Option<Seen> {
    let metadata = std::fs::metadata(path).ok()?;
    let stat = FileIdentity::of(&metadata).numbers();
    Some(Seen { path: path.to_owned(), stat })
}
