//! `explain base`: what the base image is made of, from where, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::base::Source;
use super::rootfs::{Reason, Rootfs, Taken};
use crate::size;
use crate::tree::{Kind, Node, Place, TreePath};

/// How far the rows of a list are indented.
const INDENT: usize = 2;

/// Describes a base image in words and tables, in lines of so many columns where they are lists of names.
pub(crate) fn explain(source: &Source, rootfs: &Rootfs, columns: usize) -> String {
    let commands: Vec<&Taken> = rootfs.taken.iter().filter(|taken| taken.reason == Reason::Command).collect();
    let libraries: Vec<&Taken> = rootfs.taken.iter().filter(|taken| taken.reason != Reason::Command).collect();
    // Two names may lead to one file, which is in the layer once.
    let files: BTreeSet<(&Path, u64)> = rootfs.taken.iter().map(|taken| (taken.real.as_path(), taken.size)).collect();
    let bytes: u64 = files.iter().map(|(_, size)| size).sum();
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments| {
        writeln!(text, "{arguments}").expect("writing to a string does not fail");
    };
    line(format_args!("layerlab/base is made of {}", source.describe()));
    let plural = if files.len() == 1 { "" } else { "s" };
    line(format_args!("{} file{plural} of this machine, {}", files.len(), size::shown(bytes)));
    line(format_args!("owners are 0:0, modes 0755 or 0644, times 1970-01-01: the same files give the same layer"));
    line(format_args!("\ncommands ({})", commands.len()));
    for taken in commands {
        let (path, size) = (taken.path.display().to_string(), size::shown(taken.size));
        let row = format!("  {path:<28} {size:>9}  {}", origin(taken));
        line(format_args!("{}", row.trim_end()));
    }
    if !libraries.is_empty() {
        line(format_args!("\nlibraries, and what needs them ({})", libraries.len()));
    }
    for (real, paths, needed_by) in by_file(&libraries) {
        line(format_args!("  {}  {}  {}", paths.join(" = "), size::shown(real.size), some_of(&needed_by)));
    }
    let links = links(rootfs);
    if !links.is_empty() {
        line(format_args!("\nlinks ({})", links.len()));
        for row in wrapped(&links, columns.saturating_sub(INDENT)) {
            line(format_args!("  {row}"));
        }
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
        line(format_args!("\nnot on this machine, or not executable: {}", rootfs.missing.join(" ")));
    }
    text
}

fn origin(taken: &Taken) -> String {
    if taken.real == taken.path { String::new() } else { format!("is {}", taken.real.display()) }
}

/// The first few names, and how many more there are.
fn some_of(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 4;
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = paths.iter().take(SHOWN).map(name).collect();
    match paths.len().saturating_sub(SHOWN) {
        0 => format!("needed by {}", names.join(", ")),
        more => format!("needed by {} and {more} more", names.join(", ")),
    }
}

/// A library may be looked up by several paths: the file, all of its paths, and all that need it.
fn by_file<'a>(libraries: &[&'a Taken]) -> Vec<(&'a Taken, Vec<String>, Vec<PathBuf>)> {
    let mut files: Vec<(&Taken, Vec<String>, Vec<PathBuf>)> = Vec::new();
    for &taken in libraries {
        let Reason::NeededBy(needed_by) = &taken.reason else {
            continue;
        };
        let path = taken.path.display().to_string();
        match files.iter_mut().find(|(other, ..)| other.real == taken.real) {
            Some((_, paths, all)) => {
                paths.push(path);
                all.extend(needed_by.iter().cloned());
            }
            None => files.push((taken, vec![path], needed_by.clone())),
        }
    }
    files
}

/// Every symbolic link; the applets of a busybox, which all lead to one file, by their path only.
fn links(rootfs: &Rootfs) -> Vec<String> {
    let link = |(path, node): (TreePath, &Node)| match &node.kind {
        Kind::Symlink(target) if target == b"/bin/busybox" => Some(path.to_string()),
        Kind::Symlink(target) => Some(format!("{path} -> {}", String::from_utf8_lossy(target))),
        _ => None,
    };
    rootfs.tree.walk(&TreePath::root()).filter_map(link).collect()
}

/// Puts the items into rows of so many columns.
fn wrapped(items: &[String], columns: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for item in items {
        match rows.last_mut() {
            Some(row) if row.len() + 2 + item.len() <= columns => {
                row.push_str("  ");
                row.push_str(item);
            }
            _ => rows.push(item.clone()),
        }
    }
    rows
}
