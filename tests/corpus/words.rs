//! words/: substitution and splitting.

use std::collections::{BTreeMap, BTreeSet};

use layerlab::dockerfile::words::{expand, expand_words};
use serde_json::Value;

use crate::report::{self, Outcome, Report, compare};

#[test]
fn words() {
    let Some(folder) = report::folder("words") else {
        return;
    };
    let mut report = Report::new("words");
    for case in report::cases(&folder, "cases.json") {
        report.case(case["name"].as_str().unwrap(), || run(&case));
    }
    report.finish();
}

fn run(case: &Value) -> Outcome {
    if case["platform"] == "windows" {
        return Outcome::Skipped("names of variables without regard to case, as on Windows".to_owned());
    }
    let switches = ["raw_quotes", "raw_escapes", "skip_unset_env", "skip_process_quotes"];
    if switches.iter().any(|switch| case[switch] == true) {
        return Outcome::Skipped("switches of the lexer".to_owned());
    }
    let input = case["input"].as_str().unwrap();
    let escape = case["escape"].as_str().unwrap().chars().next().unwrap();
    let variables: BTreeMap<String, String> = serde_json::from_value(case["env"].clone()).unwrap();
    let words = case["mode"] == "words";
    let result = if words {
        expand_words(input, escape, &variables).map(|(words, expansion)| (serde_json::json!(words), expansion))
    } else {
        expand(input, escape, &variables).map(|expansion| (serde_json::json!(expansion.text), expansion))
    };
    let (value, expansion) = match result {
        Ok(result) => result,
        Err(_) if case.get("error").is_some() => return Outcome::Passed,
        Err(error) => return Outcome::Failed(format!("unexpected error: {error}")),
    };
    if case.get("error").is_some() {
        return Outcome::Failed(format!("expected an error, got {value}"));
    }
    for (key, actual) in [("matched", &expansion.used), ("unmatched", &expansion.unset)] {
        if let Some(expected) = case.get(key) {
            let expected: BTreeSet<String> = serde_json::from_value(expected.clone()).unwrap();
            if &expected != actual {
                return Outcome::Failed(format!("{key}: expected {expected:?}, got {actual:?}"));
            }
        }
    }
    compare(&case["expected"], &value)
}
