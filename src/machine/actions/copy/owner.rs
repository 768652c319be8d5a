//! Owners: `user[:group]` of `--chown` and USER → numbers, looked up in the image's own `/etc/passwd` and `/etc/group`.
//!
//! A number from 0 to 2147483647 stands for itself, and as a user without a group also for the group. A name without a group brings
//! the group of its passwd line. A name that the files do not have means root as a user, and changes nothing as a group: that
//! is BuildKit's rule, surprising as it is. Refused are a name where there is no file system at all, and a number out of range: the
//! kernel reads -1 as "leave it as it is", and the numbers above the range mean different things to different programs.

use std::io::Read as _;

use crate::diagnostic::Diagnostic;
use crate::dockerfile::rules;
use crate::layer;
use crate::machine::noted::Noted;
use crate::store::Store;
use crate::tree::{Follow, Kind, Tree, TreePath};

/// At most this much of `/etc/passwd` and `/etc/group` is read: they may be hostile.
const LIMIT: u64 = 16 << 20;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// A resolved owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// One side of an owner as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'t> {
    Number(u32),
    Name(&'t str),
}

/// An owner that is a number, but not one that a file can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a user or group id{}", place.as_ref().map_or_else(String::new, |place| format!(" ({place})")))]
pub struct BadId {
    text: String,
    /// The file that has it, where it does not stand in the Dockerfile.
    place: Option<&'static str>,
}

/// A name where there is no file system to look it up in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{owner}` is a name, but there is no file system to look it up in")]
pub struct NoOwners {
    owner: String,
}

impl NoOwners {
    pub(crate) const HINT: &str =
        "write numbers: `scratch` has no `/etc/passwd`, and `--link` does not look at what lies below";
}

/// Why an owner can't be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OwnerError {
    #[error(transparent)]
    NoOwners(#[from] NoOwners),
    #[error(transparent)]
    BadId(#[from] BadId),
}

impl BadId {
    pub(crate) const HINT: &str = "ids are numbers from 0 to 2147483647";
}

impl Owner {
    /// Whether the text names a user or group, so that resolving it has to read the image.
    pub(crate) fn has_name(text: &str) -> bool {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        [user, group].into_iter().any(|part| !part.is_empty() && matches!(Part::parse(part), Ok(Part::Name(_))))
    }

    /// Whether its numbers are in range. To be asked before anything is done.
    ///
    /// # Errors
    /// [`BadId`] for the first that is not.
    pub(crate) fn check(text: &str) -> Result<(), BadId> {
        text.splitn(2, ':').try_for_each(|part| Part::parse(part).map(|_| ()))
    }

    /// Resolves `user[:group]`; a part that is empty is root's. A name that the image does not have is noted.
    ///
    /// # Errors
    /// [`NoOwners`] for a name where there is no file system to look it up in, [`BadId`] for a number out of range, here
    /// or in the image's files.
    pub(crate) fn resolve(text: &str, store: &Store, tree: &Tree, noted: &Noted) -> Result<Owner, OwnerError> {
        if Owner::has_name(text) && tree.children(&TreePath::root()).next().is_none() {
            return Err(NoOwners { owner: text.into() }.into());
        }
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let mut owner = match Part::parse(user)? {
            Part::Number(uid) => Owner { uid, gid: uid },
            Part::Name("") => Owner { uid: 0, gid: 0 },
            Part::Name(name) => match lookup(store, tree, PASSWD, name) {
                Some(fields) => Owner { uid: field(&fields, 2, PASSWD)?, gid: field(&fields, 3, PASSWD)? },
                None => {
                    let message = format!("the image has no user `{name}` in its `{PASSWD}`: root is used instead");
                    noted.warn(Diagnostic::new(&rules::UNKNOWN_OWNER, message));
                    Owner { uid: 0, gid: 0 }
                }
            },
        };
        if let Some(group) = group {
            owner.gid = match Part::parse(group)? {
                Part::Number(gid) => gid,
                Part::Name("") => 0,
                Part::Name(name) => match lookup(store, tree, GROUP, name) {
                    Some(fields) => field(&fields, 2, GROUP)?,
                    None => {
                        let message = format!("the image has no group `{name}` in its `{GROUP}`: the group is ignored");
                        noted.warn(Diagnostic::new(&rules::UNKNOWN_OWNER, message));
                        owner.gid
                    }
                },
            };
        }
        Ok(owner)
    }
}

impl Part<'_> {
    /// `root` needs no looking up. What is written like a number is one, and has to be in BuildKit's range.
    fn parse(text: &str) -> Result<Part<'_>, BadId> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if text == "root" {
            return Ok(Part::Number(0));
        }
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Part::Name(text));
        }
        match text.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Ok(Part::Number(number)),
            None => Err(BadId { text: text.to_owned(), place: None }),
        }
    }
}

/// The number in a field of a line of one of the files; one that is missing or is not a number counts as 0.
fn field(fields: &[String], index: usize, file: &'static str) -> Result<u32, BadId> {
    match fields.get(index).map(|text| Part::parse(text)) {
        Some(Ok(Part::Number(number))) => Ok(number),
        Some(Ok(Part::Name(_))) | None => Ok(0),
        Some(Err(error)) => Err(BadId { place: Some(file), ..error }),
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
