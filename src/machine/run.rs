//! RUN: a command in a container on the state, and the layer of what it changed.
//!
//! The container is Docker's default one, with the host's network unless `--network=none`. It writes to an overlay's upper
//! directory, from which the layer is captured; what the set-up itself had to make there (mount points) is gone again by then.

use std::os::fd::AsFd as _;
use std::sync::Arc;

use super::changes::{Changes, PathChange, describe};
use super::configure::command_words;
use super::driver::{Executed, Machine};
use super::event::{EventKind, Reporter};
use super::folder::Folder;
use super::resolve::{Action, Resolved};
use super::script::Script;
use super::unstartable;
use super::{DEFAULT_PATH, Error, State, lacking, unpacked};
use crate::cache::{Ingredient, Ingredients, Setting};
use crate::container::{self, Etc, Heard, Host, Hostname, Io, Network, Process, Sandbox};
use crate::dockerfile::{self, Command, Run, heredoc};
use crate::layer::{Capture, Layer, LayerWriter};
use crate::oci::Platform;
use crate::plan::PROXY_ARGS;
use crate::tree::Tree;
use crate::world::{Interrupt, World};

/// The host name that RUN sees, as in BuildKit: it is an ingredient of the key, so it must not be the machine's.
const HOSTNAME: &str = "buildkitsandbox";

/// A RUN, resolved.
#[derive(Clone, Debug)]
pub(super) struct RunAction {
    pub args: Vec<String>,
    pub environment: Vec<String>,
    pub working_dir: String,
    pub user: String,
    pub network: Network,
    pub hostname: Hostname,
    /// A heredoc with `#!`, to be run as a file.
    pub script: Option<Script>,
    /// The command as a person reads it.
    pub text: String,
}

/// What a finished process leaves: the directory with its changes.
pub(super) struct Remains {
    folder: Folder,
    copied: bool,
    below: Tree,
}

impl<'a> Machine {
    pub(super) fn resolve_run(&self, run: &Run, before: Arc<State>) -> Result<Resolved, Error> {
        can_run(&before.platform)?;
        let mut script = None;
        let args = match &run.command {
            // A RUN that is nothing but one document. The SHELL runs it: as its command line, or, of a script, the file.
            Command::Heredocs { line, documents } if matches!(heredoc::parse(line), Ok(Some(_))) => {
                let text = documents[0].document();
                let command = if text.starts_with("#!") {
                    script.insert(Script::new(&documents[0].name, text)?).path().to_owned()
                } else {
                    text
                };
                before.shell().into_iter().chain([command]).collect()
            }
            command => command_words(command, &before),
        };
        let network = match run.network {
            Some(dockerfile::Network::None) => Network::None,
            Some(dockerfile::Network::Host) => Network::Host,
            Some(dockerfile::Network::Default) | None => match self.options.network.as_deref() {
                Some("none") => Network::None,
                _ => Network::Host,
            },
        };
        let hostname = match &self.options.hostname {
            Some(hostname) => hostname.clone(),
            None => Hostname::parse(HOSTNAME)?,
        };

        // ANCHOR: ingredients
        let mut ingredients = Ingredients::default();
        ingredients.push(Ingredient::Parent { state: before.file_system });
        for (index, value) in args.iter().enumerate() {
            ingredients.push(Ingredient::Argument { index, value: value.clone() });
        }
        if let Some(script) = &script {
            ingredients.push(Ingredient::setting(Setting::Script, script.text.clone()));
        }
        let variables = before.settings.variables.run_environment();
        for (name, value) in &variables {
            ingredients.push(Ingredient::Environment { name: (*name).to_owned(), value: (*value).to_owned() });
        }
        ingredients.push(Ingredient::setting(Setting::WorkingDirectory, before.working_dir()));
        ingredients.push(Ingredient::setting(Setting::User, before.user()));
        ingredients.push(Ingredient::setting(Setting::Network, if network == Network::None { "none" } else { "host" }));
        ingredients.push(Ingredient::setting(Setting::Hostname, hostname.to_string()));
        ingredients.push(Ingredient::setting(Setting::Platform, before.platform.to_string()));
        // ANCHOR_END: ingredients

        let mut environment: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // A proxy is given in one case and set in both. What the Dockerfile itself sets wins.
        for name in PROXY_ARGS {
            let given = self.options.request.build_args.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
            if let Some((_, value)) = given
                && before.variable(name).is_none()
            {
                environment.push(format!("{name}={value}"));
            }
        }
        let text = match args.as_slice() {
            [shell @ .., line] if shell == before.shell() => line.clone(),
            words => words.join(" "),
        };
        let action = RunAction {
            environment,
            working_dir: before.working_dir().to_owned(),
            user: before.user().to_owned(),
            network,
            hostname,
            script,
            text,
            args: args.clone(),
        };
        Ok(Resolved {
            after: (*before).clone(),
            action: Action::Run(Box::new(action)),
            ingredients: Some(ingredients),
            listings: Vec::new(),
            history: Some(format!("RUN {}{}", argument_prefix(&before), args.join(" "))),
            expanded: None,
            before: Some(before),
        })
    }

    pub(super) fn run_command(
        &self,
        action: &RunAction,
        before: &Option<Arc<State>>,
        reporter: &mut Reporter<'_>,
    ) -> Result<Executed, Error> {
        let state = before.as_ref().expect("RUN comes after FROM");
        let id = self.world.clock.new_id();
        let folder = Folder::create(&self.world, &id)?;
        let lower = unpacked::chain(&self.world, &state.layers(), |below| self.inputs.tree_of_layers(below))?;
        let mut sandbox = Sandbox::new(lower, folder.upper(), folder.work());
        sandbox.hostname.clone_from(&action.hostname);
        sandbox.network = action.network;
        sandbox.etc = Etc::Build;
        if let Some(script) = &action.script {
            sandbox.mounts.push(folder.script(script)?);
        }
        let mut process = Process::new(action.args.clone());
        process.env.clone_from(&action.environment);
        process.cwd.clone_from(&action.working_dir);
        process.user.clone_from(&action.user);
        let host = Host::detect(&self.world.identity, &folder.work())?;
        let plan = container::plan(&sandbox, &process, &self.world.identity, &host);
        reporter.tell(EventKind::ContainerStarted { id: id.clone(), command: action.args.clone() });
        let mut running = container::spawn(&plan, Io::Captured)?;
        running.kill_when(self.control.interrupt().as_fd().try_clone_to_owned().map_err(|source| Error::Io {
            operation: "watch",
            path: "the wish to stop".into(),
            source,
        })?);
        running.start();
        let exit = running.wait(&mut |heard| match heard {
            Heard::Output(stream, bytes) => {
                reporter.tell(EventKind::Output { stream: stream.into(), bytes: bytes.into() });
            }
            // Nobody's signals are passed on.
            Heard::Notice(_) => {}
            Heard::Untidy(failure) => reporter.warn(failure.to_string()),
        })?;
        let status = exit.status();
        reporter.tell(EventKind::ContainerEnded { id, status });
        if self.control.interrupt().is_requested() {
            return Err(Error::Interrupted);
        }
        if status != 0 {
            let single_id = !self.world.identity.keeps_owners();
            let text = action.script.as_ref().map_or(&action.text, |script| &script.text);
            return Err(Error::CommandFailed {
                command: action.text.clone(),
                status,
                single_id,
                lacking: lacking::advice(state, &self.tree(state)?, text, status),
                carriage_return: if status == 127 { self.unstartable_script(state, action) } else { None },
            });
        }
        Ok(Executed::Ran(Remains { copied: plan.root == container::RootKind::Copy, below: self.tree(state)?, folder }))
    }

    /// The script that a command could not start for its line ends, if that may be why it failed.
    fn unstartable_script(&self, state: &State, action: &RunAction) -> Option<String> {
        let tree = self.tree(state).ok()?;
        let search_path = state.variable("PATH").unwrap_or(DEFAULT_PATH);
        unstartable::with_carriage_return(&self.world.store, &tree, &action.text, &action.working_dir, search_path)
    }

    /// Makes the layer of what a process left. `None` where it changed nothing.
    pub(super) fn capture(&self, remains: Remains) -> Result<(Option<Layer>, Changes), Error> {
        let world = &self.world;
        let options = Capture {
            ownership: unpacked::ownership(&world.identity),
            marks: unpacked::marks(&world.identity),
            clamp_mtime: world.clock.epoch(),
            // The set-up has taken its mount points away again.
        };
        let (layer, changes) = world.identity.within(|| {
            let captured = write_layer(world, &remains, options, self.control.interrupt());
            // Here already, as entering the namespace once more takes longer than removing.
            remains.folder.remove_from_inside();
            captured
        })??;
        Ok((layer, Changes::shown(changes)))
    }
}

/// The layer of what lies in the upper directory; `None` where that is nothing.
fn write_layer(
    world: &World,
    remains: &Remains,
    options: Capture,
    interrupt: &Interrupt,
) -> Result<(Option<Layer>, Vec<PathChange>), Error> {
    let mut writer = LayerWriter::new(&world.store)?.stopped_by(interrupt.flag());
    let upper = remains.folder.upper();
    let changes = if remains.copied {
        crate::layer::capture_full(&upper, &remains.below, &mut writer, options)?
    } else {
        crate::layer::capture(&upper, &remains.below, &mut writer, options)?
    };
    if changes.is_empty() {
        return Ok((None, Vec::new()));
    }
    Ok((Some(writer.finish()?), changes.iter().map(describe).collect()))
}

/// Whether this machine runs the programs of a platform; an image that names none is believed to be right.
fn can_run(platform: &Platform) -> Result<(), Error> {
    let machine = Platform::host();
    if platform.architecture.is_empty() || platform.runs_on(&machine) {
        return Ok(());
    }
    Err(super::supported::foreign(platform).into())
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
