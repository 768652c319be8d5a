//! The command line: clap's types, and the way from arguments to an exit code.
//!
//! ```text
//! commands/<noun>/<verb>.rs   one file a command: its arguments, and how it is carried out
//! ui.rs  failure.rs           what a command writes to, and how it fails; usage.rs: arguments that can't be understood
//! ```
//!
//! Names and flags are Docker's wherever Docker has the command, so that `docker` can be a link to this program. A command asks for
//! things and shows them; it decides nothing.

mod commands;
mod completion;
mod deleted;
mod docker;
mod explaining;
mod failure;
mod filters;
mod format;
mod help;
mod interrupts;
mod names;
mod pruning;
mod pulling;
mod pushing;
mod ui;
mod usage;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::commands::{
    build, class, container, explain, image, inspect, lesson, network, oci, parse, registry as registries, shell,
    store, system, volume,
};
use self::explaining::Explainable;
use self::failure::Failure;
use crate::container::Identity;
use crate::limits::{BadLimit, Limits};
use crate::registry;
use crate::store::{Home, Preferences, Store};
use crate::view::palette::ColorChoice;
use crate::world::{Clock, World};
use ui::{Called, Ui};

/// A step debugger for Dockerfiles that builds real images and runs real containers.
#[derive(Debug, Parser)]
// An option that comes twice counts as it came last, as in Docker.
#[command(name = "layerlab", version, disable_help_subcommand = true, max_term_width = 100, args_override_self = true)]
struct Arguments {
    /// When to use colour
    #[arg(long, value_enum, global = true, default_value_t, value_name = "WHEN")]
    color: ColorChoice,
    /// The folder for images, layers and cache (default: $LAYERLAB_HOME, else layerlab in $XDG_DATA_HOME or ~/.local/share)
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

// Deferred: the arguments of a command are described to clap only when it is the one that was given. Describing all of them takes 60
// of the 170 page faults of a start, and 0.6 of its 2.1 ms. So the one line below is what the list of commands says, and the first of the
// command's own type what its help says: they are the same.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    /// Step through a Dockerfile, or start an empty one
    Step(build::step::Step),
    /// Build an image from a Dockerfile
    Build(build::build::Build),
    /// Predict which steps would hit the cache, without running them
    Plan(build::plan::Plan),
    /// List past builds, or the steps of one: which were hits, which missed, and how long they took
    Builds(build::builds::Builds),
    /// Print the syntax tree of a Dockerfile
    Parse(parse::Parse),
    /// Run a command in a new container
    Run(container::run::Run),
    /// Create a container without starting it
    Create(Explainable<container::create::Create>),
    /// Start containers that are not running
    Start(Explainable<container::start::Start>),
    /// Stop running containers
    Stop(Explainable<container::control::Stop>),
    /// Stop containers, and start them again
    Restart(Explainable<container::start::Restart>),
    /// Kill running containers, or send them a signal
    Kill(Explainable<container::control::Kill>),
    /// Pause all processes of containers
    Pause(Explainable<container::control::Pause>),
    /// Resume paused containers
    Unpause(Explainable<container::control::Unpause>),
    /// Wait for containers to exit, and print their exit codes
    Wait(Explainable<container::control::Wait>),
    /// Connect this terminal to a running container: Ctrl-P Ctrl-Q leaves it
    Attach(Explainable<container::attach::Attach>),
    /// Run a command in a running container
    Exec(Explainable<container::exec::Exec>),
    /// Copy files between a container and this machine
    #[command(name = "cp")]
    Copy(Explainable<container::copy::Copy>),
    /// List the processes of a container, with their numbers on this machine
    Top(Explainable<container::top::Top>),
    /// Show what containers use: processors, memory, network, disks, processes
    Stats(Explainable<container::stats::Stats>),
    /// List what a container has added (A), changed (C) and deleted (D)
    Diff(Explainable<container::diff::Diff>),
    /// Create an image from a container and its changes
    Commit(Explainable<container::commit::Commit>),
    /// Write all files of a container to a tar archive
    Export(Explainable<container::export::Export>),
    /// Change the limits and the restart policy of containers
    Update(Explainable<container::update::Update>),
    /// List containers
    #[command(name = "ps")]
    List(Explainable<container::list::List>),
    /// Show the output of a container
    Logs(Explainable<container::logs::Logs>),
    /// Show where the published ports of a container are reached
    Port(Explainable<container::port::Port>),
    /// Rename a container
    Rename(Explainable<container::rename::Rename>),
    /// Remove containers, with their changes
    #[command(name = "rm")]
    Remove(Explainable<container::remove::Remove>),
    /// Manage containers
    Container(container::Containers),
    /// Manage images
    Image(image::ImageCommands),
    /// Manage volumes
    Volume(volume::Volumes),
    /// List images
    Images(Explainable<image::list::Images>),
    /// Show the history of an image
    History(Explainable<image::history::History>),
    /// Show containers, images and volumes as JSON, or what a template makes of that
    Inspect(Explainable<inspect::Inspect>),
    /// Look at everything at once
    System(system::System),
    /// Print the script that makes a shell complete commands, options and names
    Completion(shell::Completion),
    /// Write the pages of the manual into a folder
    #[command(name = "man")]
    Manual(shell::Manual),
    /// Show what happens to containers, images and volumes
    Events(system::events::Events),
    /// Show what there is, and what this machine allows
    Info(system::info::Info),
    /// Show the version of this program
    Version(system::version::Version),
    /// Draw an image from its index or manifest to its layers: sizes, digests, and what each digest covers
    Manifest(image::manifest::Manifest),
    /// Give an image another name
    Tag(Explainable<image::tag::Tag>),
    /// Remove image names, and the data that nothing else needs
    Rmi(Explainable<image::remove::Rmi>),
    /// Pull an image from a registry
    Pull(Explainable<image::pull::Pull>),
    /// Push an image to a registry
    Push(Explainable<image::push::Push>),
    /// Log in to a registry
    Login(registries::login::Login),
    /// Log out from a registry
    Logout(registries::logout::Logout),
    /// Load images from an archive written by `docker save`, Podman or skopeo
    Load(Explainable<image::load::Load>),
    /// Save images to an archive that Docker, Podman and skopeo can read
    Save(Explainable<image::save::Save>),
    /// Be a registry: others pull the images of the store from this machine
    Serve(image::serve::Serve),
    /// Create an image from a root file system archive
    Import(Explainable<image::import::Import>),
    /// Remove unused data, and data that can be recreated
    Prune(Explainable<store::prune::Prune>),
    /// Maintain the store
    Store(store::StoreCommand),
    /// Manage networks
    Network(network::Networks),
    /// Write a container or an image as a bundle that `runc`, `crun` and `layerlab oci` run
    Bundle(container::bundle::Bundle),
    /// Be the runtime of Podman, Docker or containerd, in the place of runc
    Oci(oci::Oci),
    /// Learn to build and run images, in lessons at this terminal
    Learn(lesson::learn::Learn),
    /// Run the commands of Markdown tutorials, and compare what they print with what the pages show
    Verify(lesson::verify::Verify),
    /// Write lessons, and prove that they are right
    Lesson(lesson::Lesson),
    /// Say how to run a class: on one machine, from one registry, on a cluster
    Class(class::Class),
    /// Explain an instruction, a word, the built-in base image, or a container as it is now
    Explain(explain::Explain),
    /// Make questions and tasks of the blocks of lessons, for mdBook
    #[command(name = "mdbook", hide = true)]
    MdBook(lesson::mdbook::MdBook),
    /// The file server of the built-in web image
    #[command(hide = true)]
    ServeFiles(container::serve_files::ServeFiles),
    /// Go on with a container that starts again
    #[command(hide = true)]
    Monitor(container::monitor::Monitor),
}

/// The name under which this is the runtime of a manager of containers.
const RUNTIME: &str = "runc";

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    interrupts::refuse_to_die_of_large_files();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if completion::answered(&arguments, Arguments::command, || open_world(None).ok()) {
        return ExitCode::SUCCESS;
    }
    let (arguments, called) = by_name(arguments);
    let arguments = match parse(arguments, called) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let ui = Ui::new(ColorChoice::Auto, called);
            let status = usage::status(&error);
            match docker::missing(&error).or_else(|| usage::without_folder(&error)) {
                Some(diagnostic) => ui.report(&[diagnostic], None),
                None => ui.usage(&usage::harmless(error).render()),
            }
            return status;
        }
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let ui = Ui::new(arguments.color, called);
    match dispatch(&arguments, &ui) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(status) = interrupts::status() {
                ui.note("interrupted");
                return ExitCode::from(status);
            }
            ui.report(&failure.diagnostics, failure.source.as_ref());
            // As Docker: 125 says that the container was not even begun.
            let usual = match &arguments.command {
                Command::Run(_) | Command::Create(_) => 125,
                Command::Container(command) if command.makes_one() => 125,
                _ => 1,
            };
            ExitCode::from(failure.status.unwrap_or(usual))
        }
    }
}

/// The arguments, and the name that we were called by: who called us `docker`, by a link or as `layerlab docker`, is told of `docker` in
/// help and messages.
fn by_name(mut arguments: Vec<OsString>) -> (Vec<OsString>, Called) {
    let is_link =
        arguments.first().is_some_and(|name| Path::new(name).file_name() == Some(OsStr::new(Called::Docker.name())));
    let is_asked = arguments.get(1).is_some_and(|word| word == Called::Docker.name());
    if is_asked {
        arguments.remove(1);
    }
    if arguments.first().is_some_and(|name| Path::new(name).file_name() == Some(OsStr::new(RUNTIME))) {
        arguments.insert(1, "oci".into());
    }
    (arguments, if is_link || is_asked { Called::Docker } else { Called::Layerlab })
}

/// Reads the arguments.
fn parse(arguments: Vec<OsString>, called: Called) -> Result<Arguments, clap::Error> {
    let mut command = Arguments::command();
    if called == Called::Docker {
        command = command.name(called.name()).bin_name(called.name());
    }
    // Only then: to group the commands takes a look at each.
    if arguments.len() < 2 || arguments.get(1).is_some_and(|word| word == "--help" || word == "-h") {
        let name = command.get_name().to_owned();
        command = help::grouped(command, &name);
    }
    let matches = command.try_get_matches_from(&arguments);
    Arguments::from_arg_matches(
        &matches.map_err(|error| usage::with_nearest(error, &Arguments::command(), &arguments))?,
    )
}

fn dispatch(arguments: &Arguments, ui: &Ui) -> Result<(), Failure> {
    let world = || open_world(arguments.home.as_deref());
    match &arguments.command {
        Command::Parse(command) => command.run(ui),
        Command::ServeFiles(command) => command.run(),
        Command::Monitor(command) => command.run(&world()?),
        Command::Step(command) => command.run(&world()?, ui),
        Command::Build(command) => command.run(&world()?, ui),
        Command::Plan(command) => command.run(&world()?, ui),
        Command::Builds(command) => command.run(&*world()?, ui),
        Command::Run(command) => command.run(&world()?, ui),
        Command::Create(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Start(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Stop(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Restart(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Kill(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Pause(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Unpause(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Wait(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Attach(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Exec(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Copy(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Top(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Stats(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Diff(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Commit(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Export(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Update(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::List(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Logs(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Port(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Rename(command) => command.tell(ui, |command| command.run(&*world()?)),
        Command::Remove(command) => command.tell(ui, |command| command.run(&world()?, ui)),
        Command::Container(command) => command.run(&world()?, ui),
        Command::Image(command) => command.run(&world()?, ui),
        Command::Volume(command) => command.run(&*world()?, ui),
        Command::Images(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::History(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Inspect(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::System(command) => command.run(&world()?, ui),
        Command::Completion(command) => command.run(ui),
        Command::Manual(command) => command.run(ui, Arguments::command()),
        Command::Events(command) => command.run(&*world()?, ui),
        Command::Info(command) => command.run(&*world()?, ui),
        Command::Version(command) => command.run(ui),
        Command::Manifest(command) => command.run(&*world()?, ui),
        Command::Tag(command) => command.tell(ui, |command| command.run(&*world()?)),
        Command::Rmi(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Pull(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Push(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Login(command) => command.run(&*world()?, ui),
        Command::Logout(command) => command.run(&*world()?, ui),
        Command::Load(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Save(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Serve(command) => command.run(&*world()?, ui),
        Command::Import(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Prune(command) => command.tell(ui, |command| command.run(&*world()?, ui)),
        Command::Store(command) => command.run(&*world()?, ui),
        Command::Network(command) => command.run(&world()?, ui),
        Command::Bundle(command) => command.run(&world()?),
        Command::Oci(command) => command.run(&preferences()?.limits, ui),
        Command::Learn(command) => command.run(&world()?, ui),
        Command::Verify(command) => command.run(ui),
        Command::MdBook(command) => command.run(ui),
        Command::Class(command) => command.run(ui),
        Command::Lesson(command) => command.run(arguments.home.as_deref(), ui),
        Command::Explain(command) => command.run(world, ui),
    }
}

/// The opened home with everything around it.
fn open_world(home: Option<&Path>) -> Result<Arc<World>, Failure> {
    let preferences = preferences()?;
    let home = match home {
        Some(path) => Home::open_with(path, preferences)?,
        None => Home::open_with(Home::default_path(|name| std::env::var_os(name))?, preferences)?,
    };
    let store = Store::open(&home)?;
    Ok(Arc::new(World { store, clock: Clock::from_environment()?, identity: Identity::detect() }))
}

/// What the environment asks for. This is the one place that reads these variables.
fn preferences() -> Result<Preferences, BadLimit> {
    let variables = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let limits = Limits::from_variables(variables)?;
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let registries = registry::variables().filter_map(|name| Some((name, set(name)?))).collect();
    Ok(Preferences { limits, base: set("LAYERLAB_BASE"), overlay: set("LAYERLAB_OVERLAY"), registries })
}
