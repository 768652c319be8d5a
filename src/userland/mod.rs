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
mod error;
mod explain;
mod image;
pub mod libraries;
pub mod programs;
mod record;
pub(crate) mod rootfs;
pub mod serve;

pub use base::Source;
pub use error::Error;
pub(crate) use image::{AtHand, at_hand, config};
pub use image::{ensure, ensure_as};
pub use serve::serve;

use crate::store::Preferences;

/// The name of the image with a shell and the usual programs.
pub const BASE: &str = "layerlab/base";
/// The name of the image with a web server.
pub const WEB: &str = "layerlab/web";

/// Describes `layerlab/base` as it would be made now: what is taken, from where, and why each library is there; lists of names
/// in lines of so many columns.
///
/// # Errors
/// As [`ensure`]; nothing is written.
pub fn explain(preferences: &Preferences, columns: usize) -> Result<String, Error> {
    let limits = &preferences.limits;
    let source = Source::choose(preferences.base.as_deref(), limits)?;
    let rootfs = match &source {
        Source::Host => base::from_host(limits)?,
        Source::Busybox(path) => base::from_busybox(path, limits)?,
        Source::Archive(path) => {
            return Ok(format!("layerlab/base is the archive `{}`, unchanged\n", path.display()));
        }
    };
    Ok(explain::explain(&source, &rootfs, columns))
}
