//! From what is wanted to the list of operations.
//!
//! Planning is pure: it looks at the [`Sandbox`], the [`Process`], the [`Identity`] and the facts in [`Host`], touches
//! no file and makes no system call, so the same input gives the same list. Every difference
//! between root and an ordinary user, and every fallback, is decided here and can be read in the
//! plan. The lists of devices, mounts, masked and read-only paths are Docker's defaults (OCI
//! runtime specification, "Linux Default Filesystems" and "Default Devices").

use std::path::PathBuf;

use super::account::is_called_root;
use super::allowance::ResourceLimit;
use super::cgroup::Groups;
use super::host::{Host, OverlaySupport};
use super::identity::Identity;
use super::layout::{self, EtcFile};
use super::limits::{self, Limit};
use super::network;
use super::networking::Networking;
use super::operation::{Namespace, Operation, Overlay, OverlayInterface, Phase};
use super::process::{NewPrivileges, Process, Seccomp, Terminal};
use super::sandbox::{Access, Durability, Network, Paths, Sandbox};
use super::tuning::Tuning;
use super::userns::IdMap;
use crate::hidden::Hidden;

/// A container's set-up as data: printed by `Display`, executed by [`run`](super::run()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every operation with its phase, in the order of execution.
    pub operations: Vec<(Phase, Operation)>,
    /// What the plan lacks here and why.
    pub notes: Vec<String>,
    /// Ports of the machine that somebody outside forwards into the container as long as it runs: `8081 → 80/tcp`.
    pub(crate) ports: Vec<String>,
    /// The identity it was made for.
    pub(crate) identity: Identity,
    /// How the root file system comes about, and so how its changes are found.
    pub root: RootKind,
    /// The directory that takes the changes.
    pub(crate) upper: PathBuf,
}

/// How the root file system comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// The upper directory holds the changes only.
    Overlay,
    /// The upper directory holds everything: changes are found by comparing all of it with the
    /// layers below.
    Copy,
}

impl Plan {
    /// The operations of one phase.
    pub(crate) fn of(&self, phase: Phase) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |(of, _)| *of == phase).map(|(_, operation)| operation)
    }

    /// Whether the command's user is root by its name or number; what other names stand for is looked up in the container.
    pub(crate) fn is_as_root(&self) -> bool {
        let user = self.operations.iter().find_map(|(_, operation)| match operation {
            Operation::ResolveUser { user, .. } => Some(user),
            _ => None,
        });
        user.is_none_or(|user| is_called_root(user))
    }

    /// All operations with their phases, phase by phase.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (Phase, &Operation)> {
        Phase::ALL.into_iter().flat_map(|phase| self.of(phase).map(move |operation| (phase, operation)))
    }

    /// What the command is given and nobody else is to see.
    pub(crate) fn secrets(&self) -> Vec<Hidden> {
        let mut secrets = Vec::new();
        for (_, operation) in &self.operations {
            match operation {
                Operation::MakeSecret { file, .. } => secrets.push(file.content.clone()),
                Operation::Execute { secrets: variables, .. } => {
                    secrets.extend(variables.iter().map(|variable| variable.value.clone()));
                }
                _ => {}
            }
        }
        secrets
    }

    /// Has this directory removed at the end, with everything in it: by the keeper, who may do so with files of any owner.
    pub(crate) fn remove_at_end(&mut self, path: PathBuf) {
        self.operations.push((Phase::Ending, Operation::RemoveDirectory { path }));
    }

    /// Leaves what was made to be mounted on: nobody looks at its changes.
    pub(crate) fn leave_mount_points(&mut self) {
        self.operations.retain(|(_, operation)| !matches!(operation, Operation::RemoveMountPoints { .. }));
    }

    /// Whether a terminal is made.
    pub(super) fn has_terminal(&self) -> bool {
        self.of(Phase::Rooted).any(|operation| *operation == Operation::NewSession { terminal: Terminal::Yes })
    }
}

// ANCHOR: plan
/// Makes the list of operations for `process` in `sandbox` as `identity` on `host`.
pub fn plan(sandbox: &Sandbox, process: &Process, identity: &Identity, host: &Host) -> Plan {
    let mounts = layout::mounts(sandbox, identity, host);
    let groups = match &sandbox.cgroup {
        Some(name) => Groups::plan(&host.cgroups, name, &sandbox.allowance.resources),
        None => Groups::default(),
    };
    let (operations, notes) = (Vec::new(), Vec::new());
    let mut planner = Planner { sandbox, process, identity, host, mounts, groups, operations, notes };
    planner.outside();
    planner.entering();
    planner.guarding();
    let root = planner.inside();
    planner.rooted();
    for operation in leaving(process, identity, host.last_capability) {
        planner.push(Phase::Leaving, operation);
    }
    planner.ending();
    Plan {
        operations: planner.operations,
        notes: planner.notes,
        ports: Vec::new(),
        identity: identity.clone(),
        root,
        upper: sandbox.upper.clone(),
    }
}
// ANCHOR_END: plan

struct Planner<'a> {
    sandbox: &'a Sandbox,
    process: &'a Process,
    identity: &'a Identity,
    host: &'a Host,
    mounts: layout::Mounts,
    groups: Groups,
    operations: Vec<(Phase, Operation)>,
    notes: Vec<String>,
}

impl Planner<'_> {
    fn push(&mut self, phase: Phase, operation: Operation) {
        self.operations.push((phase, operation));
    }

    fn outside(&mut self) {
        self.push(Phase::Outside, Operation::CreateDirectory { path: self.root() });
        self.push(Phase::Outside, Operation::CreateDirectory { path: self.sandbox.overlay_work() });
        let own: &[EtcFile] = if self.sandbox.lent.is_some() { &[] } else { EtcFile::of(self.sandbox.etc) };
        for file in own {
            let content = match file {
                EtcFile::Hosts => network::hosts(self.sandbox),
                EtcFile::Hostname => format!("{}\n", self.sandbox.hostname),
                EtcFile::Resolver => network::resolver(self.sandbox, &self.host.resolver),
            };
            self.push(Phase::Outside, Operation::WriteFile { path: self.sandbox.work.join(file.name()), content });
        }
        let in_memory = |operation: &Operation| matches!(operation, Operation::MakeMemory { .. });
        if !self.identity.in_user_namespace() && self.mounts.made.iter().any(in_memory) {
            self.push(Phase::Outside, Operation::MakeUserNamespace);
        }
        if self.sandbox.cgroup.is_some() && self.host.cgroups.own.is_empty() {
            self.notes.push("no control group: none is delegated to this user".to_owned());
        }
        if let Some(paths) = self.cgroups() {
            self.push(Phase::Outside, Operation::CreateCgroup { paths });
        }
        for (group, setting) in self.groups.settings.clone() {
            self.push(Phase::Outside, Operation::Tune(Tuning::Group { group, setting }));
        }
    }

    /// The container's control groups, where it is to have one and may.
    fn cgroups(&self) -> Option<Vec<PathBuf>> {
        (!self.groups.paths.is_empty()).then(|| self.groups.paths.clone())
    }

    fn entering(&mut self) {
        let score = self.sandbox.allowance.oom_score.unwrap_or(self.host.oom_score.max(0));
        self.push(Phase::Entering, Operation::SetOomScore { score });
        let map = match self.identity {
            Identity::Root => None,
            Identity::Single => Some(IdMap::single(self.host.uid, self.host.gid)),
            Identity::Mapped { .. } => self.identity.id_map(),
        };
        match (map, &self.sandbox.network) {
            (None, _) => {}
            (Some(_), Network::Shared(of)) => {
                self.push(Phase::Entering, Operation::Network(Networking::JoinUsers { of: of.clone() }));
            }
            (Some(map), Network::Host | Network::None | Network::Wired(_)) => {
                self.push(Phase::Entering, Operation::EnterUserNamespace { map });
            }
        }
        if self.identity.needs_supervisor() {
            self.push(Phase::Entering, Operation::ForkSupervisor);
        }
        // After the user namespace: a change of rights would undo it.
        self.push(Phase::Entering, Operation::EndWithParent);
        self.push(Phase::Entering, Operation::Unshare { namespaces: vec![Namespace::Pid] });
        self.push(Phase::Entering, Operation::ForkGuard);
    }

    fn guarding(&mut self) {
        self.push(Phase::Guarding, Operation::EndWithParent);
        let mut namespaces = vec![Namespace::Pid, Namespace::Uts, Namespace::Ipc];
        match &self.sandbox.network {
            Network::Host => {}
            Network::None | Network::Wired(_) => namespaces.push(Namespace::Network),
            Network::Shared(of) => self.push(Phase::Guarding, Operation::Network(Networking::Join { of: of.clone() })),
        }
        // The group that we are in becomes the root of what is seen inside: one of its own is joined first.
        if self.cgroups().is_none() {
            namespaces.push(Namespace::Cgroup);
        }
        self.push(Phase::Guarding, Operation::Unshare { namespaces });
        self.push(Phase::Guarding, Operation::ForkInit);
    }

    fn inside(&mut self) -> RootKind {
        if let Some(paths) = self.cgroups() {
            self.push(Phase::Inside, Operation::JoinCgroup { paths });
            self.push(Phase::Inside, Operation::Unshare { namespaces: vec![Namespace::Cgroup] });
        }
        self.push(Phase::Inside, Operation::UnshareMounts);
        for step in network::begin(&self.sandbox.network, self.identity) {
            self.push(Phase::Inside, Operation::Network(step));
        }
        let kind = self.root_file_system();
        self.push(Phase::Inside, Operation::SetHostname { name: self.sandbox.hostname.to_string() });
        if let Some(domain) = &self.sandbox.allowance.domain {
            self.push(Phase::Inside, Operation::Tune(Tuning::Domain { name: domain.clone() }));
        }
        for step in network::finish(&self.sandbox.network) {
            self.push(Phase::Inside, Operation::Network(step));
        }
        for operation in self.mounts.made.clone() {
            self.push(Phase::Inside, operation);
        }
        self.push(Phase::Inside, Operation::PivotRoot { root: self.root() });
        self.push(Phase::Inside, Operation::DetachOldRoot);
        kind
    }

    fn root_file_system(&mut self) -> RootKind {
        let interface = match &self.host.overlay {
            OverlaySupport::Fsconfig => OverlayInterface::Fsconfig,
            OverlaySupport::Options => OverlayInterface::Options,
            OverlaySupport::Refused(reason) => {
                self.notes.push(format!("layers are copied, because {reason}"));
                let operation = Operation::CopyLayers {
                    lower: self.sandbox.lower.clone(),
                    upper: self.sandbox.upper.clone(),
                    root: self.root(),
                    marker: self.sandbox.work.join("copied"),
                };
                self.push(Phase::Inside, operation);
                return RootKind::Copy;
            }
        };
        // A user namespace can't set the trusted.* attributes in which overlayfs keeps its marks.
        // The other three are off so that upper holds whole files and whole directories: a layer
        // has no way to say "renamed from".
        let mut options = match self.identity {
            Identity::Root => vec!["redirect_dir=off", "metacopy=off", "index=off"],
            Identity::Mapped { .. } | Identity::Single => vec!["userxattr"],
        };
        match self.sandbox.durability {
            Durability::Scratch => options.push("volatile"),
            Durability::Kept => {}
        }
        let mut lower = self.sandbox.lower.clone();
        if lower.is_empty() {
            // overlayfs wants at least one: the empty directory on which the root is mounted.
            lower.push(self.root());
        }
        let overlay = Overlay {
            lower,
            upper: self.sandbox.upper.clone(),
            work: self.sandbox.overlay_work(),
            root: self.root(),
            options,
            interface,
        };
        self.push(Phase::Inside, Operation::MountOverlay { overlay });
        RootKind::Overlay
    }

    /// The order is what protects the machine: first the mounts that no name of an image leads to; then what is hidden in them,
    /// while nothing else covers them; and only then what an image's links can have an influence on.
    fn rooted(&mut self) {
        for operation in self.mounts.system.clone() {
            self.push(Phase::Rooted, operation);
        }
        for setting in &self.sandbox.allowance.settings {
            let path = format!("/proc/sys/{}", setting.name.replace('.', "/"));
            self.push(Phase::Rooted, Operation::Tune(Tuning::Setting { path, value: setting.value.clone() }));
        }
        match self.sandbox.paths {
            Paths::Open => {}
            Paths::Protected => {
                for path in layout::READ_ONLY {
                    self.push(Phase::Rooted, Operation::ProtectPath { path: path.to_owned() });
                }
                for path in layout::masked(self.sandbox, self.identity, self.host) {
                    self.push(Phase::Rooted, Operation::MaskPath { path });
                }
            }
        }
        let terminal = self.process.terminal;
        self.push(Phase::Rooted, Operation::NewSession { terminal });
        for operation in self.mounts.others.clone() {
            self.push(Phase::Rooted, operation);
        }
        // Before the root may become read-only.
        self.push(Phase::Rooted, Operation::CreateWorkingDirectory { path: self.working_directory() });
        match self.sandbox.root {
            Access::ReadWrite => {}
            Access::ReadOnly => self.push(Phase::Rooted, Operation::ProtectMount { target: "/".to_owned() }),
        }
        self.push(Phase::Rooted, Operation::CloseMounts);
    }

    /// The set-up undone, as far as the kernel does not do it: the last first.
    fn ending(&mut self) {
        self.push(Phase::Ending, Operation::RemoveMountPoints { upper: self.sandbox.upper.clone() });
        if let Some(paths) = self.cgroups() {
            self.push(Phase::Ended, Operation::RemoveCgroup { paths });
        }
    }

    fn working_directory(&self) -> String {
        working_directory(self.process)
    }

    fn root(&self) -> PathBuf {
        self.sandbox.mount_point()
    }
}

/// How a process that is in the sandbox becomes the command. It depends on nothing else, so one that joins a container later
/// leaves in the same way, see `join`.
pub(super) fn leaving(process: &Process, identity: &Identity, last_capability: u8) -> Vec<Operation> {
    let rights = &process.rights;
    let asked: Vec<Limit> = process.limits.iter().filter_map(ResourceLimit::limit).collect();
    let mut list = vec![
        Operation::OwnNull,
        Operation::NewKeyring,
        Operation::ResolveUser { user: process.user.clone(), groups: process.groups.clone() },
        Operation::LimitResources { limits: limits::others_than(&asked) },
        Operation::BoundCapabilities { keep: rights.capabilities, last: last_capability },
    ];
    if !asked.is_empty() {
        list.push(Operation::Tune(Tuning::Resources { limits: asked }));
    }
    match rights.new_privileges {
        NewPrivileges::Allowed => {}
        NewPrivileges::Forbidden => list.push(Operation::ForbidNewPrivileges),
    }
    let mut own = None;
    match &rights.seccomp {
        Seccomp::Docker => list.push(Operation::InstallFilter { capabilities: rights.capabilities }),
        Seccomp::Unconfined => {}
        Seccomp::Profile(profile) => own = Some(Operation::Tune(Tuning::Filter { profile: profile.clone() })),
    }
    list.push(Operation::SealTrampoline { init: process.init });
    // With that promise anybody may install a filter; else only who still has every right.
    let (early, late) = match rights.new_privileges {
        NewPrivileges::Allowed => (own, None),
        NewPrivileges::Forbidden => (None, own),
    };
    match identity.needs_supervisor() {
        true => list.extend([Operation::EmulateUsers { capabilities: rights.capabilities }].into_iter().chain(early)),
        false => list.extend(early.into_iter().chain([Operation::SwitchUser])),
    }
    list.extend([
        Operation::ChangeDirectory { path: working_directory(process) },
        Operation::LimitCapabilities { keep: rights.capabilities },
        Operation::CleanUp,
        Operation::AwaitStart,
    ]);
    list.extend(late);
    list.push(Operation::Execute {
        args: process.args.clone(),
        env: process.env.clone(),
        secrets: process.secrets.clone(),
    });
    list
}

fn working_directory(process: &Process) -> String {
    if process.cwd.is_empty() { "/" } else { &process.cwd }.to_owned()
}
