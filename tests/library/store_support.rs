//! What the tests of trees, layers and the store share: archives from text, and listings of trees.

use std::fmt::Write as _;
use std::io::Read;

use layerlab::layer;
use layerlab::oci::{Descriptor, DiffId, Layer, media_type};
use layerlab::store::{Home, Store};
use layerlab::tree::{Kind, Node, Tree, TreePath};

/// A store in a folder that is removed at the end.
pub struct TestStore {
    pub folder: tempfile::TempDir,
    pub store: Store,
}

impl TestStore {
    pub fn new() -> TestStore {
        TestStore::within(tempfile::tempdir().unwrap())
    }

    pub fn within(folder: tempfile::TempDir) -> TestStore {
        let home = Home::open(folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        TestStore { folder, store }
    }

    /// Stores bytes as a layer, as they are.
    pub fn layer(&self, bytes: &[u8]) -> Layer {
        let descriptor = self.store.put_bytes(media_type::LAYER, bytes).unwrap();
        Layer { diff_id: DiffId(descriptor.digest), descriptor }
    }

    /// Stores bytes as a compressed layer.
    pub fn compressed_layer(&self, media_type: &str, stored: &[u8], plain: &[u8]) -> Layer {
        let descriptor: Descriptor = self.store.put_bytes(media_type, stored).unwrap();
        Layer { descriptor, diff_id: DiffId(layerlab::oci::Digest::of(plain)) }
    }

    /// The listing of the tree above layers that are given as text, see [`archive`].
    pub fn listing_of(&self, layers: &[&str]) -> String {
        let layers: Vec<Layer> = layers.iter().map(|text| self.layer(&archive(text))).collect();
        match layer::tree_of(&self.store, &layers) {
            Ok(tree) => listing(&self.store, &tree),
            Err(error) => format!("error: {error}\n"),
        }
    }
}

/// Makes an archive from lines `TYPE NAME MODE UID:GID [-> TARGET | = CONTENT | MAJOR,MINOR]`.
///
/// Types: `d`, `f`, `l` (symbolic link), `h` (hard link), `c`, `b`, `p`. Names are used as they are written.
pub fn archive(text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (fields, content) = match line.split_once(" = ") {
            Some((fields, content)) => (fields, content.replace("\\n", "\n")),
            None => (line, String::new()),
        };
        let (fields, target) = match fields.split_once(" -> ") {
            Some((fields, target)) => (fields, Some(target)),
            None => (fields, None),
        };
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let mut header = tar::Header::new_ustar();
        let name = fields[1].as_bytes();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_mode(fields.get(2).map_or(0o644, |mode| u32::from_str_radix(mode, 8).unwrap()));
        let (uid, gid) = fields.get(3).map_or(("0", "0"), |owner| owner.split_once(':').unwrap());
        header.set_uid(uid.parse().unwrap());
        header.set_gid(gid.parse().unwrap());
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_entry_type(match fields[0] {
            "d" => tar::EntryType::Directory,
            "f" => tar::EntryType::Regular,
            "l" => tar::EntryType::Symlink,
            "h" => tar::EntryType::Link,
            "c" => tar::EntryType::Char,
            "b" => tar::EntryType::Block,
            "p" => tar::EntryType::Fifo,
            other => panic!("unknown type `{other}`"),
        });
        if let Some(target) = target {
            header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        }
        if let Some((major, minor)) = fields.get(4).and_then(|device| device.split_once(',')) {
            header.set_device_major(major.parse().unwrap()).unwrap();
            header.set_device_minor(minor.parse().unwrap()).unwrap();
        }
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// One line for each file of a tree; hard links of one file have the same letter.
pub fn listing(store: &Store, tree: &Tree) -> String {
    let mut links = Vec::new();
    let mut text = String::new();
    for (path, node) in tree.walk(&TreePath::root()) {
        describe(&mut text, store, &path, node, &mut links);
    }
    text
}

fn describe(text: &mut String, store: &Store, path: &TreePath, node: &Node, links: &mut Vec<layerlab::tree::LinkId>) {
    let metadata = &node.metadata;
    let letter = match &node.kind {
        Kind::Directory => 'd',
        Kind::File(_) => '-',
        Kind::Symlink(_) => 'l',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
        Kind::Fifo => 'p',
    };
    write!(text, "{letter} {:04o} {}:{} {path}", metadata.mode, metadata.uid, metadata.gid).unwrap();
    match &node.kind {
        Kind::Symlink(target) => write!(text, " -> {}", String::from_utf8_lossy(target)).unwrap(),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            write!(text, " {major},{minor}").unwrap();
        }
        Kind::File(content) => {
            let mut bytes = Vec::new();
            layer::open(store, content).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, content.size, "{path}");
            if bytes.len() > 40 {
                write!(text, " [{} bytes {}]", bytes.len(), layerlab::oci::Digest::of(&bytes).short()).unwrap();
            } else {
                write!(text, " {:?}", String::from_utf8_lossy(&bytes)).unwrap();
            }
        }
        Kind::Directory | Kind::Fifo => {}
    }
    if let Some(link) = node.link {
        let number = links.iter().position(|known| *known == link).unwrap_or_else(|| {
            links.push(link);
            links.len() - 1
        });
        write!(text, " link-{number}").unwrap();
    }
    for (name, value) in metadata.xattrs.iter() {
        write!(text, " {}={}", String::from_utf8_lossy(name), value.escape_ascii()).unwrap();
    }
    text.push('\n');
}
