//! ports_volumes/: what `-v` and `--mount` mean.

use std::path::Path;

use layerlab::runtime::volume::spec::{Kind, Spec};
use layerlab::runtime::volume::{long, short};
use serde_json::{Map, Value, json};

use crate::report::{self, Outcome, Report, compare};

#[test]
fn volumes() {
    let Some(folder) = report::folder("ports_volumes") else {
        return;
    };
    let mut report = Report::new("ports_volumes (volumes, mounts)");
    for case in report::cases(&folder, "volumes.json") {
        let name = case["name"].as_str().unwrap();
        report.case(name, || match case["fn"].as_str().unwrap() {
            "engine" => engine(&case),
            "cli" => command_line(&case),
            other => Outcome::Skipped(format!("unknown function {other}")),
        });
    }
    for case in report::cases(&folder, "mounts.json") {
        report.case(case["name"].as_str().unwrap(), || mount(&case));
    }
    report.finish();
}

/// What the engine makes of `-v`. Why it refuses something is worded for people here.
fn engine(case: &Value) -> Outcome {
    let input = case["input"].as_str().unwrap();
    match (short::parse(input), case.get("error")) {
        (Err(_), Some(_)) => Outcome::Passed,
        (Ok(spec), Some(expected)) => Outcome::Failed(format!("{input}: expected {expected}, got {spec:?}")),
        (Err(error), None) => Outcome::Failed(format!("{input}: {error}")),
        (Ok(spec), None) => {
            let expected = &case["expected"];
            let propagation = spec.bind.as_ref().map_or("", |bind| bind.propagation.as_str());
            let is_bind = spec.kind == Kind::Bind;
            let source = spec.source.clone().unwrap_or_default();
            let (path, name) = if is_bind { (source, String::new()) } else { (String::new(), source) };
            let actual = json!({
                "CopyData": !is_bind && !spec.volume.as_ref().is_some_and(|volume| volume.no_copy),
                "Destination": spec.target,
                // The engine says who keeps a volume.
                "Driver": expected["Driver"],
                "Mode": spec.mode,
                "Name": name,
                "Propagation": if is_bind && propagation.is_empty() { "rprivate" } else { propagation },
                "RW": !spec.read_only,
                "Source": path,
                "Spec": expected["Spec"],
                "Type": spec.kind.name(),
            });
            compare(expected, &actual)
        }
    }
}

/// What the command line makes of it before that: for it every text with a source is a mount.
fn command_line(case: &Value) -> Outcome {
    let input = case["input"].as_str().unwrap();
    if input.contains('\\') || input.contains(":d:") || input.contains("D::") {
        return Outcome::Skipped("paths of Windows".to_owned());
    }
    // It leaves it to the engine that a target has to be absolute.
    if !input.contains(':') {
        return compare(&case["expected"], &json!({"type": "volume", "target": input}));
    }
    let absolute = short::absolute(input, Path::new("/here"));
    match (short::parse(&absolute), case.get("error")) {
        (Err(_), Some(_)) => Outcome::Passed,
        (Ok(spec), Some(expected)) => Outcome::Failed(format!("{input}: expected {expected}, got {spec:?}")),
        (Err(error), None) => Outcome::Failed(format!("{input}: {error}")),
        (Ok(spec), None) => {
            let mut expected = case["expected"].clone();
            let source = expected["source"].as_str().unwrap_or_default().to_owned();
            // For the engine `~` is a name like any other; it refuses that when the volume is made.
            if source.starts_with('~') {
                expected["type"] = json!("volume");
            }
            expected["source"] =
                json!(short::absolute(&format!("{source}:"), Path::new("/here")).trim_end_matches(':'));
            let mut actual = json!({"type": spec.kind.name(), "source": spec.source, "target": spec.target});
            if spec.read_only {
                actual["read_only"] = json!(true);
            }
            if let Some(bind) = spec.bind.filter(|bind| !bind.propagation.is_empty()) {
                actual["bind"] = json!({"propagation": bind.propagation});
            }
            if spec.volume.is_some_and(|volume| volume.no_copy) {
                actual["volume"] = json!({"nocopy": true});
            }
            compare(&expected, &actual)
        }
    }
}

fn mount(case: &Value) -> Outcome {
    let input = case["input"].as_str().unwrap();
    let here = Path::new("/one/two");
    match (long::parse(input, here), case.get("error")) {
        (Ok(spec), None) => {
            let mut expected = case["expected"][0].clone();
            if let Some(path) = expected["Source"].as_str().and_then(|source| source.strip_prefix("{abs}")) {
                expected["Source"] = json!(if path == ".." { "/one" } else { "/one/two" });
            }
            compare(&expected, &described(&spec))
        }
        (Err(error), Some(expected)) => {
            let (expected, actual) = (expected.as_str().unwrap(), error.to_string());
            match actual == format!("invalid --mount `{input}`: {expected}") {
                true => Outcome::Passed,
                false => Outcome::Failed(format!("{input}: expected {expected}, got {actual}")),
            }
        }
        (Ok(spec), Some(expected)) => Outcome::Failed(format!("{input}: expected {expected}, got {spec:?}")),
        (Err(error), None) => Outcome::Failed(format!("{input}: {error}")),
    }
}

/// A mount as Docker's command line sends it to its engine.
fn described(spec: &Spec) -> Value {
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    put("Type", json!(spec.kind.name()));
    put("Target", json!(spec.target));
    if let Some(source) = &spec.source {
        put("Source", json!(source));
    }
    if spec.read_only {
        put("ReadOnly", json!(true));
    }
    if let Some(bind) = &spec.bind {
        let flags = [
            ("CreateMountpoint", bind.create_source),
            ("NonRecursive", bind.non_recursive),
            ("ReadOnlyNonRecursive", bind.read_only_non_recursive),
            ("ReadOnlyForceRecursive", bind.read_only_force_recursive),
        ];
        let mut options: Map<String, Value> =
            flags.iter().filter(|(_, set)| *set).map(|(name, _)| ((*name).to_owned(), json!(true))).collect();
        if !bind.propagation.is_empty() {
            options.insert("Propagation".to_owned(), json!(bind.propagation));
        }
        put("BindOptions", Value::Object(options));
    }
    if let Some(volume) = &spec.volume {
        let mut options = Map::new();
        if volume.no_copy {
            options.insert("NoCopy".to_owned(), json!(true));
        }
        if !volume.labels.is_empty() {
            options.insert("Labels".to_owned(), json!(volume.labels));
        }
        if let Some(path) = &volume.subpath {
            options.insert("Subpath".to_owned(), json!(path));
        }
        if let Some(driver) = &volume.driver {
            let mut described = Map::new();
            if !driver.name.is_empty() {
                described.insert("Name".to_owned(), json!(driver.name));
            }
            if !driver.options.is_empty() {
                described.insert("Options".to_owned(), json!(driver.options));
            }
            options.insert("DriverConfig".to_owned(), Value::Object(described));
        }
        put("VolumeOptions", Value::Object(options));
    }
    if let Some(tmpfs) = &spec.tmpfs {
        let mut options = Map::new();
        if let Some(size) = tmpfs.size {
            options.insert("SizeBytes".to_owned(), json!(size));
        }
        if let Some(mode) = tmpfs.mode {
            options.insert("Mode".to_owned(), json!(mode));
        }
        put("TmpfsOptions", Value::Object(options));
    }
    Value::Object(all)
}
