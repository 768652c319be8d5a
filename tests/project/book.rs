//! The book's parts: every chapter is there, every include leads to something, and no marker in the code is left over.
//!
//! The tables of limits and of kinds of messages are those of the code.
//!
//! It reads of mdBook's language what the book uses: links in `SUMMARY.md`, and `{{#include PATH}}`, `{{#include PATH:ANCHOR}}`,
//! `{{#include PATH:FIRST:LAST}}`, also within an included file. mdBook itself only warns when an include leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use layerlab::diagnostic::{Origin, Severity};
use layerlab::dockerfile::rules;

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
        // The title is the first line; how to begin stands below it.
        let included = ["1", "2:"].map(|lines| format!("{{{{#include ../../../{path}:{lines}}}}}"));
        assert!(included.iter().all(|include| texts.contains(include)), "no chapter includes {path}");
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

/// A size or a number as the tables have it: `16 MiB`, `65,535 bytes`, `1,000,000`.
fn amount(number: u64, unit: &str) -> String {
    if unit == "bytes" {
        let found =
            [(30, "GiB"), (20, "MiB"), (10, "KiB")].into_iter().find(|(shift, _)| number.is_multiple_of(1 << shift));
        if let Some((shift, name)) = found {
            return format!("{} {name}", number >> shift);
        }
    }
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap());
    format!("{} {unit}", grouped.collect::<Vec<_>>().join(",")).trim_end().to_owned()
}

/// What follows each constructor of a `Limit` in the program: the variable, and the usual bound as `16 << 20` or `10_000`, with its unit.
fn limits_of_the_code() -> Vec<(String, u64, &'static str)> {
    let mut limits = Vec::new();
    for file in files_below(&project().join("src"), ".rs") {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: String =
            code.lines().filter(|line| !line.starts_with("//")).flat_map(str::split_whitespace).collect();
        for (constructor, unit) in [("Limit::bytes(\"", "bytes"), ("Limit::number(\"", "")] {
            for call in code.split(constructor).skip(1) {
                let [_, variable, usual] = call.split_once(')').unwrap().0.split(',').collect::<Vec<_>>()[..] else {
                    panic!("{call}")
                };
                let (number, shift) = usual.split_once("<<").unwrap_or((usual, "0"));
                let number: u64 = number.replace('_', "").parse().unwrap();
                limits.push((variable.trim_matches('"').to_owned(), number << shift.parse::<u32>().unwrap(), unit));
            }
        }
    }
    limits
}

/// Each variable that changes a bound, with its default as the tables show it.
fn defaults() -> BTreeMap<String, String> {
    let mut defaults: BTreeMap<String, String> = BTreeMap::new();
    for (variable, usual, unit) in limits_of_the_code() {
        let shown = amount(usual, unit);
        defaults.entry(variable).and_modify(|others| *others = format!("{others} and {shown}")).or_insert(shown);
    }
    defaults
}

/// Every `LAYERLAB_MAX_…` that the program's code names.
fn named_variables() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files_below(&project().join("src"), ".rs") {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        for piece in code.split("\"LAYERLAB_MAX_").skip(1) {
            // Alone, it is what all names begin with.
            names.extend(
                piece.split('"').next().filter(|name| !name.is_empty()).map(|name| format!("LAYERLAB_MAX_{name}")),
            );
        }
    }
    names
}

#[test]
fn the_tables_of_limits_are_those_of_the_code() {
    let text = read(&project().join("book/src/reference/limits.md"));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")).map(|row| {
        let (variable, rest) = row.split_once("` | ").unwrap();
        (variable.to_owned(), rest.rsplit_once(" | ").unwrap().1.to_owned())
    });
    let rows: Vec<(String, String)> = rows.collect();
    let listed: BTreeMap<String, String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), listed.len(), "a variable is listed twice");
    assert_eq!(listed, defaults());
    assert_eq!(listed.into_keys().collect::<BTreeSet<_>>(), named_variables());
}

/// The rows of one severity as the page has them.
fn rows_of_rules(severity: Severity) -> String {
    let mut rows = String::new();
    for rule in rules::ALL.iter().filter(|rule| rule.severity == severity) {
        let from = match (rule.origin, rule.page()) {
            (Origin::DockerExperiment, Some(page)) => format!("[Docker]({page}), an experiment"),
            (_, Some(page)) => format!("[Docker]({page})"),
            (_, None) => "Layerlab".to_owned(),
        };
        rows.push_str(&format!("| `{}` | {} | {from} |\n", rule.name, rule.summary));
    }
    rows
}

#[test]
fn the_tables_of_messages_are_those_of_the_code() {
    let path = project().join("book/src/reference/checks.md");
    let text = read(&path);
    let mut expected = String::new();
    let mut severity = None;
    for line in text.split_inclusive('\n') {
        severity = match line.trim_end() {
            "## Warnings" => Some(Severity::Warning),
            "## Notes" => Some(Severity::Note),
            "## Errors" => Some(Severity::Error),
            line if line.starts_with("## ") => None,
            _ => severity,
        };
        if !line.starts_with("| `") {
            expected.push_str(line);
        }
        if line.starts_with("|---") {
            expected.push_str(&rows_of_rules(severity.unwrap()));
        }
    }
    if std::env::var_os("LAYERLAB_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert_eq!(text, expected, "{} is out of date: LAYERLAB_BLESS=1 writes it anew", path.display());
}

#[test]
fn the_name_of_a_rule_is_its_own() {
    let names: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), rules::ALL.len());
}
