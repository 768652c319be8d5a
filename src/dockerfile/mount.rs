//! `RUN --mount=…`: a list of `key=value`, separated by commas.
//!
//! ```text
//! --mount=type=cache,target=/root/.cache,sharing=locked
//! --mount=target=/src,source=.,rw
//! --mount=type=secret,id=token,env=TOKEN
//! ```
//!
//! A value may hold variables, so a mount is understood in two steps: [`Mount::parse`] splits it when the
//! Dockerfile is read, and [`Mount::resolve`] gives it meaning when the variables are known. `from` is the
//! exception: which stages a build needs must be known before anything runs, so variables in it are refused.

use serde::Serialize;

use super::directive::parse_bool;
use super::list::{self, UnmatchedQuote};
use super::rules;
use super::word::Word;
use crate::diagnostic::{Diagnostic, closest};

/// A mount whose values may still hold variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// The whole value of the flag.
    pub(crate) text: Word,
    /// The stage, image or context that the mount reads from.
    pub from: Option<String>,
}

/// What a mount is, all variables replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedMount {
    /// What kind of thing is mounted.
    pub kind: MountKind,
    /// The stage, image or context that holds `source`; the build context if not given.
    pub from: Option<String>,
    /// The path inside `from`.
    pub source: Option<String>,
    /// Where it appears in the container.
    pub target: Option<String>,
    /// Whether writing is refused. Caches and tmpfs can be written to by default, others not.
    pub read_only: bool,
    /// The most bytes of a tmpfs.
    pub size_limit: Option<u64>,
    /// The name of a cache, secret or agent socket.
    pub id: Option<String>,
    /// What happens when two builds want one cache.
    pub sharing: Option<Sharing>,
    /// Whether the build fails without the secret or socket.
    pub required: bool,
    /// The variable that holds a secret. Empty: it is called like the secret.
    pub env: Option<String>,
    /// The mode of the file or directory.
    pub mode: Option<u32>,
    /// Its owner.
    pub uid: Option<u32>,
    /// Its group.
    pub gid: Option<u32>,
}

/// `type=…`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MountKind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

/// `sharing=…`: what happens when two builds want one cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    Shared,
    Private,
    Locked,
}

const KINDS: [(&str, MountKind); 5] = [
    ("bind", MountKind::Bind),
    ("cache", MountKind::Cache),
    ("tmpfs", MountKind::Tmpfs),
    ("secret", MountKind::Secret),
    ("ssh", MountKind::Ssh),
];

const SHARINGS: [(&str, Sharing); 3] =
    [("shared", Sharing::Shared), ("private", Sharing::Private), ("locked", Sharing::Locked)];

const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
];

impl MountKind {
    /// The word that stands for it in a Dockerfile.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("bind", |(name, _)| name)
    }
}

/// Why a mount or device makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    #[error("the list has an unmatched double quote")]
    List,
    #[error("`from` cannot hold a variable")]
    FromVariable,
    #[error("unsupported mount type `{0}`")]
    Kind(String),
    #[error("unsupported sharing mode `{0}`")]
    Sharing(String),
    #[error("unknown key `{key}` in `{field}`")]
    Key { key: String, field: String },
    #[error("`{0}` needs a value")]
    NoValue(String),
    #[error("`{value}` is not a valid value for `{key}`")]
    Value { key: String, value: String },
    #[error("`{key}` makes no sense for a {kind} mount")]
    NotFor { key: String, kind: &'static str },
    #[error("a secret mount needs an `id`, a `source` or a `target`")]
    SecretWithoutName,
    #[error("a secret mount cannot have both `source` and `id`")]
    SecretNamedTwice,
    #[error("the device has two names")]
    DeviceNamedTwice,
    /// A variable in a value could not be replaced.
    #[error("{0}")]
    Expansion(String),
}

impl From<UnmatchedQuote> for MountError {
    fn from(_: UnmatchedQuote) -> Self {
        MountError::List
    }
}

impl MountError {
    /// What the message should advise.
    fn hint(&self) -> Option<String> {
        let close = |written: &str, names: &[&'static str]| {
            closest(written, names.iter().copied()).map(|name| format!("did you mean `{name}`?"))
        };
        match self {
            MountError::FromVariable => Some("name the stage with `FROM … AS name` and use that name".to_owned()),
            MountError::Kind(written) => close(written, &KINDS.map(|(name, _)| name)),
            MountError::Sharing(written) => close(written, &SHARINGS.map(|(name, _)| name)),
            MountError::Key { key, .. } => close(key, &KEYS),
            _ => None,
        }
    }

    /// The message about the flag at a word's place.
    pub(crate) fn diagnostic(&self, word: &Word) -> Diagnostic {
        let diagnostic = Diagnostic::new(&rules::INVALID_MOUNT, self.to_string()).at(word.span);
        self.hint().into_iter().fold(diagnostic, Diagnostic::hint)
    }
}

impl Mount {
    /// Splits the value of `--mount`.
    ///
    /// Finds only what is wrong whatever the variables are: an unmatched quote, a variable in `from`.
    ///
    /// # Errors
    /// An unmatched quote, or a variable in `from`.
    pub fn parse(text: Word) -> Result<Self, MountError> {
        let mut from = None;
        for field in list::split(&text.raw)? {
            if let Some((key, value)) = field.split_once('=')
                && key.eq_ignore_ascii_case("from")
            {
                if value.trim_end_matches('$').contains('$') || value.contains("$$") {
                    return Err(MountError::FromVariable);
                }
                from = Some(value.to_owned());
            }
        }
        Ok(Mount { text, from })
    }

    /// What [`Mount::resolve`] is going to refuse, if no value can change by expansion.
    ///
    /// A mount is refused only when its stage is built, but whoever reads the file can be told before.
    pub(crate) fn foresee(&self) -> Option<MountError> {
        if self.text.raw.contains(['$', '\\', '`', '\'']) {
            return None;
        }
        self.resolve(&mut |value| Ok(value.to_owned())).err()
    }

    /// Gives the mount its meaning. `expand` replaces the variables in a value.
    ///
    /// # Errors
    /// Whatever makes no sense for the kind of mount.
    pub fn resolve(&self, expand: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<ResolvedMount, MountError> {
        let mut mount = ResolvedMount::default();
        let mut access = None;
        for field in list::split(&self.text.raw)? {
            let (key, value) = match field.split_once('=') {
                Some((key, value)) => (key, Some(expand(value).map_err(MountError::Expansion)?)),
                None => (field.as_str(), None),
            };
            let key = key.to_lowercase();
            match (key.as_str(), value) {
                ("readonly" | "ro", None) => access = Some(true),
                ("readwrite" | "rw", None) => access = Some(false),
                ("readonly" | "ro", Some(value)) => access = Some(truth(&key, value)?),
                ("readwrite" | "rw", Some(value)) => access = Some(!truth(&key, value)?),
                ("required", value) => {
                    only_for(&key, mount.kind, &[MountKind::Secret, MountKind::Ssh])?;
                    mount.required = value.map_or(Ok(true), |value| truth(&key, value))?;
                }
                (_, None) => return Err(MountError::NoValue(field)),
                ("type", Some(value)) => {
                    let name = value.to_lowercase();
                    let kind = KINDS.iter().find(|(known, _)| *known == name);
                    mount.kind = kind.ok_or(MountError::Kind(value))?.1;
                }
                ("sharing", Some(value)) => {
                    let name = value.to_lowercase();
                    let sharing = SHARINGS.iter().find(|(known, _)| *known == name);
                    mount.sharing = Some(sharing.ok_or(MountError::Sharing(value))?.1);
                }
                ("from", Some(value)) => mount.from = non_empty(value),
                ("source" | "src", Some(value)) => mount.source = non_empty(value),
                ("target" | "dst" | "destination", Some(value)) => mount.target = non_empty(value),
                ("id", Some(value)) => mount.id = non_empty(value),
                ("env", Some(value)) => mount.env = Some(value),
                ("size", Some(value)) => {
                    only_for(&key, mount.kind, &[MountKind::Tmpfs])?;
                    mount.size_limit = Some(parse_size(&value).ok_or(MountError::Value { key, value })?);
                }
                ("mode", Some(value)) => mount.mode = Some(number(&key, value, 8)?),
                ("uid", Some(value)) => mount.uid = Some(number(&key, value, 10)?),
                ("gid", Some(value)) => mount.gid = Some(number(&key, value, 10)?),
                (_, Some(_)) => return Err(MountError::Key { key, field }),
            }
        }
        mount.read_only = access.unwrap_or(!matches!(mount.kind, MountKind::Cache | MountKind::Tmpfs));
        mount.check()?;
        Ok(mount)
    }
}

impl ResolvedMount {
    /// Refuses keys that the type does not know and secrets without or with two names.
    fn check(&self) -> Result<(), MountError> {
        let owned = [("mode", self.mode.is_some()), ("uid", self.uid.is_some()), ("gid", self.gid.is_some())];
        for (key, given) in owned {
            if given {
                only_for(key, self.kind, &[MountKind::Secret, MountKind::Ssh, MountKind::Cache])?;
            }
        }
        if self.sharing.is_some() {
            only_for("sharing", self.kind, &[MountKind::Cache])?;
        }
        if self.kind == MountKind::Secret {
            if self.from.is_some() {
                return Err(MountError::NotFor { key: "from".to_owned(), kind: self.kind.name() });
            }
            if self.source.is_none() && self.target.is_none() && self.id.is_none() {
                return Err(MountError::SecretWithoutName);
            }
            if self.source.is_some() && self.id.is_some() {
                return Err(MountError::SecretNamedTwice);
            }
        }
        Ok(())
    }
}

fn only_for(key: &str, kind: MountKind, kinds: &[MountKind]) -> Result<(), MountError> {
    if kinds.contains(&kind) {
        return Ok(());
    }
    Err(MountError::NotFor { key: key.to_owned(), kind: kind.name() })
}

fn non_empty(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

pub(super) fn truth(key: &str, value: String) -> Result<bool, MountError> {
    parse_bool(&value).ok_or_else(|| MountError::Value { key: key.to_owned(), value })
}

fn number(key: &str, value: String, radix: u32) -> Result<u32, MountError> {
    let digits_only = value.bytes().all(|byte| byte.is_ascii_digit());
    match u32::from_str_radix(&value, radix) {
        Ok(number) if digits_only => Ok(number),
        _ => Err(MountError::Value { key: key.to_owned(), value }),
    }
}

/// A number of bytes: `512`, `64k`, `64kb`, `64KiB`, `1.5g`. All units are powers of 1024.
fn parse_size(text: &str) -> Option<u64> {
    let number_length = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_length);
    let number: f64 = number.parse().ok()?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').filter(|unit| !unit.is_empty()).unwrap_or(unit);
    let power = match unit {
        "" => 0,
        letter => 1 + ["k", "m", "g", "t", "p"].iter().position(|known| *known == letter)? as i32,
    };
    let bytes = number * 1024f64.powi(power);
    // Saturates: no machine has that much memory anyway.
    Some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<ResolvedMount, MountError> {
        Mount::parse(Word::new(text))?.resolve(&mut |value| Ok(value.replace("$v", "x")))
    }

    #[test]
    fn a_mount_is_split_and_resolved() {
        let mount = resolve("type=cache,\"target=/a,b\",id=$v,sharing=locked,mode=0750,uid=7").expect("valid");
        assert_eq!(mount.kind, MountKind::Cache);
        assert_eq!(mount.target.as_deref(), Some("/a,b"));
        assert_eq!(mount.id.as_deref(), Some("x"));
        assert_eq!((mount.sharing, mount.mode, mount.uid), (Some(Sharing::Locked), Some(0o750), Some(7)));
        assert!(!mount.read_only && resolve("target=/a").expect("valid").read_only);
        assert_eq!(resolve("type=tmpfs,target=/t,size=1.5m").expect("valid").size_limit, Some(1_572_864));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert_eq!(resolve("from=$v,target=/a"), Err(MountError::FromVariable));
        assert_eq!(resolve("\"a"), Err(MountError::List));
        assert_eq!(resolve("type=chache"), Err(MountError::Kind("chache".to_owned())));
        assert_eq!(resolve("type=secret"), Err(MountError::SecretWithoutName));
        assert_eq!(resolve("mode=1,target=/a"), Err(MountError::NotFor { key: "mode".to_owned(), kind: "bind" }));
        assert_eq!(resolve("target"), Err(MountError::NoValue("target".to_owned())));
    }
}
