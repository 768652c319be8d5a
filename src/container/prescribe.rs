//! The operations of a blueprint carried out: the calls behind [`Prescribed`].

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, SFlag, fstat, makedev, umask};

use super::channel::{Order, Word};
use super::error::Failure;
use super::execute::Setup;
use super::freeze;
use super::groups;
use super::inside::{self, Root};
use super::layout::NULL;
use super::leave;
use super::mount;
use super::mounts::Mounts;
use super::node::{Node, NodeKind};
use super::operation::Flags;
use super::prescribed::Prescribed;
use super::sandbox::Recursion;
use super::seccomp;
use super::space::{Space, SpaceKind};
use super::userns::{self, Mapper};
use super::{capabilities, cgroup};
use crate::link::{Heard, Listener};

impl Setup<'_> {
    /// Does what a manager prescribes.
    pub(super) fn prescribe(&mut self, prescribed: &Prescribed) -> Result<(), Failure> {
        match prescribed {
            Prescribed::MakeGroups { paths } => make_groups(paths),
            Prescribed::JoinNamespaces { spaces } => join_namespaces(spaces),
            Prescribed::TakeRoot { path } => {
                mount::attach_at(&mount::clone(path, Flags::NO_DEVICES, Recursion::Tree)?, path)
            }
            Prescribed::MakeNodes { nodes, place } => make_nodes(&mut self.mounts, nodes, place),
            Prescribed::CheckDevice { source, target, node } => {
                check_device(self.mounts.waiting(target)?, source, node.as_ref())
            }
            Prescribed::Cover { path } => cover(self.known_root(), &self.mounts, Path::new(path)),
            Prescribed::Protect { path } => protect(self.known_root(), Path::new(path)),
            Prescribed::Identify { uid, gid, groups } => {
                self.account = Some(leave::account_of(self.known_root(), *uid, *gid, groups)?);
                Ok(())
            }
            Prescribed::KeepCapabilities => capabilities::keep_when_user_changes(),
            Prescribed::RaiseCapabilities => capabilities::raise(),
            Prescribed::SetCapabilities { sets } => capabilities::set(sets),
            Prescribed::SetMask { mask } => {
                umask(Mode::from_bits_truncate(*mask));
                Ok(())
            }
            Prescribed::FindCommand { args, env } => {
                leave::find_command(args, env, &[], &self.known_account().home).map(drop)
            }
            Prescribed::InstallFilter { .. } => seccomp::install(self.known_ends().filter.as_deref()),
        }
    }

    /// When somebody comes and gives it, who need not be the one that made us.
    pub(super) fn await_starter(&mut self, listener: &Listener) -> Result<(), Failure> {
        let ourselves = self.ourselves.as_ref().expect("the process of a blueprint knows itself");
        let creator = &self.known_ends().link;
        creator.say_with(&Word::Ready, ourselves);
        // Nobody would find us of whom nothing was written down.
        if !matches!(creator.hear(), Heard::Message(Order::Kept, _)) {
            return Err(Failure::call("waiting for whoever creates the container", Errno::EPIPE));
        }
        loop {
            let link = listener.accept().map_err(|errno| Failure::call("accept", errno))?;
            if let Heard::Message(Order::Start, descriptors) = link.hear()
                && let Some(pipe) = descriptors.into_iter().next()
            {
                self.starter = Some((link, pipe));
                return Ok(());
            }
        }
    }
}

/// Makes control groups, with those above them. One that is there already is used, if nobody else does: whoever is in it would be stopped and
/// ended with the container.
pub(super) fn make_groups(paths: &[PathBuf]) -> Result<(), Failure> {
    if let Some(used) = paths.iter().find(|path| !groups::numbers_in(path).is_empty()) {
        return Err(Failure::refused("make control group", used, Errno::EBUSY).hint(
            "there are processes in it, of another container perhaps: each needs a `linux.cgroupsPath` of its own",
        ));
    }
    if freeze::is_frozen(paths) {
        let group = paths.first().map_or(Path::new("/"), PathBuf::as_path);
        return Err(Failure::refused("make control group", group, Errno::EBUSY)
            .hint("it is there and frozen: what joins it would stop"));
    }
    paths.iter().try_for_each(|path| {
        let missing: Vec<&Path> = path.ancestors().take_while(|above| !above.exists()).collect();
        let there: Vec<&Path> = path.ancestors().skip(missing.len().max(1)).collect();
        there.into_iter().rev().for_each(enable_controllers);
        missing.into_iter().rev().try_for_each(|group| {
            match fs::create_dir(group) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(Failure::io("mkdir", group, &error).hint(
                        "only root, or whom a control group is delegated to, can make one: the bundle's \
                               `linux.cgroupsPath` may be left out",
                    ));
                }
                Ok(()) | Err(_) => {}
            }
            cgroup::init_cpuset(group)?;
            if group != path.as_path() {
                enable_controllers(group);
            }
            Ok(())
        })
    })
}

/// Lets the groups below one of version 2 have every limit that there is. What is refused is missed by whoever writes such a limit.
fn enable_controllers(group: &Path) {
    let there = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
    for controller in there.split_whitespace() {
        let _ = fs::write(group.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// Joins namespaces. A user namespace among them comes after those that we have rights over, and before those that only its root has.
pub(super) fn join_namespaces(spaces: &[Space]) -> Result<(), Failure> {
    let mut waiting = Vec::new();
    for space in spaces {
        let Some(path) = &space.path else { continue };
        // All before any is joined: of what a path leads to then, somebody else may decide.
        let file = fs::File::open(path).map_err(|error| Failure::io("open", path, &error))?;
        waiting.push((space.kind, path, file));
    }
    let users = waiting.iter().position(|(kind, ..)| *kind == SpaceKind::User).map(|at| waiting.remove(at));
    let Some((_, path, file)) = users else {
        return waiting
            .iter()
            .try_for_each(|(kind, path, file)| join_namespace(*kind, file).map_err(|errno| not_joined(path, errno)));
    };
    let mut later = Vec::new();
    for (kind, path, file) in waiting {
        match join_namespace(kind, &file) {
            Ok(()) => {}
            Err(Errno::EPERM) => later.push((kind, path, file)),
            Err(errno) => return Err(not_joined(path, errno)),
        }
    }
    join_namespace(SpaceKind::User, &file).map_err(|errno| not_joined(path, errno))?;
    userns::become_root_of_joined(Mapper::Caller)?;
    later.iter().try_for_each(|(kind, path, file)| join_namespace(*kind, file).map_err(|errno| not_joined(path, errno)))
}

/// Joins one, if it is of this kind.
fn join_namespace(kind: SpaceKind, file: &fs::File) -> Result<(), Errno> {
    let flag = match kind {
        SpaceKind::User => CloneFlags::CLONE_NEWUSER,
        SpaceKind::Mount => CloneFlags::CLONE_NEWNS,
        SpaceKind::Pid => CloneFlags::CLONE_NEWPID,
        SpaceKind::Network => CloneFlags::CLONE_NEWNET,
        SpaceKind::Ipc => CloneFlags::CLONE_NEWIPC,
        SpaceKind::Uts => CloneFlags::CLONE_NEWUTS,
        SpaceKind::Cgroup => CloneFlags::CLONE_NEWCGROUP,
    };
    setns(file, flag)
}

fn not_joined(path: &Path, errno: Errno) -> Failure {
    Failure::refused("setns", path, errno).hint(
        "it has to be a namespace of the type that is written beside it, and our user its root or its owner's parent's",
    )
}

/// Makes nodes in a file system of their own, and a mount of each. `place` is where that file system is attached meanwhile.
pub(super) fn make_nodes(mounts: &mut Mounts, nodes: &[Node], place: &Path) -> Result<(), Failure> {
    let memory = mount::file_system("tmpfs", Flags::DEVICES, "mode=755,size=1m")?;
    mount::attach_at(&memory, place)?;
    for (index, node) in nodes.iter().enumerate() {
        let made = mounts.make_node(&memory, &index.to_string(), node)?;
        mounts.keep(&node.path, mount::clone_opened(&made, Flags::DEVICES, Recursion::One)?);
    }
    Ok(())
}

/// Whether this is a device, and the one that is meant.
fn check_device(mount: &impl AsFd, source: &Path, node: Option<&Node>) -> Result<(), Failure> {
    let found = fstat(mount).map_err(|errno| Failure::refused("stat", source, errno))?;
    let kind = match SFlag::from_bits_truncate(found.st_mode & libc::S_IFMT) {
        SFlag::S_IFCHR => Some(NodeKind::Character),
        SFlag::S_IFBLK => Some(NodeKind::Block),
        _ => None,
    };
    let is_meant =
        |node: &Node| kind == Some(node.kind) && found.st_rdev == makedev(node.major.into(), node.minor.into());
    if kind.is_some() && node.is_none_or(is_meant) {
        return Ok(());
    }
    Err(Failure::refused("find the right device at", source, Errno::ENODEV)
        .hint("in a user namespace no node can be made: what the machine has under that name has to be the device"))
}

/// Puts a read-only mount of a path over it. A path that is not there needs no protection.
pub(super) fn protect(root: &Root, path: &Path) -> Result<(), Failure> {
    let Some(found) = find(root, path)? else { return Ok(()) };
    let mount = mount::clone_opened(&found, Flags::READ_ONLY, Recursion::Tree)
        .map_err(|failure| Failure { message: format!("{} for `{}`", failure.message, path.display()), ..failure })?;
    mount::attach(&mount, &found).map_err(|errno| Failure::refused("move_mount to", path, errno))
}

/// Covers a file with the null device and a directory with an empty, read-only one. A path that is not there needs no cover.
pub(super) fn cover(root: &Root, mounts: &Mounts, path: &Path) -> Result<(), Failure> {
    let Some(found) = find(root, path)? else { return Ok(()) };
    let refused = |errno| Failure::refused("move_mount to", path, errno);
    let cover = match inside::kind_of(&found).map_err(refused)? {
        SFlag::S_IFDIR => mount::file_system("tmpfs", Flags::INERT.and(Flags::READ_ONLY), "size=0k")?,
        _ => mount::clone_opened(mounts.at(&NULL.path())?, Flags::DEVICES.and(Flags::READ_ONLY), Recursion::One)?,
    };
    mount::attach(&cover, &found).map_err(refused)
}

/// What a path leads to in the container; `None` where there is nothing.
fn find(root: &Root, path: &Path) -> Result<Option<OwnedFd>, Failure> {
    match root.find(path, OFlag::O_PATH) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(Failure::refused("open", path, errno)),
    }
}
