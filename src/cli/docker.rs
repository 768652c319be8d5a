//! Docker's commands that Layerlab does not have yet: what to do instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::diagnostic::Diagnostic;

const CONTAINERS: &str =
    "containers run in the foreground and are gone when they end: `layerlab run IMAGE [COMMAND]` starts one";
const REGISTRY: &str = "there is no registry yet: `layerlab save -o FILE IMAGE` writes an archive that Docker can load";
const NONE: &str = "there are none yet: `layerlab run` runs one container";

/// Commands, and what is said of them.
const MISSING: &[(&[&str], &str)] = &[
    (&["ps", "container", "top", "stats", "port", "events", "create", "rename"], CONTAINERS),
    (
        &["exec", "attach", "logs", "start", "stop", "restart", "kill", "rm", "wait", "pause", "unpause", "cp"],
        CONTAINERS,
    ),
    (&["pull"], "there is no download yet: `layerlab load -i FILE` loads an archive that `docker save` has written"),
    (&["push", "login", "logout", "search"], REGISTRY),
    (&["version", "info"], "`layerlab --version` says the version, `layerlab store path` where everything is"),
    (&["image"], "`layerlab images` lists images; `history`, `inspect`, `tag` and `rmi` are commands of their own"),
    (&["commit", "diff"], "`layerlab step FOLDER` shows what each step changes, and names any state with `tag`"),
    (&["export"], "`layerlab save -o FILE IMAGE` writes an image with its layers"),
    (&["buildx", "builder"], "`layerlab build FOLDER` builds an image, `layerlab prune` removes unused data"),
    (&["system", "df"], "`layerlab store size` shows what takes up space, `layerlab prune` removes unused data"),
    (&["network", "volume", "compose", "swarm", "service", "stack", "secret", "context"], NONE),
];

/// What to say of an error about arguments, where a command of Docker's was meant.
pub(super) fn missing(error: &clap::Error) -> Option<Diagnostic> {
    let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let is_ours = matches!(error.get(ContextKind::Usage), Some(ContextValue::StyledStr(usage))
        if usage.to_string().contains("layerlab [OPTIONS] <COMMAND>"));
    if error.kind() != ErrorKind::InvalidSubcommand || !is_ours {
        return None;
    }
    let (_, hint) = MISSING.iter().find(|(commands, _)| commands.contains(&command.as_str()))?;
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
