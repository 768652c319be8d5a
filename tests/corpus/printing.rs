//! Printing and parsing again gives the same tree, for every file of parser/ that is a valid Dockerfile.

use layerlab::dockerfile::{self, print};
use layerlab::source::SourceFile;
use serde_json::Value;

use crate::report::{self, Outcome, Report, compare};

#[test]
fn printing() {
    let Some(folder) = report::folder("parser") else {
        return;
    };
    let mut report = Report::new("printing");
    let mut files: Vec<(String, String)> = report::cases(&folder, "extra.json")
        .iter()
        .map(|case| (case["name"].as_str().unwrap().to_owned(), case["dockerfile"].as_str().unwrap().to_owned()))
        .collect();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(text) = std::fs::read_to_string(path.join("Dockerfile")) {
            files.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
        }
    }
    for (name, text) in files {
        // Some files are not whole Dockerfiles; the other tests say which.
        let parse = |text: String| dockerfile::parse(&SourceFile::new("Dockerfile", text)).into_dockerfile();
        if let Ok(first) = parse(text.clone()).or_else(|_| parse(format!("FROM scratch\n{text}"))) {
            report.case(&name, || round_trip(&first));
        }
    }
    report.finish();
}

fn round_trip(first: &dockerfile::Dockerfile) -> Outcome {
    let printed = print::dockerfile(first);
    match dockerfile::parse(&SourceFile::new("Dockerfile", printed.as_str())).into_dockerfile() {
        Ok(second) => match compare(&without_places(first), &without_places(&second)) {
            Outcome::Failed(why) => Outcome::Failed(format!("{why}\n{printed}")),
            passed => passed,
        },
        Err(errors) => {
            let source = SourceFile::new("printed", printed);
            Outcome::Failed(errors.iter().map(|error| error.render(Some(&source))).collect())
        }
    }
}

/// The tree as JSON, without spans, lines and source text.
fn without_places(dockerfile: &dockerfile::Dockerfile) -> Value {
    let mut tree: Value = serde_json::from_str(&print::json(dockerfile)).unwrap();
    strip(&mut tree);
    tree
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // What an ONBUILD records is a `text` too, but has no place beside it.
            if fields.contains_key("lines") {
                fields.remove("text");
                fields.remove("lines");
            }
            fields.remove("span");
            fields.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}
