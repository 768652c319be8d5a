//! The built-in base images, so that there is something to build on without a network.
//!
//! A base image is only files, and the machine has them. `layerlab/base` is made at first use from the machine's own
//! programs with the libraries they need, or from one static busybox; `layerlab/web` is that with this very program as a web
//! server. They are ordinary images in the store; nothing is downloaded and nothing is shipped. The same files make the same
//! layer.
//!
//! Read [`base`] for what is in it, [`libraries`] and [`elf`] for how a program's needs are found, [`rootfs`] for where the
//! files go; [`serve`](mod@serve) is the web server. When these images take another's place is said in [`crate::images`].

pub mod base;
pub(crate) mod elf;
mod explain;
mod image;
pub mod libraries;
pub mod programs;
mod record;
pub(crate) mod rootfs;
pub mod serve;

use std::path::PathBuf;

pub use base::Source;
pub(crate) use image::{AtHand, at_hand, config};
pub use image::{ensure, ensure_as};
pub use serve::serve;

/// The name of the image with a shell and the usual programs.
pub const BASE: &str = "layerlab/base";
/// The name of the image with a web server.
pub const WEB: &str = "layerlab/web";
/// The environment variable that chooses what `layerlab/base` is made of.
pub(crate) const VARIABLE: &str = "LAYERLAB_BASE";

/// Why a built-in image can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused an operation.
    #[error("{operation} `{}`: {source}", path.display())]
    Io {
        /// The system call.
        operation: &'static str,
        /// What it was asked for.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// No file of this name is where the loader would look.
    #[error("the library `{name}`, which `{}` needs, is not on this machine", needed_by.display())]
    Library {
        /// The name of the library.
        name: String,
        /// The program or library that names it.
        needed_by: PathBuf,
    },
    /// A program begins like an ELF file and is none.
    #[error("`{}` is not a proper ELF file: {reason}", path.display())]
    Elf {
        /// The file.
        path: PathBuf,
        /// The reader's words.
        reason: String,
    },
    /// The machine has no shell that could be taken.
    #[error("this machine has no `sh` that can go into an image")]
    NoShell,
    /// `LAYERLAB_BASE=busybox` without a busybox.
    #[error("`LAYERLAB_BASE` asks for busybox, but none is installed")]
    NoBusybox,
    /// `LAYERLAB_BASE` names a file that isn't there.
    #[error("`LAYERLAB_BASE` is neither `host` nor `busybox` nor a file: `{}`", path.display())]
    NoArchive {
        /// The value.
        path: PathBuf,
    },
    /// A program could not be started.
    #[error("run `{}`: {source}", path.display())]
    Run {
        /// The program.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// There is no built-in image of this name.
    #[error("`{name}` is not a built-in image (these are `layerlab/base` and `layerlab/web`)")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// A file is not a regular one, or too large.
    #[error(transparent)]
    Document(#[from] crate::document::Error),
    /// The layer can't be written or read.
    #[error(transparent)]
    Layer(#[from] crate::layer::Error),
    /// The image can't be kept.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

/// Describes `layerlab/base` as it would be made now: what is taken, from where, and why each library is there.
///
/// # Errors
/// As [`ensure`]; nothing is written.
pub fn explain() -> Result<String, Error> {
    let source = Source::choose(std::env::var_os(VARIABLE).as_deref())?;
    let rootfs = match &source {
        Source::Host => base::from_host()?,
        Source::Busybox(path) => base::from_busybox(path)?,
        Source::Archive(path) => {
            return Ok(format!("layerlab/base is the archive `{}`, unchanged\n", path.display()));
        }
    };
    Ok(explain::explain(&source, &rootfs))
}
