//! A tree of things with facts below each: an image from its index to its layers.
//!
//! ```text
//! index.json
//! └─ manifest sha256:5f0e…
//!    │ 428 B
//!    ├─ config sha256:9c11…
//!    │    linux/amd64
//!    └─ layer 1 sha256:688d…
//! ```

use super::Layout;
use crate::shown::line;

/// One thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) name: String,
    /// What is to be said of it, a line for each.
    pub(crate) facts: Vec<String>,
    pub(crate) branches: Vec<Branch>,
}

/// The tree, with everything below it.
pub(crate) fn tree(layout: &Layout, root: &Branch) -> String {
    let mut text = layout.hang("", &line(&root.name));
    below(layout, root, "", &mut text);
    text
}

fn below(layout: &Layout, branch: &Branch, indent: &str, text: &mut String) {
    let bar = if branch.branches.is_empty() { "   " } else { "│  " };
    for fact in &branch.facts {
        text.push_str(&hang(layout, &format!("{indent}{bar}"), &format!("{indent}{bar}"), &line(fact)));
    }
    for (index, one) in branch.branches.iter().enumerate() {
        let (corner, rest) = if index + 1 == branch.branches.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let rest = format!("{indent}{rest}");
        text.push_str(&hang(layout, &format!("{indent}{corner}"), &rest, &line(&one.name)));
        below(layout, one, &rest, text);
    }
}

/// A text behind its lines; where it goes on below, the lines do, too.
fn hang(layout: &Layout, first: &str, rest: &str, text: &str) -> String {
    let filled = layout.hang(first, text);
    let width = first.chars().count();
    let continued = |line: &str| format!("{rest}{}\n", line.get(width..).unwrap_or_default());
    let mut lines = filled.lines();
    let head = lines.next().unwrap_or_default();
    format!("{head}\n{}", lines.map(continued).collect::<String>())
}
