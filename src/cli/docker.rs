//! Commands that the command line does not have: those of Docker, with what to do instead, and those of the debugger.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::diagnostic::Diagnostic;
use crate::repl;

/// Commands, and what is said of them.
const MISSING: &[(&[&str], &str)] = &[
    (&["search"], "search in the web page of the registry, and `layerlab pull` what you have found"),
    (&["buildx", "builder"], "`layerlab build FOLDER` builds an image, `layerlab prune` removes unused data"),
    (
        &["compose", "swarm", "service", "stack", "node"],
        "start each container with `layerlab run -d --network NAME`; on a network, containers find each other by name",
    ),
    (
        &["context"],
        "there is no daemon to choose: everything happens on this machine, and is kept in one folder (`--home`)",
    ),
    (&["config", "secret"], "`layerlab build --secret` gives a RUN a secret, `layerlab run -v` a container a file"),
    (&["trust"], "signatures are not checked; a name with a digest is always the same image"),
    (&["plugin"], "there are no plugins"),
    (&["init"], "`layerlab step` begins an empty Dockerfile, and takes each instruction as you type it"),
    (&["debug"], "`layerlab step FOLDER` stops a build wherever you like; `shell` opens a shell there"),
];

/// Options, and what is said of them.
const OPTIONS: &[(&[&str], &str)] = &[
    (&["--squash"], "every step keeps its layer; `layerlab export` writes the files of a container as one archive"),
    (
        &[
            "-m",
            "--memory",
            "--memory-swap",
            "--memory-reservation",
            "--cpus",
            "--cpu-shares",
            "--cpuset-cpus",
            "--pids-limit",
        ],
        "a RUN may use what its user may; `layerlab run` limits a container",
    ),
    (&["-o", "--output"], "the image goes into the store; `layerlab save -o FILE IMAGE` writes it to a file"),
    (&["--attest", "--provenance", "--sbom"], "no attestations are made of an image"),
    (&["--gpus"], "`--device` gives a container a device of this machine"),
];

/// What to say of an error about arguments, where a command or an option of Docker's was meant, or a command of the debugger.
pub(super) fn missing(error: &clap::Error) -> Option<Diagnostic> {
    if let (ErrorKind::UnknownArgument, Some(ContextValue::String(option))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    {
        let option = option.split('=').next().unwrap_or(option);
        let (_, hint) = OPTIONS.iter().find(|(options, _)| options.contains(&option))?;
        return Some(Diagnostic::error(format!("there is no option `{option}` yet")).hint(*hint));
    }
    let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    // Not one of a command's own commands: `Usage: NAME [OPTIONS] <COMMAND>`.
    let is_ours = matches!(error.get(ContextKind::Usage), Some(ContextValue::StyledStr(usage))
        if usage.to_string().split_whitespace().nth(2) == Some("[OPTIONS]"));
    if error.kind() != ErrorKind::InvalidSubcommand || !is_ours {
        return None;
    }
    if repl::is_command(command) {
        return Some(
            Diagnostic::error(format!("`{command}` is a command of the debugger, not one of the command line"))
                .hint(format!("type it at the prompt of `layerlab step DIR`: `help {command}` explains it there")),
        );
    }
    let missing = MISSING.iter().find(|(commands, _)| commands.contains(&command.as_str()));
    if missing.is_none() && Path::new(command).is_dir() {
        return Some(Diagnostic::error(format!("`{command}` is a folder, not a command")).hint(format!(
            "`layerlab step {command}` steps through its Dockerfile, `layerlab build {command}` builds it"
        )));
    }
    let (_, hint) = missing?;
    Some(Diagnostic::error(format!("there is no command `layerlab {command}` yet")).hint(*hint))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Arguments;
    use super::MISSING;

    #[test]
    fn what_is_missing_is_not_there() {
        let commands = Arguments::command();
        for command in MISSING.iter().flat_map(|(commands, _)| *commands) {
            assert!(commands.find_subcommand(command).is_none(), "{command}");
        }
    }
}
