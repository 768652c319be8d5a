//! `layerlab oci`: the command line of an OCI runtime, which is runc's.
//!
//! It is called by programs: by conmon and Podman, by containerd's and Docker's shim. What they look at is the exit code, the file for
//! `--pid-file`, and the last error in the file for `--log`.

mod containers;
mod exec;
mod log;
mod running;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::bundle::error::Error;
use crate::bundle::read;
use crate::bundle::state::Containers;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::is_root_of_the_machine;
use crate::limits::Limits;

/// Be the runtime of Podman, Docker or containerd, in the place of runc.
#[derive(Debug, Args)]
#[command(
    version,
    propagate_version = false,
    after_help = "Example: printf '#!/bin/sh\\nexec layerlab oci \"$@\"\\n' > runtime; podman --runtime ./runtime run IMAGE"
)]
pub(crate) struct Oci {
    /// The folder for what is known of containers (default: layerlab-oci in /run, or of a user in $XDG_RUNTIME_DIR)
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Write errors to a file as well
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
    /// The form of the lines in that file
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    log_format: log::LogFormat,
    /// Accepted: nothing more is told
    #[arg(long, global = true)]
    debug: bool,
    /// Refused: control groups are folders
    #[arg(long, global = true)]
    systemd_cgroup: bool,
    /// Accepted: whether we are root is seen
    #[arg(long, global = true, value_name = "WHEN", hide = true)]
    rootless: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up a container; it waits for its start
    Create(running::Create),
    /// Start a container that was created
    Start(containers::One),
    /// Create a container, start it, and wait for its end
    Run(running::Run),
    /// Show the state of a container as JSON
    State(containers::One),
    /// Send a signal to a container
    Kill(containers::Kill),
    /// Remove a container that has stopped
    Delete(containers::Delete),
    /// Run a further process in a container
    Exec(exec::Exec),
    /// Stop every process of a container
    Pause(containers::One),
    /// Let the processes of a paused container go on
    Resume(containers::One),
    /// Change the limits of a container
    Update(containers::Update),
    /// List the processes of a container
    Ps(containers::Processes),
    /// List containers
    List(containers::List),
    /// Show what of the specification is done, as JSON
    Features,
}

impl Oci {
    pub(in crate::cli) fn run(&self, limits: &Limits, ui: &Ui) -> Result<(), Failure> {
        let log = log::Log { file: self.log.as_deref(), form: self.log_format, ui };
        let _ = (self.debug, &self.rootless);
        let containers = Containers::new(self.folder(), limits.bound(&read::LARGEST));
        self.checked().and_then(|()| self.dispatch(&containers, &log)).inspect_err(|failure| log.note(failure))
    }

    fn checked(&self) -> Result<(), Failure> {
        match self.systemd_cgroup {
            true => Err(Error::Option(
                "`--systemd-cgroup` is not done: control groups are made as folders (`SystemdCgroup = false` for containerd, \
                 `--cgroup-manager cgroupfs` for Podman)"
                    .to_owned(),
            )
            .into()),
            false => Ok(()),
        }
    }

    fn folder(&self) -> PathBuf {
        const NAME: &str = "layerlab-oci";
        // Root's variables may be those of the user who became root, and so may the folder.
        let is_root = is_root_of_the_machine();
        let own = || std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty() && !is_root).map(PathBuf::from);
        self.root.clone().unwrap_or_else(|| own().unwrap_or_else(|| "/run".into()).join(NAME))
    }

    fn dispatch(&self, containers: &Containers, log: &log::Log<'_>) -> Result<(), Failure> {
        let ui = log.ui;
        match &self.command {
            Command::Create(command) => command.run(containers),
            Command::Start(command) => command.start(containers, log),
            Command::Run(command) => command.run(containers, log),
            Command::State(command) => command.state(containers, ui),
            Command::Kill(command) => command.run(containers),
            Command::Delete(command) => command.run(containers, log),
            Command::Exec(command) => command.run(containers),
            Command::Pause(command) => command.pause(containers),
            Command::Resume(command) => command.resume(containers),
            Command::Update(command) => command.run(containers),
            Command::Ps(command) => command.run(containers, ui),
            Command::List(command) => command.run(containers, ui),
            Command::Features => containers::features(ui),
        }
    }
}
