//! The names in a folder.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::OwnedFd;

use rustix::fs::RawDir;
use rustix::io::Errno;

/// The names in a directory, `.` and `..` left out, one after the other in one piece of memory.
pub(super) struct Names {
    text: Vec<u8>,
    /// Where each begins and ends, with the zero behind it.
    places: Vec<Range<usize>>,
}

impl Names {
    /// Reads them from an open folder.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub(super) fn read(directory: &OwnedFd) -> Result<Names, Errno> {
        let mut names = Names { text: Vec::new(), places: Vec::new() };
        let mut buffer = [MaybeUninit::uninit(); 32 << 10];
        let mut entries = RawDir::new(directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let start = names.text.len();
                names.text.extend_from_slice(name.to_bytes_with_nul());
                names.places.push(start..names.text.len());
            }
        }
        let text = &names.text;
        names.places.sort_unstable_by(|one, other| text[one.clone()].cmp(&text[other.clone()]));
        Ok(names)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Each of them, in the order of their bytes.
    pub(super) fn sorted(&self) -> impl Iterator<Item = &CStr> {
        let name = |place: &Range<usize>| CStr::from_bytes_with_nul(&self.text[place.clone()]);
        self.places.iter().map(move |place| name(place).expect("the kernel ends names with a zero"))
    }
}
