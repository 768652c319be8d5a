//! Folders of containers, removed beside the work: a thread that does nothing else.
//!
//! A folder of a RUN that does nothing has eight directories in it, and where a disk is told of each block that becomes free (ext4 with
//! `discard`), each directory keeps whoever removes it waiting: 2 to 5 ms a RUN. The next step has no need to wait for that. A folder stays
//! locked until it is gone, so nobody takes it for one that was left behind, and after the death of this process it is one.

use std::cell::RefCell;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use super::folder::Folder;

/// Removes folders in the order in which it gets them. Dropped, it waits until all are gone.
#[derive(Default)]
pub(crate) struct Remover {
    /// From the first folder on, until somebody waits.
    thread: RefCell<Option<(Sender<Folder>, JoinHandle<()>)>>,
}

impl Remover {
    /// Takes a folder, and does not wait until it is gone.
    pub(crate) fn take(&self, folder: Folder) {
        let mut thread = self.thread.borrow_mut();
        if thread.is_none() {
            let (sender, folders) = mpsc::channel::<Folder>();
            let started =
                thread::Builder::new().name("remover".to_owned()).spawn(move || folders.iter().for_each(drop));
            *thread = started.ok().map(|handle| (sender, handle));
        }
        if let Some((sender, _)) = thread.as_ref() {
            // Where it can't be sent, it is dropped here.
            let _ = sender.send(folder);
        }
    }

    /// Waits until every folder is gone.
    pub(crate) fn finish(&self) {
        if let Some((sender, handle)) = self.thread.take() {
            drop(sender);
            // One that could not be removed is swept by the next who makes a folder.
            let _ = handle.join();
        }
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.finish();
    }
}
