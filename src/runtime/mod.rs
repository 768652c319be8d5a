//! Containers with what they need on disk: layers as directories, a folder for their changes, volumes.
//!
//! ```text
//! Request + image ─▶ Room + Process ─┐
//!                                    ├─▶ Prepared ──run──▶ Exit
//! RUN             ─▶ Room + Process ─┘        └──changes──▶ a layer
//! ```
//!
//! `container/` knows a sandbox and a process and no disk; here both come about, the same way for a RUN and for a container that
//! a user asked for. A RUN's folder is scratch, which whoever comes by may remove when its process has died. A container that is
//! to stay has a [`Record`](record::Record) in its folder, and nobody removes that but who was asked to.
//!
//! Left out for now: restart policies.
//!
//! Read [`prepare`](mod@prepare) first, then [`folder`], [`request`] and [`volume`]; for containers that stay [`stored`], [`record`],
//! [`monitor`] and [`session`].

pub(crate) mod allowance;
mod amend;
pub(crate) mod cabling;
pub(crate) mod care;
pub(crate) mod census;
pub(crate) mod changes;
pub(crate) mod copy;
pub(crate) mod events;
pub(crate) mod exec;
mod filter;
pub(crate) mod folder;
mod found;
pub(crate) mod handover;
pub(crate) mod health;
pub(crate) mod hosts;
mod id;
pub(crate) mod lent;
mod listening;
pub(crate) mod log;
pub(crate) mod monitor;
pub(crate) mod mounts;
pub(crate) mod names;
pub(crate) mod neighbour;
pub(crate) mod network;
pub(crate) mod occupant;
pub(crate) mod portrait;
pub(crate) mod ports;
pub(crate) mod prepare;
pub(crate) mod record;
pub(crate) mod remover;
pub(crate) mod request;
pub(crate) mod rights;
pub(crate) mod session;
pub(crate) mod still;
pub(crate) mod stored;
pub(crate) mod unpacked;
pub(crate) mod usage;
pub mod volume;

pub(crate) use allowance::check_resources;
pub(crate) use amend::{change, rename};
pub(crate) use cabling::{connect, disconnect, remove_network, remove_unused_networks, used_networks};
pub(crate) use changes::Changes;
pub(crate) use exec::Extra;
pub(crate) use filter::read as read_filter;
pub(crate) use folder::Folder;
pub(crate) use found::{all_ids, find, list, remove_damaged};
pub(crate) use hosts::HostEntry;
pub(crate) use monitor::starting::{resume, start};
pub(crate) use monitor::talk::{Ask, Failed};
pub(crate) use ports::{Bound, Kept, Published};
pub(crate) use prepare::{Room, Script, prepare};
pub use record::roots;
pub(crate) use record::{ImageUsed, Input, Status, WhenEnded};
pub(crate) use remover::Remover;
pub use request::Request;
pub(crate) use request::{Variable, configure, foresee, launch};
pub(crate) use rights::{Confinement, parse_rights};
pub(crate) use session::{Parted, Session, Streams};
pub(crate) use still::{Difference, Still};
pub(crate) use stored::{Anonymous, Claimed, Ingredients, Stored, changes_of, claim, create, folder_of};
pub(crate) use volume::Volume;
pub(crate) use volume::hidden::{Hidden, hidden};
pub(crate) use volume::wish::Wish;

use std::path::{Path, PathBuf};

use crate::container;
use crate::diagnostic::Explained;
use crate::errno;

/// Why a container can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for can't be understood, or does not fit.
    #[error("{message}")]
    Argument {
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: Option<&'static str>,
    },
    /// A file or folder of the home that the container needs can't be made or read.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file that is not the home's can't be used: a folder of the machine that is to be a volume, something that is copied.
    #[error("can't {operation} `{}`: {}", path.display(), errno::describe(source))]
    Foreign {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Not all was copied.
    #[error("{source}")]
    Unfinished {
        /// So many files were.
        files: u64,
        /// Where they are.
        place: PathBuf,
        /// Why no more.
        source: Box<Error>,
    },
    /// What is written down of a container can't be understood, so nobody knows what it needs.
    #[error("can't read `{}`: {reason}", path.display())]
    BadState {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel refuses a call.
    #[error("{call}: {} ({errno:?})", errno.desc())]
    Call {
        /// Its name.
        call: &'static str,
        /// The kernel's answer.
        errno: nix::errno::Errno,
    },
    /// There is no container of this name or id.
    #[error("no such container: {0}")]
    NoContainer(String),
    /// Several ids begin so.
    #[error("{count} containers have an id that begins with `{text}`")]
    Ambiguous {
        /// What was given.
        text: String,
        /// How many they are.
        count: usize,
    },
    /// There is no volume of this name.
    #[error("no such volume: {0}")]
    NoVolume(String),
    /// What is written down of a volume can't be understood.
    #[error("can't read the volume `{name}`: {reason}")]
    BadVolume {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another container has the name.
    #[error("the container name `{name}` is in use by container {}", owner.chars().take(12).collect::<String>())]
    NameTaken {
        /// The name.
        name: String,
        /// The id of the container that has it.
        owner: String,
    },
    /// It runs, and what was asked is for one that does not.
    #[error("container {0} is running")]
    Running(String),
    /// A port can't be published.
    #[error("can't publish port {}: bind {address}: {}", address.port(), errno::describe(source))]
    Port {
        /// Where it was to be reached.
        address: std::net::SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A port is published for another container.
    #[error("can't publish port {}: it is that of container {container}", address.port())]
    PortOfContainer {
        /// Where it was to be reached.
        address: std::net::SocketAddr,
        /// Who is reached there.
        container: String,
    },
    /// A program of this machine has a port.
    #[error("can't publish port {}: process {process} has it, `{name}`", address.port())]
    PortOfProcess {
        /// Where it was to be reached.
        address: std::net::SocketAddr,
        /// The number of the process.
        process: i32,
        /// What it is called.
        name: String,
    },
    /// There is no network of this name.
    #[error("no such network: {0}")]
    NoNetwork(String),
    /// The keeper of the networks says no.
    #[error("{message}")]
    Network {
        /// What it says.
        message: String,
        /// What would help.
        hint: Option<String>,
    },
    /// A system call filter of a file can't be used.
    #[error("{message}")]
    Filter {
        /// What is wrong with it, and where.
        message: String,
        /// What would help.
        hint: Option<String>,
    },
    /// Its monitor says no.
    #[error("{0}")]
    Refused(String),
    /// It can't be set up.
    #[error(transparent)]
    Container(#[from] container::Error),
    /// A folder of the home can't be locked.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// A layer can't be unpacked, or its changes not be written.
    #[error(transparent)]
    Layer(#[from] crate::layer::Error),
}

impl Error {
    fn argument(message: impl Into<String>, hint: &'static str) -> Error {
        Error::Argument { message: message.into(), hint: Some(hint) }
    }

    /// The same, where so many files were copied before it.
    fn unfinished(self, files: u64, place: &Path) -> Error {
        match files {
            0 => self,
            files => Error::Unfinished { files, place: place.to_path_buf(), source: Box::new(self) },
        }
    }

    fn foreign(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Foreign { operation, path: path.as_ref().to_path_buf(), source }
    }

    fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Io { operation, path: path.as_ref().to_path_buf(), source }
    }
}

impl Explained for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Argument { hint, .. } => *hint,
            Error::NoContainer(_) => Some("`layerlab ps -a` lists all containers"),
            Error::NoVolume(_) => Some("`layerlab volume ls` lists all volumes"),
            Error::BadVolume { .. } => Some(
                "its files are in `data/` of its folder in `volumes/`, see `layerlab store path`; `layerlab volume rm` removes it",
            ),
            Error::PortOfContainer { container, .. } => {
                return Some(format!("choose another port, such as 8082:80, or `layerlab stop {container}` first"));
            }
            Error::PortOfProcess { .. } => Some("choose another port, such as 8082:80, or end that process first"),
            Error::NoNetwork(_) => {
                Some("`layerlab network ls` lists all networks, `layerlab network create NAME` makes one")
            }
            Error::Network { hint, .. } | Error::Filter { hint, .. } => return hint.clone(),
            Error::Ambiguous { .. } => Some("write more digits of the id"),
            Error::NameTaken { name, .. } => {
                return Some(format!(
                    "choose another name; or `layerlab rm {name}` removes that container, if it is not running"
                ));
            }
            Error::Running(_) => Some("stop it first"),
            Error::Port { source, .. } => match source.raw_os_error()? {
                libc::EADDRINUSE => Some("another program has that port: choose another one, such as 8082:80"),
                libc::EACCES => Some("ports below 1024 are for root: choose a higher one, such as 8080:80"),
                libc::EADDRNOTAVAIL => Some("this machine does not have that address"),
                _ => None,
            },
            Error::BadState { .. } => Some("`layerlab rm -f ID` removes a container that can't be read"),
            Error::Call { .. } | Error::Refused(_) => None,
            Error::Io { source, .. } => return errno::hint_at_home(source),
            Error::Foreign { source, .. } => return errno::hint(source),
            Error::Unfinished { files, place, source } => {
                let noun = if *files == 1 { "file" } else { "files" };
                let left =
                    format!("what was copied until then is still there: {files} {noun} at `{}`", place.display());
                return Some(source.hint().map_or(left.clone(), |hint| format!("{hint}; {left}")));
            }
            Error::Container(error) => return Explained::hint(error),
            Error::Store(error) => return error.hint(),
            Error::Layer(error) => return error.hint(),
        };
        hint.map(str::to_owned)
    }
}

/// Containers know nobody, and so no messages either.
impl Explained for container::Error {
    fn hint(&self) -> Option<String> {
        // The disk that is full is the home's, where the container's files are.
        self.hint().map(str::to_owned).or_else(|| errno::hint_if_home_is_full(&self.answer()?))
    }
}
