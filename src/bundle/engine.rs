//! What a manager asks of its runtime: create, start, state, kill, delete, exec, and the rest.

use std::fs;
use std::io::IoSlice;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, connect, sendmsg, socket,
};

use super::config::{Config, Process, Resources};
use super::error::Error;
use super::state::{self, Container, Containers, Record, SOCKET, Status};
use super::translate::{self, Call};
use super::{hooks, read, resources};
use crate::container::orphan::{self, Orphan};
use crate::container::{
    Mapper, SpaceKind, Surroundings, end_members, follow, follow_into, freeze_groups, is_frozen, limit_all, members_of,
    numbers_of, remove_groups, thaw_groups, wait_for_end,
};
use crate::link::Listener;

/// What `create` is told beside the bundle.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) console_socket: Option<PathBuf>,
    pub(crate) place: Place,
    /// The time, as the state tells it.
    pub(crate) now: String,
}

/// Whose the container is while it runs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The manager's.
    #[default]
    Background,
    /// Ours: its terminal is ours as well.
    Foreground,
}

/// Sets a container up. Its first process waits, and is the child of whoever is the reaper above us.
///
/// # Errors
/// Its document is wrong, or something was refused; then nothing is left of it.
pub(crate) fn create(containers: &Containers, id: &str, bundle: &Path, options: &Options) -> Result<Orphan, Error> {
    let bundle = fs::canonicalize(bundle).map_err(Error::io("open the bundle", bundle))?;
    let config: Config = read::document(&bundle.join("config.json"), containers.bound)?;
    let surroundings = Surroundings::look()?;
    let blueprint = translate::blueprint(&config, &Call { bundle: &bundle, id }, &surroundings)?;
    check_terminal(config.process.as_ref(), options)?;
    let (path, folder) = containers.make(id)?;
    let users = blueprint.spaces.iter().any(|space| space.kind == SpaceKind::User);
    let mut record = Record {
        id: id.to_owned(),
        bundle,
        rootfs: blueprint.root.clone(),
        process: 0,
        began: 0,
        created: options.now.clone(),
        owner: nix::unistd::Uid::effective().as_raw(),
        groups: blueprint.groups.paths.clone(),
        made: blueprint.groups.paths.iter().filter(|group| !group.exists()).cloned().collect(),
        mapper: blueprint.ids.as_ref().map(|map| map.mapper).or(users.then_some(Mapper::Caller)),
        settled: false,
    };
    let lay = || -> Result<Orphan, Error> {
        // Before there is anything that somebody would have to find.
        state::keep(&path, &config, &record)?;
        let listener = Listener::bind(&folder, SOCKET).map_err(Error::call("bind", &path.join(SOCKET)))?;
        Ok(orphan::lay(&follow(&blueprint, &surroundings), listener, blueprint.task.window)?)
    };
    let made = lay().and_then(|made| {
        (record.process, record.began) = (made.number, orphan::begin_of(made.number).unwrap_or_default());
        match settle(&path, &config, &mut record, &made, options) {
            Ok(()) => Ok(made),
            Err(error) => {
                end(&made.process);
                let _ = hooks::run_all(&config.hooks.poststop, &describe(&record, &config, Status::Stopped));
                Err(error)
            }
        }
    });
    if made.is_err() {
        end_members(&record.made);
        // What can't be removed is removed by `delete --force`, which finds it by the record.
        let _ = remove_groups(&record.made).map_err(Error::from).and_then(|()| containers.remove_remains(id));
    }
    made
}

/// Ends a process, and waits for that.
fn end(process: &OwnedFd) {
    // It can only have ended.
    let _ = orphan::signal(process, libc::SIGKILL);
    wait_for_end(process);
}

/// What follows when the process is there: its record, the hooks, its terminal, and last the file for which the manager waits.
fn settle(path: &Path, config: &Config, record: &mut Record, made: &Orphan, options: &Options) -> Result<(), Error> {
    state::keep(path, config, record)?;
    let state = describe(record, config, Status::Creating);
    hooks::run(&config.hooks.prestart, &state)?;
    hooks::run(&config.hooks.create_runtime, &state)?;
    give_terminal(made, options)?;
    record.settled = true;
    state::keep(path, config, record)?;
    made.keep();
    match &options.pid_file {
        Some(file) => state::write_file(file, made.number.to_string().as_bytes()),
        None => Ok(()),
    }
}

fn check_terminal(process: Option<&Process>, options: &Options) -> Result<(), Error> {
    let wants = process.is_some_and(|process| process.terminal);
    match (&options.console_socket, wants) {
        (None, true) if options.place == Place::Foreground => Ok(()),
        (None, true) => Err(Error::Option(
            "`process.terminal` is set: whoever wants a terminal has to give a socket for it with `--console-socket`"
                .to_owned(),
        )),
        (Some(_), false) => {
            Err(Error::Option("`--console-socket` is given, and `process.terminal` is not set".to_owned()))
        }
        (Some(_), true) | (None, false) => Ok(()),
    }
}

/// Gives the master of the terminal to the manager.
fn give_terminal(made: &Orphan, options: &Options) -> Result<(), Error> {
    let (Some(master), Some(path)) = (&made.terminal, &options.console_socket) else { return Ok(()) };
    let refused = |call: &'static str| Error::call(call, path);
    let socket =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(refused("socket"))?;
    let address = UnixAddr::new(path).map_err(refused("connect to"))?;
    connect(socket.as_raw_fd(), &address).map_err(refused("connect to"))?;
    let numbers = [master.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&numbers)];
    let name = [IoSlice::new(b"/dev/ptmx")];
    sendmsg::<()>(socket.as_raw_fd(), &name, &rights, MsgFlags::MSG_NOSIGNAL, None).map_err(refused("send to"))?;
    Ok(())
}

/// Has the first process execute its command. Gives the hooks that have failed.
///
/// # Errors
/// The container is in another state, or the command can't be executed.
pub(crate) fn start(containers: &Containers, id: &str) -> Result<Vec<Error>, Error> {
    let container = containers.find(id)?;
    match container.status() {
        Status::Created => {}
        other => return Err(Error::NotCreated(id.to_owned(), other.name())),
    }
    let begun = orphan::begin(&container.folder, SOCKET);
    let socket = container.path.join(SOCKET);
    fs::remove_file(&socket).map_err(Error::io("remove", &socket))?;
    begun?;
    container.unlock();
    let state = describe(&container.record, &container.config, Status::Running);
    // They change nothing any more.
    Ok(hooks::run_all(&container.config.hooks.poststart, &state))
}

/// The state as a document: runtime.md, "State".
///
/// # Errors
/// There is no such container.
pub(crate) fn state(containers: &Containers, id: &str) -> Result<String, Error> {
    let container = containers.look(id)?;
    Ok(describe(&container.record, &container.config, container.status()))
}

fn describe(record: &Record, config: &Config, status: Status) -> String {
    let process = if status == Status::Stopped { 0 } else { record.process };
    let document = serde_json::json!({
        "ociVersion": config.oci_version,
        "id": record.id,
        "pid": process,
        "status": status.name(),
        "bundle": record.bundle,
        "rootfs": record.rootfs,
        "created": record.created,
        "annotations": config.annotations,
        "owner": if record.owner == 0 { "root".to_owned() } else { record.owner.to_string() },
    });
    format!("{document:#}")
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    /// The first process.
    First,
    /// Every process.
    All,
}

/// Sends a signal.
///
/// # Errors
/// The container does not run, or the kernel refuses.
pub(crate) fn kill(containers: &Containers, id: &str, signal: i32, whom: Whom) -> Result<(), Error> {
    let container = containers.look(id)?;
    let refused = |errno: Errno| match errno {
        Errno::ESRCH => Error::NotRunning(id.to_owned(), Status::Stopped.name()),
        errno => Error::Io { operation: "signal the process of", path: container.path.clone(), source: errno.into() },
    };
    let first = container.process();
    match whom {
        Whom::First => orphan::signal(first.as_ref().ok_or_else(|| refused(Errno::ESRCH))?, signal).map_err(refused)?,
        Whom::All => {
            let members = members(&container, first.as_ref());
            if members.is_empty() && first.is_none() {
                return Err(refused(Errno::ESRCH));
            }
            for process in members {
                match orphan::signal(&process, signal) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(refused(errno)),
                }
            }
        }
    }
    if signal == libc::SIGKILL && is_frozen(&container.record.groups) {
        // What is stopped ends only when it goes on.
        thaw_groups(&container.record.groups)?;
    }
    Ok(())
}

/// Every process of a container: those in its control groups, or else its first alone, which takes those of its namespace with it.
fn members(container: &Container, first: Option<&OwnedFd>) -> Vec<OwnedFd> {
    let mut members = members_of(&container.record.groups);
    if members.is_empty() {
        members.extend(first.and_then(|first| first.try_clone().ok()));
    }
    members
}

/// Whether `delete` may end what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    No,
    Yes,
}

/// Takes away what is left of a container. Gives the hooks that have failed.
///
/// # Errors
/// It still runs, or there is none.
pub(crate) fn delete(containers: &Containers, id: &str, force: Force) -> Result<Vec<Error>, Error> {
    if force == Force::Yes
        && let Ok(container) = containers.look(id)
    {
        // Before it is locked: whoever has it locked may wait for what it does.
        end_members(&container.record.groups);
        container.process().iter().for_each(end);
    }
    let container = match containers.find_any(id) {
        Err(Error::Missing(_)) if force == Force::Yes => return containers.remove_remains(id).map(|_| Vec::new()),
        found => found?,
    };
    let status = container.status();
    match (status, force) {
        (Status::Stopped | Status::Created, _) | (_, Force::Yes) => {}
        (Status::Creating | Status::Running | Status::Paused, Force::No) => {
            return Err(Error::NotStopped(id.to_owned(), status.name()));
        }
    }
    // Whether its first process lives or not: what it has left in a namespace that it shares with others lives on.
    end_members(&container.record.groups);
    container.process().iter().for_each(end);
    remove_groups(&container.record.made)?;
    containers.remove_remains(id)?;
    let state = describe(&container.record, &container.config, Status::Stopped);
    // They change nothing any more.
    Ok(hooks::run_all(&container.config.hooks.poststop, &state))
}

/// Runs a further process in a container, and gives it when it has executed its command.
///
/// # Errors
/// The container does not run, or the command can't be executed.
pub(crate) fn exec(containers: &Containers, id: &str, process: &Process, options: &Options) -> Result<Orphan, Error> {
    // Not locked: what the container does to the process that joins it, or to a file that is read, keeps nobody else from ending it.
    let container = containers.look(id)?;
    let status = container.status();
    let Some(first) = container.process().filter(|_| status == Status::Running) else {
        return Err(Error::NotRunning(id.to_owned(), status.name()));
    };
    check_terminal(Some(process), options)?;
    let surroundings = Surroundings::look()?;
    let task = translate::task(process, &container.config.linux)?;
    let plan = follow_into(&task, &container.record.groups, container.record.mapper, &surroundings);
    let made = orphan::lay_in(&plan, first, task.window)?;
    let told = give_terminal(&made, options).and_then(|()| match &options.pid_file {
        Some(file) => state::write_file(file, made.number.to_string().as_bytes()),
        None => Ok(()),
    });
    if told.is_err() {
        // Nobody would know of it.
        end(&made.process);
    }
    told.map(|()| made)
}

/// The process that `exec` is given as a document.
///
/// # Errors
/// It can't be read, or is not one.
pub(crate) fn process(containers: &Containers, path: &Path) -> Result<Process, Error> {
    read::document(path, containers.bound)
}

/// The process that a container's document has, to be changed by the arguments of `exec`.
///
/// # Errors
/// There is no such container.
pub(crate) fn process_of(containers: &Containers, id: &str) -> Result<Process, Error> {
    Ok(containers.look(id)?.config.process.unwrap_or_default())
}

/// Stops every process of a container, or lets them go on.
///
/// # Errors
/// It does not run, or has no control group with a freezer.
pub(crate) fn pause(containers: &Containers, id: &str, paused: Status) -> Result<(), Error> {
    let container = containers.find(id)?;
    let groups = &container.record.groups;
    match (container.status(), paused) {
        (Status::Running, Status::Paused) => freeze_groups(groups).map_err(Error::from),
        (Status::Paused, Status::Running) => thaw_groups(groups).map_err(Error::from),
        (other, _) => Err(Error::NotRunning(id.to_owned(), other.name())),
    }
}

/// Changes the limits of a container.
///
/// # Errors
/// A limit is not supported, or refused.
pub(crate) fn update(containers: &Containers, id: &str, document: &Path) -> Result<(), Error> {
    let container = containers.find(id)?;
    let resources: Resources = match document.as_os_str() == "-" {
        true => read::standard_input(containers.bound)?,
        false => read::document(document, containers.bound)?,
    };
    let resources = Resources { devices: Vec::new(), ..resources };
    let settings = resources::limits(&resources, Surroundings::look()?.cgroups.version())?;
    Ok(limit_all(&container.record.groups, &settings).map_err(crate::container::Error::Setup)?)
}

/// The numbers of a container's processes.
///
/// # Errors
/// There is no such container.
pub(crate) fn processes(containers: &Containers, id: &str) -> Result<Vec<i32>, Error> {
    let container = containers.look(id)?;
    let members = numbers_of(&container.record.groups);
    Ok(match (members.is_empty(), container.process()) {
        (true, Some(_)) => vec![container.record.process],
        _ => members,
    })
}
