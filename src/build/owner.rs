//! Owners: `user[:group]` of `--chown` and USER → numbers, looked up in the image's own `/etc/passwd` and `/etc/group`.
//!
//! A number stands for itself, and as a user without a group also for the group. A name without a group brings
//! the group of its passwd line. As in BuildKit.

use super::Error;
use crate::layer;
use crate::store::Store;
use crate::tree::{Follow, Kind, Tree, TreePath};
use std::io::Read as _;

/// At most this much of `/etc/passwd` and `/etc/group` is read: they may be hostile.
const LIMIT: u64 = 16 << 20;

/// A resolved owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl Owner {
    /// Whether the text names a user or group, so that resolving it has to read the image.
    pub fn has_name(text: &str) -> bool {
        text.split(':').any(|part| !part.is_empty() && part.parse::<u32>().is_err())
    }

    /// # Errors
    /// [`Error::UnknownOwner`] for a name that the image does not have.
    pub fn resolve(text: &str, store: &Store, tree: &Tree) -> Result<Owner, Error> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let mut owner = match user.parse::<u32>() {
            Ok(uid) => Owner { uid, gid: uid },
            Err(_) if user.is_empty() => Owner { uid: 0, gid: 0 },
            Err(_) => lookup(store, tree, "/etc/passwd", user)
                .and_then(|fields| Some(Owner { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? }))
                .ok_or_else(|| Error::UnknownOwner { kind: "user", name: user.into(), file: "/etc/passwd" })?,
        };
        if let Some(group) = group.filter(|group| !group.is_empty()) {
            owner.gid = match group.parse::<u32>() {
                Ok(gid) => gid,
                Err(_) => lookup(store, tree, "/etc/group", group)
                    .and_then(|fields| fields.get(2)?.parse().ok())
                    .ok_or_else(|| Error::UnknownOwner { kind: "group", name: group.into(), file: "/etc/group" })?,
            };
        }
        Ok(owner)
    }
}

/// The fields of the line whose first field is `name`. A file that can't be read has no such line.
fn lookup(store: &Store, tree: &Tree, file: &str, name: &str) -> Option<Vec<String>> {
    let path = tree.resolve(&TreePath::new(file), Follow::Last).ok()?;
    let Kind::File(content) = &tree.get(&path)?.kind else { return None };
    let mut bytes = Vec::new();
    layer::open(store, content).ok()?.take(LIMIT).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    text.lines().map(fields).find(|fields| fields.first().is_some_and(|first| first == name))
}
