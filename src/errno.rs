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

/// A message in which Rust's `(os error 28)` is replaced by the name.
pub(crate) fn named(message: &str) -> String {
    const BEFORE: &str = " (os error ";
    let mut result = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(BEFORE) {
        let (text, after) = (&rest[..at], &rest[at + BEFORE.len()..]);
        let number = after.split(')').next().and_then(|digits| digits.parse().ok());
        result.push_str(text);
        match number {
            Some(number) => {
                result.push_str(&format!(" ({:?})", Errno::from_raw(number)));
                rest = after.split_once(')').map_or("", |(_, rest)| rest);
            }
            None => {
                result.push_str(BEFORE);
                rest = after;
            }
        }
    }
    result + rest
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
    fn numbers_become_names() {
        assert_eq!(
            super::named("can't write: No space left on device (os error 28)"),
            "can't write: No space left on device (ENOSPC)"
        );
        assert_eq!(super::named("a (os error x) b (os error 2)"), "a (os error x) b (ENOENT)");
    }
}
