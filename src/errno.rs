//! The kernel's answers by name: `No space left on device (ENOSPC)`, which can be looked up in errno(3), where Rust's own text
//! has only the number.

use nix::errno::Errno;
use std::io;

/// An I/O error with the name of its number.
pub(crate) fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => {
            let errno = Errno::from_raw(number);
            format!("{} ({errno:?})", errno.desc())
        }
        None => error.to_string(),
    }
}

/// The I/O error at the bottom of an error, if there is one.
pub(crate) fn cause<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_have_names() {
        let error = std::io::Error::from_raw_os_error(28);
        assert_eq!(super::describe(&error), "No space left on device (ENOSPC)");
    }
}
