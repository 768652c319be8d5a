//! Placed files become a layer: the entries of a [`Placement`] in one archive, and as changes that a view can show.

use super::Error;
use super::copy::Placement;
use super::driver::Machine;
use super::event::{ChangeKind, PathChange};
use crate::layer::{Layer, LayerWriter};
use crate::tree::{Kind, Metadata, Node, Tree, TreePath};

impl Machine {
    /// Writes the placed entries as a layer: none where nothing was placed.
    pub(super) fn write_placement(
        &self,
        placement: &Placement,
        before: &Tree,
    ) -> Result<(Option<Layer>, Vec<PathChange>), Error> {
        if placement.entries.is_empty() {
            return Ok((None, Vec::new()));
        }
        let mut writer = LayerWriter::new(&self.world.store)?;
        let mut changes = Vec::with_capacity(placement.entries.len());
        for (path, node) in &placement.entries {
            let kind = if before.get(path).is_some() { ChangeKind::Modified } else { ChangeKind::Added };
            changes.push(path_change(kind, path, node));
            let mut clamped;
            let node = match self.world.clock.epoch() {
                Some(epoch) if node.metadata.mtime > epoch => {
                    clamped = node.clone();
                    (clamped.metadata.mtime, clamped.metadata.mtime_nanos) = (epoch, 0);
                    &clamped
                }
                _ => node,
            };
            match self.content_at_hand(node) {
                Some(content) => writer.append(path, node, &mut content.as_ref())?,
                None => writer.append_node(path, node)?,
            }
        }
        Ok((Some(writer.finish()?), changes))
    }
}

/// A node as a view shows it.
pub fn path_change(kind: ChangeKind, path: &TreePath, node: &Node) -> PathChange {
    let Metadata { mode, uid, gid, .. } = node.metadata;
    PathChange {
        kind,
        path: path.to_string(),
        mode: if kind == ChangeKind::Deleted { String::new() } else { mode_text(node, mode) },
        uid,
        gid,
        size: node.content().map_or(0, |content| content.size),
        target: match &node.kind {
            Kind::Symlink(target) => Some(target.escape_ascii().to_string()),
            _ => None,
        },
    }
}

/// Like `drwxr-xr-x`, as ls(1) prints it.
pub fn mode_text(node: &Node, mode: u32) -> String {
    let kind = match node.kind {
        Kind::Directory => 'd',
        Kind::File(_) => '-',
        Kind::Symlink(_) => 'l',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
        Kind::Fifo => 'p',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}
