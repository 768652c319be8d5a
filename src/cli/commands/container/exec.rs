//! `layerlab exec`: a further process in a container that runs.

use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::Args;

use super::control::must_run;
use super::options;
use super::outcome::Leaving;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::{self, Connected, Left, Terminal};
use crate::diagnostic::Diagnostic;
use crate::runtime::{self, Extra, Status};
use crate::world::World;

/// Run a command in a running container.
#[derive(Debug, Args)]
#[command(after_help = "Example: layerlab exec -it web sh")]
pub(crate) struct Exec {
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    tty: bool,
    /// Run the command in the background
    #[arg(short, long)]
    detach: bool,
    /// Set an environment variable; without a value, take it from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<std::path::PathBuf>,
    /// The user and group: NAME|UID[:GROUP|GID]
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// The working directory in the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    #[command(flatten)]
    leaving: Leaving,
    /// Refused: no process in a container has more rights than the container
    #[arg(long)]
    privileged: bool,
    /// The container and the command.
    // One list: whatever stands behind the container is the command's, also where it looks like an option of ours.
    #[arg(
        required = true,
        num_args = 2..,
        trailing_var_arg = true,
        value_names = ["CONTAINER", "COMMAND"],
        help = "The container (a name or the start of an id); then the command and its arguments"
    )]
    words: Vec<String>,
}

impl Exec {
    /// What Docker's exit code is for a process that is not made.
    const NOT_MADE: i32 = 126;

    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let extra = self.extra()?;
        let name = self.words.first().map_or("", String::as_str);
        let (stored, session) = must_run(world, name)?;
        if matches!(stored.status, Status::Paused(_)) {
            return Err(Diagnostic::error(format!("container {name} is paused"))
                .hint("`layerlab unpause` resumes it")
                .into());
        }
        let further = runtime::exec::begin(&session, &stored.record, &extra)?;
        if let Connected::Not = extra.connected {
            return further.leave_when_started().map_err(not_made);
        }
        match further.wait().map_err(not_made)? {
            Left::Ended(exit) if exit.status() == 0 => Ok(()),
            Left::Ended(exit) => Err(Failure::status(u8::try_from(exit.status()).unwrap_or(u8::MAX))),
            Left::Broken => Err(Failure::status(128 + libc::SIGPIPE as u8)),
            Left::Detached => {
                ui.note("detached: the command goes on");
                Ok(())
            }
        }
    }

    /// What the arguments say.
    fn extra(&self) -> Result<Extra, Failure> {
        if self.privileged {
            return Err(Diagnostic::error(
                "`--privileged` is refused: a process has no more rights than its container",
            )
            .hint("leave it out, or make the container with the rights that are needed")
            .into());
        }
        if self.tty && self.interactive && !self.detach && !std::io::stdin().is_terminal() {
            return Err(Diagnostic::error("the input device is not a terminal")
                .hint("omit `-t` when standard input is a pipe or a file")
                .into());
        }
        let keys = self.leaving.keys()?;
        Ok(Extra {
            args: self.words.iter().skip(1).cloned().collect(),
            env: options::variables(&self.env_file, &self.env)?,
            user: self.user.clone(),
            working_dir: self.workdir.clone(),
            terminal: if self.tty { Terminal::Yes } else { Terminal::No },
            connected: match (self.detach, self.interactive) {
                (true, _) => Connected::Not,
                (false, false) => Connected::Output,
                (false, true) => Connected::All(keys),
            },
        })
    }
}

/// The failure of a process that was not made, with Docker's exit code for it.
fn not_made(error: container::Error) -> Failure {
    let status = match error.status() {
        125 => Exec::NOT_MADE,
        status => status,
    };
    Failure { status: u8::try_from(status).ok(), ..Failure::from(error) }
}
