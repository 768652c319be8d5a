//! `explain base`: what the base image is made of, from where, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::base::Source;
use super::rootfs::{Reason, Rootfs, Taken};
use crate::tree::{Kind, Place, TreePath};

/// Describes a base image in words and tables.
pub fn explain(source: &Source, rootfs: &Rootfs) -> String {
    let commands: Vec<&Taken> = rootfs
        .taken
        .iter()
        .filter(|taken| taken.reason == Reason::Command)
        .collect();
    let libraries: Vec<&Taken> = rootfs
        .taken
        .iter()
        .filter(|taken| taken.reason != Reason::Command)
        .collect();
    // Two names may lead to one file, which is in the layer once.
    let files: BTreeSet<(&Path, u64)> = rootfs
        .taken
        .iter()
        .map(|taken| (taken.real.as_path(), taken.size))
        .collect();
    let bytes: u64 = files.iter().map(|(_, size)| size).sum();
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments| {
        writeln!(text, "{arguments}").expect("writing to a string does not fail");
    };
    line(format_args!(
        "layerlab/base is made of {}",
        source.describe()
    ));
    line(format_args!(
        "{} files of this machine, {}",
        files.len(),
        megabytes(bytes)
    ));
    line(format_args!(
        "owners are 0:0, modes 0755 or 0644, times 1970-01-01: the same files give the same layer"
    ));
    line(format_args!("\ncommands ({})", commands.len()));
    for taken in commands {
        line(format_args!(
            "  {:<28} {:>9}  {}",
            taken.path.display(),
            megabytes(taken.size),
            origin(taken)
        ));
    }
    if !libraries.is_empty() {
        line(format_args!(
            "\nlibraries, and what needs them ({})",
            libraries.len()
        ));
    }
    for taken in libraries {
        let Reason::NeededBy(needed_by) = &taken.reason else {
            continue;
        };
        line(format_args!(
            "  {}  {}  {}",
            taken.path.display(),
            megabytes(taken.size),
            some_of(needed_by)
        ));
    }
    let links = link_count(rootfs);
    if links > 0 {
        line(format_args!("\nlinks: {links}, to the files above"));
    }
    line(format_args!("\nwritten by layerlab"));
    for (path, node) in rootfs.tree.walk(&TreePath::root()) {
        if let Kind::File(content) = &node.kind
            && matches!(content.place, Place::Bytes(_))
        {
            line(format_args!("  {path}  {} B", content.size));
        }
    }
    if !rootfs.missing.is_empty() {
        line(format_args!(
            "\nnot on this machine, or not to be started: {}",
            rootfs.missing.join(" ")
        ));
    }
    text
}

fn origin(taken: &Taken) -> String {
    if taken.real == taken.path {
        String::new()
    } else {
        format!("is {}", taken.real.display())
    }
}

/// The first few names, and how many more there are.
fn some_of(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 4;
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let names: Vec<String> = paths.iter().take(SHOWN).map(name).collect();
    match paths.len().saturating_sub(SHOWN) {
        0 => format!("needed by {}", names.join(", ")),
        more => format!("needed by {} and {more} more", names.join(", ")),
    }
}

fn link_count(rootfs: &Rootfs) -> usize {
    rootfs
        .tree
        .walk(&TreePath::root())
        .filter(|(_, node)| matches!(node.kind, Kind::Symlink(_)))
        .count()
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
