//! Volumes: folders and files of the machine that a container sees.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::container::{Access, Mount, MountKind};
use crate::store::Home;

/// A volume, wished for: `SOURCE:TARGET[:ro]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Volume {
    /// What is mounted.
    pub(crate) source: Source,
    /// Where: an absolute path in the container, without `.`, `..` and double slashes.
    pub(crate) target: String,
    /// Whether the container may write there.
    pub(crate) access: Access,
}

/// What a volume is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// A path of this machine.
    Path(PathBuf),
    /// A folder of the home, by its name.
    Named(String),
}

impl Volume {
    /// Reads `/host:/container[:ro|rw]` or `name:/container`. Looks at no file.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is not such a text.
    pub(crate) fn parse(text: &str) -> Result<Volume, Error> {
        let bad = |message: String| {
            Error::argument(
                format!("invalid volume specification `{text}`: {message}"),
                "a volume is written `/host/path:/container/path[:ro]` or `name:/container/path`",
            )
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, mode) = match parts.as_slice() {
            [source, target] => (*source, *target, ""),
            [source, target, mode] => (*source, *target, *mode),
            _ => return Err(bad("it needs a source and a target".into())),
        };
        if !target.starts_with('/') {
            return Err(bad(format!("the target `{target}` is not an absolute path")));
        }
        let target = clean(target);
        if target == "/" {
            return Err(bad("the target can't be `/`".into()));
        }
        let mut access = Access::ReadWrite;
        for option in mode.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => access = Access::ReadOnly,
                "rw" | "z" | "Z" => {}
                other => return Err(bad(format!("invalid mode `{other}`"))),
            }
        }
        let source = match source {
            path if path.starts_with('/') || path.starts_with('.') => Source::Path(path.into()),
            name if is_name(name) => Source::Named(name.to_owned()),
            other => return Err(bad(format!("`{other}` is neither an absolute path nor a volume's name"))),
        };
        Ok(Volume { source, target, access })
    }

    /// Reads several, each for another place.
    ///
    /// # Errors
    /// As [`Volume::parse`], and for a place that is named twice.
    pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Volume>, Error> {
        let mut volumes: Vec<Volume> = Vec::new();
        for text in texts {
            let volume = Volume::parse(text)?;
            if volumes.iter().any(|other| other.target == volume.target) {
                return Err(Error::argument(
                    format!("duplicate mount point: {}", volume.target),
                    "mount each volume at a different path",
                ));
            }
            volumes.push(volume);
        }
        Ok(volumes)
    }

    /// Its kind as Docker names it, its name, and its path on the machine.
    pub(crate) fn described(&self) -> (&'static str, Option<&str>, Option<&Path>) {
        match &self.source {
            Source::Path(path) => ("bind", None, Some(path)),
            Source::Named(name) => ("volume", Some(name), None),
        }
    }

    /// The mount, and the folder behind it, which is made where it is missing, as Docker does.
    ///
    /// # Errors
    /// It can't be made, or leads elsewhere.
    pub(super) fn mount(&self, home: &Home) -> Result<Mount, Error> {
        let path = match &self.source {
            Source::Path(path) => {
                let refused = |operation| move |source| Error::Volume { operation, path: path.clone(), source };
                if !path.try_exists().map_err(refused("look at"))? {
                    fs::create_dir_all(path).map_err(refused("create"))?;
                }
                path.canonicalize().map_err(refused("resolve"))?
            }
            Source::Named(name) => {
                let path = home.volumes_dir().join(name);
                if path.is_symlink() {
                    return Err(Error::argument(
                        format!("the volume `{name}` can't be used: `{}` is a symbolic link", path.display()),
                        "name the folder that it leads to",
                    ));
                }
                fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
                path
            }
        };
        Ok(Mount { kind: MountKind::Bind(path), target: self.target.clone(), access: self.access })
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(letter))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// A path without `.`, `..`, double and trailing slashes: where it leads as long as nothing is a link. Above the root is the
/// root.
fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_a_source_and_a_place() {
        let read = |text: &str| Volume::parse(text).map_err(|error| error.to_string());
        let volume = |source, target: &str, access| Ok(Volume { source, target: target.to_owned(), access });
        assert_eq!(read("/a:/b//c/../d/"), volume(Source::Path("/a".into()), "/b/d", Access::ReadWrite));
        assert_eq!(read("./a:/b:ro"), volume(Source::Path("./a".into()), "/b", Access::ReadOnly));
        assert_eq!(read("data-1:/b:z,ro"), volume(Source::Named("data-1".into()), "/b", Access::ReadOnly));
        for bad in ["/a", "a:b", "/a:/", "/a:/b/..", "/a:/b:rx", "-a:/b", "ä:/b", "/a:/b:ro:x"] {
            assert!(read(bad).is_err_and(|message| message.starts_with("invalid volume specification")), "{bad}");
        }
        assert!(Volume::parse_all(&["a:/x".into(), "b:/y/../x".into()]).is_err());
    }
}
