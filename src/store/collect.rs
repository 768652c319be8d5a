//! Removing what nothing needs.
//!
//! It is done alone: while files are chosen and removed, nobody begins to use one ([`super::lease`]). Folders are only renamed then, which
//! takes no time, and removed afterwards.
//!
//! Where a document of an image is damaged, nobody knows which blobs it would have led to, and they may be all that is left of it: so
//! nothing is removed at all until that image is repaired or removed by name.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::survey::{Roots, Sort, Stored, Survey};
use super::{Error, Reason, Store, lease, write};
use crate::oci::Digest;
use crate::progress::Work;

/// What was removed.
#[derive(Debug, Default)]
pub struct Collected {
    /// The files that are gone.
    pub files: Vec<Stored>,
    /// The unpacked layers that are not found any more, under the names that they have now. Removing them may need the user namespace in
    /// which they were made, so it is left to the caller.
    pub(crate) folders: Vec<PathBuf>,
    /// The blobs that were left for no other reason than that another process uses them.
    pub in_use: BTreeSet<Digest>,
    /// Why nothing was removed: documents that can't be read.
    pub damaged: Vec<Error>,
    /// What stands where only lists of what processes use should be, and is none.
    pub(crate) strange: Vec<Error>,
}

impl Collected {
    /// What the files took that are gone.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The blobs that are gone.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> + '_ {
        self.files.iter().filter(|file| file.sort == Sort::Blob).map(|file| file.digest)
    }
}

impl Store {
    /// Looks for what each file is kept. `without` are images without a name that do not count, `roots` is what else has to stay.
    ///
    /// # Errors
    /// What `roots` says; [`Error::Io`] for what can't be listed; what [`Store::index`] says.
    pub(crate) fn survey<E: From<Error>>(
        &self,
        without: &BTreeSet<Digest>,
        roots: impl FnOnce() -> Result<Roots, E>,
    ) -> Result<Survey, E> {
        let others = lease::others(self.home(), &self.lease)?;
        Ok(Survey::of(self, without, &roots()?, others)?)
    }

    /// Removes the files for which `goes` says so, of those that no other process uses. `roots` is asked, and may itself remove what leads to
    /// them, while nobody else begins to use anything.
    ///
    /// What this store has given or taken before is not held any more: trees that were read are to be read again.
    ///
    /// # Errors
    /// [`Error::Stopped`], [`Error::Busy`] while somebody who can't write down what they use has the store open; what `roots` says; [`Error::Io`] for what
    /// can't be listed or removed.
    pub fn collect<E: From<Error>>(
        &self,
        without: &BTreeSet<Digest>,
        roots: impl FnOnce() -> Result<Roots, E>,
        goes: impl Fn(&Stored) -> bool,
    ) -> Result<Collected, E> {
        let alone = self.lease.alone()?;
        let others = lease::others(self.home(), &self.lease)?;
        let survey = Survey::of(self, without, &roots()?, others)?;
        let mut collected = Collected { strange: survey.strange, ..Collected::default() };
        if survey.damaged.is_empty() {
            self.remove_files(survey.files, &goes, &mut collected)?;
        } else {
            collected.damaged = survey.damaged;
        }
        drop(alone);
        Ok(collected)
    }

    fn remove_files(
        &self,
        files: Vec<Stored>,
        goes: impl Fn(&Stored) -> bool,
        collected: &mut Collected,
    ) -> Result<(), Error> {
        let task = self.meter().begin(Work::Removing, None);
        for file in files {
            task.add(0)?;
            match file {
                file if file.in_use => {
                    if file.reason == Some(Reason::InUse) {
                        collected.in_use.insert(file.digest);
                    }
                }
                file if !goes(&file) => {}
                file if matches!(file.sort, Sort::Unpacked | Sort::UnpackedChain) => {
                    collected.folders.push(write::move_away(&file.path)?);
                    task.add(1)?;
                }
                file => {
                    write::remove_file(&file.path)?;
                    collected.files.push(file);
                    task.add(1)?;
                }
            }
        }
        self.home().blob_folders().try_for_each(|(_, folder)| write::synchronise_folder(&folder))
    }
}
