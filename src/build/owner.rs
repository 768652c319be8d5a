//! Owners: `user[:group]` of `--chown` and USER → numbers, looked up in the image's own `/etc/passwd` and `/etc/group`.
//!
//! A number stands for itself, and as a user without a group also for the group. A name without a group brings
//! the group of its passwd line. A name that the files do not have means root as a user, and changes nothing as a group: that
//! is BuildKit's rule, surprising as it is. Only where there is no file system at all is a name refused.

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
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        [user, group].into_iter().any(|part| !part.is_empty() && number(part).is_none())
    }

    /// Resolves `user[:group]`; a part that is empty is root's. `warn` is told of names that the image does not have.
    ///
    /// # Errors
    /// [`Error::NoOwners`] for a name where there is no file system to look it up in.
    pub fn resolve(text: &str, store: &Store, tree: &Tree, warn: &mut dyn FnMut(String)) -> Result<Owner, Error> {
        if Owner::has_name(text) && tree.children(&TreePath::root()).next().is_none() {
            return Err(Error::NoOwners { owner: text.into() });
        }
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let field = |fields: &[String], index: usize| -> u32 {
            fields.get(index).and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let mut owner = match number(user) {
            Some(uid) => Owner { uid, gid: uid },
            None => match lookup(store, tree, "/etc/passwd", user) {
                Some(fields) => Owner { uid: field(&fields, 2), gid: field(&fields, 3) },
                None => {
                    if !user.is_empty() {
                        warn(format!("the image has no user `{user}` in its `/etc/passwd`: root takes the place"));
                    }
                    Owner { uid: 0, gid: 0 }
                }
            },
        };
        if let Some(group) = group {
            owner.gid = match number(group) {
                Some(gid) => gid,
                None if group.is_empty() => 0,
                None => match lookup(store, tree, "/etc/group", group) {
                    Some(fields) => field(&fields, 2),
                    None => {
                        warn(format!("the image has no group `{group}` in its `/etc/group`: the name changes nothing"));
                        owner.gid
                    }
                },
            };
        }
        Ok(owner)
    }
}

/// A part that needs no looking up: a number, or `root`.
fn number(part: &str) -> Option<u32> {
    match part {
        "root" => Some(0),
        // The range is that of a signed number, as BuildKit reads it; -1 stands for the highest id.
        _ => part.parse::<i32>().ok().map(i32::cast_unsigned),
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
