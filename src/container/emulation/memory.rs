//! What is written to the memory of a process that waits: only where it could have written itself.
//!
//! The memory is a descriptor of /proc, so that no later process of the same number is hit. But what is written through that goes to read-only
//! pages as well, as for a debugger: the kernel would give EFAULT, and somebody may have relied on that. So it is looked up first how the
//! process has its pages mapped. If another thread of it changes that meanwhile, it does so to itself.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;

use nix::errno::Errno;

/// The memory of a process as it is now: a program that is executed later has another one.
pub(super) struct Memory {
    memory: File,
    maps: File,
}

impl Memory {
    /// Its memory, opened to be written to, and the list of its mappings.
    pub(crate) fn of(memory: OwnedFd, maps: OwnedFd) -> Memory {
        Memory { memory: File::from(memory), maps: File::from(maps) }
    }

    /// Writes, all or nothing that matters.
    ///
    /// # Errors
    /// EFAULT, where the process could not have written that.
    pub(crate) fn write(&self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let end = address.checked_add(bytes.len() as u64).ok_or(Errno::EFAULT)?;
        let mut reached = address;
        while reached < end {
            reached = self.writable_until(reached)?;
        }
        self.memory.write_all_at(bytes, address).map_err(|_| Errno::EFAULT)
    }

    /// The end of the mapping that an address lies in, if that may be written to.
    fn writable_until(&self, address: u64) -> Result<u64, Errno> {
        match ask(&self.maps, address) {
            // Before Linux 6.11 there is only the text.
            Err(Errno::ENOTTY) => listed_until(&self.maps, address),
            Err(Errno::ENOENT) => Err(Errno::EFAULT),
            answer => answer,
        }
    }
}

/// `struct procmap_query`, linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    flags: u64,
    address: u64,
    start: u64,
    end: u64,
    /// What else is told, and where a name and a build id would be written: nowhere.
    rest: [u64; 8],
}

/// The end of the writable mapping that covers an address; ENOENT where there is none.
fn ask(maps: &File, address: u64) -> Result<u64, Errno> {
    /// `_IOWR('f', 17, struct procmap_query)`.
    const PROCMAP_QUERY: u32 = 3 << 30 | (size_of::<Query>() as u32) << 16 | (b'f' as u32) << 8 | 17;
    const WRITABLE: u64 = 2;
    let mut query = Query { size: size_of::<Query>() as u64, flags: WRITABLE, address, ..Query::default() };
    // SAFETY: ioctl(2): PROCMAP_QUERY reads and writes the structure, which says how long it is, and which lives until it returns.
    let answer = unsafe { libc::ioctl(maps.as_raw_fd(), PROCMAP_QUERY as libc::Ioctl, &raw mut query) };
    Errno::result(answer).map(|_| query.end)
}

/// The same from the text, see proc_pid_maps(5).
fn listed_until(maps: &File, address: u64) -> Result<u64, Errno> {
    let mut text = maps.try_clone().map_err(|_| Errno::EFAULT)?;
    std::io::Seek::rewind(&mut text).map_err(|_| Errno::EFAULT)?;
    for line in BufReader::new(text).split(b'\n') {
        let line = line.map_err(|_| Errno::EFAULT)?;
        let Some((start, end, access)) = std::str::from_utf8(line.get(..60).unwrap_or(&line)).ok().and_then(mapping)
        else {
            continue;
        };
        if (start..end).contains(&address) {
            return if access.as_bytes().get(1) == Some(&b'w') { Ok(end) } else { Err(Errno::EFAULT) };
        }
    }
    Err(Errno::EFAULT)
}

/// The beginning of a line: `7f12-7f34 rw-p …`.
fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(start)?, number(end)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_written_to_is() {
        let file = |name: &str, write| File::options().read(true).write(write).open(format!("/proc/self/{name}"));
        let (memory, maps) = (file("mem", true).expect("ours"), file("maps", false).expect("ours"));
        let (mut variable, constant) = ([7_u8; 8], "constant");
        let (at, fixed) = (std::hint::black_box(&mut variable).as_mut_ptr() as u64, constant.as_ptr() as u64);
        for look in [|maps: &File, address| ask(maps, address), listed_until] {
            match look(&maps, at) {
                // Linux before 6.11.
                Err(Errno::ENOTTY) => {}
                end => assert!(end.expect("a variable") > at),
            }
            assert!(look(&maps, fixed).is_err() && look(&maps, 1).is_err() && look(&maps, u64::MAX).is_err());
        }
        let memory = Memory { memory, maps };
        assert_eq!(memory.write(at, &[9]), Ok(()));
        assert_eq!(std::hint::black_box(&variable)[0], 9);
        assert_eq!(memory.write(fixed, b"x"), Err(Errno::EFAULT));
        assert_eq!(memory.write(u64::MAX, &[1, 2]), Err(Errno::EFAULT));
        assert_eq!(constant, "constant");
    }
}
