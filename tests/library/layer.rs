//! Layers: written, merged with whiteouts, hostile, compressed, sparse, unpacked, captured.

mod bounds;
mod chain;
mod merging;
mod names;
mod reading;
mod unpacking;
mod writing;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use crate::store_support::{TestStore, archive as tar_of, listing};
use layerlab::layer::{
    self, Below, Capture, LayerWriter, Limits, OpaqueName, Ownership, SetIds, Times, Unpack, archive,
};
use layerlab::oci::{Digest, media_type};
use layerlab::tree::{Change, Content, Kind, LinkId, Node, Place, Tree, TreePath};

fn path(text: &str) -> TreePath {
    TreePath::new(text)
}

fn limits() -> Limits {
    Limits::default()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// How tests unpack: as root with owners, else without.
fn options() -> Unpack {
    if is_root() {
        Unpack { ownership: Ownership::Kept, opaque: OpaqueName::Trusted }
    } else {
        Unpack { ownership: Ownership::Single, opaque: OpaqueName::User }
    }
}

fn capture_options() -> Capture {
    Capture { ownership: options().ownership, marks: options().opaque, clamp_mtime: None, set_ids: SetIds::Kept }
}

fn long_path() -> String {
    format!("/{}/{}", "directory".repeat(12), "name".repeat(30))
}

fn rich_tree() -> Tree {
    let mut tree = Tree::empty();
    let mut add = |name: &str, node: Node| tree.insert(&path(name), node);
    add("/dir", Node::directory(0o1777));
    add("/dir/empty", Node::file(0o644, *b""));
    add("/dir/block", Node::file(0o600, [7u8; 512]));
    add("/dir/setuid", Node::file(0o4755, [1u8; 513]));
    add("/umlaut-ä/naïve", Node::file(0o644, *b"utf-8"));
    add(&long_path(), Node::file(0o644, *b"long"));
    add("/long-target", Node::symlink("t/".repeat(90)));
    add("/short-target", Node::symlink("/dir"));
    add("/fifo", Node { kind: Kind::Fifo, ..Node::file(0o622, *b"") });
    add("/null", Node { kind: Kind::CharDevice { major: 1, minor: 3 }, ..Node::file(0o666, *b"") });
    add("/disk", Node { kind: Kind::BlockDevice { major: 8, minor: 1 }, ..Node::file(0o660, *b"") });
    let mut owned = Node::file(0o644, *b"owned");
    (owned.metadata.uid, owned.metadata.gid) = (u32::MAX - 1, 3_000_000);
    (owned.metadata.mtime, owned.metadata.mtime_nanos) = (-12, 500_000_000);
    add("/big-owner", owned);
    let mut capable = Node::file(0o755, *b"capable");
    capable.metadata.xattrs.insert(b"security.capability".to_vec(), b"\x01\0\0\x02\n\0=\n".to_vec());
    capable.metadata.xattrs.insert(b"user.note".to_vec(), b"\n\n".to_vec());
    add("/capable", capable);
    let shared = Content { size: 6, place: Place::Bytes(Arc::from(*b"shared")) };
    let link = Some(LinkId::new(1, 2));
    for name in ["/link-one", "/link-two", "/dir/link-three"] {
        add(name, Node { kind: Kind::File(shared.clone()), link, ..Node::file(0o644, *b"") });
    }
    tree
}

/// A sequence of numbers that looks random and is always the same (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
