//! Puts the lessons into the program: a list of their files, with their modes, for `src/learning/catalogue.rs`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("Cargo says it")).join("lessons");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = String::from("&[\n");
    for lesson in entries(&folder).into_iter().filter(|path| path.join("lesson.md").is_file()) {
        let _ = writeln!(list, "    ({:?}, &[", name(&lesson));
        let mut files = Vec::new();
        collect(&lesson, &mut files);
        for file in files {
            let path = file.strip_prefix(&lesson).expect("it is below the lesson").display().to_string();
            let is_program = file.metadata().expect("it is there").permissions().mode() & 0o100 != 0;
            let _ =
                writeln!(list, "        ({path:?}, {is_program}, include_bytes!({:?})),", file.display().to_string());
        }
        list.push_str("    ]),\n");
    }
    list.push_str("]\n");
    let written = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo says it")).join("lessons.rs");
    fs::write(written, list).expect("Cargo's folder can be written to");
}

/// The files below a folder, in an order that does not change.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for path in entries(folder) {
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the lessons are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("they can be listed").path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
