//! What the ways of writing a path say: `folder/` is a folder, and `folder/.` is what is in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Whether it has to be a folder.
pub(super) fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

/// Whether what is in the folder is meant, and not the folder.
pub(super) fn is_contents(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes == b"." || bytes.ends_with(b"/.") || path.file_name().is_none()
}

/// What the source is called at its destination.
pub(super) fn name_of(path: &Path) -> Option<&OsStr> {
    path.file_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_says_what_is_meant() {
        let read = |text: &str| {
            let path = Path::new(text);
            (name_of(path).and_then(OsStr::to_str).map(str::to_owned), ends_with_slash(path), is_contents(path))
        };
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(read("a/b"), (name("b"), false, false));
        assert_eq!(read("a/b/"), (name("b"), true, false));
        assert_eq!(read("a/b/."), (name("b"), false, true));
        assert_eq!(read("."), (None, false, true));
        assert_eq!(read("/"), (None, true, true));
    }
}
