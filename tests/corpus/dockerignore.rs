//! dockerignore/: exclusion patterns, and the files that hold them.

use layerlab::context::{Patterns, ignore};
use serde_json::Value;

use crate::report::{self, Outcome, Report, compare};

/// Runs the cases of one file of the folder.
fn run(file: &str, check: fn(&Value) -> Outcome) {
    let Some(folder) = report::folder("dockerignore") else {
        return;
    };
    let mut report = Report::new("dockerignore");
    for case in report::cases(&folder, file) {
        report.case(case["name"].as_str().unwrap(), || check(&case));
    }
    report.finish();
}

fn strings(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Judges a result that should be an error if the case says so; `check` judges the value.
fn judge<T, E: std::fmt::Display>(case: &Value, result: Result<T, E>, check: impl FnOnce(T) -> Outcome) -> Outcome {
    match (result, case.get("error")) {
        (Err(_), Some(_)) => Outcome::Passed,
        (Err(error), None) => Outcome::Failed(format!("unexpected error: {error}")),
        (Ok(_), Some(error)) => Outcome::Failed(format!("expected the error {error}")),
        (Ok(value), None) => check(value),
    }
}

#[test]
fn a_path_is_excluded_or_kept() {
    run("match.json", |case| {
        let path = case["path"].as_str().unwrap();
        let result = Patterns::new(strings(&case["patterns"])).and_then(|patterns| patterns.excludes(path));
        judge(case, result, |excluded| compare(&case["excluded"].as_bool(), &Some(excluded)))
    });
}

#[test]
fn a_pattern_list_is_cleaned_or_refused() {
    run("clean.json", |case| {
        judge(case, Patterns::new(strings(&case["patterns"])), |patterns| {
            let mark = |negated| if negated { "!" } else { "" };
            let cleaned: Vec<String> =
                patterns.iter().map(|pattern| format!("{}{}", mark(pattern.negated), pattern.cleaned())).collect();
            compare(&strings(&case["cleaned"]), &cleaned)
        })
    });
}

#[test]
fn an_ignore_file_is_read_and_applied() {
    run("files.json", |case| {
        let lines = ignore::parse(case["file"].as_str().unwrap());
        if let Some(parsed) = case.get("parsed") {
            let texts: Vec<String> = lines.iter().map(|(_, text)| text.clone()).collect();
            if texts != strings(parsed) {
                return compare(&strings(parsed), &texts);
            }
        }
        judge(case, Patterns::numbered(lines), |patterns| {
            let Some(paths) = case.get("paths") else {
                return Outcome::Passed;
            };
            let excluded: Vec<String> =
                strings(paths).into_iter().filter(|path| patterns.excludes(path).unwrap()).collect();
            compare(&strings(&case["excluded"]), &excluded)
        })
    });
}
