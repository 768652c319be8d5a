//! Docker's commands that Layerlab does not have yet: what to do instead.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::diagnostic::Diagnostic;

const REGISTRY: &str = "there is no registry yet: `layerlab save -o FILE IMAGE` writes an archive that Docker can load";
/// Commands, and what is said of them.
const MISSING: &[(&[&str], &str)] = &[
    (&["pull"], "there is no download yet: `layerlab load -i FILE` loads an archive that `docker save` has written"),
    (&["push"], REGISTRY),
    (&["login", "logout", "search"], "there is no registry yet: there is nobody to log in to, and nothing to search"),
    (&["buildx", "builder"], "`layerlab build FOLDER` builds an image, `layerlab prune` removes unused data"),
    (
        &["compose", "swarm", "service", "stack", "secret", "context"],
        "start each container with `layerlab run -d --network NAME`; on a network, containers find each other by name",
    ),
];

/// What to say of an error about arguments, where a command of Docker's was meant.
pub(super) fn missing(error: &clap::Error) -> Option<Diagnostic> {
    let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    // Not one of a command's own commands: `Usage: NAME [OPTIONS] <COMMAND>`.
    let is_ours = matches!(error.get(ContextKind::Usage), Some(ContextValue::StyledStr(usage))
        if usage.to_string().split_whitespace().nth(2) == Some("[OPTIONS]"));
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
