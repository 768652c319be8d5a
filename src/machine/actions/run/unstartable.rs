//! Why a shell did not find a program that is there: a script whose `#!` line ends with a carriage return.
//!
//! The shell has only one message, `not found`, for a missing program and for a missing interpreter.

use std::io::Read as _;

use crate::layer;
use crate::store::Store;
use crate::tree::{Follow, Kind, Tree, TreePath};

/// At most this much of a first line is looked at. The kernel reads 256 bytes.
const FIRST_LINE: u64 = 256;

/// At most so many words of a command are looked at.
const MOST_WORDS: usize = 1000;

/// The first word of a command that names such a script: by its path, or by a name on the PATH.
pub(super) fn with_carriage_return(
    store: &Store,
    tree: &Tree,
    command: &str,
    working_dir: &str,
    search_path: &str,
) -> Option<String> {
    let is_between = |letter: char| letter.is_whitespace() || ";&|()'\"`".contains(letter);
    let words = command.split(is_between).filter(|word| !word.is_empty()).take(MOST_WORDS);
    for word in words {
        let candidates: Vec<String> = match word {
            absolute if absolute.starts_with('/') => vec![absolute.to_owned()],
            relative if relative.contains('/') => vec![format!("{working_dir}/{relative}")],
            name => search_path.split(':').map(|folder| format!("{folder}/{name}")).collect(),
        };
        if candidates.iter().any(|path| ends_with_carriage_return(store, tree, path)) {
            return Some(word.to_owned());
        }
    }
    None
}

/// Whether the first line of a file is `#!…` and ends with a carriage return.
fn ends_with_carriage_return(store: &Store, tree: &Tree, path: &str) -> bool {
    let read = || -> Option<Vec<u8>> {
        let path = tree.resolve(&TreePath::new(path), Follow::Last).ok()?;
        let Kind::File(content) = &tree.get(&path)?.kind else { return None };
        let mut bytes = Vec::new();
        layer::open(store, content).ok()?.take(FIRST_LINE).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    let bytes = read().unwrap_or_default();
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"#!") && line.ends_with(b"\r")
}
