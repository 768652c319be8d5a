//! What is suspicious about the stages once their names are known.

use std::collections::{BTreeMap, BTreeSet};

use super::args::{self, expand};
use super::stage::{Base, Request, Stage};
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile::{self, Dockerfile, Instruction, Word, rules, words};
use crate::oci::Reference;

/// Everything about a file and its stages.
pub(super) fn suspicious(
    file: &Dockerfile,
    request: &Request,
    stages: &[Stage],
    global_args: &BTreeMap<String, String>,
) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = stages.iter().filter_map(needless_platform).collect();
    found.extend(near_stages(stages));
    found.extend(undefined_args(file, global_args));
    found.extend(invalid_defaults(file, request));
    found
}

/// How many stages a name is compared with: those that stand nearest above it.
const MOST_NEAR: usize = 100;

/// Images of `COPY --from` and FROM with nearly the name of a stage that nothing uses.
fn near_stages(stages: &[Stage]) -> Vec<Diagnostic> {
    let base = |stage: &Stage| match stage.base {
        Base::Stage(index) => Some(index),
        Base::Image(_) | Base::Scratch | Base::Context(_) => None,
    };
    let used: BTreeSet<usize> =
        stages.iter().flat_map(|stage| base(stage).into_iter().chain(stage.copies_from.iter().copied())).collect();
    let names: BTreeSet<&str> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let unused: Vec<&Stage> = stages.iter().filter(|stage| !used.contains(&stage.index)).collect();
    let mut found = Vec::new();
    for stage in stages {
        let earlier = &unused[..unused.partition_point(|earlier| earlier.index < stage.index)];
        let earlier = earlier.iter().rev().take(MOST_NEAR).filter_map(|stage| stage.name.as_deref());
        let from = &stage.source.from;
        let base = matches!(stage.base, Base::Image(_)).then(|| (&from.value.image, from.span));
        let copied = stage.source.instructions.iter().filter_map(|instruction| match &instruction.value {
            Instruction::Copy(copy) => Some((copy.from.as_ref()?, instruction.span)),
            _ => None,
        });
        for (word, span) in base.into_iter().chain(copied) {
            let name = word.raw.to_lowercase();
            let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || "-_.".contains(letter));
            if !is_plain || names.contains(name.as_str()) {
                continue;
            }
            if let Some(near) = closest(&name, earlier.clone()) {
                let message = format!("`{}` is not a stage, so it is taken for an image", word.raw);
                let warning = Diagnostic::new(&rules::IMAGE_LIKE_STAGE, message).at(word.span.unwrap_or(span));
                found.push(warning.hint(format!("did you mean the stage `{near}`?")));
            }
        }
    }
    found
}

/// `--platform` chooses among the images of one name. A stage and `scratch` are not images: BuildKit ignores it there too.
fn needless_platform(stage: &Stage) -> Option<Diagnostic> {
    let what = match &stage.base {
        Base::Image(_) | Base::Context(_) => return None,
        Base::Scratch => "`scratch`",
        Base::Stage(_) => "a stage",
    };
    let word = stage.source.from.value.platform.as_ref()?;
    // The platform that FROM takes anyway is needless everywhere, and has a rule of its own.
    if ["$TARGETPLATFORM", "${TARGETPLATFORM}"].contains(&word.raw.as_str()) {
        return None;
    }
    Some(
        Diagnostic::new(&rules::FLAG_WITHOUT_EFFECT, format!("`--platform` has no effect on {what}"))
            .at(word.span.unwrap_or(stage.source.from.span)),
    )
}

/// Variables in FROM that no ARG above the first FROM declares. A declared one may have no value.
fn undefined_args(file: &Dockerfile, global_args: &BTreeMap<String, String>) -> Vec<Diagnostic> {
    let declared = file.global_args.iter().flat_map(|arg| arg.value.names.iter().map(|(name, _)| name.as_str()));
    let known: BTreeSet<&str> = declared.chain(global_args.keys().map(String::as_str)).collect();
    let mut found = Vec::new();
    for from in file.stages.iter().map(|stage| &stage.from) {
        for word in std::iter::once(&from.value.image).chain(&from.value.platform) {
            // What can't be expanded is an error already.
            let Ok(expansion) = words::expand(&word.raw, file.directives.escape, global_args) else { continue };
            for name in expansion.unset.iter().filter(|name| !known.contains(name.as_str())) {
                let message = format!("FROM uses `${name}`, which no ARG above the first FROM declares");
                let warning = Diagnostic::new(&rules::UNDEFINED_ARG_IN_FROM, message);
                found.push(warning.at(word.span.unwrap_or(from.span)).suggest(name, known.iter().copied()));
            }
        }
    }
    found
}

/// Images of FROM that only `--build-arg` gives a valid name.
fn invalid_defaults(file: &Dockerfile, request: &Request) -> Vec<Diagnostic> {
    // Without it, an invalid name is an error.
    if request.build_args.is_empty() {
        return Vec::new();
    }
    let request = Request { build_args: BTreeMap::new(), ..request.clone() };
    let Ok(defaults) = args::global_args(file, &request, file.directives.escape) else { return Vec::new() };
    let is_valid = |image: &Word| {
        expand(image, file.directives.escape, &defaults, &request.limits)
            .is_ok_and(|name| Reference::parse_normalized(&name).is_ok())
    };
    let tell = |from: &dockerfile::Located<dockerfile::From>| {
        let image = &from.value.image;
        (!is_valid(image)).then(|| {
            let message = format!("without `--build-arg`, `{}` is not the name of an image", image.raw);
            Diagnostic::new(&rules::INVALID_DEFAULT_ARG_IN_FROM, message)
                .at(image.span.unwrap_or(from.span))
                .hint("give the ARG a default")
        })
    };
    file.stages.iter().filter_map(|stage| tell(&stage.from)).collect()
}
