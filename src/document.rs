//! Reading a document: a regular file of at most so many bytes.
//!
//! A document is read whole and then understood: a Dockerfile, a manifest, a record of the cache. Where its name comes
//! from somebody else, what lies under the name may be anything: a pipe that nobody writes to makes the reader wait for
//! ever, `/dev/zero` never ends, and a file of many gigabytes fills the memory before its first byte is understood. So type
//! and size are looked at first, here and nowhere else: nothing in this program reads a whole file without a [`Bound`].

use std::ffi::CString;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::diagnostic::Explained;
use crate::errno;
use crate::limits::Bound;

/// What to do with a symbolic link under the document's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// Read what it leads to.
    Follow,
    /// Refuse it: what lies here was put here by name, and may not lead elsewhere.
    Refuse,
    /// Refuse one in any part of the path: a folder of it may have become one since it was looked at.
    RefuseOnTheWay,
}

/// Why a document can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused an operation.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Under the name is something that is not a file with an end.
    #[error("`{}` is a {kind}, not a regular file", path.display())]
    NotRegular {
        /// The name.
        path: PathBuf,
        /// What is there instead.
        kind: &'static str,
    },
    /// It is larger than documents of its kind may be.
    #[error("`{}` has more than {} bytes, the limit for this kind of file ({})", path.display(), bound.most, bound.what)]
    TooLarge {
        /// The name.
        path: PathBuf,
        /// The limit for its kind.
        bound: Bound,
    },
}

impl Error {
    /// Whether there is nothing under the name.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == ErrorKind::NotFound)
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Error::TooLarge { bound, .. } => {
                Some(format!("set {} to a larger number of bytes to raise the limit", bound.variable))
            }
            Error::Io { .. } | Error::NotRegular { .. } => None,
        }
    }
}

/// Reads a whole document.
///
/// # Errors
/// [`Error::NotRegular`] and [`Error::TooLarge`] before a byte is read, [`Error::Io`] for what the kernel refuses.
pub(crate) fn read(path: &Path, bound: Bound, links: Links) -> Result<Vec<u8>, Error> {
    let (file, metadata) = open(path, links)?;
    check(path, metadata.len(), bound)?;
    read_stream(file, path, bound, metadata.len())
}

/// Reads what has no size beforehand, such as standard input, until its end or the limit; `name` is for messages.
///
/// # Errors
/// [`Error::TooLarge`] as soon as there is one byte too many, [`Error::Io`] for what the kernel refuses.
pub(crate) fn read_to_end(stream: impl Read, name: &Path, bound: Bound) -> Result<Vec<u8>, Error> {
    read_stream(stream, name, bound, 0)
}

/// Refuses a size above the limit; `path` is whose size it is.
///
/// # Errors
/// [`Error::TooLarge`].
pub(crate) fn check(path: &Path, size: u64, bound: Bound) -> Result<(), Error> {
    if size <= bound.most {
        return Ok(());
    }
    Err(Error::TooLarge { path: path.to_owned(), bound })
}

/// How much memory a JSON text may take once it is read, whatever it says. Small values take many times their bytes: a list `[]` has two.
pub(crate) fn memory_of_json(text: &[u8]) -> u64 {
    /// A value in a list, or one field of an object with its name.
    const VALUE: u64 = 64;
    /// An object with one field, as a map.
    const OBJECT: u64 = 768;
    let (mut memory, mut rest) = (text.len() as u64, text.iter());
    while let Some(byte) = rest.next() {
        memory += match byte {
            b'[' | b',' | b':' => VALUE,
            b'{' => OBJECT,
            b'"' => {
                while let Some(byte) = rest.next().filter(|byte| **byte != b'"') {
                    if *byte == b'\\' {
                        rest.next();
                    }
                }
                0
            }
            _ => 0,
        };
    }
    memory
}

/// A file may grow while it is read, and those of /proc have no size at all: the limit holds for what comes.
fn read_stream(stream: impl Read, path: &Path, bound: Bound, expected: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    let read = stream.take(bound.most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| Error::Io { operation: "read", path: path.to_owned(), source })?;
    check(path, bytes.len() as u64, bound)?;
    Ok(bytes)
}

/// Opens a regular file for reading, and nothing else; never waits for somebody at the other end.
///
/// # Errors
/// [`Error::NotRegular`] for a pipe, a device, a socket or a directory, [`Error::Io`] for what the kernel refuses.
pub(crate) fn open(path: &Path, links: Links) -> Result<(File, Metadata), Error> {
    let failed = |operation| move |source| Error::Io { operation, path: path.to_owned(), source };
    let look = match links {
        Links::Follow => std::fs::metadata(path),
        Links::Refuse | Links::RefuseOnTheWay => std::fs::symlink_metadata(path),
    };
    // Before opening, because opening alone has effects on some devices.
    require_regular(path, look.map_err(failed("open"))?.file_type())?;
    let by_name = |flags| OpenOptions::new().read(true).custom_flags(FLAGS | flags).open(path);
    let file = match links {
        Links::Follow => by_name(0),
        Links::Refuse => by_name(libc::O_NOFOLLOW),
        Links::RefuseOnTheWay => open_without_links(path, FLAGS).map(File::from),
    };
    let file = file.map_err(failed("open"))?;
    // Once more, because the name may mean another file by now.
    let metadata = file.metadata().map_err(failed("stat"))?;
    require_regular(path, metadata.file_type())?;
    Ok((file, metadata))
}

/// Neither wait for the other end of a pipe, nor become the session of a terminal.
const FLAGS: libc::c_int = libc::O_NONBLOCK | libc::O_NOCTTY;

/// Opens a path for reading in which no component may be a symbolic link, with these flags; see openat2(2).
///
/// # Errors
/// ELOOP where one is.
pub(crate) fn open_without_links(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the kernel's structure is three numbers, for all of which zero is a value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = u64::from((flags | libc::O_RDONLY | libc::O_CLOEXEC).cast_unsigned());
    how.resolve = libc::RESOLVE_NO_SYMLINKS;
    // SAFETY: openat2(2) reads the name, which ends with a NUL, and as many bytes of the structure as it is told; it returns a
    // descriptor that nobody else owns.
    unsafe {
        let size = std::mem::size_of::<libc::open_how>();
        let descriptor = libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, name.as_ptr(), &raw const how, size);
        match libc::c_int::try_from(descriptor) {
            Ok(descriptor) if descriptor >= 0 => Ok(OwnedFd::from_raw_fd(descriptor)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn require_regular(path: &Path, kind: FileType) -> Result<(), Error> {
    if kind.is_file() {
        return Ok(());
    }
    let kind = match () {
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "symbolic link",
        () if kind.is_fifo() => "named pipe",
        () if kind.is_socket() => "socket",
        () if kind.is_block_device() => "block device",
        () => "character device",
    };
    Err(Error::NotRegular { path: path.to_owned(), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bound = Bound { what: "note", variable: "LAYERLAB_MAX_NOTE", most: 4 };

    #[test]
    fn only_small_regular_files_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("good"), "1234").expect("a file");
        std::fs::write(at("large"), "12345").expect("a file");
        std::os::unix::fs::symlink("good", at("link")).expect("a link");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        let read = |name: &str, links| match read(&at(name), SMALL, links) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => error.to_string().replace(&folder.path().display().to_string(), ""),
        };
        assert_eq!(read("good", Links::Refuse), "1234");
        assert_eq!(read("link", Links::Follow), "1234");
        assert_eq!(read("link", Links::Refuse), "`/link` is a symbolic link, not a regular file");
        assert_eq!(
            read("large", Links::Follow),
            "`/large` has more than 4 bytes, the limit for this kind of file (note)"
        );
        std::os::unix::fs::symlink(".", at("way")).expect("a link");
        let folder = folder.path().canonicalize().expect("a path");
        assert!(super::open(&folder.join("good"), Links::RefuseOnTheWay).is_ok());
        let behind_link = super::open(&folder.join("way/good"), Links::RefuseOnTheWay).expect_err("a link");
        assert!(matches!(behind_link, Error::Io { source, .. } if source.raw_os_error() == Some(libc::ELOOP)));
        assert_eq!(read("", Links::Follow), "`/` is a directory, not a regular file");
        assert_eq!(read("socket", Links::Follow), "`/socket` is a socket, not a regular file");
        assert!(open(&at("missing"), Links::Follow).expect_err("nothing").is_not_found());
    }

    #[test]
    fn a_stream_ends_at_the_limit() {
        let read = |stream: &mut dyn Read| read_to_end(stream, Path::new("-"), SMALL);
        assert_eq!(read(&mut &b"1234"[..]).expect("it fits"), b"1234");
        assert!(matches!(read(&mut io::repeat(b'x')), Err(Error::TooLarge { .. })));
    }
}
