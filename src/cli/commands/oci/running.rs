//! `layerlab oci create` and `run`.

use std::path::PathBuf;

use clap::Args;

use super::log::Log;
use crate::bundle::engine::{self, Force, Options, Place, Whom};
use crate::bundle::error::Error;
use crate::bundle::state::Containers;
use crate::cli::failure::Failure;
use crate::container::attend;
use crate::world::Clock;

/// Set up a container; it waits for its start.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    setup: Setup,
}

/// Create a container, start it, and wait for its end.
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab oci run --bundle ./web web")]
pub(super) struct Run {
    #[command(flatten)]
    setup: Setup,
    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,
    /// Leave the container there when it has ended
    #[arg(long)]
    keep: bool,
}

/// What both are told.
#[derive(Debug, Args)]
struct Setup {
    /// The bundle: a folder with config.json and the root file system
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// Write the number of the first process to a file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Send the terminal to this socket
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Refused: the old root is always let go of by pivot_root
    #[arg(long)]
    no_pivot: bool,
    /// Accepted: a container has a keyring of its own in any case
    #[arg(long)]
    no_new_keyring: bool,
    /// Pass on so many descriptors above 2: only 0 is done
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// What the container is called
    id: String,
}

impl Setup {
    fn options(&self, place: Place) -> Result<Options, Failure> {
        let refused = |text: &str| Err(Error::Option(text.to_owned()).into());
        if self.no_pivot {
            return refused("`--no-pivot` is not done: a root that is not let go of could be reached");
        }
        if self.preserve_fds > 0 {
            return refused("`--preserve-fds` is not done: a container inherits its standard streams only");
        }
        let _ = self.no_new_keyring;
        Ok(Options {
            pid_file: self.pid_file.clone(),
            console_socket: self.console_socket.clone(),
            place,
            now: Clock::from_environment()?.rfc3339(),
        })
    }
}

impl Create {
    pub(super) fn run(&self, containers: &Containers) -> Result<(), Failure> {
        engine::create(containers, &self.setup.id, &self.setup.bundle, &self.setup.options(Place::Background)?)?;
        Ok(())
    }
}

impl Run {
    pub(super) fn run(&self, containers: &Containers, log: &Log<'_>) -> Result<(), Failure> {
        let place = if self.detach { Place::Background } else { Place::Foreground };
        let options = self.setup.options(place)?;
        let id = &self.setup.id;
        let made = engine::create(containers, id, &self.setup.bundle, &options).map_err(failure)?;
        match engine::start(containers, id) {
            Ok(failed) => log.warn(&failed),
            Err(error) => {
                log.warn(&engine::delete(containers, id, Force::Yes)?);
                return Err(failure(error));
            }
        }
        if self.detach {
            return Ok(());
        }
        let exit = attend(made).map_err(Error::from)?;
        if !self.keep {
            // What it has left behind in a namespace that it shares with others.
            let _ = engine::kill(containers, id, libc::SIGKILL, Whom::All);
            log.warn(&engine::delete(containers, id, Force::Yes)?);
        }
        match exit.status() {
            0 => Ok(()),
            status => Err(Failure::status(u8::try_from(status).unwrap_or(255))),
        }
    }
}

/// The failure with the exit status of a command that could not be executed.
pub(super) fn failure(error: Error) -> Failure {
    Failure { status: Some(error.status()), ..Failure::from(error) }
}
