//! The rooms of the program: which may know which, that the drawing of them is true, that no files know each other in a loop, and
//! that no file or function is long.
//!
//! Whoever has to break a rule changes a table here and says why in it. An exception that nothing needs any more is a finding too.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{Imports, SourceText, functions, project, sources};
use crate::tidy::Findings;

/// The most lines of a source file, and of a function.
const MOST_LINES: usize = 400;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

/// A file, or a function of one (`file: function`), that may be longer.
const LONG: &[(&str, &str)] = &[
    ("src/container/boxes.rs: item", "one arm for each operation"),
    ("src/container/execute.rs: perform", "one arm for each operation"),
    ("src/container/explain.rs", "two arms for each operation"),
    ("src/container/explain.rs: fmt", "one arm for each operation"),
    ("src/container/explain.rs: why", "one arm for each operation"),
    ("src/debugger/mod.rs", "the face of the room: one method for each thing that can be asked"),
    ("src/dockerfile/print/tree.rs: parts_of", "one arm for each instruction"),
    ("src/repl/command.rs: arguments", "one arm for each command"),
    ("src/view/debugger/mod.rs: event", "one arm for each event"),
];

/// Types of which the methods stand in several files of a folder.
const PARTED: &[(&str, &str, &str)] = &[
    ("src/container/", "Operation", "what is done, and why it is done, are two ideas"),
    ("src/container/", "Setup", "what a manager prescribes is an idea of its own"),
    ("src/machine/", "Machine", "driving it, asking it and ending it are three ideas"),
    ("src/serving/", "Registry", "giving, taking and naming are three ideas"),
    ("src/store/", "Store", "one file for each kind of file in the layout"),
    ("src/tree/", "Tree", "following links is an idea of its own"),
    ("src/view/report/", "Report", "each part of the page is an idea of its own"),
    ("src/view/report/", "StepPart", "each part of a step is an idea of its own"),
];

/// The room of a file: the first name below `src`. `main.rs` and `lib.rs` have none.
fn room(file: &str) -> Option<&str> {
    let name = file.strip_prefix("src/")?.split(['/', '.']).next()?;
    (!["main", "lib"].contains(&name)).then_some(name)
}

/// Each room with its floor, counted from the top, as ARCHITECTURE.md draws them: the rooms of a floor stand side by side, separated by `·`.
fn drawing() -> Vec<(String, usize)> {
    let architecture = std::fs::read_to_string(project().join("ARCHITECTURE.md")).unwrap();
    let (_, rest) = architecture.split_once("\n## Rooms\n").expect("ARCHITECTURE.md draws the rooms");
    let (_, rest) = rest.split_once("```text\n").unwrap();
    let (drawing, _) = rest.split_once("```").unwrap();
    let mut floors = Vec::new();
    for (floor, line) in drawing.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let rooms = line.trim_start().split("   ").next().unwrap_or_default();
        floors.extend(rooms.split('·').map(|room| (room.trim().to_owned(), floor)));
    }
    floors
}

#[test]
fn the_drawing_of_the_rooms_is_true() {
    let mut findings = Findings::default();
    let sources = sources();
    let drawn = drawing();
    let floors: BTreeMap<&str, usize> = drawn.iter().map(|(room, floor)| (room.as_str(), *floor)).collect();
    assert_eq!(floors.len(), drawn.len(), "a room is drawn twice");
    let rooms: BTreeSet<&str> = sources.iter().filter_map(|file| room(&file.name)).collect();
    assert_eq!(
        floors.keys().copied().collect::<BTreeSet<_>>(),
        rooms,
        "the rooms that are drawn, and those that are there"
    );
    let imports = Imports::read(&sources);
    for file in &sources {
        for (target, line) in &imports.files[&file.name] {
            let (Some(from), Some(to)) = (room(&file.name), room(target)) else { continue };
            if from == to || floors[to] > floors[from] {
                continue;
            }
            findings.add(file, *line, format!("`{from}` names `{to}`, which the drawing has not below it"));
        }
    }
    findings.check();
}

#[test]
fn no_files_know_each_other_in_a_loop() {
    let imports = Imports::read(&sources());
    if let Some(circle) = imports.circles().first() {
        let arrows = circle.iter().flat_map(|file| {
            let targets = imports.files[*file].iter().filter(|(target, _)| circle.contains(target.as_str()));
            targets.map(move |(target, line)| format!("  {file}:{line} names {target}\n"))
        });
        panic!("files know each other in a loop:\n{}", arrows.collect::<String>());
    }
}

#[test]
fn files_and_functions_are_short() {
    let mut findings = Findings::default();
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    let mut look = |file: &SourceText, line: usize, name: String, lines: usize, most: usize| {
        if lines <= most {
            return;
        }
        match LONG.iter().find(|(long, _)| *long == name) {
            Some((long, _)) => drop(needed.insert(long)),
            None => findings.add(file, line, format!("{lines} lines, more than {most}: part it")),
        }
    };
    for file in &sources() {
        look(file, 1, file.name.clone(), file.lines().count(), MOST_LINES);
        for function in functions(file) {
            let name = format!("{}: {}", file.name, function.name);
            look(file, function.line, name, function.lines, MOST_LINES_OF_A_FUNCTION);
        }
    }
    findings.check();
    for (name, because) in LONG {
        assert!(needed.contains(name), "{name} is short ({because}): take it out of the table");
    }
}

/// Methods stand where their type is: who reads a type has read what it does.
#[test]
fn methods_stand_with_their_type() {
    let mut findings = Findings::default();
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for file in &sources() {
        let bare = file.bare();
        let defines = |name: &str| {
            ["struct", "enum", "union"].iter().any(|kind| {
                bare.match_indices(&format!("{kind} {name}")).any(|(at, found)| {
                    !bare[at + found.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
            })
        };
        for (index, line) in bare.lines().enumerate() {
            let Some(rest) = line.strip_prefix("impl").filter(|rest| rest.starts_with([' ', '<'])) else { continue };
            if line.contains(" for ") {
                continue;
            }
            let rest = if rest.starts_with('<') { rest.split_once("> ").map_or(rest, |(_, rest)| rest) } else { rest };
            let name: String =
                rest.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if defines(&name) {
                continue;
            }
            match PARTED.iter().find(|(folder, of, _)| file.name.starts_with(folder) && *of == name) {
                Some((_, of, _)) => drop(needed.insert(of)),
                None => {
                    findings.add(file, index + 1, format!("`impl {name}` stands in another file than `{name}`"));
                }
            }
        }
    }
    findings.check();
    for (_, of, because) in PARTED {
        assert!(needed.contains(of), "`{of}` is in one file ({because}): take it out of the table");
    }
}
