//! The four system calls of the walk, with the directory given by file descriptor.
//!
//! Names are looked up in a directory that is already open and symbolic links are never followed, so a folder that is
//! swapped for a link during the walk can't lead it out of the context. The standard library has no such calls.

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::tree::FileIdentity;

/// What `fstatat(2)` says of a file, as far as anyone here wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// The device that holds the file.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
    /// Type and permission bits.
    pub mode: u32,
    /// How many names it has.
    pub links: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Major and minor number, if it is a device itself.
    pub special: (u32, u32),
    /// When its content changed: seconds and nanoseconds.
    pub modified: (i64, u32),
    /// When its content or attributes changed: seconds and nanoseconds.
    pub changed: (i64, u32),
}

impl FileStat {
    /// The file type: one of the `S_IF…` values.
    pub fn file_type(&self) -> u32 {
        self.mode & libc::S_IFMT
    }

    /// What tells the file from every other.
    pub fn identity(&self) -> FileIdentity {
        FileIdentity {
            device: self.device,
            inode: self.inode,
            size: self.size,
            modified: self.modified,
            changed: self.changed,
        }
    }

    fn from_raw(raw: &libc::stat) -> FileStat {
        FileStat {
            device: raw.st_dev,
            inode: raw.st_ino,
            mode: raw.st_mode,
            links: raw.st_nlink,
            size: raw.st_size.unsigned_abs(),
            special: (libc::major(raw.st_rdev), libc::minor(raw.st_rdev)),
            modified: (raw.st_mtime, nanoseconds(raw.st_mtime_nsec)),
            changed: (raw.st_ctime, nanoseconds(raw.st_ctime_nsec)),
        }
    }
}

fn nanoseconds(raw: i64) -> u32 {
    u32::try_from(raw).expect("a file's nanoseconds are below 10⁹")
}

/// The descriptor that stands for the working directory, for paths that are not relative to an open one.
pub(super) fn working_directory() -> BorrowedFd<'static> {
    // SAFETY: AT_FDCWD is not a descriptor that could be closed; openat(2) takes it in the place of one.
    unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) }
}

/// Opens the directory `name` in `parent`; a symbolic link is refused with ELOOP or ENOTDIR.
pub(super) fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    open(parent, name, libc::O_DIRECTORY | libc::O_NOFOLLOW)
}

/// Opens a file for reading. A fifo doesn't block, a symbolic link is refused with ELOOP.
pub(super) fn open_file(parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
    open(parent, name, libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
}

fn open(parent: BorrowedFd<'_>, name: &[u8], flags: libc::c_int) -> io::Result<OwnedFd> {
    let name = CString::new(name)?;
    let flags = flags | libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: openat(2) reads the name, which ends with a NUL, and returns a descriptor that nobody else owns.
    unsafe {
        let descriptor = libc::openat(parent.as_raw_fd(), name.as_ptr(), flags);
        if descriptor < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(descriptor)) }
    }
}

/// Asks about the file `name` in `parent`, of the link itself if it is one.
pub(super) fn stat_at(parent: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<FileStat> {
    let mut raw = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstatat(2) writes a whole `struct stat` when it returns 0, and only then is it read.
    unsafe {
        if libc::fstatat(parent.as_raw_fd(), name.as_ptr(), raw.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(FileStat::from_raw(raw.assume_init_ref()))
    }
}

/// Asks about an open file.
pub(super) fn stat_of(file: BorrowedFd<'_>) -> io::Result<FileStat> {
    let mut raw = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat(2) writes a whole `struct stat` when it returns 0, and only then is it read.
    unsafe {
        if libc::fstat(file.as_raw_fd(), raw.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(FileStat::from_raw(raw.assume_init_ref()))
    }
}

/// Reads the target of the symbolic link `name` in `parent`.
pub(super) fn read_link(parent: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<Vec<u8>> {
    let mut target = vec![0_u8; 256];
    loop {
        // SAFETY: readlinkat(2) writes at most `target.len()` bytes to the buffer.
        let length =
            unsafe { libc::readlinkat(parent.as_raw_fd(), name.as_ptr(), target.as_mut_ptr().cast(), target.len()) };
        let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
        if length < target.len() {
            target.truncate(length);
            return Ok(target);
        }
        // A full buffer may have cut the target off.
        target.resize(target.len() * 2, 0);
    }
}

/// Calls `each` with the names in an open directory, `.` and `..` left out, in no order.
///
/// The names keep the NUL at their end, as the other calls want them.
pub(super) fn for_each_name(directory: BorrowedFd<'_>, mut each: impl FnMut(&std::ffi::CStr)) -> io::Result<()> {
    /// Where `struct linux_dirent64` of getdents64(2) has the length of the record and the name.
    const RECORD_LENGTH: usize = 16;
    const NAME: usize = 19;
    // On the stack: memory that is asked for and given back for every directory is mapped anew each time.
    let mut buffer = [0_u8; 32 * 1024];
    loop {
        // SAFETY: getdents64(2) writes at most `buffer.len()` bytes to the buffer.
        let filled =
            unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
        let filled = usize::try_from(filled).map_err(|_| io::Error::last_os_error())?;
        if filled == 0 {
            return Ok(());
        }
        let mut records = &buffer[..filled];
        while !records.is_empty() {
            let length = usize::from(u16::from_ne_bytes([records[RECORD_LENGTH], records[RECORD_LENGTH + 1]]));
            let name =
                std::ffi::CStr::from_bytes_until_nul(&records[NAME..length]).expect("the kernel ends names with a NUL");
            if !matches!(name.to_bytes(), b"." | b"..") {
                each(name);
            }
            records = &records[length..];
        }
    }
}

/// Asks about a path, of the link itself if it is one.
pub(super) fn stat_path(path: &std::path::Path) -> io::Result<FileStat> {
    use std::os::unix::ffi::OsStrExt;
    stat_at(working_directory(), &CString::new(path.as_os_str().as_bytes())?)
}
