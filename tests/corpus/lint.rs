//! instructions/lint.json: which build checks fire, and in which line.

use layerlab::dockerfile;
use layerlab::plan::{self, Request};
use layerlab::source::SourceFile;
use serde_json::Value;

use crate::report::{self, Outcome, Report, compare};

/// Checks that need an image or a build context, and are not made yet.
const NOT_MADE: [&str; 3] = ["UndefinedVar", "CopyIgnoredFile", "InvalidBaseImagePlatform"];

#[test]
fn lint() {
    let Some(folder) = report::folder("instructions") else {
        return;
    };
    let mut report = Report::new("lint");
    for case in report::cases(&folder, "lint.json") {
        report.case(case["name"].as_str().unwrap(), || check(&case));
    }
    report.finish();
}

fn check(case: &Value) -> Outcome {
    let mut request = Request::default();
    for (name, value) in case["attrs"].as_object().into_iter().flatten() {
        let name = name.strip_prefix("build-arg:").unwrap();
        request.build_args.insert(name.to_owned(), value.as_str().unwrap().to_owned());
    }
    let expected: Vec<(String, u64)> = case["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (warning["rule"].as_str().unwrap().to_owned(), warning["line"].as_u64().unwrap()))
        .collect();
    if expected.iter().any(|(rule, _)| NOT_MADE.contains(&rule.as_str())) {
        return Outcome::Skipped("this check is not made yet".to_owned());
    }
    let source = SourceFile::new("Dockerfile", case["dockerfile"].as_str().unwrap());
    let parsed = dockerfile::parse_checked(&source, &request.limits, request.check().unwrap());
    let mut told = parsed.diagnostics.clone();
    if let Ok(file) = parsed.into_dockerfile() {
        let planned = plan::plan(&file, &request).map_or_else(|errors| errors, |plan| plan.warnings);
        told.extend(planned.into_iter().filter(|diagnostic| !file.warnings.contains(diagnostic)));
    }
    let mut found: Vec<(String, u64)> = told
        .iter()
        .filter(|diagnostic| diagnostic.rule.is_some_and(|rule| rule.page().is_some()))
        .map(|diagnostic| {
            let line = source.line_column(diagnostic.start()).0 as u64;
            (diagnostic.rule.unwrap().name.to_owned(), line)
        })
        .collect();
    let mut expected = expected;
    expected.sort();
    found.sort();
    compare(&expected, &found)
}
