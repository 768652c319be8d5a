//! Completion in the shell, with the names of what there is: containers, images, volumes, networks.
//!
//! ```text
//! docker completion bash ──▶ a script for the shell, which then asks at every Tab:
//! LAYERLAB_COMPLETE=bash docker -- docker stop we ──▶ web
//! ```
//!
//! Which arguments are names is told by the name that their values have in the help: `CONTAINER`, `IMAGE`.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::env::Shells;
use clap_complete::{ArgValueCompleter, CompleteEnv, CompletionCandidate};

use crate::oci::Reference;
use crate::runtime;
use crate::runtime::network;
use crate::runtime::volume::kept;
use crate::world::World;

/// By this the script asks, and names its shell.
const VARIABLE: &str = "LAYERLAB_COMPLETE";

/// How the world is opened whose names are offered.
type Open = fn() -> Option<Arc<World>>;

/// Answers a shell that asks; `false` where none does. It is the command's arguments that are completed.
pub(super) fn answered(arguments: &[OsString], command: fn() -> Command, open: Open) -> bool {
    if std::env::var_os(VARIABLE).is_none() {
        return false;
    }
    let folder = std::env::current_dir().ok();
    // Whoever presses Tab is told nothing of mistakes.
    let described = || {
        let mut command = command();
        command.build();
        with_names(command, open)
    };
    CompleteEnv::with_factory(described).var(VARIABLE).try_complete(arguments, folder.as_deref()).unwrap_or(true)
}

/// The script that makes a shell ask; `None` for a shell that is not known.
pub(super) fn script(shell: &str, name: &str) -> Option<Vec<u8>> {
    let mut script = Vec::new();
    Shells::builtins().completer(shell)?.write_registration(VARIABLE, name, name, name, &mut script).ok()?;
    Some(script)
}

/// The shells that are known.
pub(super) fn shells() -> Vec<&'static str> {
    Shells::builtins().names().collect()
}

/// A command with all its arguments and commands, and who completes these.
fn with_names(command: Command, open: Open) -> Command {
    command.mut_args(|argument| with_completer(argument, open)).mut_subcommands(|command| with_names(command, open))
}

fn with_completer(argument: Arg, open: Open) -> Arg {
    let what = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let names: fn(&World) -> Vec<String> = match what.as_deref().unwrap_or_default().split([' ', '[', ':']).next() {
        Some("CONTAINER") => containers,
        Some("IMAGE" | "REPOSITORY") => images,
        Some("VOLUME") => volumes,
        Some("NETWORK") => networks,
        Some("NAME") if argument.is_positional() => everything,
        _ => return argument,
    };
    argument.add(ArgValueCompleter::new(move |current: &OsStr| beginning_with(current, open, names)))
}

fn beginning_with(current: &OsStr, open: Open, names: fn(&World) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(world) = open() else { return Vec::new() };
    let current = current.to_string_lossy();
    let fits = |name: &String| name.starts_with(&*current) && !name.chars().any(char::is_control);
    names(&world).into_iter().filter(fits).map(CompletionCandidate::new).collect()
}

fn containers(world: &World) -> Vec<String> {
    runtime::list(world).map(|(all, _)| all.into_iter().map(|stored| stored.record.name).collect()).unwrap_or_default()
}

fn images(world: &World) -> Vec<String> {
    let images = world.store.images().unwrap_or_default();
    images.iter().filter_map(|image| image.reference.as_ref()).map(Reference::familiar).collect()
}

fn volumes(world: &World) -> Vec<String> {
    kept::list(world.home()).map(|(all, _)| all.into_iter().map(|volume| volume.name).collect()).unwrap_or_default()
}

fn networks(world: &World) -> Vec<String> {
    network::list(world.home()).map(|all| all.into_iter().map(|network| network.name).collect()).unwrap_or_default()
}

fn everything(world: &World) -> Vec<String> {
    [containers, images, volumes, networks].into_iter().flat_map(|names| names(world)).collect()
}
