//! Owners that a file system can't hold, as extended attributes.
//!
//! Where only one user id exists, every file belongs to it, whatever the image says. The owner that a file has in the image is then
//! written beside it, in an attribute that moves with the file, and that overlayfs copies up with the file. The containers write it
//! when a program gives a file away, unpacking writes it, capturing a layer reads it.
//!
//! A regular file or a directory has it as text in an attribute that any user may set. Anything else can't have such an attribute, see
//! xattr(7). What the kernel lets root of a user namespace set on every kind of file are the capabilities that executing it would give.
//! Nobody executes a symbolic link or a pipe: so the two numbers are written there, as capabilities that do not exist.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

/// What the names of all attributes of this program begin with. No layer has one.
pub(crate) const PREFIX: &str = "user.layerlab.";

/// The attribute of a regular file or a directory.
const OWN: &str = "user.layerlab.owner";

/// The attribute of a root directory: who makes the files that have no owner written beside them.
pub(crate) const MAKER: &str = "user.layerlab.maker";

/// The attribute of anything else.
const CAPABILITY: &str = "security.capability";

/// The format of that attribute: VFS_CAP_REVISION_2, and with the root of a user namespace behind it VFS_CAP_REVISION_3.
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;

/// Stands where an attribute that was not written here has the capabilities from 32 on, of which there are few.
const OURS: u32 = 0x6c61_796c;

/// How an owner is written beside a file: it depends on its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    AsText,
    AsCapabilities,
}

impl Written {
    /// Beside a file with this mode, as stat(2) tells it.
    pub(crate) fn beside(mode: u32) -> Written {
        match mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFDIR => Written::AsText,
            _ => Written::AsCapabilities,
        }
    }

    /// The attribute.
    pub(crate) fn name(self) -> &'static OsStr {
        OsStr::new(match self {
            Written::AsText => OWN,
            Written::AsCapabilities => CAPABILITY,
        })
    }

    /// Its value.
    pub(crate) fn value(self, (uid, gid): (u32, u32)) -> Vec<u8> {
        match self {
            Written::AsText => text(uid, gid).into_bytes(),
            Written::AsCapabilities => {
                [REVISION_2, uid, gid, OURS, OURS].iter().flat_map(|word| word.to_le_bytes()).collect()
            }
        }
    }

    /// Reads it from a file, whatever that was opened for.
    pub(crate) fn beside_this(self, file: &impl AsFd) -> Option<(u32, u32)> {
        self.read(&xattr::get_deref(by_descriptor(file), self.name()).ok()??)
    }

    /// Writes it beside a file, whatever that was opened for.
    ///
    /// # Errors
    /// The file system has no attributes, or has no room.
    pub(crate) fn write(self, file: &impl AsFd, owner: (u32, u32)) -> io::Result<()> {
        xattr::set_deref(by_descriptor(file), self.name(), &self.value(owner))
    }

    /// Whether an attribute of this name is one of this program's, on such a file.
    pub(crate) fn is_ours(self, name: &OsStr, file: &impl AsFd) -> bool {
        match self {
            _ if name.as_bytes().starts_with(PREFIX.as_bytes()) => true,
            Written::AsText => false,
            Written::AsCapabilities => name == CAPABILITY && self.beside_this(file).is_some(),
        }
    }

    /// Reads a value. What is none was written by somebody else, and says nothing.
    pub(crate) fn read(self, value: &[u8]) -> Option<(u32, u32)> {
        match self {
            Written::AsText => parse(value),
            Written::AsCapabilities => {
                let words: Vec<u32> = value.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
                match words[..] {
                    [REVISION_2, uid, gid, OURS, OURS] | [REVISION_3, uid, gid, OURS, OURS, _] => valid((uid, gid)),
                    _ => None,
                }
            }
        }
    }
}

/// The way to a file of which only the descriptor is known.
fn by_descriptor(file: &impl AsFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}

/// The names of all attributes of a file.
///
/// # Errors
/// The file system has none.
pub(crate) fn attributes(file: &impl AsFd) -> io::Result<Vec<OsString>> {
    Ok(xattr::list_deref(by_descriptor(file))?.collect())
}

/// The one on a root directory, by its descriptor.
pub(crate) fn maker_on(root: &impl AsFd) -> Option<(u32, u32)> {
    parse(&xattr::get_deref(by_descriptor(root), MAKER).ok()??)
}

/// An owner as text.
pub(crate) fn text(uid: u32, gid: u32) -> String {
    format!("{uid}:{gid}")
}

/// Reads an owner that is text.
pub(crate) fn parse(value: &[u8]) -> Option<(u32, u32)> {
    let (uid, gid) = std::str::from_utf8(value).ok()?.split_once(':')?;
    valid((uid.parse().ok()?, gid.parse().ok()?))
}

/// The greatest number means "none" to the kernel, see chown(2): nobody has it.
fn valid((uid, gid): (u32, u32)) -> Option<(u32, u32)> {
    (uid != u32::MAX && gid != u32::MAX).then_some((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_read_as_it_was_written() {
        for written in [Written::AsText, Written::AsCapabilities] {
            assert_eq!(written.read(&written.value((33, 44))), Some((33, 44)));
            assert_eq!(written.read(b""), None);
        }
        for bad in ["", "33", "33:", "a:b", "-1:0", "4294967295:0", "0:4294967295", "4294967296:0"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn real_capabilities_are_no_owner() {
        let net_raw = [REVISION_2 | 1, 1 << 13, 0, 0, 0].map(u32::to_le_bytes).concat();
        assert_eq!(Written::AsCapabilities.read(&net_raw), None);
        let within = [REVISION_3, 33, 44, OURS, OURS, 1000].map(u32::to_le_bytes).concat();
        assert_eq!(Written::AsCapabilities.read(&within), Some((33, 44)));
    }
}
