//! A volume as a container has it: what it is of, and where it appears. This is what is written down.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{kept, owners};
use crate::container::{Access, Mount, MountKind, Programs, Recursion};
use crate::runtime::Error;
use crate::store::Home;
use crate::world::World;

/// A volume in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Volume {
    /// What is mounted.
    pub(crate) source: Source,
    /// Where: an absolute path in the container, without `.`, `..` and double slashes.
    pub(crate) target: String,
    /// Whether the container may write there.
    pub(crate) access: Access,
    /// The options as they were written, for whoever asks.
    pub(crate) mode: String,
}

/// What a volume is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A folder or file of this machine.
    Path {
        /// As it was asked for.
        path: PathBuf,
        /// The same without symbolic links, since the container was made.
        settled: Option<PathBuf>,
        missing: Missing,
        recursion: Recursion,
    },
    /// A folder of the home.
    Named {
        name: String,
        copying: Copying,
        /// Its labels, if it is made for this.
        labels: BTreeMap<String, String>,
    },
    /// Memory.
    Memory {
        /// tmpfs(5)'s.
        options: String,
        programs: Programs,
    },
}

/// What happens to a folder of the machine that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    /// It is made.
    Made,
    /// It is an error.
    Refused,
}

/// Whether the image's files come into a volume that is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Copying {
    Yes,
    No,
}

impl Volume {
    /// The name, of a volume that has one.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.source {
            Source::Named { name, .. } => Some(name),
            Source::Path { .. } | Source::Memory { .. } => None,
        }
    }

    /// The folder or file of the machine, of a volume that is one.
    pub(in crate::runtime) fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::Path { path, .. } => Some(path),
            Source::Named { .. } | Source::Memory { .. } => None,
        }
    }

    /// Its kind as Docker names it, and where it lies on this machine.
    pub(crate) fn described(&self, home: &Home) -> (&'static str, PathBuf) {
        match &self.source {
            Source::Path { path, .. } => ("bind", path.clone()),
            Source::Named { name, .. } => ("volume", kept::data(home, name)),
            Source::Memory { .. } => ("tmpfs", PathBuf::new()),
        }
    }

    /// Sees to it that what is to be mounted is there, and stays what it is from the first time on: a container that can write beside it
    /// could put a link in its place, which would lead the next start elsewhere.
    ///
    /// # Errors
    /// It is not there and can't be made, or leads elsewhere.
    pub(in crate::runtime) fn establish(&mut self, world: &World) -> Result<(), Error> {
        match &mut self.source {
            Source::Memory { .. } => {}
            Source::Named { name, labels, .. } => {
                let (kept, _) = kept::ensure(world, name, labels, kept::Sort::Named)?;
                owners::settle(world, kept)?;
            }
            Source::Path { path, settled, missing, .. } => {
                let path = &*path;
                let refused = |operation| Error::foreign(operation, &path);
                match (path.try_exists().map_err(refused("look at"))?, *missing) {
                    (true, _) => {}
                    (false, Missing::Made) => fs::create_dir_all(path).map_err(refused("create"))?,
                    (false, Missing::Refused) => {
                        return Err(Error::argument(
                            format!("can't mount `{}`: there is no such file or folder", path.display()),
                            "`--mount` makes no folder, unless `bind-create-src` is among its options; `-v` does",
                        ));
                    }
                }
                let found = path.canonicalize().map_err(refused("find"))?;
                match settled {
                    Some(before) if *before != found => {
                        return Err(Error::argument(
                            format!(
                                "`{}` leads to `{}` now, not to `{}`",
                                path.display(),
                                found.display(),
                                before.display()
                            ),
                            "a symbolic link has changed since the container was made: make the container anew if that is meant",
                        ));
                    }
                    settled => *settled = Some(found),
                }
            }
        }
        Ok(())
    }

    /// The mount of it.
    pub(in crate::runtime) fn mount(&self, world: &World) -> Mount {
        let whole = |path| MountKind::Settled { path, recursion: Recursion::Tree };
        let kind = match &self.source {
            Source::Named { name, .. } => {
                let data = kept::data(world.home(), name);
                // The home may lie behind a link; nothing that a container can change is in its path.
                whole(data.canonicalize().unwrap_or(data))
            }
            Source::Path { path, settled, recursion, .. } => {
                MountKind::Settled { path: settled.clone().unwrap_or_else(|| path.clone()), recursion: *recursion }
            }
            Source::Memory { options, programs } => MountKind::Tmpfs { options: options.clone(), programs: *programs },
        };
        Mount { kind, target: self.target.clone(), access: self.access }
    }
}
