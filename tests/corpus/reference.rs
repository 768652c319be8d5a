//! reference/: names of images, parsed, normalised, or refused.

use layerlab::oci::{AnyReference, Reference, ReferenceError};
use serde_json::{Value, json};

use crate::report::{self, Outcome, Report, compare};

#[test]
fn reference() {
    let Some(folder) = report::folder("reference") else {
        return;
    };
    let mut report = Report::new("reference");
    for case in report::cases(&folder, "cases.json") {
        report.case(case["name"].as_str().unwrap(), || run(&case));
    }
    report.finish();
}

fn run(case: &Value) -> Outcome {
    let input = case["input"].as_str().unwrap();
    let function = case["fn"].as_str().unwrap();
    let result = match function {
        "Parse" => Reference::parse(input).map(|reference| describe(&reference)),
        "WithName" => Reference::with_name(input).map(|reference| describe(&reference)),
        "ParseNamed" => Reference::parse_canonical(input).map(|reference| describe(&reference)),
        "ParseNormalizedNamed" => Reference::parse_normalized(input).map(|reference| describe_normalised(&reference)),
        "ParseDockerRef" => Reference::parse_for_engine(input).map(|reference| describe_normalised(&reference)),
        "ParseAnyReference" => AnyReference::parse(input).map(|any| match any {
            AnyReference::Named(reference) => describe(&reference),
            AnyReference::Digest(digest) => {
                json!({"digest": digest.to_string(), "string": digest.to_string()})
            }
        }),
        other => return Outcome::Skipped(format!("unknown function {other}")),
    };
    match (result, case.get("error")) {
        (Ok(actual), None) => compare(&case["expected"], &actual),
        (Err(error), Some(expected)) => {
            // An image id among other errors is worded for people.
            if matches!(error, ReferenceError::Identifier(_)) {
                return Outcome::Passed;
            }
            compare(&expected.as_str().unwrap().to_string(), &message(&error))
        }
        (Ok(actual), Some(expected)) => Outcome::Failed(format!("{input}: expected {expected}, got {actual}")),
        (Err(error), None) => Outcome::Failed(format!("{input}: {error}")),
    }
}

/// The part of a message that upstream has, too.
fn message(error: &ReferenceError) -> String {
    match error {
        ReferenceError::Digest(error) if error.to_string().starts_with("unsupported") => {
            "unsupported digest algorithm".to_string()
        }
        other => other.to_string(),
    }
}

fn describe(reference: &Reference) -> Value {
    let mut value = json!({
        "string": reference.to_string(),
        "name": reference.name(),
        "domain": reference.domain(),
        "path": reference.path(),
    });
    if let Some(tag) = reference.tag() {
        value["tag"] = json!(tag);
    }
    if let Some(digest) = reference.digest() {
        value["digest"] = json!(digest.to_string());
    }
    value
}

fn describe_normalised(reference: &Reference) -> Value {
    let mut value = describe(reference);
    value["familiar"] = json!(reference.familiar());
    value["familiar_name"] = json!(reference.familiar_name());
    value["tag_name_only"] = json!(reference.with_default_tag().to_string());
    value
}
