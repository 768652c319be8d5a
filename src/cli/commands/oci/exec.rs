//! `layerlab oci exec`: a further process in a container.

use std::path::PathBuf;

use clap::Args;

use super::running::failure;
use crate::bundle::engine::{self, Options, Place};
use crate::bundle::error::Error;
use crate::bundle::state::Containers;
use crate::cli::failure::Failure;
use crate::container::attend;

/// Run a further process in a container.
#[derive(Debug, Args)]
pub(super) struct Exec {
    /// The process as a document, like `process` of config.json
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// Write the number of the process to a file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Send the terminal to this socket
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,
    /// Give the command a terminal
    #[arg(short, long)]
    tty: bool,
    /// The working directory
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Pass on so many descriptors above 2: only 0 is done
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// The container, and the command unless there is a document
    #[arg(required = true, trailing_var_arg = true, value_names = ["ID", "COMMAND"])]
    words: Vec<String>,
}

impl Exec {
    pub(super) fn run(&self, containers: &Containers) -> Result<(), Failure> {
        if self.preserve_fds > 0 {
            let text = "`--preserve-fds` is not done: a process in a container inherits its standard streams only";
            return Err(Error::Option(text.to_owned()).into());
        }
        let (id, command) =
            self.words.split_first().ok_or_else(|| Error::Option("there is no container".to_owned()))?;
        let mut process = match &self.process {
            Some(file) => engine::process(containers, file)?,
            None => {
                let mut process = engine::process_of(containers, id)?;
                (process.args, process.terminal) = (command.to_vec(), self.tty);
                process
            }
        };
        process.terminal |= self.tty;
        process.env.extend(self.env.iter().cloned());
        if let Some(cwd) = &self.cwd {
            process.cwd.clone_from(cwd);
        }
        let options = Options {
            pid_file: self.pid_file.clone(),
            console_socket: self.console_socket.clone(),
            place: if self.detach { Place::Background } else { Place::Foreground },
            now: String::new(),
        };
        let made = engine::exec(containers, id, &process, &options).map_err(failure)?;
        if self.detach {
            return Ok(());
        }
        match attend(made).map_err(Error::from)?.status() {
            0 => Ok(()),
            status => Err(Failure::status(u8::try_from(status).unwrap_or(255))),
        }
    }
}
