//! From a blueprint to the list of operations.
//!
//! As [`plan()`](super::plan()), it is pure. The differences are in what is not decided here: no default of Docker's comes in, and nobody of ours
//! watches over the container. Its first process is to be the child of whoever called us, so there is neither a keeper nor a guard, and
//! nothing is taken away at the end: the manager's `delete` does that. See [`orphan`](super::orphan).

use std::path::{Path, PathBuf};

use super::allowance::{ResourceLimit, Setting};
use super::blueprint::{Blueprint, Task, What};
use super::hierarchies::{Cgroups, PLACE};
use super::identity::Identity;
use super::layout::{DEVICE_LINKS, DEVICES};
use super::limits::Limit;
use super::networking::Networking;
use super::node::{Node, NodeKind};
use super::operation::{Flags, Joining, Links, Namespace, Operation, Phase, Place};
use super::plan::{Plan, RootKind};
use super::prescribed::Prescribed;
use super::process::{Init, NewPrivileges, Terminal};
use super::sandbox::{Access, Recursion};
use super::space::{Space, SpaceKind};
use super::surroundings::Surroundings;
use super::tuning::Tuning;
use super::userns::Mapper;

/// Where nodes are made, attached for a moment: what is below it is not needed any more by then, and no root of a container is.
const PLACE_OF_NODES: &str = "/sys";

/// Plans the first process of a container.
pub(crate) fn follow(blueprint: &Blueprint, surroundings: &Surroundings) -> Plan {
    let identity = match &blueprint.ids {
        None if blueprint.joins(SpaceKind::User) => Identity::Mapped { uid_ranges: Vec::new(), gid_ranges: Vec::new() },
        None => Identity::Root,
        Some(map) => match map.mapper {
            Mapper::Itself => Identity::Single,
            Mapper::Helpers | Mapper::Caller => {
                Identity::Mapped { uid_ranges: map.uids.clone(), gid_ranges: map.gids.clone() }
            }
        },
    };
    let mut follower = Follower { blueprint, surroundings, identity, operations: Vec::new() };
    follower.entering();
    follower.inside();
    follower.rooted();
    let mut operations = follower.operations;
    operations.extend(leaving(&blueprint.task, surroundings, Beginning::Awaited).map(|one| (Phase::Leaving, one)));
    plan_of(operations, follower.identity)
}

/// Plans a process that joins a container that runs.
pub(crate) fn follow_into(
    task: &Task,
    groups: &[PathBuf],
    mapper: Option<Mapper>,
    surroundings: &Surroundings,
) -> Plan {
    let identity = match mapper {
        None => Identity::Root,
        Some(Mapper::Itself) => Identity::Single,
        Some(Mapper::Helpers | Mapper::Caller) => Identity::Mapped { uid_ranges: Vec::new(), gid_ranges: Vec::new() },
    };
    let mut operations = Vec::new();
    let mut push = |phase, operation| operations.push((phase, operation));
    if let Some(score) = task.oom_score {
        push(Phase::Joining, Operation::SetOomScore { score });
    }
    if !groups.is_empty() {
        push(Phase::Joining, Operation::JoinCgroup { paths: groups.to_vec() });
    }
    push(Phase::Joining, Operation::Join(Joining::HideOurselves));
    push(Phase::Joining, Operation::Join(Joining::Namespaces));
    push(Phase::Joining, Operation::ForkInit);
    push(Phase::Rooted, Operation::Join(Joining::OpenRoot));
    push(Phase::Rooted, Operation::NewSession { terminal: Terminal::No });
    match task.terminal {
        Terminal::No => {}
        Terminal::Yes => push(Phase::Rooted, Operation::Join(Joining::OpenTerminal)),
    }
    operations.extend(leaving(task, surroundings, Beginning::AtOnce).map(|one| (Phase::Leaving, one)));
    plan_of(operations, identity)
}

fn plan_of(operations: Vec<(Phase, Operation)>, identity: Identity) -> Plan {
    Plan { operations, notes: Vec::new(), ports: Vec::new(), identity, root: RootKind::Overlay, upper: "/".into() }
}

struct Follower<'a> {
    blueprint: &'a Blueprint,
    surroundings: &'a Surroundings,
    identity: Identity,
    operations: Vec<(Phase, Operation)>,
}

impl Follower<'_> {
    fn push(&mut self, phase: Phase, operation: Operation) {
        self.operations.push((phase, operation));
    }

    fn prescribe(&mut self, phase: Phase, prescribed: Prescribed) {
        self.push(phase, Operation::Prescribed(prescribed));
    }

    /// In the process between the caller and the container's first.
    fn entering(&mut self) {
        let blueprint = self.blueprint;
        if let Some(score) = blueprint.task.oom_score {
            self.push(Phase::Entering, Operation::SetOomScore { score });
        }
        if !blueprint.groups.paths.is_empty() {
            let paths = blueprint.groups.paths.clone();
            self.prescribe(Phase::Outside, Prescribed::MakeGroups { paths: paths.clone() });
            for (group, setting) in blueprint.groups.settings.clone() {
                self.push(Phase::Outside, Operation::Tune(Tuning::Group { group, setting }));
            }
            self.push(Phase::Entering, Operation::JoinCgroup { paths });
        }
        let joins_users = blueprint.joins(SpaceKind::User);
        if joins_users {
            // Its root may look into this process from then on.
            self.push(Phase::Entering, Operation::Join(Joining::HideOurselves));
        }
        let spaces: Vec<Space> = blueprint.spaces.iter().filter(|space| space.path.is_some()).cloned().collect();
        if !spaces.is_empty() {
            self.prescribe(Phase::Entering, Prescribed::JoinNamespaces { spaces });
        }
        if let Some(map) = blueprint.ids.clone() {
            self.push(Phase::Entering, Operation::EnterUserNamespace { map });
        }
        let made = blueprint.spaces.iter().filter(|space| space.path.is_none());
        let namespaces: Vec<Namespace> = made.filter_map(|space| namespace(space.kind)).collect();
        if !namespaces.is_empty() {
            self.push(Phase::Entering, Operation::Unshare { namespaces });
        }
        if !joins_users {
            // Only now, as the maps of ids are files of this process; and not later, as others see its child in a namespace that they share.
            self.push(Phase::Entering, Operation::Join(Joining::HideOurselves));
        }
        self.push(Phase::Entering, Operation::ForkInit);
    }

    fn is_new(&self, kind: SpaceKind) -> bool {
        self.blueprint.spaces.iter().any(|space| space.kind == kind && space.path.is_none())
    }

    fn inside(&mut self) {
        let blueprint = self.blueprint;
        self.push(Phase::Inside, Operation::UnshareMounts);
        if let Some(name) = blueprint.hostname.clone() {
            self.push(Phase::Inside, Operation::SetHostname { name });
        }
        if let Some(name) = blueprint.domain.clone() {
            self.push(Phase::Inside, Operation::Tune(Tuning::Domain { name }));
        }
        if self.is_new(SpaceKind::Network) {
            self.push(Phase::Inside, Operation::Network(Networking::LoopbackUp));
        }
        for mount in &blueprint.mounts {
            for operation in self.made(&mount.what, &mount.target, mount.flags) {
                self.push(Phase::Inside, operation);
            }
        }
        if self.has_own_devices() {
            for (path, target) in DEVICE_LINKS {
                let (path, target) = (path.to_owned(), target.to_owned());
                self.push(Phase::Inside, Operation::Symlink { path, target });
            }
        }
        self.prescribe(Phase::Inside, Prescribed::TakeRoot { path: blueprint.root.clone() });
        // The last, as it covers a folder of the machine.
        self.make_nodes();
        self.push(Phase::Inside, Operation::PivotRoot { root: blueprint.root.clone() });
        self.push(Phase::Inside, Operation::DetachOldRoot);
    }

    fn make_nodes(&mut self) {
        let in_user_namespace = self.identity.in_user_namespace() || self.surroundings.in_user_namespace;
        // A pipe leads to nothing of the machine's: everybody may make one.
        let (nodes, taken): (Vec<Node>, Vec<Node>) =
            self.nodes().into_iter().partition(|node| !in_user_namespace || node.kind == NodeKind::Pipe);
        for node in taken {
            let (source, target) = (PathBuf::from(&node.path), node.path.clone());
            let check = Prescribed::CheckDevice { source: source.clone(), target: target.clone(), node: Some(node) };
            self.push(Phase::Inside, Operation::Tune(Tuning::Device { source, target }));
            self.prescribe(Phase::Inside, check);
        }
        if !nodes.is_empty() {
            self.prescribe(Phase::Inside, Prescribed::MakeNodes { nodes, place: PLACE_OF_NODES.into() });
        }
    }

    /// Whether /dev is the container's own, and not the machine's.
    fn has_own_devices(&self) -> bool {
        let is_new = |what: &What| matches!(what, What::New { .. });
        self.blueprint.mounts.iter().any(|mount| mount.target == "/dev" && is_new(&mount.what))
    }

    /// Those that every container has, unless one of the blueprint takes its place; and the others of the blueprint.
    fn nodes(&self) -> Vec<Node> {
        if !self.has_own_devices() {
            return Vec::new();
        }
        let asked = &self.blueprint.nodes;
        let is_asked = |path: &str| asked.iter().any(|node| node.path == path);
        let usual = DEVICES.iter().filter(|device| !is_asked(&device.path())).map(|device| Node {
            path: device.path(),
            kind: NodeKind::Character,
            major: device.major,
            minor: device.minor,
            mode: 0o666,
            uid: 0,
            gid: 0,
        });
        usual.chain(asked.iter().cloned()).collect()
    }

    /// How a mount is made.
    fn made(&self, what: &What, target: &str, flags: Flags) -> Vec<Operation> {
        let target = target.to_owned();
        match what {
            What::New { kind, source, options } => {
                let (source, options) = (source.clone(), options.clone());
                vec![Operation::MakeFileSystem { kind, source, target, flags, options }]
            }
            What::Bind { source, recursion } => {
                let (source, recursion) = (source.clone(), *recursion);
                vec![Operation::CloneMount { source, target, flags, recursion, links: Links::Followed }]
            }
            What::Device { source } => {
                let (source, recursion, links) = (source.clone(), Recursion::One, Links::Followed);
                let check = Prescribed::CheckDevice { source: source.clone(), target: target.clone(), node: None };
                let clone = Operation::CloneMount { source, target, flags, recursion, links };
                vec![clone, Operation::Prescribed(check)]
            }
            What::Groups => self.groups(&target, flags).into_iter().map(|(operation, _)| operation).collect(),
        }
    }

    /// How the control groups are shown: each mount, and where.
    fn groups(&self, target: &str, flags: Flags) -> Vec<(Operation, String)> {
        let is_real_root = !self.identity.in_user_namespace() && !self.surroundings.in_user_namespace;
        let own = self.is_new(SpaceKind::Cgroup);
        let new = |kind, target: &str, flags, options: &str| {
            let (name, options) = (target.to_owned(), options.to_owned());
            (Operation::MakeFileSystem { kind, source: kind.to_owned(), target: name.clone(), flags, options }, name)
        };
        let clone = |source: &Path, target: &str| {
            let (name, source) = (target.to_owned(), source.to_owned());
            let recursion = Recursion::One;
            let made = Operation::CloneMount { source, target: name.clone(), flags, recursion, links: Links::Followed };
            (made, name)
        };
        match &self.surroundings.cgroups {
            Cgroups::None => Vec::new(),
            Cgroups::V2 => match self.blueprint.groups.paths.first() {
                Some(path) if !own => vec![clone(path, target)],
                Some(_) | None => vec![new("cgroup2", target, flags, "")],
            },
            Cgroups::V1(hierarchies) => {
                let mut list = vec![new("tmpfs", target, Flags::INERT, "mode=755")];
                for hierarchy in hierarchies {
                    let place = format!("{target}/{}", hierarchy.name);
                    let folder = Path::new(PLACE).join(&hierarchy.name);
                    let group = self.blueprint.groups.paths.iter().find(|path| path.starts_with(&folder));
                    match group {
                        // Only real root may mount a hierarchy of version 1.
                        _ if own && is_real_root => list.push(new("cgroup", &place, flags, &hierarchy.options)),
                        Some(path) => list.push(clone(path, &place)),
                        None => {}
                    }
                }
                list
            }
        }
    }

    fn rooted(&mut self) {
        let blueprint = self.blueprint;
        for mount in &blueprint.mounts {
            match mount.what {
                What::Groups => self.attach_groups(&mount.target, mount.flags),
                What::New { .. } | What::Bind { .. } | What::Device { .. } => {
                    let place = place(&mount.target);
                    self.push(Phase::Rooted, Operation::Attach { target: mount.target.clone(), place });
                }
            }
        }
        for node in self.nodes() {
            let place = place(&node.path);
            self.push(Phase::Rooted, Operation::Attach { target: node.path, place });
        }
        for Setting { name, value } in &blueprint.settings {
            let path = format!("/proc/sys/{}", name.replace('.', "/"));
            self.push(Phase::Rooted, Operation::Tune(Tuning::Setting { path, value: value.clone() }));
        }
        for path in blueprint.read_only.clone() {
            self.prescribe(Phase::Rooted, Prescribed::Protect { path });
        }
        for path in blueprint.masked.clone() {
            self.prescribe(Phase::Rooted, Prescribed::Cover { path });
        }
        self.push(Phase::Rooted, Operation::NewSession { terminal: blueprint.task.terminal });
        self.push(Phase::Rooted, Operation::CreateWorkingDirectory { path: blueprint.task.cwd.clone() });
        match blueprint.access {
            Access::ReadWrite => {}
            Access::ReadOnly => self.push(Phase::Rooted, Operation::ProtectMount { target: "/".to_owned() }),
        }
    }

    fn attach_groups(&mut self, target: &str, flags: Flags) {
        for (_, name) in self.groups(target, flags) {
            let place = place(&name);
            self.push(Phase::Rooted, Operation::Attach { target: name, place });
        }
        if matches!(self.surroundings.cgroups, Cgroups::V1(_)) {
            self.push(Phase::Rooted, Operation::ProtectMount { target: target.to_owned() });
        }
    }
}

/// Whether the command waits for somebody who starts it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Awaited,
    AtOnce,
}

/// How a process that is in the room becomes the command.
fn leaving(task: &Task, surroundings: &Surroundings, beginning: Beginning) -> impl Iterator<Item = Operation> {
    let prescribed = |one| Operation::Prescribed(one);
    let (args, env) = (task.args.clone(), task.env.clone());
    let limits: Vec<Limit> = task.limits.iter().filter_map(ResourceLimit::limit).collect();
    let filter = task.filter.clone().map(|profile| prescribed(Prescribed::InstallFilter { profile }));
    // As late as can be, as it hinders us as well: one that is older than a call that we need refuses it. With that promise anybody may
    // install a filter; else only who still has the right to.
    let (early, late) = match task.new_privileges {
        NewPrivileges::Allowed => (filter, None),
        NewPrivileges::Forbidden => (None, filter),
    };
    let (uid, gid, groups) = (task.uid, task.gid, task.groups.clone());
    let keep = task.capabilities.bounding;
    let list = [
        Some(Operation::OwnNull),
        Some(Operation::NewKeyring),
        Some(prescribed(Prescribed::Identify { uid, gid, groups })),
        (!limits.is_empty()).then_some(Operation::Tune(Tuning::Resources { limits })),
        Some(Operation::BoundCapabilities { keep, last: surroundings.last_capability }),
        (task.new_privileges == NewPrivileges::Forbidden).then_some(Operation::ForbidNewPrivileges),
        Some(Operation::SealTrampoline { init: Init::None }),
        Some(prescribed(Prescribed::KeepCapabilities)),
        Some(Operation::SwitchUser),
        Some(Operation::ChangeDirectory { path: task.cwd.clone() }),
        Some(Operation::CleanUp),
        early.is_some().then_some(prescribed(Prescribed::RaiseCapabilities)),
        early,
        Some(prescribed(Prescribed::SetCapabilities { sets: task.capabilities })),
        Some(prescribed(Prescribed::FindCommand { args: args.clone(), env: env.clone() })),
        task.mask.map(|mask| prescribed(Prescribed::SetMask { mask })),
        (beginning == Beginning::Awaited).then_some(Operation::AwaitStart),
        late,
        Some(Operation::Execute { args, env, secrets: Vec::new() }),
    ];
    list.into_iter().flatten()
}

/// Where a mount is attached. What lies in /dev, /sys or /proc lies in the mount that is there, not in what an image calls so.
fn place(target: &str) -> Place {
    match Path::new(target).iter().nth(1).and_then(|name| name.to_str()) {
        Some("dev" | "sys" | "proc") if Path::new(target).components().count() == 2 => Place::Directory,
        Some("dev") => Place::In("/dev"),
        Some("sys") if target.starts_with("/sys/fs/cgroup/") => Place::In("/sys/fs/cgroup"),
        Some("sys") => Place::In("/sys"),
        Some(_) | None => Place::Image,
    }
}

fn namespace(kind: SpaceKind) -> Option<Namespace> {
    match kind {
        SpaceKind::Pid => Some(Namespace::Pid),
        SpaceKind::Network => Some(Namespace::Network),
        SpaceKind::Ipc => Some(Namespace::Ipc),
        SpaceKind::Uts => Some(Namespace::Uts),
        SpaceKind::Cgroup => Some(Namespace::Cgroup),
        // The first has an operation of its own, and so has the second.
        SpaceKind::User | SpaceKind::Mount => None,
    }
}
