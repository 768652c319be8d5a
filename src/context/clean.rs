//! The shortest spelling of a path, by looking at its text only.
//!
//! The rules are those of Go's `path/filepath.Clean` on Unix, because `.dockerignore` patterns and COPY sources are
//! cleaned with it before anything else happens to them: repeated slashes become one, `.` components go away, `..` takes
//! the component before it along, and a trailing slash is dropped. Nothing is looked up in a file system, so a symbolic
//! link before a `..` is not seen. Unlike [`crate::tree::TreePath`] the result may stay relative.

use crate::tree::cleaned_components;

/// Returns the shortest path that is lexically the same as `path`; the empty path becomes `.`.
///
/// `a//b/./../c/` becomes `a/c`, `../x/..` becomes `..`, and `/..` becomes `/`.
pub(crate) fn clean(path: &str) -> String {
    String::from_utf8(clean_bytes(path.as_bytes())).expect("whole components of UTF-8 text are UTF-8")
}

/// [`clean`] for a path that need not be UTF-8.
pub(super) fn clean_bytes(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut kept = cleaned_components(path);
    if rooted {
        // The root is its own parent; a relative path may climb out.
        kept.retain(|component| *component != b"..");
    }
    let joined = kept.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn the_shortest_spelling() {
        assert_eq!(clean("a//b/./../c/"), "a/c");
        assert_eq!(clean("../x/.."), "..");
        assert_eq!(clean("/.."), "/");
        assert_eq!(clean(""), ".");
    }
}
