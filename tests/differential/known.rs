//! Where buildah 1.28 is known to differ from BuildKit, whose rules are ours. Everything else has to be equal.

use std::collections::BTreeSet;

use layerlab::oci::ImageConfig;

use crate::case::{COPIED, Case};
use crate::tree::{Image, Line};

/// An image, or the reason why there is none.
pub type Outcome = Result<Image, String>;

/// What the two containers' runtimes make, and not the build; also below a folder to which a stage was copied.
const LEFT_OUT: &[&str] =
    &["/run", "/run/secrets", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/dev", "/proc", "/sys"];

/// One difference at one path.
pub struct Difference<'d> {
    pub case: &'d Case,

    pub here: Option<&'d Line>,
    pub there: Option<&'d Line>,
}

/// A difference that is known, and the rule by which ours is right.
struct Known {
    applies: fn(&Difference<'_>) -> bool,
}

const KNOWN: &[Known] = &[
    // A directory that a COPY with an octal `--chmod` makes or copies to a new name: BuildKit gives it the permissions of the
    // flag, buildah 0755.
    Known {
        applies: |difference| {
            difference.here.is_some_and(|line| line.kind == "directory")
                && difference.there.is_some_and(|line| line.kind == "directory" && line.mode == 0o755)
                && difference.case.dockerfile().contains("--chmod=")
        },
    },
    // The owner of what an archive holds: BuildKit gives it to whom `--chown` names, buildah keeps the archive's.
    Known {
        applies: |difference| {
            let unowned = |line: &Line| Line { owner: (0, 0), mtime: 0, ..line.clone() };
            difference.here.map(unowned) == difference.there.map(unowned)
                && difference.case.dockerfile().lines().any(|line| line.starts_with("ADD") && line.contains("--chown="))
        },
    },
    // The time of a directory or of what a RUN makes: it is that of the build, which no two builds share.
    Known {
        applies: |difference| {
            let timeless = |line: &Line| Line { mtime: 0, ..line.clone() };
            difference.here.map(timeless) == difference.there.map(timeless)
                && !difference.here.is_some_and(|line| line.kind == "file" && line.mtime == COPIED)
        },
    },
];

/// What buildah says of builds that are right by BuildKit's rules.
const REFUSED_THERE: &[&str] = &[
    // It has lost count of its own layers, as it does for a stage that is from another stage.
    "internal error: history lists",
    // A pattern that matches nothing right in the context copies nothing.
    "*.txt\"]: no such file or directory",
    "?\"]: no such file or directory",
    "no items matching glob",
];

/// Compares what was built here and there.
pub fn compare(case: &Case, here: Outcome, there: Outcome) -> Result<(), String> {
    let (here, there) = match (here, there) {
        (Err(_), Err(_)) => return Ok(()),
        (Ok(_), Err(error)) if REFUSED_THERE.iter().any(|known| error.contains(known)) => return Ok(()),
        (Err(error), Ok(_)) => return Err(format!("only buildah builds it; here: {error}")),
        (Ok(_), Err(error)) => return Err(format!("it is built here only; buildah: {error}")),
        (Ok(here), Ok(there)) => (here, there),
    };
    let mut problems = files(case, &here, &there);
    problems.extend(settings(&here.config, &there.config));
    if problems.is_empty() { Ok(()) } else { Err(format!("here and there differ:\n{}", problems.join("\n"))) }
}

fn files(case: &Case, here: &Image, there: &Image) -> Vec<String> {
    let paths: BTreeSet<&String> = here.files.keys().chain(there.files.keys()).collect();
    let mut problems = Vec::new();
    for path in paths.into_iter().filter(|path| !LEFT_OUT.iter().any(|end| path.ends_with(end))) {
        let (here, there) = (here.files.get(path), there.files.get(path));
        let difference = Difference { case, here, there };
        if is_same(here, there) {
            continue;
        }
        if KNOWN.iter().any(|known| (known.applies)(&difference)) {
            continue;
        }
        problems.push(format!("{path}\n  here:  {here:?}\n  there: {there:?}"));
    }
    problems
}

fn is_same(here: Option<&Line>, there: Option<&Line>) -> bool {
    here == there
}

fn settings(here: &ImageConfig, there: &ImageConfig) -> Vec<String> {
    let mut there = serde_json::to_value(&there.config).unwrap();
    let here = serde_json::to_value(&here.config).unwrap();
    if let Some(labels) = there["Labels"].as_object_mut() {
        labels.remove("io.buildah.version");
    }
    let fields = ["User", "Env", "Entrypoint", "Cmd", "WorkingDir", "Labels", "ExposedPorts", "StopSignal", "Volumes"];
    let empty = |value: &serde_json::Value| match value {
        serde_json::Value::Null => true,
        serde_json::Value::Object(map) => map.is_empty(),
        serde_json::Value::Array(list) => list.is_empty(),
        other => other == "" || other == "/",
    };
    let differs = |field: &&str| here[*field] != there[*field] && !(empty(&here[*field]) && empty(&there[*field]));
    let told = |field: &str| format!("{field}\n  here:  {}\n  there: {}", here[field], there[field]);
    fields.into_iter().filter(differs).map(told).collect()
}
