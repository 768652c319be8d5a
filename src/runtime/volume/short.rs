//! The short form: `-v [SOURCE:]TARGET[:MODE]` and `--tmpfs TARGET[:OPTIONS]`.
//!
//! The rules are those of Docker's engine: what begins with `/` is a path of the machine, everything else the name of a volume; one word alone
//! is a target. Before that Docker's command line makes a path that begins with a dot absolute, and so does [`absolute`].

use std::path::Path;

use super::spec::{BindOptions, Kind, Spec, TmpfsOptions, VolumeOptions};
use crate::runtime::Error;

const FORM: &str =
    "a volume is written `/host/path:/container/path[:ro]`, `name:/container/path`, or `/container/path` alone";

/// Reads `-v`. Looks at no file.
///
/// # Errors
/// [`Error::Argument`] for what is not such a text.
pub fn parse(text: &str) -> Result<Spec, Error> {
    let bad = |reason: &str| Error::argument(format!("invalid volume specification `{text}`{reason}"), FORM);
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts.as_slice() {
        [target] => ("", *target, ""),
        // A mode needs a source before it.
        [_, mode] if !mode.is_empty() && is_mode(mode) => return Err(bad(": the target is missing")),
        ["", ..] => return Err(bad(": the source is empty")),
        [source, target] => (*source, *target, ""),
        [source, target, mode] => (*source, *target, *mode),
        _ => return Err(bad(": it has more than two colons")),
    };
    if !is_mode(mode) {
        return Err(Error::argument(
            format!("invalid volume specification `{text}`: invalid mode: {mode}"),
            "a mode is `ro` or `rw`, with `z`, `Z` or `nocopy` behind a comma",
        ));
    }
    let mut spec = Spec { target: target.to_owned(), mode: mode.to_owned(), ..Spec::default() };
    spec.kind = if source.starts_with('/') { Kind::Bind } else { Kind::Volume };
    spec.source = (!source.is_empty()).then(|| source.to_owned());
    for option in mode.split(',') {
        match option {
            "ro" => spec.read_only = true,
            "nocopy" => spec.volume = Some(VolumeOptions { no_copy: true, ..VolumeOptions::default() }),
            _ if PROPAGATIONS.contains(&option) => {
                spec.bind = Some(BindOptions { propagation: option.to_owned(), ..BindOptions::default() });
            }
            _ => {}
        }
    }
    // A folder that is missing is made: only `--mount` is strict.
    if spec.kind == Kind::Bind {
        spec.bind.get_or_insert_default().create_source = true;
    }
    check(&spec).map_err(|reason| bad(&format!(": {reason}")))?;
    Ok(spec)
}

/// Reads `--tmpfs`.
///
/// # Errors
/// [`Error::Argument`] where the target is not absolute.
pub(super) fn parse_tmpfs(text: &str) -> Result<Spec, Error> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let mut tmpfs = TmpfsOptions::default();
    let mut kept = Vec::new();
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "rw" => read_only = false,
            option => kept.push(option),
        }
    }
    tmpfs.options = kept.join(",");
    let mode = options.to_owned();
    let spec =
        Spec { kind: Kind::Tmpfs, target: target.to_owned(), read_only, tmpfs: Some(tmpfs), mode, ..Spec::default() };
    check(&spec).map_err(|reason| {
        Error::argument(
            format!("invalid --tmpfs `{text}`: {reason}"),
            "a file system in memory is written `/container/path[:size=64m,mode=1777]`",
        )
    })?;
    Ok(spec)
}

/// What has to be true however a mount was written.
pub(super) fn check(spec: &Spec) -> Result<(), String> {
    if !spec.target.starts_with('/') {
        return Err(format!("the target `{}` is not an absolute path", spec.target));
    }
    if super::clean(&spec.target) == "/" {
        return Err("the target can't be `/`".to_owned());
    }
    let kind = spec.kind.name();
    match (&spec.kind, &spec.source) {
        (Kind::Volume | Kind::Tmpfs, _) if spec.bind.is_some() => {
            Err(format!("how mounts spread can be said of a bind mount only, and this is a {kind}"))
        }
        (Kind::Bind | Kind::Tmpfs, _) if spec.volume.is_some() => {
            Err(format!("`nocopy` can be said of a volume only, and this is a {kind} mount"))
        }
        (Kind::Bind, None) => Err("the source is missing".to_owned()),
        (Kind::Bind, Some(source)) if !source.starts_with('/') => {
            Err(format!("the source `{source}` is not an absolute path"))
        }
        (Kind::Tmpfs, Some(_)) => Err("memory has no source".to_owned()),
        (Kind::Volume, None) if spec.read_only => {
            Err("a new volume without a name can't be read-only: nothing would ever come into it".to_owned())
        }
        _ => Ok(()),
    }
}

/// The text with a source that begins with a dot made absolute.
pub fn absolute(text: &str, here: &Path) -> String {
    match text.split_once(':') {
        Some((source, rest)) if source.starts_with('.') => format!("{}:{rest}", path(source, here)),
        _ => text.to_owned(),
    }
}

/// A path that begins with a dot, from a folder on, cleaned by its letters.
pub(super) fn path(source: &str, here: &Path) -> String {
    if source.starts_with('.') { super::clean(&format!("{}/{source}", here.display())) } else { source.to_owned() }
}

const PROPAGATIONS: [&str; 6] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/// Whether a text is a mode: of each sort of option one at most.
fn is_mode(text: &str) -> bool {
    const SORTS: [&[&str]; 5] =
        [&["ro", "rw"], &["z", "Z"], &PROPAGATIONS, &["nocopy"], &["consistent", "cached", "delegated"]];
    let mut seen = [false; SORTS.len()];
    text.is_empty()
        || text.split(',').all(|option| {
            let sort = SORTS.iter().position(|sort| sort.contains(&option));
            sort.is_some_and(|sort| !std::mem::replace(&mut seen[sort], true))
        })
}
