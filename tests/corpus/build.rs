//! Whole builds: files with owner, mode and content; the configuration; or that the build fails.

use std::collections::BTreeSet;
use std::path::Path;

use layerlab::layer;
use layerlab::machine::Source;
use layerlab::tree::{Change, Kind, Node, Tree, TreePath, diff};
use serde_json::{Map, Value};

use crate::report::{Outcome, Report, folder};
use crate::world::{Bench, dockerfile, lay_out, options};

/// Paths that a container runtime makes, left out everywhere.
const LEFT_OUT: [&str; 4] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"];

#[test]
fn builds_give_the_observed_files_and_configuration() {
    let Some(folder) = folder("build") else { return };
    let base: Value = read_json(&folder.join("base-busybox.json"));
    let only = std::env::var("LAYERLAB_CASE").ok();
    let mut report = Report::new("build");
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).collect();
    names.sort();
    for path in names.into_iter().filter(|path| path.is_dir()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        report.case(&name, || run(&path, &base));
    }
    report.finish();
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn run(case: &Path, base: &Value) -> Outcome {
    let Some(bench) = Bench::new(base) else { return Outcome::Skipped("there is no static busybox".into()) };
    let settings = read_json(&case.join("case.json"));
    let expected = read_json(&case.join("expect.json"));
    let context = bench.folder.path().join("context");
    if let Err(why) = lay_out(&context, &read_json(&case.join("context.json")), None) {
        return Outcome::Skipped(why);
    }
    let inside = settings["dockerfile_path_in_context"].as_str();
    let path = inside.map_or_else(|| case.join("Dockerfile"), |path| context.join(path));
    let file = match dockerfile(&std::fs::read(&path).unwrap()) {
        Ok(file) => file,
        Err(_) if expected["error"].is_string() => return Outcome::Passed,
        Err(why) => return Outcome::Failed(why),
    };
    let source = Source { file, context: Some(context), dockerfile: inside.map(|_| path) };
    let mut events = Vec::new();
    let built = bench.build(source, options(&settings), &mut events);
    let machine = match built {
        Ok(machine) => machine,
        Err(error) => {
            let diagnostics = error.diagnostics_at(None);
            let message: String = diagnostics.iter().map(|one| one.render(None)).collect();
            return match expected["error"].as_str() {
                Some(_) => Outcome::Passed,
                None => Outcome::Failed(message),
            };
        }
    };
    let contested = settings["contested"].as_bool().unwrap_or(false) || settings["contested"].is_string();
    if let Some(error) = expected["error"].as_str() {
        return Outcome::Failed(format!("it was built, and upstream says: {error}"));
    }
    let state = machine.current().unwrap();
    let tree = machine.tree(&state).unwrap();
    let from_scratch = is_from_scratch(&machine.plan().stages, machine.plan().target);
    let mut problems = bench.damage();
    check_files(&bench, &tree, &expected, from_scratch, &mut problems);
    // What `--label` says comes to the finished image, and not to a state.
    let mut config = state.image().config;
    config.labels.extend(machine.options().labels.clone());
    check_config(&serde_json::to_value(&config).unwrap(), &expected["config"], &mut problems);
    match problems.is_empty() {
        true => Outcome::Passed,
        false if contested => Outcome::Skipped(format!("contested: {}", problems.join("; "))),
        false => Outcome::Failed(problems.join("; ")),
    }
}

/// Whether the chain of FROMs ends at `scratch`.
fn is_from_scratch(stages: &[layerlab::plan::Stage], stage: usize) -> bool {
    match stages[stage].base {
        layerlab::plan::Base::Scratch => true,
        layerlab::plan::Base::Stage(base) => is_from_scratch(stages, base),
        layerlab::plan::Base::Image(_) | layerlab::plan::Base::Context(_) => false,
    }
}

fn check_files(bench: &Bench, tree: &Tree, expected: &Value, from_scratch: bool, problems: &mut Vec<String>) {
    let mut named = BTreeSet::new();
    for file in expected["files"].as_array().into_iter().flatten() {
        let path = TreePath::new(file["path"].as_str().unwrap());
        named.insert(path.clone());
        match tree.get(&path) {
            None => problems.push(format!("{path} is missing")),
            Some(node) => {
                if let Err(problem) = check_node(bench, tree, node, file) {
                    problems.push(format!("{path}: {problem}"));
                }
            }
        }
    }
    let empty = Tree::empty();
    let base = if from_scratch { &empty } else { &bench.base };
    let absent: BTreeSet<TreePath> =
        expected["absent"].as_array().into_iter().flatten().map(|path| TreePath::new(path.as_str().unwrap())).collect();
    for path in absent.iter().filter(|path| tree.get(path).is_some()) {
        problems.push(format!("{path} should be gone"));
    }
    for change in diff(base, tree) {
        let path = change.path();
        let text = path.to_string();
        let left_out =
            LEFT_OUT.contains(&text.as_str()) || text == "/run" || text.starts_with("/run/") || text == "/etc";
        if left_out || named.contains(path) || absent.contains(path) {
            continue;
        }
        let unexpected = match &change {
            // A case may copy the whole base image onto scratch, and lists then only what is new.
            Change::Added { node, .. }
                if bench.base.get(path).is_some_and(|before| same_but_time(bench, before, node)) =>
            {
                continue;
            }
            Change::Added { .. } => "was not expected",
            Change::Deleted { .. } => "was not to be deleted",
            Change::Modified { before, after, .. } if same_but_time(bench, before, after) => continue,
            Change::Modified { .. } => "was not to be changed",
        };
        problems.push(format!("{path} {unexpected}"));
    }
}

fn same_but_time(bench: &Bench, before: &Node, after: &Node) -> bool {
    let (one, other) = (&before.metadata, &after.metadata);
    let kinds = match (&before.kind, &after.kind) {
        (Kind::File(one), Kind::File(other)) => {
            one.size == other.size
                && layer::digest_of(&bench.world.store, one).unwrap()
                    == layer::digest_of(&bench.world.store, other).unwrap()
        }
        (one, other) => one == other,
    };
    kinds && (one.mode, one.uid, one.gid, &one.xattrs) == (other.mode, other.uid, other.gid, &other.xattrs)
}

fn check_node(bench: &Bench, tree: &Tree, node: &Node, file: &Value) -> Result<(), String> {
    let kind = match &node.kind {
        Kind::Directory => "dir",
        Kind::File(_) => "file",
        Kind::Symlink(_) => "symlink",
        Kind::CharDevice { .. } => "char",
        Kind::BlockDevice { .. } => "block",
        Kind::Fifo => "fifo",
    };
    let wanted = file["type"].as_str().unwrap();
    if kind != wanted && !(wanted == "hardlink" && kind == "file") {
        return Err(format!("is a {kind}, not a {wanted}"));
    }
    let metadata = &node.metadata;
    let owner = (u64::from(metadata.uid), u64::from(metadata.gid));
    let wanted = (file["uid"].as_u64().unwrap(), file["gid"].as_u64().unwrap());
    if owner != wanted {
        return Err(format!("belongs to {owner:?}, not {wanted:?}"));
    }
    if let Some(mode) = file["mode"].as_str()
        && !matches!(node.kind, Kind::Symlink(_))
        && u32::from_str_radix(mode, 8).unwrap() != metadata.mode
    {
        return Err(format!("has mode {:o}, not {mode}", metadata.mode));
    }
    if let Some(target) = file["target"].as_str()
        && let Kind::Symlink(actual) = &node.kind
        && actual != target.as_bytes()
    {
        return Err(format!("leads to {}, not {target}", actual.escape_ascii()));
    }
    if let Some(other) = file["hardlink_of"].as_str() {
        let other = tree.get(&TreePath::new(other)).and_then(|other| other.link);
        if other.is_none() || other != node.link {
            return Err("is not the hard link it should be".into());
        }
    }
    for (name, value) in file["xattrs"].as_object().into_iter().flatten() {
        if metadata.xattrs.get(name.as_bytes()) != value.as_str().map(str::as_bytes) {
            return Err(format!("lacks xattr {name}"));
        }
    }
    if let (Kind::File(content), false) = (&node.kind, file["varies"].as_bool().unwrap_or(false)) {
        check_content(bench, content, file)?;
    }
    Ok(())
}

fn check_content(bench: &Bench, content: &layerlab::tree::Content, file: &Value) -> Result<(), String> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut layer::open(&bench.world.store, content).unwrap(), &mut bytes).unwrap();
    if file["content"].is_string() || file["content_b64"].is_string() {
        let wanted = crate::world::content(file);
        if bytes != wanted {
            let (bytes, wanted) = (String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&wanted));
            return Err(format!("holds {bytes:?}, not {wanted:?}"));
        }
    }
    if let Some(digest) = file["sha256"].as_str() {
        let actual = layerlab::oci::Digest::of(&bytes);
        if actual.hex() != digest.trim_start_matches("sha256:") {
            return Err(format!("has digest {actual}, not {digest} ({} bytes)", bytes.len()));
        }
    }
    for line in file["content_lines"].as_array().into_iter().flatten() {
        if !String::from_utf8_lossy(&bytes).lines().any(|other| Some(other) == line.as_str()) {
            return Err(format!("lacks the line {line}"));
        }
    }
    Ok(())
}

fn check_config(actual: &Value, expected: &Value, problems: &mut Vec<String>) {
    let none = Map::new();
    let (actual, expected) = (actual.as_object().unwrap(), expected.as_object().unwrap_or(&none));
    let names: BTreeSet<&String> = actual.keys().chain(expected.keys()).collect();
    for name in names {
        // No file system of this image is on Windows.
        if name == "ArgsEscaped" || actual.get(name) == expected.get(name) {
            continue;
        }
        // `/` and nothing are the same working directory.
        let is_root = |value: Option<&Value>| value.is_none_or(|value| value == "/");
        if name == "WorkingDir" && is_root(actual.get(name)) && is_root(expected.get(name)) {
            continue;
        }
        let text = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
        problems.push(format!("config {name} is {}, not {}", text(actual.get(name)), text(expected.get(name))));
    }
}
