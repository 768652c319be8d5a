//! What a build has given, in a form that can be compared line by line.

use std::collections::BTreeMap;
use std::io::Read as _;

use layerlab::layer;
use layerlab::oci::{Descriptor, Digest, ImageConfig};
use layerlab::store::Store;
use layerlab::tree::{Kind, LinkId, Tree, TreePath};

#[derive(Clone, Debug)]
pub struct Image {
    /// One line for each path.
    pub files: BTreeMap<String, Line>,
    pub config: ImageConfig,
}

/// Everything about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: &'static str,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: i64,
    /// A digest, a target, numbers.
    pub content: String,
    /// The first path of the same file.
    pub same_as: Option<String>,
    /// Extended attributes, escaped.
    pub attributes: Vec<(String, String)>,
}

pub fn image(store: &Store, manifest: &Descriptor) -> Image {
    let (manifest, config) = store.load_image(manifest).unwrap();
    let tree = layer::tree_of(store, &store.layers(&manifest, &config)).unwrap();
    Image { files: lines(store, &tree), config }
}

fn lines(store: &Store, tree: &Tree) -> BTreeMap<String, Line> {
    let mut first: BTreeMap<LinkId, String> = BTreeMap::new();
    let mut lines = BTreeMap::new();
    for (path, node) in tree.walk(&TreePath::root()).skip(1) {
        let path = path.to_string();
        let (kind, content) = match &node.kind {
            Kind::Directory => ("directory", String::new()),
            Kind::Symlink(target) => ("link", target.escape_ascii().to_string()),
            Kind::Fifo => ("pipe", String::new()),
            Kind::CharDevice { major, minor } => ("character device", format!("{major}:{minor}")),
            Kind::BlockDevice { major, minor } => ("block device", format!("{major}:{minor}")),
            Kind::File(content) => {
                let mut bytes = Vec::new();
                layer::open(store, content).unwrap().read_to_end(&mut bytes).unwrap();
                ("file", Digest::of(&bytes).short())
            }
        };
        let same_as = node.link.and_then(|link| {
            let first = first.entry(link).or_insert_with(|| path.clone());
            (*first != path).then(|| first.clone())
        });
        let metadata = &node.metadata;
        let owner = (metadata.uid, metadata.gid);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let attributes = metadata.xattrs.iter().map(|(name, value)| (text(name), text(value))).collect();
        let (mode, mtime) = (metadata.mode, metadata.mtime);
        lines.insert(path, Line { kind, mode, owner, mtime, content, same_as, attributes });
    }
    lines
}
