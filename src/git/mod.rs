//! Files of git repositories: what ADD takes by the address of a repository.
//!
//! ```text
//! address ──▶ ls-remote ──▶ commit ──▶ fetch of that commit alone, into a folder of ours ──▶ its tree ──▶ a layer
//!                                                                                └──▶ its submodules, the same way
//! ```
//!
//! The program `git` does it (`program.rs`), as in BuildKit. Nothing is checked out: the objects are read as an archive, so no name of a
//! repository becomes a path of this machine. A layer has what a checkout would have: line ends and `ident` as `.gitattributes` says, modes
//! 0644 and 0755, root as owner. BuildKit's files have the time at which they were checked out; here they have the commit's, so that the
//! same commit gives the same layer.
//!
//! Where a server is: as for a URL of ADD, it may not be on the wire, and where a repository names another one, that has to be public or in the same part
//! of the network. `git` connects by itself, to an address that was judged (`connection.rs`), or to the user's proxy, which looks names up then.
//!
//! Read `address.rs` first, then `fetch.rs`. Left out: contents of Git LFS, which stay pointers; `.git` folders of submodules.

mod address;
mod checkout;
mod connection;
mod error;
mod fetch;
mod kept;
mod leash;
mod program;
mod proxy;
mod references;
mod repository;
mod submodules;
mod watch;

pub(crate) use address::{Source, Submodules, is_repository, without_credentials as without_password};
pub(crate) use error::Error;
pub(crate) use fetch::{Keep, Login, Visit, token_header};
