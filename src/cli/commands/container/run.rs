//! `layerlab run`: a container in the foreground.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::{self, Access, Heard, Hostname, Io, Network, Terminal};
use crate::diagnostic::{Diagnostic, Severity};
use crate::images::{self, Opened, Policy, STAND_IN_LABEL};
use crate::machine::lacking::NOT_FOUND;
use crate::oci::Platform;
use crate::runtime::{self, Request, Variable, Volume};
use crate::view::pictures;
use crate::world::World;

/// Run a command in a new container.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Run {
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Give the container a terminal
    #[arg(short, long)]
    tty: bool,
    /// Remove the container when it ends (always done so far)
    #[arg(long)]
    rm: bool,
    /// Name the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Set an environment variable; without a value, take it from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// The working directory in the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The user and group: NAME|UID[:GROUP|GID]
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// What is mounted.
    #[arg(
        short,
        long,
        value_name = "VOLUME",
        help = "Mount a folder or file of this machine, or a named volume: SOURCE:TARGET[:ro]"
    )]
    volume: Vec<String>,
    /// Replace the image's ENTRYPOINT
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// The container's host name
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// Make the root file system read-only
    #[arg(long)]
    read_only: bool,
    /// The network: `host` or `none`
    #[arg(long, alias = "net", value_name = "MODE")]
    network: Option<Network>,
    /// Change the confinement: `no-new-privileges`, `seccomp=unconfined`
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Draw the container and run nothing; with `=list`, print every operation and why
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "boxes", hide_possible_values = true)]
    explain: Option<Explained>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The image: a name, a digest, or the start of an id
    image: String,
    /// The command and its arguments, instead of the image's CMD
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// How a container that is not run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Explained {
    /// As boxes within boxes.
    Boxes,
    /// As the list of operations, with reasons.
    List,
}

impl ValueEnum for Network {
    fn value_variants<'a>() -> &'a [Network] {
        &[Network::Host, Network::None]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl Run {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        if self.tty && self.explain.is_none() && !std::io::stdin().is_terminal() && self.interactive {
            return Err(Diagnostic::error("the input device is not a terminal")
                .hint("omit `-t` when standard input is a pipe or a file")
                .into());
        }
        let request = self.request()?;
        let found = images::by_text(&world.store, &self.image, Policy::default())?;
        let image = Opened::of(&world.store, &found, &Platform::host())?;
        image.require_runnable(&self.image)?;
        let mut prepared = runtime::launch(world, &image.config, &image.layers, &request)?;
        prepared.remove_at_end();
        match self.explain {
            Some(Explained::List) => return ui.lines(&prepared.plan.to_string()),
            Some(Explained::Boxes) => {
                let text = pictures::boxes(&ui.layout(&world.clock), &prepared.plan);
                return Ok(ui.out().write_all(text.as_bytes())?);
            }
            None => {}
        }
        if !self.interactive && !self.tty {
            // As with Docker: a loop around `run` keeps its own input.
            container::close_input()?;
        }
        let mut tell = |heard: Heard<'_>| match heard {
            // It goes to our own streams by itself.
            Heard::Output(..) => {}
            Heard::Notice(notice) => ui.note(&notice.to_string()),
            Heard::Untidy(failure) => {
                ui.report(&[Diagnostic::error(failure.to_string()).severity(Severity::Warning)], None)
            }
        };
        let stand_in = image.config.config.labels.get(STAND_IN_LABEL).map(|label| images::stand_in_note(label));
        match prepared.run(Io::Inherited, None, &mut tell) {
            Ok(exit) if exit.status() == 0 => Ok(()),
            Ok(exit) => {
                if let (NOT_FOUND, Some(note)) = (exit.status(), stand_in) {
                    ui.note(&format!("note: {note}"));
                }
                Err(Failure::status(u8::try_from(exit.status()).unwrap_or(255)))
            }
            Err(runtime::Error::Container(error)) => {
                let status = error.status();
                let mut failure = Failure::from(error);
                if let (NOT_FOUND, Some(note), Some(diagnostic)) = (status, stand_in, failure.diagnostics.first_mut()) {
                    diagnostic.hint = Some(note);
                }
                Err(Failure { status: Some(u8::try_from(status).unwrap_or(125)), ..failure })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the arguments say, before anything is made.
    fn request(&self) -> Result<Request, Failure> {
        let ours = |name: &str| std::env::var(name).ok();
        let entrypoint = |text: &String| if text.is_empty() { Vec::new() } else { vec![text.clone()] };
        let hostname = self.hostname.as_deref().filter(|name| !name.is_empty());
        Ok(Request {
            command: self.command.clone(),
            entrypoint: self.entrypoint.as_ref().map(entrypoint),
            env: self.env.iter().filter_map(|text| Variable::parse(text, ours)).collect(),
            working_dir: self.workdir.clone(),
            user: self.user.clone(),
            hostname: hostname.map(Hostname::parse).transpose()?,
            network: self.network.unwrap_or_default(),
            volumes: Volume::parse_all(&self.volume)?,
            root: if self.read_only { Access::ReadOnly } else { Access::ReadWrite },
            terminal: if self.tty { Terminal::Yes } else { Terminal::No },
            rights: runtime::parse_rights(&self.security_opt)?,
        })
    }
}
