//! Paths of a learner's, compared and shown.

use std::path::Path;

use crate::shown;

/// Whether two paths are of one folder, if by different ways.
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    absolute(one) == absolute(other)
}

/// A path as people write it: `~` is their home.
pub(crate) fn homely(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let below = home.as_ref().and_then(|home| path.strip_prefix(home).ok());
    let text = below.map_or_else(|| path.display().to_string(), |below| format!("~/{}", below.display()));
    shown::line(&text).into_owned()
}
