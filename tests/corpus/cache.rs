//! Sequences of builds: which step ran, and which came from the cache.
//!
//! A run where BuildKit had a hit is slower and not wrong; a hit where it ran is wrong, unless the result is the same.
//! Wrong hits fail the case at once.

use layerlab::machine::{Decision, Event, EventKind, Source};
use serde_json::Value;

use crate::report::{Outcome, Report, cases, folder};
use crate::world::{Bench, dockerfile, lay_out, options};

#[test]
fn steps_run_or_hit_as_observed() {
    let Some(folder) = folder("cache") else { return };
    let base = folder.join("../build/base-busybox.json");
    let base: Value = serde_json::from_slice(&std::fs::read(base).unwrap()).unwrap();
    let mut report = Report::new("cache");
    for case in cases(&folder, "scenarios.json") {
        report.case(case["name"].as_str().unwrap(), || run(&case, &base));
    }
    report.finish();
}

fn run(case: &Value, base: &Value) -> Outcome {
    let Some(bench) = Bench::new(base) else { return Outcome::Skipped("there is no static busybox".into()) };
    let context = bench.folder.path().join("context");
    let mut problems = Vec::new();
    for (number, build) in case["builds"].as_array().unwrap().iter().enumerate() {
        let _ = std::fs::remove_dir_all(&context);
        if let Err(why) = lay_out(&context, &build["context"], build["mtime"].as_u64()) {
            return Outcome::Skipped(why);
        }
        let file = dockerfile(build["dockerfile"].as_str().unwrap().as_bytes()).unwrap();
        let source = Source { file, context: Some(context.clone()), dockerfile: None };
        let mut events = Vec::new();
        let built = bench.build(source, options(build), &mut events).map(|_| ());
        if built.is_ok() != build["ok"].as_bool().unwrap() {
            problems.push(format!("build {number}: {:?}", built.err().map(|error| error.to_string())));
        }
        let mut steps = outcomes(&events);
        for step in build["steps"].as_array().unwrap() {
            let (text, wanted) = (step["instruction"].as_str().unwrap(), step["result"].as_str().unwrap());
            let keyword = |text: &str| text.split_whitespace().next().unwrap_or_default().to_uppercase();
            // By the text, else (BuildKit shows some variables expanded) the next one with the same keyword.
            let place = steps.iter().position(|(other, _)| same_instruction(other, text));
            let place = place.or_else(|| steps.iter().position(|(other, _)| keyword(other) == keyword(text)));
            let Some((_, actual)) = place.map(|place| steps.remove(place)) else {
                // BuildKit's second half of COPY --link is not a step here.
                if !text.starts_with("LINK ") {
                    problems.push(format!("build {number}: no step `{text}`"));
                }
                continue;
            };
            if actual != wanted {
                problems.push(format!("build {number}: `{text}` {actual}, not {wanted}"));
            }
        }
    }
    problems.extend(bench.damage());
    if problems.is_empty() { Outcome::Passed } else { Outcome::Failed(problems.join("; ")) }
}

/// Each step's instruction, and `run`, `cached` or `failed`.
fn outcomes(events: &[Event]) -> Vec<(String, &'static str)> {
    let mut steps: Vec<(String, &'static str)> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::StepStarted => steps.push((event.step.as_ref().unwrap().instruction.clone(), "run")),
            EventKind::Decided { decision: Decision::Hit { .. } } => steps.last_mut().unwrap().1 = "cached",
            EventKind::StepFailed { .. } => steps.last_mut().unwrap().1 = "failed",
            _ => {}
        }
    }
    steps
}

/// BuildKit shows keywords in upper case, heredocs with a summary, and some variables expanded.
fn same_instruction(ours: &str, theirs: &str) -> bool {
    let normal = |text: &str| {
        let text = text.split(" (").next().unwrap_or_default();
        let (keyword, rest) = text.split_once(' ').unwrap_or((text, ""));
        format!("{} {}", keyword.to_uppercase(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    normal(ours) == normal(theirs)
}
