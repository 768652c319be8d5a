//! A container or an image as a bundle of the OCI runtime specification: its files in a folder, and a document that says how to run it.
//!
//! ```text
//! container: Record + its files, kept still ─┐
//!                                            ├─▶ Described ──▶ FOLDER/config.json, FOLDER/rootfs/
//! image: what a container of it would be ────┘
//! ```
//!
//! With it another engine runs what was built here: `runc run --bundle FOLDER NAME`. The document says all that a container of ours has:
//! capabilities, filter, masked paths, limits; nothing of it is left to the other's defaults. Its types are those that `layerlab oci` reads, so
//! we accept what we write.
//!
//! Left out: networks and published ports, which a manager gives (the bundle has a network of its own with nothing but the loopback
//! interface), and the three files of /etc that we write for a container.
//!
//! Read [`files`] for how a bundle is written, [`place`] for where, [`description`] for what its document says, [`filter`] for the system calls.

mod description;
mod files;
mod filter;
mod place;

pub(crate) use self::files::{Form, of_container, of_image};
