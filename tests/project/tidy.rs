//! Tidiness, as a test: what every file of the project has to keep to. Which module may use which other says `uses.rs`.
//!
//! Each rule is a table or a short function. A finding names file and line. Whoever has to break a rule changes the table here
//! and says why in it.

use std::fmt::Write as _;

use crate::code::{SourceText, sources, texts};

/// How a program writes to its standard streams, and the only files that may: everything for people goes through the screen.
const STREAMS: &[&str] = &["println!(", "eprintln!(", "print!(", "eprint!(", "io::stdout()", "io::stderr()"];
const WRITERS: &[&str] = &[
    "src/view/screen.rs",
    // Only asks whether they are terminals.
    "src/view/palette.rs",
    // Hands standard output to the session, which puts its screen on it.
    "src/cli/commands/build/step.rs",
    // The server's log is what the program in the container prints.
    "src/userland/serve.rs",
];

/// Texts that say where the project was made and by which means, and not what it is. In pieces, so that this file passes too.
const FOREIGN: &[&[&str]] = &[
    &["crates", ".io"],
    &["deb.", "debian", ".org"],
    &["security.", "debian", ".org"],
    &["pypi", ".org"],
    &["registry.", "npmjs"],
    &["proxy.", "golang"],
    &["/work", "/wt"],
    &["/work", "/main"],
    &["/rustc", "/"],
    &["TO", "DO"],
    &["FIX", "ME"],
];

/// Findings of one rule.
#[derive(Default)]
pub struct Findings(String);

impl Findings {
    pub fn add(&mut self, file: &SourceText, line: usize, what: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{}:{line}: {what}", file.name);
    }

    pub fn check(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

#[test]
fn every_file_says_what_it_is() {
    let mut findings = Findings::default();
    let tests = texts("tests").into_iter().filter(|file| file.name.ends_with(".rs"));
    for file in sources().into_iter().chain(tests) {
        if !file.text.starts_with("//! ") {
            findings.add(&file, 1, "a file opens with `//!`: what it is, and what it leaves out");
        }
    }
    findings.check();
}

#[test]
fn nothing_is_left_open() {
    let mut findings = Findings::default();
    for file in sources() {
        for (number, line) in file.code() {
            for word in ["todo!(", "unimplemented!(", "dbg!("] {
                if line.contains(word) {
                    findings.add(&file, number, format!("`{word}`"));
                }
            }
            if line.contains(".unwrap()") {
                findings.add(&file, number, "`unwrap`: `expect` says which invariant holds");
            }
        }
    }
    findings.check();
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut findings = Findings::default();
    for file in sources() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (number, line) in file.code() {
            let opens = line.contains("unsafe {") || line.trim_start().starts_with("unsafe impl");
            let above = lines[number.saturating_sub(12)..number - 1].iter().rev();
            // The comment may stand above a statement that has several lines, not above another one.
            let said = above.take_while(|line| !line.trim().is_empty()).any(|line| line.contains("SAFETY:"));
            if opens && !said {
                findings.add(&file, number, "`unsafe` without `SAFETY:` in a comment above it");
            }
        }
    }
    findings.check();
}

#[test]
fn only_the_screen_writes() {
    let mut findings = Findings::default();
    for file in sources().into_iter().filter(|file| !WRITERS.contains(&file.name.as_str())) {
        for (number, line) in file.code() {
            if !line.contains("is_terminal()") && STREAMS.iter().any(|way| line.contains(way)) {
                findings.add(&file, number, "standard output and standard error are written by `view::screen`");
            }
        }
    }
    findings.check();
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let mut findings = Findings::default();
    let foreign: Vec<String> = FOREIGN.iter().map(|pieces| pieces.concat()).collect();
    for file in texts("") {
        if file.name == "LICENSE" {
            continue;
        }
        for (number, line) in file.lines() {
            for word in foreign.iter().filter(|word| line.contains(word.as_str())) {
                findings.add(&file, number, format!("`{word}`"));
            }
            let lower = line.to_ascii_lowercase();
            for word in ["session ", "issue ", "issue #", "pull request #"] {
                let follows =
                    |(at, _): (usize, &str)| lower[at + word.len()..].starts_with(|next: char| next.is_ascii_digit());
                if lower.match_indices(word).any(follows) {
                    findings.add(&file, number, format!("`{word}` with a number"));
                }
            }
        }
    }
    findings.check();
}
