//! Exclusion patterns: `match.json`, `clean.json` and `files.json`.

use layerlab::context::{Patterns, ignore};
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let Some(folder) = crate::report::folder("dockerignore") else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let whole: Value = serde_json::from_str(&text).unwrap();
    whole["cases"].as_array().unwrap().clone()
}

fn strings(value: &Value) -> Vec<String> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

/// Runs `check` on every case and fails with the list of those that differ.
fn run(file: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let cases = cases(file);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            Some(format!(
                "{}: {}",
                case["name"].as_str().unwrap_or("?"),
                check(case).err()?
            ))
        })
        .collect();
    println!(
        "dockerignore/{file}: {} of {} cases hold",
        cases.len() - failures.len(),
        cases.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_path_is_excluded_or_kept() {
    run("match.json", |case| {
        let path = case["path"].as_str().unwrap();
        let outcome =
            Patterns::new(strings(&case["patterns"])).and_then(|patterns| patterns.excludes(path));
        match (outcome, case.get("error"), case["excluded"].as_bool()) {
            (Err(_), Some(_), _) => Ok(()),
            (Ok(excluded), None, Some(expected)) if excluded == expected => Ok(()),
            (outcome, error, expected) => {
                Err(format!("{outcome:?}, expected {error:?} {expected:?}"))
            }
        }
    });
}

#[test]
fn a_pattern_list_is_cleaned_or_refused() {
    run("clean.json", |case| {
        let outcome = Patterns::new(strings(&case["patterns"]));
        match (outcome, case.get("error"), case.get("cleaned")) {
            (Err(_), Some(_), _) => Ok(()),
            (Ok(patterns), None, Some(expected)) => {
                let cleaned: Vec<String> = patterns
                    .iter()
                    .map(|pattern| {
                        format!(
                            "{}{}",
                            if pattern.negated { "!" } else { "" },
                            pattern.cleaned()
                        )
                    })
                    .collect();
                if cleaned == strings(expected) {
                    Ok(())
                } else {
                    Err(format!("{cleaned:?}"))
                }
            }
            (outcome, error, _) => Err(format!("{outcome:?}, expected error {error:?}")),
        }
    });
}

#[test]
fn an_ignore_file_is_read_and_applied() {
    run("files.json", |case| {
        let lines = ignore::parse(case["file"].as_str().unwrap());
        if let Some(parsed) = case.get("parsed") {
            let texts: Vec<String> = lines.iter().map(|(_, text)| text.clone()).collect();
            if texts != strings(parsed) {
                return Err(format!("parsed as {texts:?}"));
            }
        }
        let patterns = match (Patterns::numbered(lines), case.get("error")) {
            (Err(_), Some(_)) => return Ok(()),
            (Ok(patterns), None) => patterns,
            (outcome, error) => return Err(format!("{outcome:?}, expected error {error:?}")),
        };
        let Some(paths) = case.get("paths") else {
            return Ok(());
        };
        let excluded: Vec<String> = strings(paths)
            .into_iter()
            .filter(|path| patterns.excludes(path).unwrap())
            .collect();
        if excluded == strings(&case["excluded"]) {
            Ok(())
        } else {
            Err(format!("excluded {excluded:?}"))
        }
    });
}
