//! A container ready to run: its folder, and the plan of it.

use std::ffi::OsStr;
use std::fs;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::Error;
use super::changes::{Changes, Form, Laid};
use super::folder::Folder;
use super::network::Connection;
use super::unpacked;
use crate::container::{
    self, Access, Allowance, Durability, Etc, Exit, Heard, Host, Hostname, Io, Mount, MountKind, Names, Operation,
    OverlayWish, Paths, Plan, Process, RootKind, Running, Sandbox,
};
use crate::deeds::{self, Group};
use crate::progress::Interrupt;
use crate::world::World;

/// What a container is to be like, apart from its layers and its folder.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) hostname: Hostname,
    pub(crate) connection: Connection,
    pub(crate) names: Names,
    /// Further lines of `/etc/hosts`.
    pub(crate) hosts: Vec<(Hostname, IpAddr)>,
    /// Which files of /etc are its own.
    pub(crate) etc: Etc,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) root: Access,
    /// Whether parts of /proc and /sys are hidden or read-only.
    pub(crate) paths: Paths,
    /// What else it is given, or kept from.
    pub(crate) allowance: Allowance,
    /// Whether its changes are to survive.
    pub(crate) durability: Durability,
    /// A file of ours for it.
    pub(crate) script: Option<Script>,
}

/// A text that the container sees as a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) text: String,
    /// Where, below the container's /dev.
    pub(crate) target: String,
}

/// A container ready to run, with the folder that it needs.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) connection: Connection,
    folder: Folder,
    world: Arc<World>,
}

/// Plans a container in a folder, on these layers (the top one first).
///
/// # Errors
/// A file of its set-up can't be written, or the machine does not allow containers.
pub(crate) fn prepare(
    world: &Arc<World>,
    folder: Folder,
    lower: Vec<PathBuf>,
    room: Room,
    process: &Process,
) -> Result<Prepared, Error> {
    let host = detect(world, &folder)?;
    prepare_on(world, &host, folder, lower, room, process)
}

/// What this machine allows to containers with such folders.
///
/// # Errors
/// As [`Host::detect`].
pub(super) fn detect(world: &World, folder: &Folder) -> Result<Host, Error> {
    let overlay = world.home().preferences().overlay.as_deref().and_then(OsStr::to_str);
    let overlay = overlay.map_or(OverlayWish::Any, OverlayWish::named);
    Ok(Host::detect(&world.identity, &folder.work(), overlay)?)
}

/// As [`prepare`], on a machine that was looked at.
///
/// # Errors
/// As [`prepare`].
pub(super) fn prepare_on(
    world: &Arc<World>,
    host: &Host,
    folder: Folder,
    lower: Vec<PathBuf>,
    room: Room,
    process: &Process,
) -> Result<Prepared, Error> {
    let mut sandbox = Sandbox::new(lower, folder.upper(), folder.work());
    sandbox.hostname = room.hostname;
    sandbox.network = room.connection.network.clone();
    sandbox.lent.clone_from(&room.connection.files);
    sandbox.names = room.names;
    sandbox.extra_hosts = room.hosts;
    sandbox.etc = room.etc;
    sandbox.mounts = room.mounts;
    sandbox.root = room.root;
    sandbox.paths = room.paths;
    sandbox.allowance = room.allowance;
    sandbox.durability = room.durability;
    if let Some(script) = room.script {
        sandbox.mounts.push(put(&folder, &script)?);
    }
    container::sweep_groups(&host.cgroups);
    if !sandbox.allowance.resources.is_empty() {
        container::check_limits(&host.cgroups, &sandbox.allowance.resources)?;
        let id = folder.path().file_name().unwrap_or_default().to_string_lossy();
        sandbox.cgroup = Some(container::group_name(&id));
    }
    let plan = container::plan(&sandbox, process, &world.identity, host);
    Ok(Prepared { plan, connection: room.connection, folder, world: world.clone() })
}

impl Prepared {
    /// Begins to set it up. It runs when it is started; with a wish to stop, it ends when somebody has that.
    ///
    /// # Errors
    /// As [`container::spawn`].
    pub(crate) fn spawn(&self, io: Io, interrupt: Option<&Interrupt>) -> Result<Running, Error> {
        let mut running =
            container::spawn_plugged(&self.plan, io, self.connection.plug()?, self.connection.entered()?)?;
        if let Some(interrupt) = interrupt {
            let readable = interrupt.as_fd().try_clone_to_owned().map_err(container::Error::descriptor)?;
            running.kill_when(readable);
        }
        Ok(running)
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It can't be set up, or its command not be executed.
    pub(crate) fn run(
        &self,
        io: Io,
        interrupt: Option<&Interrupt>,
        listen: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Exit, Error> {
        let running = self.spawn(io, interrupt)?;
        running.start();
        Ok(running.wait(listen)?)
    }

    /// What it has changed, when it has ended.
    pub(crate) fn into_changes(self) -> Changes {
        let form = match self.plan.root {
            RootKind::Copy => Form::Copy,
            RootKind::Overlay => Form::Upper,
        };
        let ownership = unpacked::ownership(&self.world.identity);
        let laid = Laid { form, ownership, as_root: self.plan.is_as_root() };
        Changes::new(self.world, self.folder, laid)
    }

    /// Notes what will be done to set it up.
    pub(super) fn note(&self) {
        note_plan(&self.plan, Operation::why);
    }

    /// Its folder.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Lets go of everything but the folder.
    pub(super) fn into_folder(self) -> Folder {
        self.folder
    }

    /// Nobody asks for its changes: they go with the folder, which is for whoever has it locked. What may belong to other ids is removed by
    /// the container's own processes when it ends.
    pub(super) fn leave_changes(&mut self) {
        self.plan.leave_mount_points();
        if self.world.identity.in_user_namespace() {
            for path in [self.folder.upper(), self.folder.overlay()] {
                self.plan.remove_at_end(path);
            }
        }
    }

    /// Has the folder removed by the container's own processes when it ends: nobody asks for its changes.
    pub(crate) fn remove_at_end(&mut self) {
        self.plan.remove_at_end(self.folder.path().to_path_buf());
    }
}

/// Notes what somebody else will do, from the list that it does.
pub(super) fn note_plan(plan: &Plan, why: fn(&Operation) -> &'static str) {
    for (phase, operation) in plan.in_order() {
        deeds::note(Group::Container, || format!("{phase}: {operation}"), why(operation));
    }
}

/// Puts a script where the container sees it under a name of its own.
fn put(folder: &Folder, script: &Script) -> Result<Mount, Error> {
    let path = folder.path().join("script");
    let written =
        fs::write(&path, &script.text).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    written.map_err(Error::io("write", &path))?;
    Ok(Mount { kind: MountKind::Script(path), target: script.target.clone(), access: Access::ReadOnly })
}
