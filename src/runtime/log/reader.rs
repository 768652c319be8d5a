//! A log that is read: whole, or for as long as something is added, over every change of names.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Entry, FILE, LONGEST_LINE, older, path, read};
use crate::runtime::Error;

/// A file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    number: u32,
    known: Known,
}

/// What the kernel knows a file by, whatever it is called.
type Known = (u64, u64);

fn known(found: &fs::Metadata) -> Known {
    (found.dev(), found.ino())
}

/// So often files are listed that get other names meanwhile.
const TRIES: u32 = 100;

/// All files of a log, the newest first. Names may be missing in between: while files get new names, and where somebody was killed who gave them.
fn files(path: &Path) -> Vec<Found> {
    let list = || {
        let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let number = |name: &str| match name.strip_prefix(FILE)? {
            "" => Some(0),
            rest => rest.strip_prefix('.')?.parse::<u32>().ok().filter(|number| *number > 0),
        };
        let found = entries.filter_map(|entry| {
            let number = number(entry.file_name().to_str()?)?;
            Some(Found { number, known: known(&fs::symlink_metadata(older(path, number)).ok()?) })
        });
        let mut found: Vec<Found> = found.collect();
        found.sort_by_key(|found| found.number);
        found
    };
    let mut files = list();
    for _ in 0..TRIES {
        let again = list();
        if again == files {
            break;
        }
        files = again;
    }
    files
}

/// A log that is read.
pub(crate) struct Reader {
    file: BufReader<File>,
    path: PathBuf,
    /// The beginning of an entry that was not whole yet.
    pending: Vec<u8>,
    /// The next file, while this one is read to its end.
    newer: Option<File>,
}

impl Reader {
    /// Opens the log in a container's folder; `None` where nothing was written yet.
    ///
    /// # Errors
    /// It can't be opened.
    pub(crate) fn open(folder: &Path) -> Result<Option<Reader>, Error> {
        let path = path(folder);
        // A name further on may be new by now.
        for found in files(&path).into_iter().rev() {
            match read(&older(&path, found.number)) {
                Ok(file) => {
                    return Ok(Some(Reader { file: BufReader::new(file), path, pending: Vec::new(), newer: None }));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("open", &path)(error)),
            }
        }
        Ok(None)
    }

    /// The file that was begun after the one that is read, if there is one.
    fn find_newer(&self) -> Option<File> {
        let ours = self.file.get_ref().metadata().ok().map(|found| known(&found));
        for _ in 0..TRIES {
            let files = files(&self.path);
            let newer = match files.iter().position(|found| Some(found.known) == ours) {
                Some(place) => files.get(place.checked_sub(1)?)?,
                // Where ours was removed meanwhile, the oldest is the next.
                None => files.last()?,
            };
            // It may have got another name since it was listed.
            let file = read(&older(&self.path, newer.number)).ok();
            let is_it = |file: &File| file.metadata().is_ok_and(|found| known(&found) == newer.known);
            if let Some(file) = file.filter(is_it) {
                return Some(file);
            }
        }
        None
    }

    /// The next entry; `None` where there is none yet. What can't be understood is passed over.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Error> {
        loop {
            let room = LONGEST_LINE.saturating_sub(self.pending.len());
            let mut within = (&mut self.file).take(room as u64);
            within.read_until(b'\n', &mut self.pending).map_err(Error::io("read", FILE))?;
            let is_whole = self.pending.ends_with(b"\n");
            if !is_whole && self.pending.len() < LONGEST_LINE {
                if let Some(newer) = self.newer.take() {
                    // It was there before this end was seen. So it is the end, and the rest of a line never comes.
                    self.file = BufReader::new(newer);
                    self.pending.clear();
                    continue;
                }
                self.newer = self.find_newer();
                if self.newer.is_none() {
                    return Ok(None);
                }
                continue;
            }
            // The rest of a line that is too long is no entry either.
            let entry = serde_json::from_slice(&self.pending);
            self.pending.clear();
            if let Ok(entry) = entry {
                return Ok(Some(entry));
            }
        }
    }
}
