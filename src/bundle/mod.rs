//! Bundles: a container's files and a document that says how to run it, as managers of containers hand them to their runtime.
//!
//! ```text
//! config.json ──read──▶ Config ──translate──▶ Blueprint ──follow──▶ Plan ──orphan──▶ a process that waits
//!                                                                                      │
//!        state: <root>/<id>/ ◀────────────────────────────────────────────────────────┘
//! ```
//!
//! This is the other side of an engine like this one: Podman, Docker and containerd, and so Kubernetes, leave the making of a single
//! container to a program that is called again and again (`create`, `start`, `state`, `kill`, `delete`), and that is usually `runc`.
//! Here is what it takes to be that program.
//!
//! Follows the OCI runtime specification (config.md, config-linux.md, runtime.md) and, where that is silent, runc's command line. Left out:
//! checkpoints, labels of security modules, propagation of mounts, hooks inside the container, and groups made by systemd.
//!
//! Reading order: [`config`], [`translate`], [`state`], [`engine`].

pub(crate) mod config;
pub(crate) mod engine;
pub(crate) mod error;
mod hooks;
mod mounts;
pub(crate) mod read;
mod resources;
pub(crate) mod seccomp;
pub(crate) mod state;
mod translate;
