//! What `run` and `create` are told of a container.

mod health;
mod limits;
mod network;
mod resources;
mod volumes;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use self::health::HealthOptions;
use crate::cli::failure::Failure;
use crate::cli::names;
use crate::cli::pulling;
use crate::cli::ui::Ui;
use crate::container::{Access, Hostname, Plan, Terminal};
use crate::diagnostic::Diagnostic;
use crate::images::Opened;
use crate::machine;
use crate::machine::lacking::{self, Words};
use crate::oci::{Platform, PlatformError, PortSpecification, signal_number};
use crate::runtime::care::{Care, LogOptions, Restart};
use crate::runtime::{self, Claimed, ImageUsed, Ingredients, Input, Request, Variable, WhenEnded};
use crate::world::World;

pub(super) use resources::Shares;

use limits::{Limited, Limits};
use network::{Connections, Networking};
use volumes::Volumes;

/// What a container is to be like.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Keep standard input open
    #[arg(short, long)]
    pub(super) interactive: bool,
    /// Give the container a terminal
    #[arg(short, long)]
    pub(super) tty: bool,
    /// Remove the container when it ends
    #[arg(long)]
    pub(super) rm: bool,
    /// Name the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Set an environment variable; without a value, take it from the environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Label the container
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// The working directory in the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The user and group: NAME|UID[:GROUP|GID]
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    volumes: Volumes,
    /// Replace the image's ENTRYPOINT
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// The container's host name
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// Make the root file system read-only
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    network: Networking,
    #[command(flatten)]
    limits: Limits,
    /// Write the container's id to a file
    #[arg(long, value_name = "FILE")]
    cidfile: Option<PathBuf>,
    /// Expose a port beside those of the image
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,
    /// When a registry is asked for the image: `always`, `missing`, `newer` or `never`
    #[arg(long, value_name = "WHEN")]
    pull: Option<String>,
    /// The platform of the image, such as `linux/amd64`
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// When the container starts again: `on-failure[:COUNT]`, `always`, `unless-stopped`
    #[arg(long, value_name = "POLICY", default_value = "no", hide_default_value = true)]
    restart: String,
    #[command(flatten)]
    health: HealthOptions,
    /// What keeps the output: `json-file`, `local`, `none`
    #[arg(long, value_name = "DRIVER")]
    log_driver: Option<String>,
    /// How much of the output is kept: `max-size=20m`, `max-file=5` are the default
    #[arg(long, value_name = "OPTION")]
    log_opt: Vec<String>,
    /// How many seconds the container has to end before it is killed
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    stop_timeout: Option<i64>,
    /// The signal that asks the container to end
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The image and the command.
    // One list: whatever stands behind the image is the container's, also where it looks like an option of ours.
    #[arg(
        required = true,
        trailing_var_arg = true,
        value_names = ["IMAGE", "COMMAND"],
        help = "The image (a name, a digest, or the start of an id); then the command and its arguments, instead of the image's CMD"
    )]
    words: Vec<String>,
}

/// A container that was made, and what there is to say of its image.
pub(super) struct Made {
    pub(super) container: Claimed,
    pub(super) image: Opened,
}

impl Options {
    fn image(&self) -> &str {
        // It is required.
        self.words.first().map_or("", String::as_str)
    }

    /// Makes the container. `attached`: its first input is ours.
    ///
    /// # Errors
    /// An option can't be understood, there is no such image, or the container can't be made.
    pub(super) fn create(&self, world: &Arc<World>, attached: bool, ui: &Ui) -> Result<Made, Failure> {
        let request = self.request(world, ui)?;
        let cidfile = self.cidfile.as_deref().map(Cidfile::claim).transpose()?;
        let image = self.open(world, ui)?;
        let ingredients = Ingredients {
            image: ImageUsed { name: self.image().to_owned(), id: image.id, manifest: image.manifest.clone() },
            config: &image.config,
            layers: &image.layers,
            request: &request,
            name: self.name.as_deref(),
            input: match (self.interactive, attached) {
                (false, _) => Input::Closed,
                (true, true) => Input::Once,
                (true, false) => Input::Open,
            },
            labels: self.labels(&image.config.config.labels)?,
            when_ended: if self.rm { WhenEnded::Remove } else { WhenEnded::Keep },
        };
        let container = runtime::create(world, ingredients)?;
        // What can't be looked at now fails when it is used.
        for hidden in runtime::hidden(world, &image.layers, &container.record.volumes).unwrap_or_default() {
            ui.note(&volumes::note(&hidden, self.image()));
        }
        if let Some(cidfile) = cidfile {
            cidfile.write(&container.record.id)?;
        }
        Ok(Made { container, image })
    }

    /// Plans the container as `create` would make it, and makes none.
    ///
    /// # Errors
    /// As [`Options::create`].
    pub(super) fn plan(&self, world: &Arc<World>, ui: &Ui) -> Result<Plan, Failure> {
        let request = self.request(world, ui)?;
        let image = self.open(world, ui)?;
        let mut prepared = runtime::foresee(world, &image.config, &image.layers, &request)?;
        if self.rm {
            prepared.remove_at_end();
        }
        let mut plan = prepared.plan.clone();
        plan.ports = request.published(&image.config).iter().map(ToString::to_string).collect();
        Ok(plan)
    }

    fn open(&self, world: &World, ui: &Ui) -> Result<Opened, Failure> {
        let platform = self.wanted_platform()?;
        let found = pulling::find(world, self.image(), self.pull.as_deref(), &platform, ui)?;
        let image = Opened::of(&world.store, &found, &platform)?;
        image.require_platform(self.image(), &platform)?;
        image.require_runnable(self.image())?;
        Ok(image)
    }

    /// What the arguments say, before anything is made.
    fn request(&self, world: &World, ui: &Ui) -> Result<Request, Failure> {
        let entrypoint = |text: &String| if text.is_empty() { Vec::new() } else { vec![text.clone()] };
        let hostname = self.hostname.as_deref().filter(|name| !name.is_empty());
        let expose = self.exposed()?;
        self.network.check_beside(hostname, &expose)?;
        let Connections { network, called, names, hosts, ports, publish_all } = self.network.connections(world, ui)?;
        let Limited { rights, paths, mut allowance, limits, groups, init } = self.limits.limits(world, &network, ui)?;
        let hostname = match called {
            Some((hostname, domain)) => {
                allowance.domain = domain;
                Some(hostname)
            }
            None => hostname.map(Hostname::parse).transpose()?,
        };
        Ok(Request {
            command: self.words.iter().skip(1).cloned().collect(),
            entrypoint: self.entrypoint.as_ref().map(entrypoint),
            env: variables(&self.env_file, &self.env)?,
            working_dir: self.working_dir()?,
            user: self.user.clone(),
            hostname,
            network,
            names,
            hosts,
            ports,
            expose,
            publish_all,
            volumes: self.volumes.wishes()?,
            volumes_from: self.volumes.of_others(world)?,
            root: if self.read_only { Access::ReadOnly } else { Access::ReadWrite },
            terminal: if self.tty { Terminal::Yes } else { Terminal::No },
            init,
            groups,
            rights,
            limits,
            paths,
            allowance,
            stop_signal: self.stop_signal.as_deref().map(signal).transpose()?,
            stop_timeout: self.stop_timeout,
            care: self.care()?,
        })
    }

    /// What may be the reason where the program was not found in the image.
    pub(super) fn if_missing(&self, world: &World, image: &Opened) -> Option<String> {
        let config = &image.config.config;
        let typed = self.words.get(1);
        if let Some(option) = typed.filter(|word| word.starts_with('-')) {
            return Some(format!("options come before the image: `layerlab run {option} … {}`", self.image()));
        }
        let of_image = || config.entrypoint.iter().chain(&config.cmd).flatten().next();
        let program =
            self.entrypoint.as_ref().or(config.entrypoint.iter().flatten().next()).or(typed).or_else(of_image)?;
        let words = if typed == Some(program) { Words::Typed } else { Words::Image };
        lacking::not_started(config, &machine::tree_of(&world.store, &image.layers).ok()?, program, words)
    }

    /// The image's labels, and over them those of the arguments.
    fn labels(&self, image: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Failure> {
        let mut labels = image.clone();
        for path in &self.label_file {
            labels.extend(names::labels(&lines_of(path)?));
        }
        labels.extend(names::labels(&self.label));
        Ok(labels)
    }

    fn working_dir(&self) -> Result<Option<String>, Diagnostic> {
        match &self.workdir {
            Some(path) if !path.is_empty() && !path.starts_with('/') => {
                Err(Diagnostic::error(format!("the working directory `{path}` is not an absolute path"))
                    .hint("a working directory begins with `/`"))
            }
            workdir => Ok(workdir.clone()),
        }
    }

    fn care(&self) -> Result<Care, Failure> {
        let restart = Restart::parse(&self.restart)?;
        if self.rm && restart != Restart::No {
            return Err(Diagnostic::error("`--restart` and `--rm` contradict each other")
                .hint("a container that is removed at its end can't start again")
                .into());
        }
        let bytes = |text: &str| resources::parse_bytes("--log-opt", text).ok();
        let health = self.health.config()?;
        let log = LogOptions::parse(self.log_driver.as_deref(), &self.log_opt, bytes)?;
        Ok(Care { restart, log, health, shell: Vec::new() })
    }

    fn wanted_platform(&self) -> Result<Platform, Diagnostic> {
        let Some(text) = &self.platform else { return Ok(Platform::host()) };
        text.parse()
            .map_err(|error: PlatformError| Diagnostic::error(format!("`--platform`: {error}")).hint(error.hint()))
    }

    /// The ports of `--expose`, one by one, as EXPOSE writes them.
    fn exposed(&self) -> Result<Vec<String>, Diagnostic> {
        let mut exposed = Vec::new();
        for text in &self.expose {
            let port = PortSpecification::parse(text).ok().filter(|port| port.host.is_none() && port.address.is_none());
            let Some(PortSpecification { container: (first, last), protocol, .. }) = port else {
                return Err(Diagnostic::error(format!("invalid port `{text}` for --expose"))
                    .hint("write it as 80, 80/udp or 8000-8010"));
            };
            exposed.extend((first..=last).map(|port| format!("{port}/{protocol}")));
        }
        Ok(exposed)
    }
}

/// The file that gets a container's id. Dropped before that, it is removed.
struct Cidfile(Option<PathBuf>);

impl Cidfile {
    /// Makes it: one that is there belongs to another container.
    fn claim(path: &Path) -> Result<Cidfile, Diagnostic> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => Ok(Cidfile(Some(path.to_path_buf()))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Diagnostic::error(format!("container ID file `{}` is there already", path.display()))
                    .hint("make sure that the container whose id it has is not running, and remove the file"))
            }
            Err(error) => Err(unwritten(path, &error)),
        }
    }

    fn write(mut self, id: &str) -> Result<(), Diagnostic> {
        let Some(path) = self.0.take() else { return Ok(()) };
        std::fs::write(&path, id).map_err(|error| unwritten(&path, &error))
    }
}

impl Drop for Cidfile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(format!("can't write `{}`: {}", path.display(), crate::errno::describe(error)))
}

/// The lines of a file that say something.
fn lines_of(path: &Path) -> Result<Vec<String>, Diagnostic> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Diagnostic::error(format!("can't read `{}`: {}", path.display(), crate::errno::describe(&error)))
    })?;
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// The variables of files, then those of arguments.
///
/// # Errors
/// A file can't be read.
pub(super) fn variables(files: &[PathBuf], texts: &[String]) -> Result<Vec<Variable>, Failure> {
    let ours = |name: &str| std::env::var(name).ok();
    let mut variables = Vec::new();
    for path in files {
        variables.extend(lines_of(path)?.iter().filter_map(|line| Variable::parse(line, ours)));
    }
    variables.extend(texts.iter().filter_map(|text| Variable::parse(text, ours)));
    Ok(variables)
}

/// The number of a signal.
///
/// # Errors
/// There is no such signal.
pub(super) fn signal(text: &str) -> Result<i32, Diagnostic> {
    signal_number(text).ok_or_else(|| {
        Diagnostic::error(format!("`{text}` is not a signal"))
            .hint("a signal is a name such as SIGTERM or a number from 1 to 64")
    })
}
