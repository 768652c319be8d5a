//! Pictures in text: what is easier to see than to read.
//!
//! | file | what it shows |
//! |---|---|
//! | `graph` | the stages of a build and what they take from one another, with a mark on each step |
//! | `svg` | the same as a drawing for a page |
//! | `lanes` | where the lines between stages run, for both |
//! | `ingredients` | what a key is made from, then and now |
//! | `chain` | what hangs on what in the cache, and where that breaks |
//! | `stack` | layers on one another, with what each changes |
//! | `layers` | layers as bars, with what later ones overwrite or delete |
//! | `times` | a build as a time line, beside the build before it |
//! | `tree` | an image from its index to its layers |
//! | `boxes` | what a container's process is kept in, foreseen or found |
//!
//! Each is a function from plain data and a layout to lines. They are drawn with the box drawing characters of Unicode, in cells and not in
//! characters, no wider than the layout. A mark stands beside a word that says the same, so nothing is said by a colour or a mark alone. What
//! others chose is harmless ([`crate::shown`]).

mod boxes;
mod chain;
mod graph;
mod ingredients;
mod lanes;
mod layers;
mod stack;
mod svg;
mod times;
mod tree;

pub(crate) use self::boxes::{boxes, enclosed, grouped};
pub(crate) use self::chain::chain;
pub(crate) use self::graph::graph;
pub(crate) use self::ingredients::ingredients;
pub(crate) use self::layers::{Within, instruction, layers};
pub(crate) use self::stack::stack;
pub(crate) use self::svg::svg;
pub(crate) use self::times::times;
pub(crate) use self::tree::{Branch, tree};

use super::layout::Layout;
use super::table::{shortened, visible_width};
use crate::shown;

/// A text of one line within so many cells.
fn fitted(text: &str, cells: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shortened(&shown::cell(&text), cells)
}

/// A text that may be painted, with spaces up to so many cells.
fn padded(text: &str, cells: usize) -> String {
    format!("{text}{}", " ".repeat(cells.saturating_sub(visible_width(text))))
}
