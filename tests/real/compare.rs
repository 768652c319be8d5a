//! Two images of one project have to be the same, but for what no two builds share.

use std::collections::{BTreeMap, BTreeSet};

use layerlab::oci::ImageConfig;
use serde_json::Value;

use crate::tree::{Image, Line};

/// A difference of files that is allowed, and why.
pub struct Allowed {
    /// The rule by which the image made here is right.
    pub why: &'static str,
    /// Whether this is it: what is at a path here, and there.
    pub applies: fn(&str, Option<&Line>, Option<&Line>) -> bool,
}

/// Between any two builds.
const ANY_TWO: &[Allowed] = &[
    Allowed {
        why: "what a build makes has the time of that build",
        applies: |_, here, there| {
            let new = |line: &Line| line.mtime >= YEAR_2024;
            same_but_for_the_time(here, there) && here.is_some_and(new) && there.is_some_and(new)
        },
    },
    Allowed {
        why: "ldconfig remembers the inodes of libraries",
        applies: |path, here, there| {
            path == "/var/cache/ldconfig/aux-cache" && here.map(|line| line.mode) == there.map(|line| line.mode)
        },
    },
];

/// Nothing of a context is younger, and nothing that a build makes is older.
const YEAR_2024: i64 = 1_704_067_200;

pub fn same_but_for_the_time(here: Option<&Line>, there: Option<&Line>) -> bool {
    let timeless = |line: &Line| Line { mtime: 0, ..line.clone() };
    here.map(timeless) == there.map(timeless)
}

/// What differs, one text for each; nothing where they are the same.
pub fn differences(here: &Image, there: &Image, allowed: &[Allowed]) -> Vec<String> {
    let paths: BTreeSet<&String> = here.files.keys().chain(there.files.keys()).collect();
    let (mut found, mut excused) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for path in paths {
        let (here, there) = (here.files.get(path), there.files.get(path));
        if here == there {
            continue;
        }
        match ANY_TWO.iter().chain(allowed).find(|one| (one.applies)(path, here, there)) {
            Some(one) => *excused.entry(one.why).or_default() += 1,
            None => found.push(format!("{path}\n  here:  {}\n  there: {}", told(here), told(there))),
        }
    }
    for (why, count) in excused {
        eprintln!("{count} paths may differ: {why}");
    }
    found.extend(settings(&here.config, &there.config));
    found
}

/// As `ls -l` would.
fn told(line: Option<&Line>) -> String {
    let Some(line) = line else { return "nothing".into() };
    let Line { kind, mode, owner: (user, group), mtime, content, same_as, attributes } = line;
    let same_as = same_as.as_ref().map(|path| format!(" = {path}")).unwrap_or_default();
    format!("{kind} {mode:04o} {user}:{group} @{mtime} {content}{same_as} {attributes:?}")
}

fn settings(here: &ImageConfig, there: &ImageConfig) -> Vec<String> {
    let [here, there] = [here, there].map(|image| serde_json::to_value(&image.config).unwrap());
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let fields: BTreeSet<String> = names(&here).into_iter().chain(names(&there)).collect();
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        // Out of nothing BuildKit makes an image with the working directory that all have without one.
        other => other == "" || other == "/",
    };
    let differs = |field: &&String| {
        let (here, there) = (&here[field.as_str()], &there[field.as_str()]);
        here != there && !(empty(here) && empty(there))
    };
    let told = |field: &String| format!("{field}\n  here:  {}\n  there: {}", here[field], there[field]);
    fields.iter().filter(differs).map(told).collect()
}
