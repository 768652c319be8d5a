//! RUN: a command in a container on the state, and the layer of what it changed.
//!
//! The container is Docker's default one, with a network of its own, unless `--security=insecure` was asked for and allowed. It writes to an overlay's upper
//! directory, from which the layer is captured; what the set-up itself had to make there (mount points) is gone again by then.

mod devices;
pub(crate) mod lacking;
mod mounts;
pub(crate) mod script;
mod unstartable;

use std::sync::Arc;

use mounts::Mounts;
use script::Script;

use super::command;
use super::copy::Surroundings;
use crate::cache::{Ingredient, Ingredients, Setting};
use crate::container::{Access, Allowance, Durability, Etc, Exit, Heard, Hostname, Io, Names, Paths, Process, Rights};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Command, Device, Network, Run, Security, heredoc, rules};
use crate::machine::event::{EventKind, Reporter};
use crate::machine::inputs::Inputs;
use crate::machine::intent::Intent;
use crate::machine::noted::Noted;
use crate::machine::paths::Changes;
use crate::machine::{Control, DEFAULT_PATH, Error, Given, Insecure, Options, State, supported};
use crate::oci::{Layer, Platform};
use crate::plan::PROXY_ARGS;
use crate::runtime::network::{Member, Mode};
use crate::runtime::prepare::Prepared;
use crate::runtime::{self, Folder, Remover, Room, unpacked};
use crate::tree::{Tree, TreePath};
use crate::world::World;

/// The host name that RUN sees, as in BuildKit: it is an ingredient of the key, so it must not be the machine's.
const HOSTNAME: &str = "buildkitsandbox";

/// A command to be run.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    args: Vec<String>,
    environment: Vec<String>,
    working_dir: String,
    user: String,
    network: Network,
    security: Security,
    devices: Vec<Device>,
    mounts: Mounts,
    /// What secrets and agents are taken from.
    given: Given,
    hostname: Hostname,
    /// A heredoc with `#!`, to be run as a file.
    script: Option<Script>,
    /// The command as a person reads it.
    text: String,
}

/// What a finished process leaves: the directory with its changes.
pub(crate) struct Remains {
    changes: runtime::Changes,
    below: Tree,
}

/// What a RUN comes to in a state.
///
/// # Errors
/// The platform is another than this machine's, the name of a script can't be one, a mount makes no sense or its files are not there, or
/// rights are asked for that are not allowed.
pub(crate) fn resolve(
    run: &Run,
    stage: usize,
    before: &Arc<State>,
    surroundings: &Surroundings<'_>,
    options: &Options,
) -> Result<(Intent, Execution), Error> {
    can_run(&before.platform)?;
    let security = security(run, options)?;
    let mounts = mounts::resolve(&run.mounts, stage, before, surroundings)?;
    let (args, script) = arguments(run, before)?;
    let text = match args.as_slice() {
        [shell @ .., line] if shell == before.shell() => line.clone(),
        words => words.join(" "),
    };
    let execution = Execution {
        args,
        environment: environment(before, options, &mounts),
        working_dir: before.working_dir().to_owned(),
        user: before.user().to_owned(),
        network: network(run, options),
        security,
        devices: run.devices.clone(),
        given: options.given.clone(),
        hostname: match &options.hostname {
            Some(hostname) => hostname.clone(),
            None => Hostname::parse(HOSTNAME)?,
        },
        script,
        mounts,
        text,
    };
    let history = format!("RUN {}{}", argument_prefix(before), execution.args.join(" "));
    let intent = Intent::new(before, (**before).clone(), ingredients(&execution, before), Some(history));
    let listings = execution.mounts.listings.clone();
    Ok((Intent { listings, ..intent }, execution))
}

/// What is executed. A RUN that is nothing but one document is run by the SHELL: as its command line, or, of a script, the
/// file.
fn arguments(run: &Run, before: &State) -> Result<(Vec<String>, Option<Script>), Error> {
    let Command::Heredocs { line, documents } = &run.command else {
        return Ok((command::words(&run.command, before), None));
    };
    if !matches!(heredoc::parse(line), Ok(Some(_))) {
        return Ok((command::words(&run.command, before), None));
    }
    let text = documents[0].document();
    let script = if text.starts_with("#!") { Some(Script::new(&documents[0].name, text.clone())?) } else { None };
    let command = script.as_ref().map_or(text, |script| script.path().to_owned());
    Ok((before.shell().into_iter().chain([command]).collect(), script))
}

fn network(run: &Run, options: &Options) -> Network {
    match run.network {
        Some(network @ (Network::None | Network::Host)) => network,
        Some(Network::Default) | None => options.network,
    }
}

/// What a network is called in the key: which one is asked for, and not which way out it has here.
fn network_name(network: Network) -> &'static str {
    match network {
        Network::Default => "default",
        Network::None => "none",
        Network::Host => "host",
    }
}

/// The network of the container.
fn mode(network: Network) -> Mode {
    match network {
        Network::Default => Mode::default_network(),
        Network::None => Mode::None,
        Network::Host => Mode::Host,
    }
}

/// # Errors
/// The command asks for all rights, and nobody has allowed them.
fn security(run: &Run, options: &Options) -> Result<Security, Error> {
    match (run.security, options.insecure) {
        (Some(Security::Insecure), Insecure::Refused) => {
            let message = "`RUN --security=insecure` is not allowed";
            Err(Diagnostic::new(&rules::NOT_ALLOWED, message)
                .hint("it gives the command every capability and no system call filter: `--allow security.insecure` allows it")
                .into())
        }
        (security, _) => Ok(security.unwrap_or(Security::Sandbox)),
    }
}

// ANCHOR: ingredients
fn ingredients(execution: &Execution, before: &State) -> Ingredients {
    let mut ingredients = Ingredients::default();
    ingredients.push(Ingredient::Parent { state: before.file_system() });
    for (index, value) in execution.args.iter().enumerate() {
        ingredients.push(Ingredient::Argument { index, value: value.clone() });
    }
    if let Some(script) = &execution.script {
        ingredients.push(Ingredient::setting(Setting::Script, script.text.clone()));
    }
    for (name, value) in before.settings.variables.run_environment() {
        ingredients.push(Ingredient::Environment { name: name.to_owned(), value: value.to_owned() });
    }
    ingredients.push(Ingredient::setting(Setting::WorkingDirectory, before.working_dir()));
    ingredients.push(Ingredient::setting(Setting::User, before.user()));
    ingredients.push(Ingredient::setting(Setting::Network, network_name(execution.network)));
    ingredients.push(Ingredient::setting(Setting::Hostname, execution.hostname.to_string()));
    ingredients.push(Ingredient::setting(Setting::Platform, before.platform.to_string()));
    match execution.security {
        Security::Sandbox => {}
        Security::Insecure => ingredients.push(Ingredient::setting(Setting::Security, "insecure")),
    }
    if !execution.devices.is_empty() {
        let names: Vec<&str> = execution.devices.iter().map(|device| device.text.raw.as_str()).collect();
        ingredients.push(Ingredient::setting(Setting::Devices, names.join(" ")));
    }
    for ingredient in &execution.mounts.ingredients {
        ingredients.push(ingredient.clone());
    }
    ingredients
}
// ANCHOR_END: ingredients

/// The variables of the command: the state's, and the proxies, which are not ingredients. A proxy is given in one case and set in
/// both. What the Dockerfile itself sets wins.
fn environment(before: &State, options: &Options, mounts: &Mounts) -> Vec<String> {
    let variables = before.settings.variables.run_environment();
    let mut environment: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for name in PROXY_ARGS {
        let given = options.request.build_args.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        if let Some((_, value)) = given
            && before.variable(name).is_none()
        {
            environment.push(format!("{name}={value}"));
        }
    }
    if let Some((name, path)) = mounts.agent_variable()
        && before.variable(name).is_none()
    {
        environment.push(format!("{name}={path}"));
    }
    environment
}

/// Runs the command to its end.
///
/// # Errors
/// [`Error::CommandFailed`] where its status is not zero, [`Error::Interrupted`] where it was ended by a wish.
pub(crate) fn execute(
    execution: &Execution,
    state: &State,
    world: &Arc<World>,
    inputs: &Inputs,
    control: &Control,
    noted: &Noted,
    reporter: &mut Reporter<'_>,
) -> Result<Remains, Error> {
    devices::check(&execution.devices, noted)?;
    let lower = unpacked::chain(world, &state.layers(), |below| inputs.tree_of_layers(below))?;
    let equipment = execution.mounts.equip(&execution.given, world)?;
    let id = world.clock.new_id();
    let member = Member { id: id.clone(), name: id.chars().take(12).collect() };
    let folder = Folder::create(world, &id)?;
    let mut provided = runtime::mounts::provide(world, &folder, &equipment.wanted)?;
    for note in std::mem::take(&mut provided.notes) {
        reporter.warn(note);
    }
    let (rights, paths) = match execution.security {
        Security::Sandbox => (Rights::docker(), Paths::Protected),
        Security::Insecure => (Rights::insecure(), Paths::Open),
    };
    let room = Room {
        hostname: execution.hostname.clone(),
        connection: runtime::network::join(world, &mode(execution.network), member, &[])?,
        names: Names::default(),
        hosts: Vec::new(),
        etc: Etc::Build,
        mounts: std::mem::take(&mut provided.mounts),
        paths,
        root: Access::ReadWrite,
        allowance: Allowance::docker(),
        durability: Durability::Scratch,
        script: execution.script.as_ref().map(Script::for_container),
    };
    let process = Process {
        env: execution.environment.clone(),
        cwd: execution.working_dir.clone(),
        user: execution.user.clone(),
        secrets: equipment.variables,
        rights,
        ..Process::new(execution.args.clone())
    };
    let prepared = runtime::prepare(world, folder, lower, room, &process)?;
    let plan = Arc::new(prepared.plan.clone());
    reporter.tell(EventKind::ContainerStarted { id: id.clone(), command: execution.args.clone(), plan });
    let exit = watch(&prepared, control, reporter)?;
    // From here on others may have its caches.
    drop(provided);
    let status = exit.status();
    reporter.tell(EventKind::ContainerEnded { id, status });
    if control.interrupt().is_requested() {
        return Err(Error::Interrupted);
    }
    let below = inputs.tree(state)?;
    if status != 0 {
        let aside = Aside { notices: prepared.connection.notices_now(), missing: &equipment.missing };
        return Err(failure(execution, state, &below, status, aside, world));
    }
    for notice in prepared.connection.notices_now() {
        reporter.warn(notice);
    }
    Ok(Remains { changes: prepared.into_changes(), below })
}

/// Sees the container to its end; what it writes is told.
fn watch(prepared: &Prepared, control: &Control, reporter: &mut Reporter<'_>) -> Result<Exit, Error> {
    let running = prepared.spawn(Io::Captured { input: None }, Some(control.interrupt()))?;
    let _under_control = control.hold(running.control());
    running.start();
    let exit = running.wait(&mut |heard| match heard {
        Heard::Output(stream, bytes) => {
            reporter.tell(EventKind::Output { stream: stream.into(), bytes: bytes.into() });
        }
        // Nobody's signals are passed on.
        Heard::Started | Heard::Shown(_) | Heard::OutOfMemory | Heard::Notice(_) => {}
        Heard::Untidy(failure) => reporter.warn(failure.to_string()),
    })?;
    Ok(exit)
}

/// Says that the user of a command will be emulated, where it will.
pub(crate) fn note_emulation(execution: &Execution, world: &World, noted: &Noted) {
    let user = execution.user.split(':').next().unwrap_or_default();
    if world.identity.keeps_owners() || ["", "0", "root"].contains(&user) {
        return;
    }
    let message = format!("RUN runs as user `{user}`, which is emulated: only one id exists here");
    let hint = "the layer has the right owners; for users that the kernel keeps apart, install newuidmap and add yourself to /etc/subuid and /etc/subgid";
    noted.warn(Diagnostic::new(&rules::EMULATED_USER, message).hint(hint));
}

/// What a command had to do without.
struct Aside<'a> {
    /// What is to be said of its network.
    notices: Vec<String>,
    /// The options that would have given it a secret or an agent.
    missing: &'a [String],
}

/// What is to be said of a command that failed.
fn failure(execution: &Execution, state: &State, tree: &Tree, status: i32, aside: Aside<'_>, world: &World) -> Error {
    let not_given = || {
        let options = aside.missing.join(" and ");
        (!aside.missing.is_empty()).then(|| format!("the command ran without what {options} would have given it"))
    };
    let Execution { text, working_dir, script, .. } = execution;
    let search_path = state.variable("PATH").unwrap_or(DEFAULT_PATH);
    let unstartable = || unstartable::with_carriage_return(&world.store, tree, text, working_dir, search_path);
    Error::CommandFailed {
        command: text.clone(),
        status,
        lacking: lacking::advice(state, tree, script.as_ref().map_or(text, |script| &script.text), status)
            .or_else(not_given),
        cut_off: aside.notices.into_iter().next(),
        carriage_return: if status == 127 { unstartable() } else { None },
    }
}

/// Makes the layer of what a process left. `None` where it changed nothing.
///
/// # Errors
/// The directory can't be read, or the layer not be written.
pub(crate) fn capture(remains: Remains, remover: &Remover, noted: &Noted) -> Result<(Option<Layer>, Changes), Error> {
    let captured = remains.changes.write(&remains.below, remover)?;
    note_set_ids(&captured.without_set_ids, noted);
    Ok((captured.layer, Changes::told(&captured.changes)))
}

/// Says which files have lost their set-user-id and set-group-id bits.
fn note_set_ids(files: &[TreePath], noted: &Noted) {
    let others = |count: usize| if count == 1 { "1 other".to_owned() } else { format!("{count} others") };
    let (of, its) = match files {
        [] => return,
        [file] => (format!("`{file}`"), "its"),
        [file, further @ ..] => (format!("`{file}` and {}", others(further.len())), "their"),
    };
    let message = format!("{of} lost {its} set-user-id and set-group-id bits, since RUN ran as an emulated user");
    let hint = "a RUN as root may set them: `USER root` before it; or install newuidmap and add yourself to /etc/subuid and /etc/subgid";
    noted.warn(Diagnostic::new(&rules::SET_ID_BITS_LOST, message).hint(hint));
}

/// Whether this machine runs the programs of a platform; an image that names none is believed to be right.
fn can_run(platform: &Platform) -> Result<(), Error> {
    let machine = Platform::host();
    if platform.architecture.is_empty() || platform.runs_on(&machine) {
        return Ok(());
    }
    Err(supported::foreign(platform).into())
}

/// `|2 A=1 B=2 `: the ARGs that RUN saw, as the history tells them.
fn argument_prefix(state: &State) -> String {
    let arguments = state.settings.variables.arguments();
    if arguments.is_empty() {
        return String::new();
    }
    let list: Vec<String> = arguments.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    format!("|{} {}", list.len(), list.concat())
}
