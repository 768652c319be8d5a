//! Past builds: which steps ran, under which keys, with what outcome.
//!
//! `builds/<n>.json`, numbered from 1. A number is taken by making its file, empty; the build that has it fills the file when
//! it ends. So two builds at once get two numbers, and an empty file is a build that was killed. Nothing waits for the disk, and no
//! other file is put in its place: a file that is not whole, be it that it is just being written, is a build that is not compared with.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use super::{BaseImage, BuildName, CacheKey, Error, Roots};
use crate::limits::Bound;
use crate::oci::Digest;
use crate::store::Home;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ran,
    Cached,
    Failed,
}

/// One step of a past build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BuildStep {
    pub(crate) stage: String,
    /// The stage's place in the Dockerfile, from 0.
    pub(crate) stage_index: usize,
    /// Counted from 1 over the whole build.
    pub(crate) number: usize,
    pub(crate) instruction: String,
    pub(crate) key: Option<CacheKey>,
    /// Where the files lay that its ingredients list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roots: Vec<Roots>,
    /// The image that a FROM found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<BaseImage>,
    pub(crate) outcome: Outcome,
    pub(crate) milliseconds: u64,
}

/// One past build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Build {
    pub(crate) schema: u32,
    pub(crate) number: u64,
    /// The build context's folder, and the Dockerfile within or beside it: what makes two builds comparable.
    pub(crate) context: String,
    pub(crate) dockerfile: String,
    /// RFC 3339.
    pub(crate) started: String,
    pub(crate) steps: Vec<BuildStep>,
    pub(crate) image: Option<Digest>,
    /// The shared cache that it came with; `None` for a build of this home.
    #[serde(skip)]
    pub(crate) imported_from: Option<String>,
}

impl Build {
    pub(crate) const SCHEMA: u32 = 2;

    /// What it is called.
    pub(crate) fn name(&self) -> BuildName {
        BuildName { number: self.number, imported_from: self.imported_from.clone() }
    }
}

/// How many past builds are looked through for one to compare with.
const MOST_COMPARED: usize = 200;

/// A number that is taken.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) number: u64,
    path: PathBuf,
    file: File,
    used: Cell<bool>,
}

impl Reservation {
    /// Whether the build was written under it: then the next one needs another.
    pub(crate) fn is_used(&self) -> bool {
        self.used.get()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.used.get() {
            // An empty file that stays is read as no build.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The past builds of one home.
#[derive(Clone, Debug)]
pub(crate) struct Builds {
    folder: PathBuf,
    bound: Bound,
}

/// No machine builds more often: a file of a larger number was not made here.
const LARGEST_NUMBER: u64 = u32::MAX as u64;

/// The number that a file's name stands for, if it is one that [`Builds::path`] gives.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    let number: u64 = digits.parse().ok()?;
    (number <= LARGEST_NUMBER && digits == number.to_string()).then_some(number)
}

impl Builds {
    pub(crate) fn open(home: &Home) -> Builds {
        Builds { folder: home.builds_dir(), bound: home.bound(&super::BUILD) }
    }

    /// Where the build of a number is, or would be.
    pub(crate) fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.json"))
    }

    /// The numbers in use, ascending.
    ///
    /// # Errors
    /// The folder can't be read.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, Error> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { operation: "list", path: self.folder.clone(), source }),
        };
        let mut numbers: Vec<u64> =
            entries.flatten().filter_map(|entry| number_of(entry.file_name().to_str()?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Takes the next free number. It is given back when the reservation is dropped before [`Builds::put`].
    ///
    /// # Errors
    /// The folder can't be read or written to.
    pub(crate) fn reserve(&self) -> Result<Reservation, Error> {
        let mut number = self.numbers()?.last().map_or(1, |last| last + 1);
        loop {
            let path = self.path(number);
            match File::create_new(&path) {
                Ok(file) => return Ok(Reservation { number, path, file, used: Cell::new(false) }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
                Err(source) => return Err(Error::Io { operation: "create", path, source }),
            }
        }
    }

    /// One past build, or `None` where its file is missing or of another schema.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub(crate) fn get(&self, number: u64) -> Result<Option<Build>, Error> {
        let Some(bytes) = super::read(&self.path(number), self.bound)? else { return Ok(None) };
        Ok(serde_json::from_slice::<Build>(&bytes).ok().filter(|build| build.schema == Build::SCHEMA))
    }

    /// The builds of the same context and Dockerfile among the latest ones, newest first.
    ///
    /// # Errors
    /// A file is there and can't be read.
    pub(crate) fn comparable(&self, context: &str, dockerfile: &str) -> Result<Vec<Build>, Error> {
        let mut builds = Vec::new();
        for number in self.numbers()?.into_iter().rev().take(MOST_COMPARED) {
            builds.extend(self.get(number)?.filter(|build| build.context == context && build.dockerfile == dockerfile));
        }
        Ok(builds)
    }

    /// Writes a build's file under the number that was reserved for it.
    ///
    /// # Errors
    /// The folder can't be written to.
    pub(crate) fn put(&self, reservation: &Reservation, build: &Build) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(build).expect("builds are plain data");
        // Not by a file that replaces it, which ext4 writes to the disk at once (0.13 ms of a build that is all from the cache).
        let written =
            reservation.file.write_all_at(&json, 0).and_then(|()| reservation.file.set_len(json.len() as u64));
        written.map_err(|source| Error::Io { operation: "write", path: reservation.path.clone(), source })?;
        reservation.used.set(true);
        Ok(())
    }
}
