//! Looking at the state's file system: ls, tree, cat. Nothing is unpacked for it.

use std::io::Write as _;
use std::path::Path;

use super::Error;
use super::session::Session;
use crate::document::{self, Limit};
use crate::layer;
use crate::machine::State;
use crate::shown;
use crate::tree::{Follow, Kind, Node, Tree, TreePath};
use crate::view::units;

/// A file that is shown or compared: all of it is in memory then, and an image may have files that are not.
pub(super) const SHOWN: Limit = Limit::new("file to show", "LAYERLAB_MAX_SHOWN", 64 << 20);

/// The most files that `tree` prints.
const MOST_FILES: usize = 500;

impl Session<'_> {
    /// The state's tree, and a path in it: a relative one begins at the working directory.
    fn place(&self, path: Option<&str>) -> Result<(Tree, TreePath), Error> {
        let state = self.current()?;
        let tree = self.machine()?.tree(&state)?;
        Ok((tree, absolute(&state, path.unwrap_or("."))))
    }

    pub(super) fn ls(&mut self, path: Option<&str>) -> Result<(), Error> {
        let (tree, path) = self.place(path)?;
        let real = tree.resolve(&path, Follow::Last)?;
        let node = tree.get(&real).ok_or(crate::tree::Error::NotFound { path: path.clone() })?;
        let entries: Vec<(Vec<u8>, &Node)> = if node.is_directory() {
            tree.children(&real).map(|(name, node)| (name.to_vec(), node)).collect()
        } else {
            vec![(path.file_name().unwrap_or_default().to_vec(), node)]
        };
        let mut text = String::new();
        for (name, node) in entries {
            let name = TreePath::new(name).to_string();
            text.push_str(&format!("{}\n", describe(&name[1..], node)));
        }
        Ok(self.out.write_all(text.as_bytes())?)
    }

    pub(super) fn tree(&mut self, path: Option<&str>) -> Result<(), Error> {
        let (tree, path) = self.place(path)?;
        let real = tree.resolve(&path, Follow::Last)?;
        let mut text = format!("{real}\n");
        let mut left = MOST_FILES;
        branch(&tree, &real, "", &mut left, &mut text);
        if left == 0 {
            text.push_str(&format!("only the first {MOST_FILES} are shown: name a folder\n"));
        }
        Ok(self.out.write_all(text.as_bytes())?)
    }

    pub(super) fn cat(&mut self, path: &str) -> Result<(), Error> {
        let (tree, path) = self.place(Some(path))?;
        let bytes = read(&self.world.store, &tree, &path)?;
        if is_binary(&bytes) {
            return self.row("", &format!("{path} is a binary file of {}", units::spaced_size(bytes.len() as u64)));
        }
        // Every character of it for the eye only: colours are shown, not obeyed.
        self.out.write_all(shown::text(&String::from_utf8_lossy(&bytes).replace("\r\n", "\n")).as_bytes())?;
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            writeln!(self.out)?;
        }
        Ok(())
    }
}

/// A path as it is typed: a relative one begins at the working directory.
pub(super) fn absolute(state: &State, path: &str) -> TreePath {
    if path.starts_with('/') { TreePath::new(path) } else { TreePath::new(state.working_dir()).join(path) }
}

/// The bytes of a file of a tree, symbolic links followed.
pub(super) fn read(store: &crate::store::Store, tree: &Tree, path: &TreePath) -> Result<Vec<u8>, Error> {
    let real = tree.resolve(path, Follow::Last)?;
    let node = tree.get(&real).ok_or(crate::tree::Error::NotFound { path: path.clone() })?;
    match &node.kind {
        Kind::File(content) => {
            let name = real.to_string();
            Ok(document::read_to_end(layer::open(store, content)?, Path::new(&name), &SHOWN)?)
        }
        Kind::Directory => Err(Error::usage(format!("`{path}` is a directory"), format!("`ls {path}` lists it"))),
        Kind::Symlink(_) | Kind::CharDevice { .. } | Kind::BlockDevice { .. } | Kind::Fifo => {
            Err(Error::usage(format!("`{path}` is not a regular file"), "only regular files have content"))
        }
    }
}

/// Whether bytes are no text: they have a NUL, as git tells it.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8000).any(|byte| *byte == 0)
}

/// `-rwxr-xr-x 0:0      61 B  name -> target`.
fn describe(name: &str, node: &Node) -> String {
    let change =
        crate::machine::run::describe(&crate::tree::Change::Added { path: TreePath::root(), node: node.clone() });
    let size = match &node.kind {
        Kind::File(content) => units::spaced_size(content.size),
        _ => String::new(),
    };
    let owner = format!("{}:{}", change.uid, change.gid);
    let target = change.target.map(|target| format!(" -> {target}")).unwrap_or_default();
    let slash = if node.is_directory() { "/" } else { "" };
    shown::line(&format!("{} {owner:<7} {size:>9}  {name}{slash}{target}", change.mode)).into_owned()
}

fn branch(tree: &Tree, path: &TreePath, indent: &str, left: &mut usize, text: &mut String) {
    let mut children = tree.children(path).peekable();
    while let Some((name, node)) = children.next() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let is_last = children.peek().is_none();
        let (corner, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        let shown = TreePath::new(name).to_string();
        let suffix = match &node.kind {
            Kind::Directory => "/".to_owned(),
            Kind::Symlink(target) => format!(" -> {}", String::from_utf8_lossy(target).escape_debug()),
            _ => String::new(),
        };
        text.push_str(&format!("{indent}{corner}{}{suffix}\n", &shown[1..]));
        if node.is_directory() {
            branch(tree, &path.join(name), &format!("{indent}{below}"), left, text);
        }
    }
}
