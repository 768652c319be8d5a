//! oci/: chain ids, and documents that are valid or not.

use layerlab::oci::digest::chain_digest;
use layerlab::oci::{ChainId, DiffId, validate};
use serde_json::Value;

use crate::report::{self, Outcome, Report, compare};

#[test]
fn chain_ids() {
    let Some(folder) = report::folder("oci") else {
        return;
    };
    let mut report = Report::new("oci chain ids");
    for case in report::cases(&folder, "chainid.json") {
        report.case(case["name"].as_str().unwrap(), || chain(&case));
    }
    report.finish();
}

/// The ids of the cases are not real digests, so the rule is applied to their text.
fn chain(case: &Value) -> Outcome {
    let diff_ids: Vec<String> = serde_json::from_value(case["diff_ids"].clone()).unwrap();
    let expected: Vec<String> = serde_json::from_value(case["chain_ids"].clone()).unwrap();
    let mut actual: Vec<String> = Vec::new();
    for diff_id in &diff_ids {
        let next = match actual.last() {
            None => diff_id.clone(),
            Some(parent) => chain_digest(parent, diff_id).to_string(),
        };
        actual.push(next);
    }
    if let Ok(real) = diff_ids.iter().map(|text| text.parse()).collect::<Result<Vec<DiffId>, _>>() {
        let chain = ChainId::of(&real).map(|chain| chain.to_string());
        if chain.as_ref() != actual.last() {
            return Outcome::Failed(format!("the types say {chain:?}"));
        }
    }
    compare(&expected, &actual)
}

#[test]
fn documents() {
    let Some(folder) = report::folder("oci") else {
        return;
    };
    let mut report = Report::new("oci documents");
    for case in report::cases(&folder, "schema.json") {
        report.case(case["name"].as_str().unwrap(), || document(&case));
    }
    report.finish();
}

fn document(case: &Value) -> Outcome {
    let text = case["json"].as_str().unwrap().as_bytes();
    let findings = match case["kind"].as_str().unwrap() {
        "config" => validate::config(text),
        "manifest" => validate::manifest(text),
        "index" => validate::index(text),
        "descriptor" => validate::descriptor(text),
        "layout" => validate::layout(text),
        other => return Outcome::Skipped(format!("no validation of {other}")),
    };
    match (findings.is_empty(), case["valid"] == true) {
        (true, false) => Outcome::Failed(format!("accepted, but: {}", case["comment"])),
        (false, true) => Outcome::Failed(format!("refused: {}", findings.join("; "))),
        _ => Outcome::Passed,
    }
}
