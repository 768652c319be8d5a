//! The command line: clap types, one file for each family of commands, and the way from arguments to an exit code.
//!
//! Names and flags are Docker's wherever Docker has the command, so that `docker` can be a link to this program.

mod build;
mod explain;
mod images;
mod parse;
mod rmi;
mod run;
mod step;
mod store;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};

use crate::container::Identity;
use crate::diagnostic::Diagnostic;
use crate::errno;
use crate::layer::Limits;
use crate::machine::Error;
use crate::shown;
use crate::source::SourceFile;
use crate::store::{Home, Store};
use crate::view::palette::{ColorChoice, Palette};
use crate::view::screen::Screen;

use crate::world::{Clock, Interrupt, World};

/// A step debugger for Dockerfiles with a real backend.
#[derive(Debug, Parser)]
#[command(name = "layerlab", version, disable_help_subcommand = true, max_term_width = 100)]
struct Arguments {
    /// When to use colour
    #[arg(long, value_enum, global = true, default_value_t, value_name = "WHEN")]
    color: ColorChoice,
    /// The folder of images, layers and cache (default: $LAYERLAB_HOME, else $XDG_DATA_HOME/layerlab)
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Step through a Dockerfile, or begin an empty one
    Step(step::Step),
    /// Build an image from a Dockerfile
    Build(build::Build),
    /// Say of each step whether it would hit the cache, without running anything
    Plan(build::Plan),
    /// Print the syntax tree of a Dockerfile
    Parse(parse::Parse),
    /// Run a command in a new container
    Run(run::Run),
    /// List images
    Images(images::Images),
    /// Show the history of an image
    History(images::History),
    /// Show the configuration of images as JSON
    Inspect(images::Inspect),
    /// Give an image another name
    Tag(images::Tag),
    /// Remove names of images, and what no name needs any more
    Rmi(rmi::Rmi),
    /// Make an image of a root file system in a tar archive
    Import(images::Import),
    /// Look after the store
    Store(store::StoreCommand),
    /// Explain a part of Layerlab
    Explain(explain::Explain),
    /// The file server of the built-in web image
    #[command(hide = true)]
    ServeFiles(run::ServeFiles),
}

/// What went wrong, as it is shown.
enum Failure {
    /// Messages, with the text that they point into.
    Messages(Vec<Diagnostic>, Option<SourceFile>),
    /// A container that did not begin, and the exit code that says how far it came.
    Container(Vec<Diagnostic>, u8),
    /// Everything was said already; only the exit code is left.
    Status(u8),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Messages(error.diagnostics(None), None)
    }
}

impl From<crate::store::Error> for Failure {
    fn from(error: crate::store::Error) -> Failure {
        Error::from(error).into()
    }
}

impl From<crate::images::Error> for Failure {
    fn from(error: crate::images::Error) -> Failure {
        Error::from(error).into()
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Failure {
        Failure::Messages(vec![diagnostic], None)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        // A closed pipe (`layerlab images | head -1`) is no failure to speak of.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Failure::Status(0);
        }
        Diagnostic::error(format!("can't write the output: {}", errno::describe(&error))).into()
    }
}

/// Made by Ctrl-C while the program itself handles it.
static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

/// Runs the program.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    refuse_to_die_of_large_files();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let palette = Palette::for_stderr(ColorChoice::Auto);
            let rendered = harmless(error).render();
            let mut stderr = Screen::stderr(palette);
            // Nobody is left to be told when standard error is closed.
            let _ =
                if palette.is_enabled() { write!(stderr, "{}", rendered.ansi()) } else { write!(stderr, "{rendered}") };
            return ExitCode::from(125);
        }
        Err(help) => {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let errors = Palette::for_stderr(arguments.color);
    let outcome = dispatch(&arguments);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Status(status)) => ExitCode::from(status),
        Err(Failure::Container(diagnostics, status)) => {
            report(&diagnostics, None, errors);
            ExitCode::from(status)
        }
        Err(Failure::Messages(diagnostics, source)) => {
            report(&diagnostics, source.as_ref(), errors);
            // As Docker: 125 says that the container was not even begun.
            let code = if matches!(arguments.command, Command::Run(_)) { 125 } else { 1 };
            ExitCode::from(code)
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Parse(command) => return command.run(Palette::for_stderr(arguments.color)),
        Command::ServeFiles(command) => return command.run(),
        _ => {}
    }
    let world = &open_world(arguments)?;
    match &arguments.command {
        Command::Parse(_) | Command::ServeFiles(_) => Ok(()),
        Command::Step(command) => command.run(world, arguments.color),
        Command::Build(command) => command.run(world, arguments.color),
        Command::Plan(command) => command.run(world, arguments.color),
        Command::Run(command) => command.run(world),
        Command::Images(command) => command.run(world),
        Command::History(command) => command.run(world),
        Command::Inspect(command) => command.run(world),
        Command::Tag(command) => command.run(world),
        Command::Rmi(command) => command.run(world),
        Command::Import(command) => command.run(world),
        Command::Store(command) => command.run(world),
        Command::Explain(command) => command.run(world),
    }
}

/// The opened home with everything around it.
fn open_world(arguments: &Arguments) -> Result<Arc<World>, Failure> {
    let home = match &arguments.home {
        Some(path) => Home::open(path)?,
        None => Home::open(Home::default_path(|name| std::env::var_os(name))?)?,
    };
    let limits = Limits::from_variables(|name| std::env::var(name).ok())
        .map_err(|error| Diagnostic::error(error.to_string()))?;
    let store = Store::open(&home)?.with_limits(limits);
    let clock = Clock::from_environment()
        .map_err(|error| Diagnostic::error(error.to_string()).hint("`date +%s` prints such a number"))?;
    Ok(Arc::new(World { store, clock, identity: Identity::detect() }))
}

/// The error with the arguments that it quotes made harmless: a script may have passed on what others wrote.
fn harmless(mut error: clap::Error) -> clap::Error {
    let quoted: Vec<(ContextKind, ContextValue)> = error
        .context()
        .filter_map(|(kind, value)| {
            let line = |text: &String| shown::line(text).into_owned();
            match value {
                ContextValue::String(text) => Some((kind, ContextValue::String(line(text)))),
                ContextValue::Strings(texts) => Some((kind, ContextValue::Strings(texts.iter().map(line).collect()))),
                _ => None,
            }
        })
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    error
}

/// Draws messages on standard error.
fn report(diagnostics: &[Diagnostic], source: Option<&SourceFile>, palette: Palette) {
    let mut stderr = Screen::stderr(palette);
    for diagnostic in diagnostics {
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(stderr, "{}", palette.diagnostic(&diagnostic.render(source)).trim_end());
    }
}

/// Standard output for a command that has no colours.
fn stdout() -> Screen<'static> {
    Screen::stdout(Palette::PLAIN)
}

/// From now on a write beyond the limit on a file's size (`ulimit -f`) fails with EFBIG, which has a message; the signal would end us
/// without one. Containers begin with the default again.
fn refuse_to_die_of_large_files() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // SAFETY: signal(2) with an action that runs no code.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

/// From now on Ctrl-C makes this wish to stop instead of ending the program.
fn catch_interrupts(interrupt: &Interrupt) {
    extern "C" fn note(_: libc::c_int) {
        if let Some(interrupt) = INTERRUPT.get() {
            interrupt.request();
        }
    }
    INTERRUPT.get_or_init(|| interrupt.clone());
    let action = nix::sys::signal::SigAction::new(
        nix::sys::signal::SigHandler::Handler(note),
        nix::sys::signal::SaFlags::empty(),
        nix::sys::signal::SigSet::empty(),
    );
    // SAFETY: the handler reads a cell that is filled, and what `request` does is safe in a signal handler.
    let _ = unsafe { nix::sys::signal::sigaction(nix::sys::signal::Signal::SIGINT, &action) };
}

/// A wish that nobody makes yet.
fn new_interrupt() -> Result<Interrupt, Failure> {
    Interrupt::new().map_err(|error| Diagnostic::error(format!("eventfd: {}", errno::describe(&error))).into())
}
