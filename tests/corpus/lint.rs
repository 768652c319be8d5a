//! instructions/lint.json: which build checks fire, and in which line.

use layerlab::dockerfile::{self, rules};
use layerlab::machine::{EventKind, Options, Source};
use layerlab::plan::{self, Request};
use layerlab::source::SourceFile;
use serde_json::Value;

use crate::report::{self, Outcome, Report, compare};
use crate::world::Bench;

/// Checks that the machine makes of a step that is begun.
const OF_THE_MACHINE: [&str; 3] = ["UndefinedVar", "CopyIgnoredFile", "InvalidBaseImagePlatform"];

#[test]
fn lint() {
    let Some(folder) = report::folder("instructions") else {
        return;
    };
    let mut report = Report::new("lint");
    let base = std::fs::read(folder.join("../build/base-busybox.json")).unwrap();
    let base: Value = serde_json::from_slice(&base).unwrap();
    for case in report::cases(&folder, "lint.json") {
        report.case(case["name"].as_str().unwrap(), || check(&case, &base));
    }
    report.finish();
}

fn check(case: &Value, base: &Value) -> Outcome {
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
    if expected.iter().any(|(rule, _)| OF_THE_MACHINE.contains(&rule.as_str())) || case["dockerignore"].is_string() {
        return check_build(case, expected, base);
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

/// A build tells the same, up to the instruction that fails.
fn check_build(case: &Value, mut expected: Vec<(String, u64)>, base: &Value) -> Outcome {
    let Some(bench) = Bench::new(base) else { return Outcome::Skipped("there is no static busybox".into()) };
    let context = bench.folder.path().join("context");
    std::fs::create_dir(&context).unwrap();
    let text = case["dockerfile"].as_str().unwrap();
    std::fs::write(context.join("Dockerfile"), text).unwrap();
    if let Some(ignored) = case["dockerignore"].as_str() {
        std::fs::write(context.join(".dockerignore"), ignored).unwrap();
    }
    let source = Source { file: SourceFile::new("Dockerfile", text), context: Some(context), dockerfile: None };
    let mut events = Vec::new();
    let built = bench.build(source, Options::default(), &mut events);
    match (built, case["error_line"].as_u64()) {
        (Ok(_), None) => {}
        (Err(_), Some(line)) => expected.retain(|(_, of)| *of <= line),
        (Ok(_), Some(line)) => return Outcome::Failed(format!("line {line} can't be built, and was")),
        (Err(error), None) => return Outcome::Failed(error.to_string()),
    }
    let mut found = Vec::new();
    for event in &events {
        if !matches!(event.kind, EventKind::Warning(_)) {
            continue;
        }
        let warning = serde_json::to_value(&event.kind).unwrap();
        let name = warning["kind"].as_str().unwrap_or_default();
        if rules::ALL.iter().any(|rule| rule.name == name && rule.page().is_some()) {
            found.push((name.to_owned(), warning["place"]["line"].as_u64().unwrap()));
        }
    }
    compare(&expected, &found)
}
