//! What all corpus tests share: finding the cases, and saying how many passed.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What became of one case.
pub enum Outcome {
    Passed,
    /// Why it cannot be judged here.
    Skipped(String),
    /// What is different from what was expected.
    Failed(String),
}

/// Compares, and says both when they differ.
pub fn compare<T: PartialEq + std::fmt::Debug>(expected: &T, actual: &T) -> Outcome {
    if expected == actual {
        return Outcome::Passed;
    }
    let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
    let same = expected.chars().zip(actual.chars()).take_while(|(left, right)| left == right).count();
    let part = |text: &str| text.chars().skip(same.saturating_sub(100)).take(300).collect::<String>();
    Outcome::Failed(format!(
        "expected …{}…
       got …{}…",
        part(&expected),
        part(&actual)
    ))
}

/// The folder of the corpus with this name, or `None` when there is no corpus.
pub fn folder(name: &str) -> Option<PathBuf> {
    let corpus = std::env::var_os("LAYERLAB_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let folder = corpus.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    say(&format!(
        "{name}: SKIPPED, there is no folder {}
",
        folder.display()
    ));
    None
}

/// The cases of a JSON file `{"doc": …, "cases": […]}`; none when the file does not exist.
pub fn cases(folder: &Path, file: &str) -> Vec<Value> {
    let path = folder.join(file);
    if !path.exists() {
        say(&format!("{}: SKIPPED, it does not exist\n", path.display()));
        return Vec::new();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let whole: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    whole["cases"].as_array().cloned().unwrap_or_else(|| panic!("{}: no cases", path.display()))
}

/// Counts the outcomes of one folder.
pub struct Report {
    folder: &'static str,
    passed: usize,
    skipped: Vec<String>,
    failed: Vec<String>,
}

impl Report {
    pub fn new(folder: &'static str) -> Self {
        Report { folder, passed: 0, skipped: Vec::new(), failed: Vec::new() }
    }

    /// Runs one case. A panic is a failure of this case only.
    pub fn case(&mut self, name: &str, run: impl FnOnce() -> Outcome) {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Outcome::Passed) => self.passed += 1,
            Ok(Outcome::Skipped(why)) => self.skipped.push(format!("{name}: {why}")),
            Ok(Outcome::Failed(why)) => self.failed.push(format!("{name}: {why}")),
            Err(_) => self.failed.push(format!("{name}: panicked")),
        }
    }

    /// Prints the result and fails the test when a case failed.
    pub fn finish(self) {
        let Report { folder, passed, skipped, failed } = self;
        let mut out = format!("{folder}: {passed} passed, {} failed, {} skipped\n", failed.len(), skipped.len());
        for (kind, cases) in [("failed", &failed), ("skipped", &skipped)] {
            for case in cases {
                let _ = writeln!(out, "  {kind} {case}");
            }
        }
        say(&out);
        assert!(failed.is_empty(), "{} cases of {folder} failed", failed.len());
    }
}

/// Writes past the test harness, which hides what a passing test prints: a skipped folder must be seen.
fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = std::io::Write::write_all(&mut stderr, text.as_bytes());
}
