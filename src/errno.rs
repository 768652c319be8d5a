//! The kernel's answers by name: `No space left on device (ENOSPC)`, which can be looked up in errno(3), where Rust's own text
//! has only the number; and what helps against some of them.

use nix::errno::Errno;
use std::io::{self, ErrorKind};

/// An I/O error with the name of its number.
pub(crate) fn describe(error: &io::Error) -> String {
    match number(error) {
        Some(number) => {
            let errno = Errno::from_raw(number);
            format!("{} ({errno:?})", errno.desc())
        }
        None => error.to_string(),
    }
}

/// The number of an error. `tempfile` adds a path, and leaves it in the text alone: `No such file or directory (os error 2) at path …`.
fn number(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let text = error.to_string();
        let (_, behind) = text.split_once("(os error ")?;
        let (number, _) = behind.split_once(") at path ")?;
        number.parse().ok()
    })
}

/// What helps where something could not be written to its end.
pub(crate) fn hint(error: &io::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("free some space on that disk, or choose a place on another one".to_owned())
        }
        ErrorKind::FileTooLarge => Some(
            "`ulimit -f` shows how large a file may become, and `ulimit -f unlimited` removes the limit".to_owned(),
        ),
        _ => None,
    }
}

/// What helps against a refusal in the program's own folder: there another folder does, and nowhere else.
pub(crate) fn hint_at_home(error: &io::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Some("choose a folder that is yours with `--home` or LAYERLAB_HOME".to_owned())
        }
        _ => hint_if_home_is_full(error),
    }
}

/// The same where it can only have been writing that failed for want of room: what was forbidden is somebody else's file.
pub(crate) fn hint_if_home_is_full(error: &io::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(
            "free some space on that disk, or choose a folder on another one with `--home` or LAYERLAB_HOME".to_owned(),
        ),
        _ => hint(error),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_have_names() {
        let error = std::io::Error::from_raw_os_error(28);
        assert_eq!(super::describe(&error), "No space left on device (ENOSPC)");
    }

    #[test]
    fn what_a_library_has_added_is_left_out() {
        let error = tempfile::tempdir_in("/nowhere").unwrap_err();
        assert_eq!(super::describe(&error), "No such file or directory (ENOENT)");
    }
}
