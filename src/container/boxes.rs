//! A plan as boxes within boxes: what a process is kept in, from the machine to itself. The same operations as in the list, by what they are about.
//!
//! Each operation belongs to one box and to one row of it; a row has the numbers that its operations have in the list. What
//! the machine shares, because no operation keeps it away is a row without a number. Left out: the reasons, which the list has.

use std::path::Path;

use super::explain::list;
use super::layout::DEVICES;
use super::networking::Networking;
use super::operation::{Namespace, Operation, Phase};
use super::plan::Plan;
use super::prescribed::Prescribed;
use super::process::Terminal;
use super::tuning::Tuning;
use super::userns::{IdMap, Range};

/// What keeps the command apart from the machine, from the outermost on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Boundary {
    /// What is made outside for the container.
    Machine,
    /// Whom and what exists inside: users, processes, names.
    Namespaces,
    /// Which files are seen.
    Mounts,
    /// What may be done.
    Confinement,
    /// Who runs.
    Process,
}

impl Boundary {
    pub(crate) const ALL: [Boundary; 5] =
        [Boundary::Machine, Boundary::Namespaces, Boundary::Mounts, Boundary::Confinement, Boundary::Process];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Boundary::Machine => "this machine",
            Boundary::Namespaces => "namespaces: who and what exists",
            Boundary::Mounts => "mounts: which files there are",
            Boundary::Confinement => "confinement: what may be done",
            Boundary::Process => "process 1: what runs",
        }
    }
}

/// One box; the next boundary is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Enclosure {
    pub(crate) boundary: Boundary,
    pub(crate) rows: Vec<Row>,
    /// What happens when all that is inside has ended.
    pub(crate) after: Vec<Row>,
}

/// What some operations do together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) items: Vec<String>,
    /// The operations' numbers in the list, in order.
    pub(crate) numbers: Vec<usize>,
}

/// The boxes of a plan, the outermost first.
pub(crate) fn boxes(plan: &Plan) -> Vec<Enclosure> {
    let mut boxes = Boundary::ALL.map(|boundary| Enclosure { boundary, rows: Vec::new(), after: Vec::new() });
    let folder = plan.upper.parent().unwrap_or(&plan.upper);
    row(&mut boxes[Boundary::Machine as usize].rows, "folder").items.push(folder.display().to_string());
    for port in &plan.ports {
        row(&mut boxes[Boundary::Machine as usize].rows, "ports")
            .items
            .push(format!("{port}, forwarded by the monitor"));
    }
    for (boundary, name, text) in not_kept_apart(plan) {
        row(&mut boxes[boundary as usize].rows, name).items.push(text.to_owned());
    }
    for (index, (phase, operation)) in plan.in_order().enumerate() {
        let found = &mut boxes[boundary(operation) as usize];
        let is_after = matches!(phase, Phase::Ending | Phase::Ended);
        let row = row(if is_after { &mut found.after } else { &mut found.rows }, name(operation));
        row.numbers.push(index + 1);
        let item = match operation {
            Operation::BoundCapabilities { .. } if !plan.is_as_root() => "none, unless the user's id is 0".to_owned(),
            operation => item(operation, folder),
        };
        if !item.is_empty() && !row.items.contains(&item) {
            row.items.push(item);
        }
    }
    boxes.into()
}

/// What is as it is outside, since no operation changes it.
fn not_kept_apart(plan: &Plan) -> Vec<(Boundary, &'static str, &'static str)> {
    let lacks = |wanted: fn(&Operation) -> bool| !plan.operations.iter().any(|(_, operation)| wanted(operation));
    let has_network = |operation: &Operation| match operation {
        Operation::Unshare { namespaces } => namespaces.contains(&Namespace::Network),
        operation => matches!(operation, Operation::Network(Networking::Join { .. })),
    };
    let has_users = |operation: &Operation| {
        matches!(operation, Operation::EnterUserNamespace { .. } | Operation::Network(Networking::JoinUsers { .. }))
    };
    let mut rows = Vec::new();
    if lacks(has_users) {
        rows.push((Boundary::Namespaces, "users", "the machine's: root inside is root outside"));
    }
    if lacks(has_network) {
        rows.push((Boundary::Namespaces, "network", "the machine's"));
    }
    let has_filter = |operation: &Operation| {
        matches!(operation, Operation::InstallFilter { .. } | Operation::Tune(Tuning::Filter { .. }))
    };
    if lacks(has_filter) {
        rows.push((Boundary::Confinement, "system calls", "all"));
    }
    rows
}

/// The row of this name, which may have to be begun.
fn row<'r>(rows: &'r mut Vec<Row>, name: &str) -> &'r mut Row {
    let at = rows.iter().position(|row| row.name == name).unwrap_or(rows.len());
    if at == rows.len() {
        rows.push(Row { name: name.to_owned(), ..Row::default() });
    }
    &mut rows[at]
}

/// An outer namespace for process ids is the guard's, not the container's.
fn is_of_the_guard(namespaces: &[Namespace]) -> bool {
    namespaces == [Namespace::Pid]
}

fn boundary(operation: &Operation) -> Boundary {
    match operation {
        Operation::Unshare { namespaces } if is_of_the_guard(namespaces) => Boundary::Machine,
        Operation::CreateDirectory { .. }
        | Operation::WriteFile { .. }
        | Operation::MakeUserNamespace
        | Operation::CreateCgroup { .. }
        | Operation::JoinCgroup { .. }
        | Operation::SetOomScore { .. }
        | Operation::EndWithParent
        | Operation::ForkGuard
        | Operation::ForkSupervisor
        | Operation::RemoveMountPoints { .. }
        | Operation::RemoveDirectory { .. }
        | Operation::RemoveCgroup { .. } => Boundary::Machine,
        Operation::EnterUserNamespace { .. }
        | Operation::Join(_)
        | Operation::Unshare { .. }
        | Operation::ForkInit
        | Operation::SetHostname { .. }
        | Operation::Network(_) => Boundary::Namespaces,
        Operation::UnshareMounts
        | Operation::MountOverlay { .. }
        | Operation::CopyLayers { .. }
        | Operation::MakeFileSystem { .. }
        | Operation::MakeMemory { .. }
        | Operation::MakeDevices { .. }
        | Operation::CloneDevice { .. }
        | Operation::CloneMount { .. }
        | Operation::CloneBelow { .. }
        | Operation::MakeSecret { .. }
        | Operation::Symlink { .. }
        | Operation::PivotRoot { .. }
        | Operation::DetachOldRoot
        | Operation::Attach { .. }
        | Operation::ProtectPath { .. }
        | Operation::MaskPath { .. }
        | Operation::ProtectMount { .. }
        | Operation::CloseMounts => Boundary::Mounts,
        Operation::Tune(Tuning::Group { .. }) => Boundary::Machine,
        Operation::Tune(Tuning::Domain { .. }) => Boundary::Namespaces,
        Operation::Prescribed(prescribed) => boundary_of(prescribed),
        Operation::Tune(Tuning::Device { .. }) => Boundary::Mounts,
        Operation::Tune(Tuning::Setting { .. } | Tuning::Resources { .. } | Tuning::Filter { .. }) => {
            Boundary::Confinement
        }
        Operation::NewKeyring
        | Operation::ForbidNewPrivileges
        | Operation::LimitResources { .. }
        | Operation::BoundCapabilities { .. }
        | Operation::LimitCapabilities { .. }
        | Operation::EmulateUsers { .. }
        | Operation::InstallFilter { .. } => Boundary::Confinement,
        Operation::NewSession { .. }
        | Operation::OwnNull
        | Operation::ResolveUser { .. }
        | Operation::SwitchUser
        | Operation::CreateWorkingDirectory { .. }
        | Operation::ChangeDirectory { .. }
        | Operation::SealTrampoline { .. }
        | Operation::CleanUp
        | Operation::AwaitStart
        | Operation::Execute { .. } => Boundary::Process,
    }
}

/// The same of what a manager prescribes.
fn boundary_of(prescribed: &Prescribed) -> Boundary {
    match prescribed {
        Prescribed::MakeGroups { .. } => Boundary::Machine,
        Prescribed::JoinNamespaces { .. } => Boundary::Namespaces,
        Prescribed::TakeRoot { .. }
        | Prescribed::MakeNodes { .. }
        | Prescribed::CheckDevice { .. }
        | Prescribed::Cover { .. }
        | Prescribed::Protect { .. } => Boundary::Mounts,
        Prescribed::KeepCapabilities
        | Prescribed::RaiseCapabilities
        | Prescribed::SetCapabilities { .. }
        | Prescribed::InstallFilter { .. } => Boundary::Confinement,
        Prescribed::Identify { .. } | Prescribed::SetMask { .. } | Prescribed::FindCommand { .. } => Boundary::Process,
    }
}

/// What the row of an operation is called. A mount's is its place.
fn name(operation: &Operation) -> &str {
    match operation {
        Operation::Tune(tuning) => tuning.row().0,
        Operation::Prescribed(prescribed) => prescribed.row().0,
        Operation::CreateDirectory { .. } | Operation::WriteFile { .. } => "made in it",
        Operation::MakeUserNamespace => "users",
        Operation::CreateCgroup { .. } | Operation::JoinCgroup { .. } => "control group",
        Operation::SetOomScore { .. } => "memory",
        Operation::Unshare { namespaces } if is_of_the_guard(namespaces) => "guard",
        Operation::EndWithParent | Operation::ForkGuard => "guard",
        Operation::RemoveMountPoints { .. } | Operation::RemoveDirectory { .. } | Operation::RemoveCgroup { .. } => {
            "afterwards"
        }
        Operation::ForkSupervisor => "supervisor",
        Operation::EnterUserNamespace { .. } => "users",
        Operation::Unshare { .. } | Operation::ForkInit | Operation::Join(_) => "its own",
        Operation::SetHostname { .. } => "host name",
        Operation::Network(step) => step.row(),
        Operation::UnshareMounts | Operation::MountOverlay { .. } | Operation::CopyLayers { .. } => "/",
        Operation::PivotRoot { .. } | Operation::DetachOldRoot | Operation::CloseMounts => "kept out",
        Operation::MakeDevices { .. } | Operation::CloneDevice { .. } | Operation::Symlink { .. } => "/dev",
        Operation::MakeFileSystem { target, .. }
        | Operation::MakeMemory { target, .. }
        | Operation::CloneMount { target, .. }
        | Operation::CloneBelow { target, .. }
        | Operation::MakeSecret { target, .. }
        | Operation::Attach { target, .. } => mounted(target).0,
        Operation::ProtectPath { .. } | Operation::ProtectMount { .. } => "read-only",
        Operation::MaskPath { .. } => "hidden",
        Operation::NewKeyring => "keys",
        Operation::ForbidNewPrivileges => "set-user-id",
        Operation::LimitResources { .. } => "limits",
        Operation::BoundCapabilities { .. } | Operation::LimitCapabilities { .. } => "capabilities",
        Operation::InstallFilter { .. } => "system calls",
        Operation::EmulateUsers { .. } => "emulated",
        Operation::NewSession { .. } => "terminal",
        Operation::ResolveUser { .. } | Operation::SwitchUser => "user",
        Operation::CreateWorkingDirectory { .. } | Operation::ChangeDirectory { .. } => "directory",
        Operation::OwnNull | Operation::CleanUp => "inherits",
        Operation::SealTrampoline { .. } | Operation::AwaitStart => "start",
        Operation::Execute { .. } => "command",
    }
}

/// The row for a mount, and its name in that row where there are several.
fn mounted(target: &str) -> (&str, Option<&str>) {
    let is_device = |name: &str| DEVICES.iter().any(|device| device.name == name);
    match target.rsplit_once('/') {
        Some(("/dev", name)) if is_device(name) => ("/dev", Some(name)),
        Some(("/etc", name @ ("hosts" | "hostname" | "resolv.conf"))) => ("/etc", Some(name)),
        Some((groups @ "/sys/fs/cgroup", name)) => (groups, Some(name)),
        Some(_) | None => (target, None),
    }
}

/// What an operation adds to its row, if it is not only a part of how that comes about. Paths begin at the container's folder.
fn item(operation: &Operation, folder: &Path) -> String {
    let shown = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    match operation {
        Operation::Tune(tuning) => tuning.row().1,
        Operation::Prescribed(prescribed) => prescribed.row().1,
        Operation::CreateDirectory { path } | Operation::WriteFile { path, .. } => shown(path),
        Operation::MakeUserNamespace => "one more, for file systems in memory".to_owned(),
        Operation::CreateCgroup { paths } => list(paths),
        Operation::SetOomScore { score } => format!("score {score} for the out-of-memory killer"),
        Operation::ForkGuard => "ends the container when Layerlab ends, in whatever way".to_owned(),
        Operation::RemoveMountPoints { upper } => format!("remove the mount points that were made in {}", shown(upper)),
        Operation::RemoveDirectory { path } if path == folder => "remove the folder".to_owned(),
        Operation::RemoveDirectory { path } => format!("remove {}", shown(path)),
        Operation::RemoveCgroup { .. } => "remove the control group".to_owned(),
        Operation::EnterUserNamespace { map } => users(map),
        Operation::Unshare { namespaces } if is_of_the_guard(namespaces) => String::new(),
        Operation::Unshare { namespaces } => namespaces.iter().map(|one| own(*one)).collect::<Vec<_>>().join(", "),
        Operation::SetHostname { name } => name.clone(),
        Operation::Network(step) => step.item(),
        Operation::MountOverlay { overlay } => {
            format!("{} as one tree; changes go to `{}`", layers(overlay.lower.len()), shown(&overlay.upper))
        }
        Operation::CopyLayers { lower, upper, .. } => {
            format!("a copy of {} in `{}`", layers(lower.len()), shown(upper))
        }
        Operation::MakeFileSystem { kind, target, .. } => {
            mounted(target).1.map_or_else(|| format!("a new {kind}"), str::to_owned)
        }
        Operation::MakeMemory { .. } => "a new tmpfs".to_owned(),
        Operation::MakeDevices { devices, .. } => {
            devices.iter().map(|device| device.name).collect::<Vec<_>>().join(", ")
        }
        Operation::CloneDevice { device, .. } => device.name.to_owned(),
        Operation::CloneMount { source, target, flags, .. } => {
            let ours = mounted(target).1.filter(|_| source.starts_with(folder));
            ours.map_or_else(|| format!("{} of this machine ({flags})", source.display()), str::to_owned)
        }
        Operation::CloneBelow { folder: from, path, flags, .. } => {
            format!("{} ({flags})", shown(&from.join(path.trim_start_matches('/'))))
        }
        Operation::MakeSecret { .. } => "a secret, in memory".to_owned(),
        Operation::Symlink { path, .. } => path.trim_start_matches("/dev/").to_owned(),
        Operation::DetachOldRoot => "all other files of this machine".to_owned(),
        Operation::ProtectPath { path } | Operation::MaskPath { path } => path.clone(),
        Operation::ProtectMount { target } => target.clone(),
        Operation::NewKeyring => "none of the caller's".to_owned(),
        Operation::ForbidNewPrivileges => "without effect".to_owned(),
        Operation::LimitResources { limits } => {
            limits.iter().map(|limit| limit.name.trim_start_matches("Max ")).collect::<Vec<_>>().join(", ")
        }
        Operation::BoundCapabilities { keep, .. } => keep.to_string(),
        Operation::ForkSupervisor => "answers for the kernel, which knows one id here".to_owned(),
        Operation::EmulateUsers { .. } => "users, groups, and who owns a file".to_owned(),
        Operation::InstallFilter { .. } => "those of Docker's default profile".to_owned(),
        Operation::NewSession { terminal: Terminal::Yes } => "one of its own".to_owned(),
        Operation::NewSession { terminal: Terminal::No } => "none".to_owned(),
        Operation::ResolveUser { user, .. } => if user.is_empty() { "0" } else { user }.to_owned(),
        Operation::ChangeDirectory { path } => path.clone(),
        Operation::CleanUp => "the standard streams; signals are reset, the umask is 022".to_owned(),
        Operation::AwaitStart => "waits for the order; a small program in memory then runs the command".to_owned(),
        Operation::Execute { args, env, secrets } => {
            let variables = if env.len() == 1 { "variable" } else { "variables" };
            let secrets: String = secrets.iter().map(|secret| format!(", and {} from a secret", secret.name)).collect();
            format!("{args:?} with {} environment {variables}{secrets}", env.len())
        }
        Operation::JoinCgroup { .. }
        | Operation::Join(_)
        | Operation::OwnNull
        | Operation::EndWithParent
        | Operation::ForkInit
        | Operation::UnshareMounts
        | Operation::PivotRoot { .. }
        | Operation::CloseMounts
        | Operation::Attach { .. }
        | Operation::SwitchUser
        | Operation::CreateWorkingDirectory { .. }
        | Operation::LimitCapabilities { .. }
        | Operation::SealTrampoline { .. } => String::new(),
    }
}

fn layers(number: usize) -> String {
    format!("{number} {}", if number == 1 { "layer" } else { "layers" })
}

fn own(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Pid => "process ids",
        Namespace::Uts => "host name",
        Namespace::Ipc => "message queues and shared memory",
        Namespace::Network => "network",
        Namespace::Cgroup => "view of control groups",
    }
}

fn users(map: &IdMap) -> String {
    ranges_in_words(&map.uids)
}

/// `0 inside is 1000 outside, 1 to 65536 are 100000 to 165535`.
pub(crate) fn ranges_in_words(ranges: &[Range]) -> String {
    let range = |range: &Range| match range.length {
        1 => format!("{} inside is {} outside", range.inside, range.outside),
        length => {
            let last = |first: u32| u64::from(first) + u64::from(length) - 1;
            format!("{} to {} are {} to {}", range.inside, last(range.inside), range.outside, last(range.outside))
        }
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}
