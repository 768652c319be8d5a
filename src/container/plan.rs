//! From a specification to the list of operations.
//!
//! Planning is pure: it looks at the [`Spec`], the [`Identity`] and the facts in [`Host`], touches
//! no file and makes no system call, so the same input gives the same list. Every difference
//! between root and an ordinary user, and every fallback, is decided here and can be read in the
//! plan. The lists of devices, mounts, masked and read-only paths are Docker's defaults (OCI
//! runtime specification, "Linux Default Filesystems" and "Default Devices").

use std::path::PathBuf;

use super::host::{Host, OverlaySupport};
use super::identity::{Identity, Range};
use super::layout::{self, EtcFile};
use super::limits;
use super::network;
use super::operation::{Namespace, Operation, Overlay, OverlayInterface, Phase};
use super::spec::{Access, Durability, Network, NewPrivileges, Paths, Seccomp, Spec, Terminal};

/// A container's set-up as data: printed by `Display`, executed by [`run`](super::run()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Every operation with its phase, in the order of execution.
    pub operations: Vec<(Phase, Operation)>,
    /// What the plan lacks here and why.
    pub notes: Vec<String>,
    /// The identity it was made for.
    pub identity: Identity,
    /// How the root file system comes about, and so how its changes are found.
    pub root: RootKind,
    /// The directory that takes the changes.
    pub upper: PathBuf,
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
    pub fn of(&self, phase: Phase) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(move |(of, _)| *of == phase).map(|(_, operation)| operation)
    }
}

// ANCHOR: plan
/// Makes the list of operations for `spec` as `identity` on `host`.
pub fn plan(spec: &Spec, identity: &Identity, host: &Host) -> Plan {
    let mounts = layout::mounts(spec, identity, host);
    let mut planner = Planner { spec, identity, host, mounts, operations: Vec::new(), notes: Vec::new() };
    planner.outside();
    planner.entering();
    planner.guarding();
    let root = planner.inside();
    planner.rooted();
    planner.leaving();
    Plan {
        operations: planner.operations,
        notes: planner.notes,
        identity: identity.clone(),
        root,
        upper: spec.upper.clone(),
    }
}
// ANCHOR_END: plan

struct Planner<'a> {
    spec: &'a Spec,
    identity: &'a Identity,
    host: &'a Host,
    mounts: layout::Mounts,
    operations: Vec<(Phase, Operation)>,
    notes: Vec<String>,
}

impl Planner<'_> {
    fn push(&mut self, phase: Phase, operation: Operation) {
        self.operations.push((phase, operation));
    }

    fn outside(&mut self) {
        self.push(Phase::Outside, Operation::CreateDirectory { path: self.root() });
        self.push(Phase::Outside, Operation::CreateDirectory { path: self.spec.work.join("overlay") });
        if !self.identity.in_user_namespace() {
            self.push(Phase::Outside, Operation::CreateDirectory { path: layout::device_place(self.spec) });
        }
        for file in EtcFile::of(self.spec.etc) {
            let content = match file {
                EtcFile::Hosts => network::hosts(&self.spec.hostname, &self.spec.extra_hosts),
                EtcFile::Hostname => format!("{}\n", self.spec.hostname),
                EtcFile::Resolver => network::resolver(self.spec.network, &self.host.resolver),
            };
            self.push(Phase::Outside, Operation::WriteFile { path: self.spec.work.join(file.name()), content });
        }
        if self.spec.cgroup.is_some() && self.host.own_cgroups.is_empty() {
            self.notes.push("no control group: none is delegated to this user".to_owned());
        }
        if let Some(paths) = self.cgroups() {
            self.push(Phase::Outside, Operation::CreateCgroup { paths });
        }
    }

    /// The container's control groups, where it is to have one and may.
    fn cgroups(&self) -> Option<Vec<PathBuf>> {
        let name = self.spec.cgroup.as_ref()?;
        let paths: Vec<PathBuf> = self.host.own_cgroups.iter().map(|parent| parent.join(name)).collect();
        (!paths.is_empty()).then_some(paths)
    }

    fn entering(&mut self) {
        self.push(Phase::Entering, Operation::SetOomScore { score: self.host.oom_score.max(0) });
        if let Some(paths) = self.cgroups() {
            self.push(Phase::Entering, Operation::JoinCgroup { paths });
        }
        let single = |outside| vec![Range { inside: 0, outside, length: 1 }];
        match self.identity {
            Identity::Root => {}
            Identity::Mapped { uid_ranges, gid_ranges } => self.push(
                Phase::Entering,
                Operation::EnterUserNamespace {
                    uid_ranges: uid_ranges.clone(),
                    gid_ranges: gid_ranges.clone(),
                    helpers: true,
                },
            ),
            Identity::Single => self.push(
                Phase::Entering,
                Operation::EnterUserNamespace {
                    uid_ranges: single(self.host.uid),
                    gid_ranges: single(self.host.gid),
                    helpers: false,
                },
            ),
        }
        // After the user namespace: a change of rights would undo it.
        self.push(Phase::Entering, Operation::EndWithParent);
        self.push(Phase::Entering, Operation::Unshare { namespaces: vec![Namespace::Pid] });
        self.push(Phase::Entering, Operation::ForkGuard);
    }

    fn guarding(&mut self) {
        self.push(Phase::Guarding, Operation::EndWithParent);
        let mut namespaces = vec![Namespace::Pid, Namespace::Uts, Namespace::Ipc];
        match self.spec.network {
            Network::Host => {}
            Network::None => namespaces.push(Namespace::Network),
        }
        // After the group was joined: the group we are in now becomes the root of what is seen
        // inside.
        namespaces.push(Namespace::Cgroup);
        self.push(Phase::Guarding, Operation::Unshare { namespaces });
        self.push(Phase::Guarding, Operation::ForkInit);
    }

    fn inside(&mut self) -> RootKind {
        self.push(Phase::Inside, Operation::UnshareMounts);
        let kind = self.root_file_system();
        self.push(Phase::Inside, Operation::SetHostname { name: self.spec.hostname.to_string() });
        match self.spec.network {
            Network::Host => {}
            Network::None => self.push(Phase::Inside, Operation::LoopbackUp),
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
                    lower: self.spec.lower.clone(),
                    upper: self.spec.upper.clone(),
                    root: self.root(),
                    marker: self.spec.work.join("copied"),
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
        match self.spec.durability {
            Durability::Scratch => options.push("volatile"),
            Durability::Kept => {}
        }
        let mut lower = self.spec.lower.clone();
        if lower.is_empty() {
            // overlayfs wants at least one: the empty directory on which the root is mounted.
            lower.push(self.root());
        }
        let overlay = Overlay {
            lower,
            upper: self.spec.upper.clone(),
            work: self.spec.work.join("overlay"),
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
        match self.spec.security.paths {
            Paths::Open => {}
            Paths::Protected => {
                for path in layout::READ_ONLY {
                    self.push(Phase::Rooted, Operation::ProtectPath { path: path.to_owned() });
                }
                for path in layout::masked(self.spec, self.identity, self.host) {
                    self.push(Phase::Rooted, Operation::MaskPath { path });
                }
            }
        }
        let terminal = self.spec.terminal == Terminal::Yes;
        self.push(Phase::Rooted, Operation::NewSession { terminal });
        for operation in self.mounts.others.clone() {
            self.push(Phase::Rooted, operation);
        }
        // Before the root may become read-only.
        self.push(Phase::Rooted, Operation::CreateWorkingDirectory { path: self.working_directory() });
        match self.spec.root {
            Access::ReadWrite => {}
            Access::ReadOnly => self.push(Phase::Rooted, Operation::ProtectMount { target: "/".to_owned() }),
        }
        self.push(Phase::Rooted, Operation::CloseMounts);
    }

    fn working_directory(&self) -> String {
        if self.spec.cwd.is_empty() { "/" } else { &self.spec.cwd }.to_owned()
    }

    fn leaving(&mut self) {
        let security = &self.spec.security;
        let mut list = vec![
            Operation::NewKeyring,
            Operation::ResolveUser { user: self.spec.user.clone() },
            Operation::LimitResources { limits: &limits::DOCKER },
            Operation::BoundCapabilities { keep: security.capabilities, last: self.host.last_capability },
        ];
        match security.new_privileges {
            NewPrivileges::Allowed => {}
            NewPrivileges::Forbidden => list.push(Operation::ForbidNewPrivileges),
        }
        match security.seccomp {
            Seccomp::Docker => list.push(Operation::InstallFilter { capabilities: security.capabilities }),
            Seccomp::Unconfined => {}
        }
        list.extend([
            Operation::SealTrampoline,
            Operation::SwitchUser,
            Operation::ChangeDirectory { path: self.working_directory() },
            Operation::LimitCapabilities { keep: security.capabilities },
            Operation::CleanUp,
            Operation::Execute { args: self.spec.args.clone(), env: self.spec.env.clone() },
        ]);
        for operation in list {
            self.push(Phase::Leaving, operation);
        }
    }

    fn root(&self) -> PathBuf {
        self.spec.work.join("root")
    }
}
