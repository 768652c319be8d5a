//! Launch: an image's configuration and what the user asked for → a container, run in the foreground.
//!
//! The rules of what wins are Docker's: the user's command replaces CMD, `--entrypoint` replaces ENTRYPOINT and drops CMD, `-e` is
//! laid over ENV. Left out for now: detached containers, published ports, anonymous volumes; a container is removed when it ends.

use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::container::{
    self, Access, Exit, Heard, Host, Hostname, Io, Mount, MountKind, Network, NewPrivileges, Plan, Process, Sandbox,
    Seccomp, Terminal,
};
use crate::layer::Layer;
use crate::machine::folder::Folder;
use crate::machine::{Error, unpacked};
use crate::oci::{Environment, ImageConfig, is_signal};
use crate::world::{Interrupt, World};

/// What is asked of a container.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Replaces CMD.
    pub command: Vec<String>,
    /// Replaces ENTRYPOINT; an empty text takes it away.
    pub entrypoint: Option<String>,
    /// `NAME=value`, or `NAME` for our own value of it.
    pub env: Vec<String>,
    pub working_dir: Option<String>,
    pub user: Option<String>,
    pub hostname: Option<String>,
    pub network: Option<Network>,
    /// `host:container[:ro]`.
    pub volumes: Vec<String>,
    pub read_only: bool,
    pub terminal: bool,
    /// `no-new-privileges[:true|false]`, `seccomp=unconfined`.
    pub security: Vec<String>,
}

/// A container ready to run, with the folder that it needs.
pub struct Prepared {
    pub id: String,
    pub plan: Plan,
    folder: Folder,
}

/// Makes the plan, and unpacks what it needs.
///
/// # Errors
/// [`Error::Argument`] for an image without a command and for a volume that can't be understood.
pub fn prepare<'a>(
    world: &Arc<World>,
    image: &ImageConfig,
    layers: &[Layer],
    request: &Request,
) -> Result<Prepared, Error> {
    let args = command_line(image, request)?;
    check_stop_signal(image)?;
    let mounts = volumes(&world, &request.volumes)?;
    let id = world.clock.new_id();
    let hostname = match request.hostname.as_deref() {
        None | Some("") => Hostname::parse(&id.chars().take(12).collect::<String>())?,
        Some(name) => Hostname::parse(name)?,
    };
    let folder = Folder::create(world, &id)?;
    let mut sandbox = Sandbox::new(unpacked::chain_of_image(world, layers)?, folder.upper(), folder.work());
    let mut process = Process::new(args);
    process.env = environment(image, request, hostname.as_str());
    sandbox.hostname = hostname;
    sandbox.mounts = mounts;
    process.cwd = match &request.working_dir {
        Some(path) => path.clone(),
        None => image.config.working_dir.clone(),
    };
    process.user = request.user.clone().unwrap_or_else(|| image.config.user.clone());
    sandbox.network = request.network.unwrap_or(Network::Host);
    process.terminal = if request.terminal { Terminal::Yes } else { Terminal::No };
    sandbox.root = if request.read_only { Access::ReadOnly } else { Access::ReadWrite };
    for option in &request.security {
        match option.replace(':', "=").as_str() {
            "no-new-privileges" | "no-new-privileges=true" => process.rights.new_privileges = NewPrivileges::Forbidden,
            "no-new-privileges=false" => process.rights.new_privileges = NewPrivileges::Allowed,
            "seccomp=unconfined" => process.rights.seccomp = Seccomp::Unconfined,
            _ => {
                return Err(Error::Argument {
                    message: format!("invalid --security-opt `{option}`"),
                    hint: Some("`no-new-privileges` and `seccomp=unconfined` are known".into()),
                });
            }
        }
    }
    let host = Host::detect(&world.identity, &folder.work())?;
    let plan = container::plan(&sandbox, &process, &world.identity, &host);
    Ok(Prepared { id, plan, folder })
}

impl Prepared {
    /// Runs the container to its end and removes it.
    pub fn run(self, io: Io, interrupt: Option<&Interrupt>, listen: &mut dyn FnMut(Heard<'_>)) -> Result<Exit, Error> {
        let mut running = container::spawn(&self.plan, io)?;
        if let Some(interrupt) = interrupt {
            running.kill_when(interrupt.as_fd().try_clone_to_owned().map_err(|source| Error::Io {
                operation: "watch",
                path: "the wish to stop".into(),
                source,
            })?);
        }
        running.start();
        let exit = running.wait(listen);
        drop(self.folder);
        Ok(exit?)
    }
}

fn command_line(image: &ImageConfig, request: &Request) -> Result<Vec<String>, Error> {
    let (mut args, default) = match request.entrypoint.as_deref() {
        Some("") => (Vec::new(), &None),
        Some(entrypoint) => (vec![entrypoint.to_owned()], &None),
        None => (image.config.entrypoint.clone().unwrap_or_default(), &image.config.cmd),
    };
    if request.command.is_empty() {
        args.extend(default.iter().flatten().cloned());
    } else {
        args.extend(request.command.iter().cloned());
    }
    if args.is_empty() {
        return Err(Error::Argument {
            message: "no command specified".into(),
            hint: Some("the image has neither CMD nor ENTRYPOINT: name a command after the image".into()),
        });
    }
    Ok(args)
}

fn environment(image: &ImageConfig, request: &Request, hostname: &str) -> Vec<String> {
    let mut environment = Environment::default();
    if !image.config.env.iter().any(|variable| variable.starts_with("PATH=")) {
        environment.set("PATH", crate::machine::DEFAULT_PATH);
    }
    for entry in &image.config.env {
        environment.put_in_place(entry);
    }
    environment.set("HOSTNAME", hostname);
    if request.terminal {
        environment.set("TERM", "xterm");
    }
    for variable in &request.env {
        match variable.split_once('=') {
            Some((name, value)) => environment.set(name, value),
            // A name alone passes our own value on, and nothing where we have none.
            None => {
                if let Ok(value) = std::env::var(variable) {
                    environment.set(variable, &value);
                }
            }
        }
    }
    environment.entries()
}

/// An image may have been made by anybody, so what BuildKit checks when it writes a configuration is checked here once more.
fn check_stop_signal(image: &ImageConfig) -> Result<(), Error> {
    match &image.config.stop_signal {
        Some(signal) if !signal.is_empty() && !is_signal(signal) => Err(Error::Argument {
            message: format!("the image's stop signal `{}` is not a signal", signal.escape_debug()),
            hint: Some("a name such as SIGTERM or a number from 1 to 64 is".into()),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Every `-v`, each for another place.
fn volumes(world: &World, texts: &[String]) -> Result<Vec<Mount>, Error> {
    let mut mounts: Vec<Mount> = Vec::new();
    for text in texts {
        let mount = volume(world, text)?;
        if mounts.iter().any(|other| other.target == mount.target) {
            return Err(Error::Argument {
                message: format!("duplicate mount point: {}", mount.target),
                hint: Some("each volume needs a place of its own in the container".into()),
            });
        }
        mounts.push(mount);
    }
    Ok(mounts)
}

/// A path without `.`, `..`, double and trailing slashes: where it leads as long as nothing is a link. Above the root is the
/// root.
fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// `/host:/container[:ro|rw]` or `name:/container`; a name is a folder in the home's `volumes`.
fn volume(world: &World, text: &str) -> Result<Mount, Error> {
    let bad = |message: String| Error::Argument {
        message: format!("invalid volume specification `{text}`: {message}"),
        hint: Some("a volume is written `/host/path:/container/path[:ro]` or `name:/container/path`".into()),
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts.as_slice() {
        [source, target] => (*source, *target, ""),
        [source, target, mode] => (*source, *target, *mode),
        _ => return Err(bad("it needs a source and a target".into())),
    };
    if !target.starts_with('/') {
        return Err(bad(format!("the target `{target}` is not an absolute path")));
    }
    let target = clean(target);
    if target == "/" {
        return Err(bad("the target can't be `/`".into()));
    }
    let mut access = Access::ReadWrite;
    for option in mode.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => access = Access::ReadOnly,
            "rw" | "z" | "Z" => {}
            other => return Err(bad(format!("invalid mode `{other}`"))),
        }
    }
    let path = if source.starts_with('/') || source.starts_with('.') {
        let path = PathBuf::from(source);
        // As Docker: a folder that is not there is made.
        if !path.exists() {
            std::fs::create_dir_all(&path).map_err(|source| Error::Io {
                operation: "create",
                path: path.clone(),
                source,
            })?;
        }
        path.canonicalize().map_err(|source| Error::Io { operation: "resolve", path, source })?
    } else {
        let is_name = |name: &str| {
            name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-".contains(letter))
                && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        };
        if !is_name(source) {
            return Err(bad(format!("`{source}` is neither an absolute path nor a volume's name")));
        }
        let path = world.home().volumes_dir().join(source);
        if path.is_symlink() {
            return Err(bad(format!("`{}` is a symbolic link: name the folder it leads to", path.display())));
        }
        std::fs::create_dir_all(&path).map_err(|source| Error::Io {
            operation: "create",
            path: path.clone(),
            source,
        })?;
        path
    };
    Ok(Mount { kind: MountKind::Bind(path), target, access })
}
