//! What is told of one file, as ls(1) and our JSON have it.

use crate::machine::{FileFacts, FileKind};

/// Like `drwxr-xr-x`.
pub(super) fn mode(file: &FileFacts) -> String {
    let kind = match file.kind {
        FileKind::Directory => 'd',
        FileKind::File { .. } => '-',
        FileKind::Symlink { .. } => 'l',
        FileKind::CharDevice => 'c',
        FileKind::BlockDevice => 'b',
        FileKind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = file.mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, file.mode & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// `uid:gid`.
pub(super) fn owner(file: &FileFacts) -> String {
    format!("{}:{}", file.uid, file.gid)
}

/// The bytes of a regular file.
pub(super) fn size(file: &FileFacts) -> Option<u64> {
    match file.kind {
        FileKind::File { size } => Some(size),
        FileKind::Directory
        | FileKind::Symlink { .. }
        | FileKind::CharDevice
        | FileKind::BlockDevice
        | FileKind::Fifo => None,
    }
}

/// What a symbolic link leads to.
pub(super) fn target(file: &FileFacts) -> Option<&str> {
    match &file.kind {
        FileKind::Symlink { target } => Some(target),
        FileKind::Directory | FileKind::File { .. } | FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo => {
            None
        }
    }
}
