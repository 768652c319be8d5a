//! Checks of instructions beside others of their stage.

use super::super::ast::{Command, Instruction, Located, WithFiles, Workdir};
use super::super::{nearly_json, rules};
use super::stages::{Stage, without_inherited};
use crate::diagnostic::Diagnostic;
use crate::hidden::names_a_secret;

/// CMD and ENTRYPOINT through the usual shell, which does not hand signals on. Who chooses a shell with SHELL wants one.
pub(super) fn shell_form(stages: &[Stage]) -> Vec<Diagnostic> {
    let chooses_shell = |instruction: &Instruction| matches!(instruction, Instruction::Shell(_));
    let mut found = Vec::new();
    for stage in without_inherited(stages, chooses_shell) {
        let with_usual_shell = stage.instructions.iter().take_while(|instruction| !chooses_shell(&instruction.value));
        for instruction in with_usual_shell {
            let command = match &instruction.value {
                Instruction::Cmd(cmd) => &cmd.command,
                Instruction::Entrypoint(entrypoint) => &entrypoint.command,
                // No process of the container is started by these, or none that gets its signals.
                Instruction::Add(_)
                | Instruction::Arg(_)
                | Instruction::Copy(_)
                | Instruction::Env(_)
                | Instruction::Expose(_)
                | Instruction::Healthcheck(_)
                | Instruction::Label(_)
                | Instruction::Maintainer(_)
                | Instruction::Onbuild(_)
                | Instruction::Run(_)
                | Instruction::Shell(_)
                | Instruction::Stopsignal(_)
                | Instruction::User(_)
                | Instruction::Volume(_)
                | Instruction::Workdir(_) => continue,
            };
            // Text that was meant as JSON has a message of its own.
            if !matches!(command, Command::Shell(line) if !nearly_json::is_meant(line)) {
                continue;
            }
            let name = instruction.value.name();
            let message =
                format!("{name} without a JSON array runs its command in a shell, which receives the signals instead");
            found.push(
                Diagnostic::new(&rules::JSON_ARGS_RECOMMENDED, message)
                    .at(instruction.span)
                    .hint(format!("write `{name} [\"executable\", \"argument\"]`")),
            );
        }
    }
    found
}

/// A relative path in the first WORKDIR of a stage: where it leads is the base image's choice.
pub(super) fn relative_workdir(stages: &[Stage]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for stage in without_inherited(stages, |instruction| workdir(instruction).is_some()) {
        let mut instructions = stage.instructions.iter();
        let first = instructions.find_map(|instruction| Some((&workdir(&instruction.value)?.path, instruction.span)));
        // A variable or a quote may begin an absolute path.
        let Some((path, whole)) = first.filter(|(path, _)| !path.raw.starts_with(['/', '$', '"', '\''])) else {
            continue;
        };
        let message = format!("where the relative path `{}` leads depends on the base image", path.raw);
        found.push(
            Diagnostic::new(&rules::WORKDIR_RELATIVE_PATH, message)
                .at(path.span.unwrap_or(whole))
                .hint("write an absolute path in the first WORKDIR of a stage"),
        );
    }
    found
}

fn workdir(instruction: &Instruction) -> Option<&Workdir> {
    match instruction.with_files() {
        Some(WithFiles::Workdir(workdir)) => Some(workdir),
        Some(WithFiles::Add(_) | WithFiles::Copy(_) | WithFiles::Run(_)) | None => None,
    }
}

/// Instructions of which only the last counts.
pub(super) fn replaced(stages: &[Stage]) -> Vec<Diagnostic> {
    let is_single = |instruction: &Instruction| {
        matches!(instruction, Instruction::Cmd(_) | Instruction::Entrypoint(_) | Instruction::Healthcheck(_))
    };
    let mut found = Vec::new();
    for stage in stages {
        let single: Vec<_> = stage.instructions.iter().filter(|instruction| is_single(&instruction.value)).collect();
        for (place, instruction) in single.iter().enumerate() {
            let name = instruction.value.name();
            if let Some(later) = single[place + 1..].iter().find(|later| later.value.name() == name) {
                found.push(
                    Diagnostic::new(
                        &rules::MULTIPLE_INSTRUCTIONS,
                        format!("a later {name} of the stage replaces this one"),
                    )
                    .at(instruction.span)
                    .beside(later.span, "by this one"),
                );
            }
        }
    }
    found
}

/// ARG and ENV whose name tells of a secret. What they hold can be read from the image.
pub(super) fn secrets(stages: &[Stage]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for instruction in stages.iter().flat_map(|stage| &stage.instructions) {
        let named = instruction.value.variables().into_iter().filter(|(name, _, _)| names_a_secret(name));
        for (name, span, _) in named {
            let keyword = instruction.value.name();
            let message = format!("{keyword} `{name}` may hold a secret, which can be read from the image");
            found.push(Diagnostic::new(&rules::SECRETS_USED, message).at(span.unwrap_or(instruction.span)));
        }
    }
    found
}

/// `--platform` with a constant, where the stage's name does not say that it is for that platform.
pub(super) fn constant_platform(stages: &[Stage]) -> Vec<Diagnostic> {
    platforms(stages, |platform, name, image| {
        let mut parts = platform.split('/');
        let (Some(os), architecture) = (parts.next(), parts.next().unwrap_or_default()) else { return None };
        let says_so = [os, architecture].iter().any(|part| !part.is_empty() && name.contains(part));
        // Without an image the flag has no effect at all, which is said when the build is planned.
        (!platform.contains('$') && !says_so && image != "scratch").then(|| {
            Diagnostic::new(
                &rules::CONSTANT_PLATFORM,
                format!("`--platform={platform}` ties the stage to one platform, whatever the build asks for"),
            )
            .hint("use a variable such as `$BUILDPLATFORM`, or give `--platform` to the build")
        })
    })
}

/// `--platform` with what FROM does anyway.
pub(super) fn redundant_platform(stages: &[Stage]) -> Vec<Diagnostic> {
    platforms(stages, |platform, _, _| {
        ["$TARGETPLATFORM", "${TARGETPLATFORM}"].contains(&platform).then(|| {
            let message = format!("`--platform={platform}` is what FROM uses without the flag");
            Diagnostic::new(&rules::REDUNDANT_TARGET_PLATFORM, message).hint("remove the flag")
        })
    })
}

/// What a check of platform, stage name and image says of each stage with the flag, at the flag.
fn platforms(stages: &[Stage], check: impl Fn(&str, &str, &str) -> Option<Diagnostic>) -> Vec<Diagnostic> {
    let tell = |stage: &Stage| {
        let Located { value: from, span, .. } = stage.from;
        let platform = from.platform.as_ref()?;
        let found = check(&platform.raw, from.alias.as_deref().unwrap_or_default(), &from.image.raw)?;
        Some(found.at(platform.span.unwrap_or(*span)))
    };
    stages.iter().filter_map(tell).collect()
}
