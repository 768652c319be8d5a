//! A file system as a value: a persistent map from path to metadata and the place of the bytes.
//!
//! A [`Tree`] is cheap to copy: two trees share every folder in which they do not differ. So each step of a build keeps
//! a whole file system of its own, going back means taking an older value, and [`diff`](diff()) looks only at what differs.
//! Names are bytes, as in the kernel. Symbolic links are resolved inside the tree and cannot lead out of it, because
//! there is no outside.
//!
//! Left out: file contents (a [`Place`] says where they are; [`crate::layer`] opens them), access times, sockets.
//!
//! Read `path.rs`, `node.rs`, then `map.rs`; `seen.rs`, `resolve.rs` and `diff.rs` are optional.

mod diff;
mod map;
mod node;
mod path;
mod resolve;
mod seen;
mod xattrs;

pub use diff::{Change, diff};
pub use map::Tree;
pub use node::{Content, Kind, LinkId, Node, Place};
pub(crate) use node::{Metadata, Spool};
pub use path::TreePath;
pub(crate) use path::{Readable, cleaned_components, name_text};
pub use resolve::Follow;
pub use seen::Seen;
pub(crate) use seen::{FileIdentity, Folder, FoundFile, KeptBytes, Known};
pub(crate) use xattrs::Xattrs;

/// How deep directories may be nested in a tree that is made from an archive or from what a process has left. The walks over
/// a tree take a part of the stack for each level, and no real file system comes near it.
pub(crate) const DEEPEST: usize = 500;

/// Why a path does not lead to a file in a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing is there.
    #[error("`{path}` does not exist")]
    NotFound {
        /// The path at which the search ended.
        path: TreePath,
    },
    /// The path goes on after something that is not a directory.
    #[error("`{path}` is not a directory")]
    NotADirectory {
        /// The path of the thing that is not a directory.
        path: TreePath,
    },
    /// More than 40 symbolic links, the kernel's limit.
    #[error("`{path}` leads through too many symbolic links")]
    Loop {
        /// The path that was asked for.
        path: TreePath,
    },
}
