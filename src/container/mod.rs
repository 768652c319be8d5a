//! A container as a printable list of operations.
//!
//! ```text
//! Spec + Identity + Host ──plan()──▶ Plan ──run()──▶ Exit
//!                                     │
//!                                     └──Display──▶ what is done, in which order, and why
//! ```
//!
//! A container is no object of the kernel. It is a process that entered some namespaces, saw a
//! different root, gave up most of its rights and then executed a program. [`plan()`] writes these
//! steps down as data ([`Operation`]), and [`run()`] carries out exactly that list. Nothing here
//! needs root: see [`Identity`].
//!
//! Follows the OCI runtime specification and Docker's defaults where they say what a program finds
//! when it starts. Left out: images and their configuration (the caller's), networks other than
//! the machine's and none, limits of memory and time, and containers that outlive us.
//!
//! Reading order: [`Spec`], [`Operation`], [`plan()`], then `execute`, and `run`, `keeper`, `guard`
//! and `init`, which carry the list out in four processes.

mod account;
mod capabilities;
mod channel;
mod copy;
mod error;
mod execute;
mod explain;
mod grants;
mod guard;
mod host;
mod identity;
mod init;
mod inside;
mod keeper;
mod layout;
mod leave;
mod limits;
mod mount;
mod mounts;
mod network;
mod operation;
mod plan;
mod pty;
mod relay;
mod report;
mod run;
mod seccomp;
mod signals;
mod spec;
mod stubs;
mod trampoline;

pub use account::Account;
pub use capabilities::Capabilities;
pub use error::{CARRIAGE_RETURN_HINT, Cause, Error, Failure};
pub use host::{Cgroups, Hierarchy, Host, OverlaySupport};
pub use identity::{Identity, Range};
pub use operation::{Device, Flags, Limit, Namespace, Operation, Overlay, OverlayInterface, Phase, Place, Recursion};
pub use plan::{Plan, RootKind, plan};
pub use run::{Exit, Io, Stream, close_input, run};
pub use spec::{
    Access, Durability, Etc, Hostname, Mount, MountKind, Network, NewPrivileges, Paths, Seccomp, Security, Spec,
    Terminal,
};
