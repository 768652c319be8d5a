//! Operations and plans in words: one line what, one sentence why.

use std::fmt;

use super::limits::Bound;
use super::operation::{Joining, Links, Namespace, Operation, OverlayInterface, Phase, Place};
use super::plan::Plan;
use super::process::{Init, Terminal};
use super::sandbox::Recursion;
use super::userns::{IdMap, Mapper};

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Join(step) => formatter.write_str(joining(*step).0),
            Operation::Tune(tuning) => write!(formatter, "{tuning}"),
            Operation::Prescribed(prescribed) => write!(formatter, "{prescribed}"),
            Operation::CreateDirectory { path } => write!(formatter, "mkdir {}", path.display()),
            Operation::WriteFile { path, content } => {
                write!(formatter, "write {} ({} B)", path.display(), content.len())
            }
            Operation::MakeUserNamespace => write!(formatter, "make a user namespace in which every id is itself"),
            Operation::CreateCgroup { paths } => {
                write!(formatter, "make control group {}", list(paths))
            }
            Operation::ForkSupervisor => write!(formatter, "fork the supervisor"),
            Operation::SetOomScore { score } => write!(formatter, "set oom_score_adj to {score}"),
            Operation::JoinCgroup { paths } => {
                write!(formatter, "join control group {}", list(paths))
            }
            Operation::EnterUserNamespace { map } => {
                let how = match map.mapper {
                    Mapper::Helpers => "newuidmap, newgidmap",
                    Mapper::Itself => "setgroups denied",
                    Mapper::Caller => "mapped by the caller",
                };
                write!(formatter, "unshare user; uid {}; gid {} ({how})", words(&map.uids), words(&map.gids))
            }
            Operation::Unshare { namespaces } => write!(formatter, "unshare {}", words(namespaces)),
            Operation::EndWithParent => write!(formatter, "ask for SIGKILL when the parent ends"),
            Operation::ForkGuard | Operation::ForkInit => write!(formatter, "fork"),
            Operation::UnshareMounts => {
                write!(formatter, "unshare mount; make every mount a slave")
            }
            Operation::MountOverlay { overlay } => {
                let interface = match overlay.interface {
                    OverlayInterface::Fsconfig => "fsopen",
                    OverlayInterface::Options => "mount",
                };
                write!(
                    formatter,
                    "{interface} overlay on {}: {} lower, upper {}",
                    overlay.root.display(),
                    overlay.lower.len(),
                    overlay.upper.display()
                )?;
                if !overlay.options.is_empty() {
                    write!(formatter, " ({})", overlay.options.join(","))?;
                }
                Ok(())
            }
            Operation::CopyLayers { lower, upper, root, .. } => {
                write!(formatter, "copy {} lower into {}; bind it on {}", lower.len(), upper.display(), root.display())
            }
            Operation::SetHostname { name } => write!(formatter, "sethostname {name}"),
            Operation::Network(step) => write!(formatter, "{step}"),
            Operation::MakeFileSystem { kind, target, flags, options, .. } => {
                write!(formatter, "make {kind} for {target} ({flags}")?;
                if !options.is_empty() {
                    write!(formatter, ",{options}")?;
                }
                write!(formatter, ")")
            }
            Operation::MakeMemory { target, flags, options } => {
                write!(formatter, "make tmpfs for {target} ({flags}")?;
                if !options.is_empty() {
                    write!(formatter, ",{options}")?;
                }
                write!(formatter, ")")
            }
            Operation::MakeDevices { devices, place } => {
                write!(formatter, "make tmpfs on {} with the device nodes", place.display())?;
                devices.iter().try_for_each(|device| write!(formatter, " {}", device.name))
            }
            Operation::CloneDevice { device, flags } => {
                write!(formatter, "clone /dev/{} ({flags}), device {}:{}", device.name, device.major, device.minor)
            }
            Operation::CloneMount { source, target, flags, recursion, links: _ } => {
                let tree = match recursion {
                    Recursion::Tree => "with all below it, ",
                    Recursion::One => "",
                };
                write!(formatter, "clone {} for {target} ({tree}{flags})", source.display())
            }
            Operation::CloneBelow { folder, path, target, flags } => {
                write!(formatter, "clone {path} below {} for {target} ({flags})", folder.display())
            }
            Operation::MakeSecret { target, file, place } => {
                let (uid, gid) = (file.uid, file.gid);
                write!(
                    formatter,
                    "write a secret in memory, on {}, for {target} ({:04o} {uid}:{gid})",
                    place.display(),
                    file.mode
                )
            }
            Operation::Symlink { path, target } => write!(formatter, "symlink {path} → {target}"),
            Operation::PivotRoot { root } => write!(formatter, "pivot_root {}", root.display()),
            Operation::DetachOldRoot => write!(formatter, "umount the old root"),
            Operation::Attach { target, place: Place::Image } => {
                write!(formatter, "attach {target}, through the image's links")
            }
            Operation::Attach { target, place: Place::Directory | Place::In(_) } => {
                write!(formatter, "attach {target}")
            }
            Operation::ProtectPath { path } => write!(formatter, "make {path} read-only"),
            Operation::MaskPath { path } => write!(formatter, "hide {path}"),
            Operation::ProtectMount { target } => {
                write!(formatter, "make {target} read-only")
            }
            Operation::CloseMounts => write!(formatter, "close the mounts"),
            Operation::NewSession { terminal: Terminal::No } => write!(formatter, "setsid"),
            Operation::NewSession { terminal: Terminal::Yes } => {
                write!(formatter, "setsid; open a terminal of /dev/pts as /dev/console and standard streams")
            }
            Operation::OwnNull => write!(formatter, "open /dev/null again where it is a standard stream"),
            Operation::NewKeyring => write!(formatter, "join a new session keyring"),
            Operation::ResolveUser { user, groups } => {
                write!(formatter, "look up user {}", if user.is_empty() { "0" } else { user })?;
                groups.iter().try_for_each(|group| write!(formatter, ", group {group}"))
            }
            Operation::CreateWorkingDirectory { path } => write!(formatter, "mkdir -p {path}"),
            Operation::ForbidNewPrivileges => write!(formatter, "set no_new_privs"),
            Operation::LimitResources { limits } => {
                write!(formatter, "limit")?;
                for (index, limit) in limits.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    let name = limit.name.trim_start_matches("Max ");
                    write!(formatter, "{comma} {name} to {}:{}", Bound(limit.soft), Bound(limit.hard))?;
                }
                Ok(())
            }
            Operation::BoundCapabilities { keep, .. } => {
                write!(formatter, "bound capabilities to {keep}")
            }
            Operation::InstallFilter { .. } => {
                write!(formatter, "install the system call filter of Docker's default profile")
            }
            Operation::EmulateUsers { .. } => {
                write!(formatter, "install a filter that has the supervisor asked for users and owners")
            }
            Operation::SealTrampoline { .. } => write!(formatter, "write a small program to a sealed file in memory"),
            Operation::SwitchUser => write!(formatter, "setgroups, setresgid, setresuid"),
            Operation::ChangeDirectory { path } => write!(formatter, "chdir {path}"),
            Operation::LimitCapabilities { keep } => {
                write!(
                    formatter,
                    "keep {} permitted and effective for root, none for others",
                    Count(keep.names().count())
                )
            }
            Operation::CleanUp => write!(formatter, "reset signals; umask 022; close every descriptor above 2 at exec"),
            Operation::AwaitStart => write!(formatter, "wait for the order to start"),
            Operation::Execute { args, env, secrets } => {
                write!(formatter, "from that program, execve {args:?} with {} environment variables", env.len())?;
                secrets.iter().try_for_each(|secret| write!(formatter, ", and {} from a secret", secret.name))
            }
            Operation::RemoveMountPoints { upper } => {
                write!(formatter, "remove the empty mount points that were made in {}", upper.display())
            }
            Operation::RemoveDirectory { path } => write!(formatter, "rm -r {}", path.display()),
            Operation::RemoveCgroup { paths } => write!(formatter, "remove control group {}", list(paths)),
        }
    }
}

impl Operation {
    /// One sentence: what the operation is for, and where it matters why it stands here.
    pub(crate) fn why(&self) -> &'static str {
        match self {
            Operation::Join(step) => joining(*step).1,
            Operation::Tune(tuning) => tuning.why(),
            Operation::Prescribed(prescribed) => prescribed.why(),
            Operation::CreateDirectory { .. } => "what is mounted needs a place, and overlayfs a directory to work in",
            Operation::WriteFile { .. } => "it is bound over the image's file, so that it never gets into a layer",
            Operation::MakeUserNamespace => {
                "a file system in memory that belongs to it, and not to the machine's root, gives device nodes no effect"
            }
            Operation::CreateCgroup { .. } => "the processes of the container are counted and ended together",
            Operation::ForkSupervisor => {
                "it will answer for the kernel, with the rights of the container's root, which it has just become; outside the control \
                     group, because what is frozen there may wait for an answer"
            }
            Operation::SetOomScore { .. } => {
                "Docker's 0: what spares the caller from the out-of-memory killer does not spare the container"
            }
            Operation::JoinCgroup { .. } => {
                "the first process of the container's own: what is used up is used up by the container alone, and its \
                     children are born into the group"
            }
            Operation::EnterUserNamespace { map: IdMap { mapper: Mapper::Helpers | Mapper::Caller, .. } } => {
                "first, because its root may make all the other namespaces; the set-user-id \
                     helpers map every id that /etc/subuid grants"
            }
            Operation::EnterUserNamespace { map: IdMap { mapper: Mapper::Itself, .. } } => {
                "first, because its root may make all the other namespaces; without a grant in \
                     /etc/subuid only our own id exists inside, as 0"
            }
            Operation::Unshare { namespaces } if namespaces == &[Namespace::Pid] => {
                "an outer namespace around the container's own: its process 1 is ours, and when that ends, \
                     for whatever reason, the kernel ends everything in it"
            }
            Operation::Unshare { .. } => {
                "the container gets its own view of each; they belong to the user namespace that \
                     we are in"
            }
            Operation::EndWithParent => {
                "whichever of our processes is killed, in whatever order, the kernel ends the container; a command could undo this for itself, but not for us"
            }
            Operation::ForkGuard => "that child is process 1 of the outer namespace",
            Operation::ForkInit => {
                "a process id namespace begins with the next child: that child is process 1, and \
                     all others die with it"
            }
            Operation::UnshareMounts => "what is mounted from here on is seen by the container only",
            Operation::MountOverlay { .. } => {
                "the layers appear as one tree and every change lands in the upper directory, \
                     which becomes the new layer"
            }
            Operation::CopyLayers { .. } => {
                "the kernel refuses overlayfs here: a copy behaves the same but costs the layers' \
                     size, and the changes must be found by comparing"
            }
            Operation::SetHostname { .. } => "the name belongs to the namespace, not to the machine",
            Operation::Network(step) => step.why(),
            Operation::MakeFileSystem { kind: "proc", .. } => {
                "it shows the processes of the container's own process id namespace; made while \
                     the machine's is seen, or the kernel would refuse it in a user namespace"
            }
            Operation::MakeFileSystem { kind: "sysfs", .. } => {
                "it shows the container's own network interfaces, and is read-only"
            }
            Operation::MakeFileSystem { kind: "devpts", .. } => "a new instance: the container's terminals are its own",
            Operation::MakeFileSystem { kind: "mqueue", .. } => {
                "it shows the message queues of the container's own IPC namespace"
            }
            Operation::MakeFileSystem { kind: "cgroup" | "cgroup2", .. } => {
                "programs read their limits here; read-only"
            }
            Operation::MakeFileSystem { target, .. } if target == "/dev" => {
                "in memory, gone with the container; nodev, as only the nodes attached below work"
            }
            Operation::MakeFileSystem { .. } => "an empty directory in memory, gone with the container",
            Operation::MakeMemory { .. } => {
                "programs in it run, and device nodes have no effect: it does not belong to the machine's root"
            }
            Operation::MakeDevices { .. } => {
                "nodes of the container's own, so that it can't change the machine's; each becomes a \
                     mount by itself, and the file system goes away with the old root"
            }
            Operation::CloneDevice { .. } => {
                "an ordinary user can't make nodes, so the machine's is shown; read-only, it still takes \
                     data, but its mode, owner and times can't be changed; the number tells that it is the right one"
            }
            Operation::CloneMount { target, .. } if target == "/sys" => {
                "a new sysfs belongs to a new network namespace only: with the machine's network \
                     its own is shown, read-only"
            }
            Operation::CloneMount { target, .. } if target.starts_with("/etc/") => {
                "taken while the machine's files are seen; it will lie over the image's and leave no \
                     trace in the layer"
            }
            Operation::CloneMount { links: Links::Refused, .. } => {
                "asked for; a symbolic link that has come into the path is refused; restricted before any path leads to it, and cut \
                     off from what the machine mounts there later"
            }
            Operation::CloneMount { .. } => {
                "asked for; restricted before any path leads to it, and cut off from what the machine \
                     mounts there later"
            }
            Operation::CloneBelow { .. } => {
                "a folder of the home that containers fill: links in it lead to its own files and never to the machine's"
            }
            Operation::MakeSecret { .. } => {
                "the secret is in no layer and on no disk, unless the machine swaps; the file system goes away with the old root"
            }
            Operation::Symlink { .. } => "programs expect this name",
            Operation::PivotRoot { .. } => {
                "from here on every path and every symbolic link of the image ends inside it"
            }
            Operation::DetachOldRoot => {
                "at once, before a name of the image is looked up: while the old root is there, `/..` leads to it"
            }
            Operation::Attach { place: Place::Directory, .. } => {
                "a real directory in the root, not a link: programs rely on what is below this name"
            }
            Operation::Attach { place: Place::In(_), .. } => {
                "below the mount that we attached before: no name of the image is involved"
            }
            Operation::Attach { place: Place::Image, .. } => {
                "looked up once, made where it is missing, not in /proc and /dev; last, so that nothing above depends on it"
            }
            Operation::ProtectPath { .. } => "settings of the whole machine can't be changed from inside",
            Operation::MaskPath { .. } => "it tells about the machine or reaches its hardware",
            Operation::CloseMounts => "no program finds a descriptor of ours that leads to one",
            Operation::ProtectMount { target } if target == "/" => "asked for; the mounts below stay as they are",
            Operation::ProtectMount { .. } => "after the mounts in it were made",
            Operation::NewSession { terminal: Terminal::No } => {
                "keys pressed at our terminal go to us alone; we pass the signals on"
            }
            Operation::NewSession { terminal: Terminal::Yes } => {
                "the terminal is of the container's own /dev/pts, so that its name exists inside; \
                     its keys signal the container's foreground processes"
            }
            Operation::OwnNull => "a descriptor of the machine's node would let root change its mode and owner",
            Operation::NewKeyring => "keys of the session that we were started from stay out of reach",
            Operation::ResolveUser { .. } => "names mean what the image's own /etc/passwd and /etc/group say",
            Operation::CreateWorkingDirectory { .. } => "as root, while that is still possible",
            Operation::ForbidNewPrivileges => "asked for: set-user-id files stay without effect",
            Operation::LimitResources { .. } => {
                "Docker's, where the caller's own are not lower: a build should not depend on the shell that \
                     it was started from"
            }
            Operation::BoundCapabilities { .. } => {
                "no program executed later can get more than these; needs SETPCAP, so it comes \
                     before that may be lost"
            }
            Operation::InstallFilter { .. } => {
                "without no_new_privs a filter needs CAP_SYS_ADMIN, so it comes while we still \
                     have that"
            }
            Operation::EmulateUsers { .. } => {
                "only one id exists here, and no program becomes another user: chown, setuid, setgroups and their kin change what the \
                     container is told, and a file's owner is written beside it for the layer"
            }
            Operation::SealTrampoline { init: Init::Reaper } => {
                "asked for: it stays process 1, starts the command, passes signals on to it, and waits for what is left behind"
            }
            Operation::SealTrampoline { init: Init::None } => {
                "`/proc/self/exe` must not lead an image to our own program, neither to run it with \
                     the image's libraries nor to overwrite it"
            }
            Operation::SwitchUser => "groups first: the user may not change them any more",
            Operation::ChangeDirectory { .. } => "after the switch, so that the directory must be the user's to enter",
            Operation::LimitCapabilities { .. } => "the bounding set alone would take effect only at the next execve",
            Operation::CleanUp => "the command starts with the defaults and inherits nothing of ours",
            Operation::AwaitStart => "what is made now can be started later; usually the order is there already",
            Operation::Execute { .. } => "the command itself is process 1, as in Docker",
            Operation::RemoveMountPoints { .. } => {
                "they are not part of what the command did, and must not get into a layer; the times of their \
                     directories are put back, too"
            }
            Operation::RemoveDirectory { .. } => "nothing of it is kept",
            Operation::RemoveCgroup { .. } => "its last process is gone",
        }
    }
}

/// A step on the way into a container that runs, and why.
fn joining(step: Joining) -> (&'static str, &'static str) {
    match step {
        Joining::HideOurselves => (
            "set dumpable to 0",
            "the container's processes see this one before it has given up our rights and our memory",
        ),
        Joining::Namespaces => (
            "setns: every namespace of the container's process 1 that is not ours",
            "by the process's descriptor, as its number may be another's by then; all in one call, so that what only we \
                 may enter and what only the container's root may are both allowed",
        ),
        Joining::Groups => (
            "write 0 to cgroup.procs of the container's control groups",
            "its limits are this process's, too; the one of ours that waits for its end does not count",
        ),
        Joining::OpenRoot => ("open /", "every name of the container is looked up below this descriptor"),
        Joining::OpenTerminal => (
            "open a terminal of /dev/pts as standard streams",
            "of the container's own instance, which is made sure of: a name in /dev may lead anywhere",
        ),
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Namespace::Pid => "pid",
            Namespace::Uts => "uts",
            Namespace::Ipc => "ipc",
            Namespace::Network => "net",
            Namespace::Cgroup => "cgroup",
        })
    }
}

/// The numbered list, grouped by phase, each operation followed by its reason.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = 0;
        for phase in Phase::ALL {
            let operations: Vec<&Operation> = self.of(phase).collect();
            if operations.is_empty() {
                continue;
            }
            writeln!(formatter, "{phase}:")?;
            for operation in operations {
                number += 1;
                // A path or a variable of the image may hold a newline: it must not look like an operation.
                writeln!(formatter, "{number:3}. {}", operation.to_string().replace('\n', "\\n"))?;
                writeln!(formatter, "       {}", operation.why())?;
            }
        }
        for port in &self.ports {
            writeln!(formatter, "port: {port}; the container's monitor listens outside and forwards")?;
        }
        for note in &self.notes {
            writeln!(formatter, "note: {}", note.replace('\n', "\\n"))?;
        }
        Ok(())
    }
}

/// A number of capabilities, in the singular or plural.
struct Count(usize);

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => write!(formatter, "1 capability"),
            number => write!(formatter, "{number} capabilities"),
        }
    }
}

pub(super) fn list(paths: &[std::path::PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}

fn words<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(" ")
}
