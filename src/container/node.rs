//! A node of a container: a device by number, or a named pipe.

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(crate) path: String,
    pub(crate) kind: NodeKind,
    /// Of a device.
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What a node leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    Character,
    Block,
    /// A named pipe, see fifo(7).
    Pipe,
}
