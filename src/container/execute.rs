//! Each operation carried out: the system calls behind a plan's lines.
//!
//! One function an operation, all called by [`Setup::execute`], which attaches the operation to
//! what went wrong. Which process calls it is the phase's business, see [`super::init`]. After the
//! pivot every path is resolved inside the container's root by the kernel itself, so no symbolic
//! link of an image can lead out.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{fchdir, pivot_root};

use super::account::Account;
use super::capabilities;
use super::copy;
use super::error::{Failure, USER_NAMESPACE_HINT};
use super::identity::Identity;
use super::inside;
use super::leave;
use super::mount;
use super::network;
use super::operation::{Flags, Namespace, Operation, Recursion};
use super::seccomp;
use super::spec::Access;
use super::stubs::Stubs;
use super::trampoline;

/// What one operation leaves for a later one.
pub(super) struct Setup<'a> {
    pub identity: &'a Identity,
    /// The socket to the process that started us; `None` in that process itself.
    pub control: Option<&'a OwnedFd>,
    /// The machine's files that will be bound, opened before the pivot.
    sources: Vec<(PathBuf, OwnedFd)>,
    /// The machine's root, until it is detached.
    old_root: Option<OwnedFd>,
    /// What was made in the root to be mounted on.
    pub stubs: Stubs,
    /// The user that was looked up.
    pub account: Option<Account>,
    /// The program that executes the command.
    trampoline: Option<OwnedFd>,
    /// Where it is told that the command can't be executed.
    pub failure: Option<&'a OwnedFd>,
    /// Where the terminal's other end goes.
    pub terminal: Option<&'a OwnedFd>,
    /// The size that the terminal begins with.
    pub window: Option<libc::winsize>,
    /// The standard streams that are the container's own, and become its user's.
    pub streams: &'static [RawFd],
}

impl<'a> Setup<'a> {
    pub fn new(identity: &'a Identity, control: Option<&'a OwnedFd>, terminal: Option<&'a OwnedFd>) -> Setup<'a> {
        Setup {
            identity,
            control,
            sources: Vec::new(),
            old_root: None,
            stubs: Stubs::default(),
            account: None,
            trampoline: None,
            failure: None,
            terminal,
            window: None,
            streams: &[],
        }
    }

    /// Carries one operation out. Those that fork are the caller's: they end here in one process and
    /// go on in another.
    pub fn execute(&mut self, operation: &Operation) -> Result<(), Failure> {
        self.perform(operation).map_err(|mut failure| {
            failure.operation = operation.to_string();
            failure
        })
    }

    fn perform(&mut self, operation: &Operation) -> Result<(), Failure> {
        match operation {
            Operation::CreateDirectory { path } => create_directories(path),
            Operation::WriteFile { path, content } => write_file(path, content),
            Operation::CreateCgroup { paths } => paths.iter().try_for_each(|path| create_directories(path)),
            Operation::JoinCgroup { paths } => paths.iter().try_for_each(|path| join_cgroup(path)),
            Operation::EnterUserNamespace { .. } => match self.control {
                Some(control) => self.identity.enter(control),
                None => Ok(()),
            },
            Operation::Unshare { namespaces } => unshare_all(namespaces),
            Operation::EndWithParent => leave::end_with_parent(),
            Operation::ForkGuard | Operation::ForkInit => Ok(()),
            Operation::UnshareMounts => mount::unshare_mounts().map_err(|failure| failure.hint(USER_NAMESPACE_HINT)),
            Operation::MountOverlay { overlay } => mount::overlay(overlay),
            Operation::CopyLayers { lower, upper, root, marker } => {
                copy::layers(lower, upper, marker)?;
                mount::bind(upper, root, Recursion::One)
            }
            Operation::SetHostname { name } => {
                nix::unistd::sethostname(name).map_err(|errno| Failure::refused("sethostname", Path::new(name), errno))
            }
            Operation::LoopbackUp => network::loopback_up(),
            Operation::OpenSources { paths } => self.open_sources(paths),
            Operation::PivotRoot { root } => self.pivot(root),
            Operation::MountFileSystem { kind, target, flags, options } => {
                self.mount_file_system(kind, Path::new(target), *flags, options)
            }
            Operation::Bind { source, target, access, recursion } => {
                self.bind(source, Path::new(target), *access, *recursion)
            }
            Operation::ForbidDevices { target, recursion } => {
                restrict(Path::new(target), mount::NO_DEVICES, *recursion)
            }
            Operation::Symlink { path, target } => std::os::unix::fs::symlink(target, path)
                .map_err(|error| Failure::refused("symlink", Path::new(path), errno(&error))),
            Operation::DetachOldRoot => self.detach_old_root(),
            Operation::ProtectPath { path } => protect(Path::new(path)),
            Operation::MaskPath { path } => mask(Path::new(path)),
            Operation::ProtectMount { target } => mount::restrict(Path::new(target), mount::READ_ONLY, Recursion::One),
            Operation::NewSession { terminal } => leave::new_session(*terminal, self.terminal, self.window),
            Operation::NewKeyring => leave::new_keyring(),
            Operation::ResolveUser { user } => {
                self.account = Some(leave::resolve_user(user)?);
                Ok(())
            }
            Operation::CreateWorkingDirectory { path } => create_directories(Path::new(path)),
            Operation::ForbidNewPrivileges => {
                nix::sys::prctl::set_no_new_privs().map_err(|errno| Failure::call("prctl(PR_SET_NO_NEW_PRIVS)", errno))
            }
            Operation::BoundCapabilities { keep } => capabilities::bound(*keep),
            Operation::InstallFilter { capabilities } => seccomp::install(*capabilities),
            Operation::SealTrampoline => {
                self.trampoline = Some(trampoline::sealed()?);
                Ok(())
            }
            Operation::SwitchUser => leave::switch_user(self.known_account(), self.identity, self.streams),
            Operation::ChangeDirectory { path } => nix::unistd::chdir(Path::new(path))
                .map_err(|errno| Failure::refused("chdir to", Path::new(path), errno)),
            Operation::LimitCapabilities { keep } => leave::limit(self.known_account(), *keep),
            Operation::CleanUp => leave::clean_up(),
            Operation::Execute { args, env } => {
                let trampoline = self.trampoline.as_ref().expect("a plan makes the trampoline before it is used");
                let failure = self.failure.expect("only the first process executes the command");
                leave::execute(args, env, &self.known_account().home, trampoline, failure)
            }
        }
    }

    fn known_account(&self) -> &Account {
        self.account.as_ref().expect("a plan resolves the user before it is used")
    }

    fn open_sources(&mut self, paths: &[PathBuf]) -> Result<(), Failure> {
        for path in paths {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            let source = open(path, flags, Mode::empty()).map_err(|errno| Failure::refused("open", path, errno))?;
            self.sources.push((path.clone(), source));
        }
        Ok(())
    }

    /// Puts the new root over the old one at `/`. The old one stays reachable by the descriptor,
    /// and mounted, until it is detached.
    fn pivot(&mut self, root: &Path) -> Result<(), Failure> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let old_root =
            open("/", flags, Mode::empty()).map_err(|errno| Failure::refused("open", Path::new("/"), errno))?;
        nix::unistd::chdir(root).map_err(|errno| Failure::refused("chdir to", root, errno))?;
        // `.` twice: the old root is stacked on the new one, so the image needs no directory for
        // it. See pivot_root(2), notes.
        pivot_root(".", ".").map_err(|errno| Failure::refused("pivot_root", root, errno))?;
        nix::unistd::chdir("/").map_err(|errno| Failure::refused("chdir to", Path::new("/"), errno))?;
        self.old_root = Some(old_root);
        Ok(())
    }

    fn detach_old_root(&mut self) -> Result<(), Failure> {
        self.sources.clear();
        let Some(old_root) = self.old_root.take() else {
            return Ok(());
        };
        let refused = |errno| Failure::refused("umount", Path::new("the old root"), errno);
        fchdir(old_root.as_fd()).map_err(refused)?;
        umount2(".", MntFlags::MNT_DETACH).map_err(refused)?;
        nix::unistd::chdir("/").map_err(refused)
    }

    fn mount_file_system(&mut self, kind: &str, target: &Path, flags: Flags, options: &str) -> Result<(), Failure> {
        let place = self.stubs.directory(target)?;
        // Through no name of an image's choosing; proc comes first, and before it there are no magic links.
        let by_descriptor = inside::name(&place);
        let named = if kind == "proc" { target } else { &by_descriptor };
        let mounted = mount::file_system(kind, named, flags, options)
            .map_err(|failure| Failure { message: format!("mount {kind} on `{}`", target.display()), ..failure });
        mounted.map_err(|failure| match kind {
            "proc" => failure.hint(
                "a user namespace may mount proc only where the machine's own \
                 is fully visible: another container hides parts of it",
            ),
            _ => failure,
        })
    }

    fn bind(&mut self, source: &Path, target: &Path, access: Access, recursion: Recursion) -> Result<(), Failure> {
        let (_, held) =
            self.sources.iter().find(|(path, _)| path == source).expect("a plan opens every source before the pivot");
        let named = inside::name(held);
        let directory =
            std::fs::metadata(&named).map_err(|error| Failure::refused("stat", source, errno(&error)))?.is_dir();
        let place = if directory { self.stubs.directory(target)? } else { self.stubs.file(target)? };
        mount::bind(&named, &inside::name(&place), recursion)
            .map_err(|failure| Failure { message: format!("bind on `{}`", target.display()), ..failure })?;
        match access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => restrict(target, mount::READ_ONLY, recursion),
        }
    }
}

/// Restricts what is mounted at a path inside.
fn restrict(target: &Path, restriction: mount::Restriction, recursion: Recursion) -> Result<(), Failure> {
    let place = inside::open(target).map_err(|errno| Failure::refused("open", target, errno))?;
    mount::restrict(&inside::name(&place), restriction, recursion)
        .map_err(|failure| Failure { message: format!("{} `{}`", restriction.name, target.display()), ..failure })
}

/// The errno of an I/O error; 0 where it has none.
pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

fn create_directories(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(|error| Failure::refused("mkdir", path, errno(&error)))
}

fn write_file(path: &Path, content: &str) -> Result<(), Failure> {
    let written =
        std::fs::write(path, content).and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)));
    written.map_err(|error| Failure::refused("write", path, errno(&error)))
}

fn join_cgroup(path: &Path) -> Result<(), Failure> {
    let file = path.join("cgroup.procs");
    // `0` is the process that writes.
    std::fs::write(&file, "0").map_err(|error| Failure::refused("write", &file, errno(&error)))
}

fn unshare_all(namespaces: &[Namespace]) -> Result<(), Failure> {
    let flags = namespaces.iter().fold(CloneFlags::empty(), |flags, namespace| {
        flags
            | match namespace {
                Namespace::Pid => CloneFlags::CLONE_NEWPID,
                Namespace::Uts => CloneFlags::CLONE_NEWUTS,
                Namespace::Ipc => CloneFlags::CLONE_NEWIPC,
                Namespace::Network => CloneFlags::CLONE_NEWNET,
                Namespace::Cgroup => CloneFlags::CLONE_NEWCGROUP,
            }
    });
    unshare(flags).map_err(|errno| Failure::call("unshare", errno).hint(USER_NAMESPACE_HINT))
}

/// Binds a path on itself to make that mount read-only. A path that this kernel lacks needs no
/// protection.
fn protect(path: &Path) -> Result<(), Failure> {
    if !path.exists() {
        return Ok(());
    }
    mount::bind(path, path, Recursion::Tree)?;
    mount::restrict(path, mount::READ_ONLY, Recursion::Tree)
}

/// Covers a file with the container's /dev/null and a directory with an empty, read-only one.
fn mask(path: &Path) -> Result<(), Failure> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            mount::file_system("tmpfs", path, Flags::INERT.with(MsFlags::MS_RDONLY.bits()), "size=0k")
        }
        Ok(_) => mount::bind(Path::new("/dev/null"), path, Recursion::One),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(Failure::refused("stat", path, errno(&error))),
    }
}
