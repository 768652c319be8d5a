//! `layerlab completion`: what a shell is to be told, so that Tab completes commands and names. `layerlab man`: the manual's pages.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use crate::cli::completion::{script, shells};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::errno;

/// Print the script that makes a shell complete commands, options and names.
///
/// It is for the name that the program is called by: `source <(docker completion bash)` completes `docker`.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell: bash, elvish, fish, powershell or zsh
    shell: String,
}

/// Write the pages of the manual into a folder, one for each command.
///
/// They are for the name that the program is called by. `layerlab man ~/.local/share/man/man1` makes `man layerlab-run` work.
#[derive(Debug, Args)]
pub(crate) struct Manual {
    /// The folder; it is created if it does not exist
    folder: PathBuf,
}

impl Completion {
    pub(in crate::cli) fn run(&self, ui: &Ui) -> Result<(), Failure> {
        let Some(script) = script(&self.shell, ui.called.name()) else {
            let shells = shells().join(", ");
            return Err(Diagnostic::error(format!("there is no completion for `{}`", self.shell))
                .hint(format!("the shells are {shells}"))
                .into());
        };
        Ok(ui.plain().write_all(&script)?)
    }
}

impl Manual {
    pub(in crate::cli) fn run(&self, ui: &Ui, command: clap::Command) -> Result<(), Failure> {
        let failed = |what: &'static str| {
            let path = self.folder.display().to_string();
            move |error: std::io::Error| {
                Diagnostic::error(format!("can't {what} `{path}`: {}", errno::describe(&error)))
            }
        };
        fs::create_dir_all(&self.folder).map_err(failed("create"))?;
        let name = ui.called.name();
        let command = command.name(name).bin_name(name).display_name(name);
        Ok(clap_mangen::generate_to(command, &self.folder).map_err(failed("write to"))?)
    }
}
