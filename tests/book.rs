//! The book's parts: every chapter is there, every include leads to something, and no marker in the code is left over.
//!
//! It reads of mdBook's language what the book uses: links in `SUMMARY.md`, and `{{#include PATH}}`, `{{#include PATH:ANCHOR}}`,
//! `{{#include PATH:FIRST:LAST}}`, also within an included file. mdBook itself only warns when an include leads nowhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files that the links of SUMMARY.md lead to.
fn chapters() -> Vec<PathBuf> {
    let folder = project().join("book/src");
    let summary = read(&folder.join("SUMMARY.md"));
    let links = summary.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(')'));
    links.map(|link| folder.join(link)).collect()
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The part of a text between a marker and its end, without the markers of others.
fn anchored(text: &str, name: &str) -> Option<String> {
    let is = |line: &str, marker: &str| line.trim().trim_start_matches("//").trim() == format!("{marker}: {name}");
    let mut lines = text.lines().skip_while(|line| !is(line, "ANCHOR")).skip(1).peekable();
    lines.peek()?;
    let mut part = String::new();
    for line in lines {
        if is(line, "ANCHOR_END") {
            return Some(part);
        }
        part.push_str(line);
        part.push('\n');
    }
    None
}

/// Checks the includes of one file and of what it includes, and notes which anchors they used.
fn check_includes(file: &Path, used: &mut BTreeSet<(PathBuf, String)>) {
    let text = read(file);
    for (at, _) in text.match_indices("{{#include ") {
        let include = text[at + "{{#include ".len()..].split_once("}}").expect("an include is closed").0.trim();
        let (path, part) = include.split_once(':').unwrap_or((include, ""));
        let path = file.parent().unwrap().join(path);
        let path = path.canonicalize().unwrap_or_else(|error| panic!("{}: {include}: {error}", file.display()));
        let included = read(&path);
        let part = match part.split(':').next().unwrap_or_default() {
            "" => included,
            first if first.starts_with(|letter: char| letter.is_ascii_digit()) => {
                included.lines().skip(first.parse::<usize>().unwrap() - 1).collect::<Vec<_>>().join("\n")
            }
            anchor => {
                used.insert((path.clone(), anchor.to_owned()));
                anchored(&included, anchor)
                    .unwrap_or_else(|| panic!("{}: {include}: no such marker, or no end of it", file.display()))
            }
        };
        assert!(!part.trim().is_empty(), "{}: {include} is empty", file.display());
        if path.extension().is_some_and(|extension| extension == "md") {
            check_includes(&path, used);
        }
    }
}

#[test]
fn every_chapter_is_there_and_listed() {
    let listed = chapters();
    assert!(!listed.is_empty());
    for chapter in &listed {
        assert!(!read(chapter).trim().is_empty(), "{} is empty", chapter.display());
    }
    for file in files_below(&project().join("book/src"), ".md") {
        assert!(file.ends_with("SUMMARY.md") || listed.contains(&file), "SUMMARY.md does not list {}", file.display());
    }
}

#[test]
fn every_lesson_is_a_chapter() {
    let texts: String = chapters().iter().map(|chapter| read(chapter)).collect();
    for lesson in files_below(&project().join("lessons"), "lesson.md") {
        let path = lesson.strip_prefix(project()).unwrap().display().to_string();
        assert!(texts.contains(&format!("{{{{#include ../../../{path}}}}}")), "no chapter includes {path}");
    }
}

#[test]
fn includes_lead_to_something_and_no_marker_is_left_over() {
    let mut used = BTreeSet::new();
    for chapter in chapters() {
        check_includes(&chapter, &mut used);
    }
    for folder in ["src", "grammar"] {
        for file in files_below(&project().join(folder), "") {
            for line in read(&file).lines().map(str::trim) {
                let Some(name) = line.strip_prefix("// ANCHOR: ") else { continue };
                let key = (file.canonicalize().unwrap(), name.to_owned());
                assert!(used.contains(&key), "{}: no chapter includes the marker `{name}`", file.display());
            }
        }
    }
}

/// Code is included and never retyped: what is fenced as Rust in a chapter is nothing but includes.
#[test]
fn chapters_hold_no_code_of_their_own() {
    for chapter in chapters() {
        let text = read(&chapter);
        let mut in_rust = false;
        for line in text.lines() {
            match line.strip_prefix("```") {
                Some(info) => in_rust = info.starts_with("rust"),
                None => assert!(
                    !in_rust || line.is_empty() || line.starts_with("{{#include "),
                    "{}: {line}",
                    chapter.display()
                ),
            }
        }
    }
}
