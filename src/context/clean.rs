//! The shortest spelling of a path, by looking at its text only.
//!
//! The rules are those of Go's `path/filepath.Clean` on Unix, because `.dockerignore` patterns and COPY sources are
//! cleaned with it before anything else happens to them: repeated slashes become one, `.` components go away, `..` takes
//! the component before it along, and a trailing slash is dropped. Nothing is looked up in a file system, so a symbolic
//! link before a `..` is not seen. Unlike [`crate::tree::TreePath`] the result may stay relative.

/// Returns the shortest path that is lexically the same as `path`; the empty path becomes `.`.
///
/// ```
/// use layerlab::context::clean;
/// assert_eq!(clean("a//b/./../c/"), "a/c");
/// assert_eq!(clean("../x/.."), "..");
/// assert_eq!(clean("/.."), "/");
/// ```
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => match kept.last() {
                Some(&last) if last != ".." => {
                    kept.pop();
                }
                // The root is its own parent; a relative path may climb out.
                _ if rooted => {}
                _ => kept.push(".."),
            },
            name => kept.push(name),
        }
    }
    let joined = kept.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
