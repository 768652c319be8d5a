//! Reading a file's extended attributes, as far as they belong to an image.
//!
//! They are read by path, since Linux has no call for it that is relative to an open directory (before 6.13).

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::tree::Xattrs;

use super::error::Error;
use super::stat_cache::Attributes;

/// Returns the attributes of a file that COPY takes along, in the order of their names.
///
/// `system.*` and `security.*` belong to the machine (access control lists, labels) and are left out, except
/// `security.capability`, which makes a program more than its mode says.
pub(super) fn read(path: &Path) -> Result<Attributes, Error> {
    let names = match xattr::list(path) {
        Ok(names) => names,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(source) => return Err(Error::io("listxattr", path, source)),
    };
    let mut list = Vec::new();
    for name in names {
        let bytes = name.as_bytes();
        if bytes.starts_with(b"system.") || (bytes.starts_with(b"security.") && bytes != b"security.capability") {
            continue;
        }
        match xattr::get(path, &name) {
            Ok(Some(value)) => list.push((Box::from(bytes), value.into_boxed_slice())),
            Ok(None) => {}
            Err(error) if is_absent(&error) => {}
            Err(source) => return Err(Error::io("getxattr", path, source)),
        }
    }
    list.sort_unstable();
    Ok(if list.is_empty() { None } else { Some(list.into()) })
}

/// The same attributes as a tree keeps them.
pub(super) fn to_tree(attributes: &Attributes) -> Xattrs {
    let list = attributes.iter().flat_map(|list| list.iter());
    list.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// The file system has no attributes, or the attribute or file is gone by now (the walk or the reader says so).
fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOTSUP | libc::ENODATA | libc::ENOENT | libc::EPERM | libc::EACCES))
}
