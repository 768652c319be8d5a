//! Each operation carried out: the system calls behind a plan's lines.
//!
//! One function an operation, all called by [`Setup::execute`], which attaches the operation to
//! what went wrong. Which process calls it is the phase's business, see [`super::init`]. What is mounted is kept by its
//! descriptor from where it is made to where it is attached, see [`super::mounts`]; a path of the image becomes a descriptor
//! once, see [`super::inside`].

use std::os::fd::{OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, umount2};
use nix::unistd::{fchdir, getpid};

use super::account::Account;
use super::capabilities::{self, Capabilities};
use super::cgroup;
use super::channel::{Ends, Joins, Order, Word};
use super::copy;
use super::emulation::{self, Beginner, Begun};
use super::error::{Failure, USER_NAMESPACE_HINT, errno};
use super::files;
use super::identity::Identity;
use super::inside::Root;
use super::layout;
use super::leave;
use super::limits;
use super::mount;
use super::mounts::Mounts;
use super::namespaces;
use super::network::Connecting;
use super::operation::{Flags, Joining, Operation, Place};
use super::process::Terminal;
use super::processes;
use super::sandbox::Recursion;
use super::seccomp;
use super::stubs::{self, Kind, Stub, Stubs};
use super::terminal;
use super::trampoline;
use super::tuning::Tuning;
use super::userns;
use crate::hidden::HiddenVariable;
use crate::link::{Heard, Link};

/// What one operation leaves for a later one.
pub(super) struct Setup<'a> {
    identity: &'a Identity,
    /// What leads to the process that started us; `None` in that process itself.
    ends: Option<&'a Ends>,
    /// The container's mounts, from the first that is made until all are in place.
    pub(super) mounts: Mounts,
    /// The container's network, while it is set up.
    connecting: Connecting,
    /// The container's root, once it is the only one.
    pub(super) root: Option<Root>,
    /// What was made in the root to be mounted on.
    pub(crate) stubs: Stubs,
    /// The user that was looked up.
    pub(super) account: Option<Account>,
    /// The program that executes the command.
    trampoline: Option<OwnedFd>,
    /// Whether the standard streams are a terminal of the container's own.
    has_terminal: bool,
    /// Who has given the order to start, and the pipe for the trampoline's errno, where that came from another than who made us.
    pub(super) starter: Option<(Link, OwnedFd)>,
    /// This process, known before a filter may forbid to ask for it.
    pub(super) ourselves: Option<OwnedFd>,
    /// Whether a filter of a file holds for us already.
    is_filtered: bool,
    /// The control groups that were made: ours as long as these are open.
    pub(super) locks: Vec<OwnedFd>,
}

/// What the container's other processes leave for the keeper, in the memory that they share.
#[derive(Default)]
pub(super) struct Left {
    /// What has to be taken away again; `None` where the set-up was killed before it was known.
    pub(crate) stubs: Option<Vec<Stub>>,
    /// The first process's status, as waitpid(2) writes it.
    pub(crate) status: Option<libc::c_int>,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(identity: &'a Identity, ends: Option<&'a Ends>) -> Setup<'a> {
        Setup {
            identity,
            ends,
            mounts: Mounts::default(),
            connecting: Connecting::default(),
            root: None,
            stubs: Stubs::default(),
            account: None,
            trampoline: None,
            has_terminal: false,
            starter: None,
            ourselves: None,
            is_filtered: false,
            locks: Vec::new(),
        }
    }

    /// Takes hold of this process itself.
    pub(crate) fn know_ourselves(&mut self) -> Result<(), Failure> {
        self.ourselves = Some(processes::pidfd(getpid()).map_err(|errno| Failure::call("pidfd_open", errno))?);
        Ok(())
    }

    /// Whoever is to be told what becomes of the command.
    pub(crate) fn link(&self) -> &Link {
        self.starter.as_ref().map_or(&self.known_ends().link, |(link, _)| link)
    }

    /// Carries one operation out. Those that fork are the caller's: they end here in one process and
    /// go on in another.
    pub(crate) fn execute(&mut self, operation: &Operation) -> Result<(), Failure> {
        self.perform(operation).map_err(|mut failure| {
            failure.operation = operation.to_string();
            if self.is_filtered && failure.hint.is_none() {
                failure.hint = Some(seccomp::FILTERED_HINT.to_owned());
            }
            failure
        })
    }

    fn perform(&mut self, operation: &Operation) -> Result<(), Failure> {
        match operation {
            Operation::Join(step) => self.join(*step),
            Operation::Tune(tuning) => self.tune(tuning),
            Operation::Prescribed(prescribed) => self.prescribe(prescribed),
            Operation::CreateDirectory { path } => files::create_directories(path),
            Operation::WriteFile { path, content } => files::write_file(path, content),
            Operation::MakeUserNamespace => {
                // Without it, a flag of the mount does nearly the same.
                let _ = userns::make_for_all_ids();
                Ok(())
            }
            Operation::CreateCgroup { paths } => cgroup::create(paths).map(|locks| self.locks = locks),
            Operation::SetOomScore { score } => files::set_oom_score(*score),
            Operation::JoinCgroup { paths } => paths.iter().try_for_each(|path| cgroup::join(path)),
            Operation::EnterUserNamespace { map } => userns::enter(map, || self.have_ids_mapped()),
            Operation::Unshare { namespaces } => namespaces::unshare_all(namespaces),
            Operation::EndWithParent => processes::end_with_parent(),
            Operation::ForkSupervisor | Operation::ForkGuard | Operation::ForkInit => Ok(()),
            Operation::UnshareMounts => mount::unshare_mounts().map_err(|failure| failure.hint(USER_NAMESPACE_HINT)),
            Operation::MountOverlay { overlay } => mount::overlay(overlay),
            Operation::CopyLayers { lower, upper, root, marker } => {
                copy::layers(lower, upper, marker)?;
                mount::attach_at(&mount::clone(upper, Flags::NO_DEVICES, Recursion::One)?, root)
            }
            Operation::SetHostname { name } => {
                nix::unistd::sethostname(name).map_err(|errno| Failure::refused("sethostname", Path::new(name), errno))
            }
            Operation::Network(step) => self.connecting.perform(step, self.identity, self.known_ends()),
            Operation::MakeFileSystem { kind, source, target, flags, options } => {
                self.mounts.make_file_system(kind, source, target, *flags, options)
            }
            Operation::MakeMemory { target, flags, options } => {
                self.mounts.make_memory(target, *flags, options, self.known_ends().namespace)
            }
            Operation::MakeDevices { devices, place } => self.mounts.make_devices(devices, place),
            Operation::CloneDevice { device, flags } => self.mounts.clone_device(*device, *flags),
            Operation::CloneMount { source, target, flags, recursion, links } => {
                self.mounts.clone_mount(source, target, *flags, *recursion, *links)
            }
            Operation::CloneBelow { folder, path, target, flags } => {
                self.mounts.keep(target, mount::clone_below(folder, Path::new(path), *flags)?);
                Ok(())
            }
            Operation::MakeSecret { target, file, place } => {
                self.mounts.make_secret(target, file, self.identity.keeps_owners(), place)
            }
            Operation::Symlink { path, target } => self.mounts.link(path, target),
            Operation::PivotRoot { root } => mount::pivot(root),
            Operation::DetachOldRoot => self.detach_old_root(),
            Operation::Attach { target, place } => self.attach(target, *place),
            Operation::ProtectPath { path } => self.mounts.protect(path),
            Operation::MaskPath { path } => self.mounts.mask(path),
            Operation::ProtectMount { target } => self.protect_mount(target),
            Operation::CloseMounts => {
                self.mounts = Mounts::default();
                Ok(())
            }
            Operation::NewSession { terminal } => self.new_session(*terminal),
            Operation::OwnNull => leave::own_null(self.known_root()),
            Operation::NewKeyring => leave::new_keyring(),
            Operation::ResolveUser { user, groups } => {
                self.account = Some(leave::resolve_user(self.known_root(), user, groups)?);
                Ok(())
            }
            Operation::CreateWorkingDirectory { path } => stubs::make_directories(self.known_root(), Path::new(path))
                .map_err(|errno| Failure::refused("mkdir", Path::new(path), errno)),
            Operation::LimitResources { limits } => limits::lower(limits),
            Operation::ForbidNewPrivileges => leave::forbid_new_privileges(),
            Operation::BoundCapabilities { keep, last } => capabilities::bound(*keep, *last),
            Operation::InstallFilter { .. } => seccomp::install(self.known_ends().filter.as_deref()),
            Operation::EmulateUsers { capabilities } => self.emulate_users(*capabilities),
            Operation::SealTrampoline { init } => trampoline::sealed(*init).map(|made| self.trampoline = Some(made)),
            Operation::SwitchUser => leave::switch_user(self.known_account(), self.identity, &self.own_streams()),
            Operation::ChangeDirectory { path } => self.change_directory(Path::new(path)),
            Operation::LimitCapabilities { keep } => leave::limit(self.known_account(), *keep),
            Operation::CleanUp => leave::clean_up(),
            Operation::AwaitStart => self.await_start(),
            Operation::Execute { args, env, secrets } => self.become_command(args, env, secrets),
            Operation::RemoveMountPoints { upper } => self.stubs.remove(upper),
            Operation::RemoveDirectory { path } => files::remove_directory(path),
            Operation::RemoveCgroup { paths } => paths.iter().try_for_each(|path| cgroup::remove(path)),
        }
    }

    /// Does what an option has asked for.
    fn tune(&mut self, tuning: &Tuning) -> Result<(), Failure> {
        match tuning {
            Tuning::Group { group, setting } => cgroup::limit(group, setting),
            Tuning::Domain { name } => namespaces::set_domain(name),
            Tuning::Setting { path, value } => self.mounts.write_setting(path, value),
            Tuning::Device { source, target } => {
                self.mounts.clone_node(source, target, Flags::DEVICES.and(Flags::READ_ONLY))
            }
            Tuning::Resources { limits } => limits::set(limits),
            Tuning::Filter { .. } => {
                seccomp::install(self.known_ends().filter.as_deref()).map(|()| self.is_filtered = true)
            }
        }
    }

    /// Goes a step of the way into a container that runs.
    fn join(&mut self, step: Joining) -> Result<(), Failure> {
        match step {
            Joining::HideOurselves => namespaces::hide_ourselves(),
            Joining::Namespaces => namespaces::join(&self.joins().first, self.identity),
            Joining::Groups => cgroup::enter(&self.joins().groups),
            Joining::OpenRoot => self.open_root(),
            Joining::OpenTerminal => self.open_terminal(),
        }
    }

    fn emulate_users(&self, capabilities: Capabilities) -> Result<(), Failure> {
        let ends = self.known_ends();
        let Some(way) = &ends.supervisor else {
            return Err(Failure::call("finding the supervisor of the container", Errno::ESRCH));
        };
        let beginner = if ends.joins.is_some() { Beginner::Further } else { Beginner::First };
        match emulation::begin(way, self.known_root().directory(), self.known_account(), capabilities, beginner)? {
            Begun::Answered => {}
            Begun::Without(failure) => drop(ends.link.say(&Word::Untidy(failure))),
        }
        Ok(())
    }

    pub(super) fn known_ends(&self) -> &'a Ends {
        self.ends.expect("only the container's own processes carry this out")
    }

    /// Asks the process that started us for the maps that only somebody outside may write.
    fn have_ids_mapped(&self) -> bool {
        let link = &self.known_ends().link;
        link.say(&Word::IdsWanted) && matches!(link.hear(), Heard::Message(Order::IdsMapped, _))
    }

    /// Whether the order is there already, or else when it comes.
    fn await_start(&mut self) -> Result<(), Failure> {
        if let Some(listener) = &self.known_ends().listener {
            return self.await_starter(listener);
        }
        let link = &self.known_ends().link;
        let heard = match link.hear_now() {
            Heard::Nothing => {
                let ourselves = processes::pidfd(getpid()).map_err(|errno| Failure::call("pidfd_open", errno))?;
                link.say_with(&Word::Ready, &ourselves);
                link.hear()
            }
            heard => heard,
        };
        match heard {
            Heard::Message(Order::Start, _) => Ok(()),
            Heard::Message(Order::IdsMapped | Order::Kept | Order::Detach, _) | Heard::Nothing | Heard::End => {
                Err(Failure::call("waiting for the order to start", Errno::ESRCH))
            }
        }
    }

    fn become_command(&self, args: &[String], env: &[String], secrets: &[HiddenVariable]) -> Result<(), Failure> {
        let command = leave::find_command(args, env, secrets, &self.known_account().home)?;
        let trampoline = self.trampoline.as_ref().expect("a plan makes the trampoline before it is used");
        let pipe = self.starter.as_ref().map(|(_, pipe)| pipe).or(self.known_ends().errno.as_ref());
        let pipe = pipe.expect("it is closed only when the command is executed");
        let words = trampoline::Words::new(&command.program, &command.args, &command.env);
        let (program, missing) = (command.path.clone(), command.missing.to_owned());
        let first = Word::First { program, missing };
        let told = match &self.ourselves {
            Some(ourselves) => self.link().say_with(&first, ourselves),
            None => {
                let ourselves = processes::pidfd(getpid()).map_err(|errno| Failure::call("pidfd_open", errno))?;
                self.link().say_with(&first, &ourselves)
            }
        };
        // Else nobody would know that it runs.
        (told || !self.is_filtered).then_some(()).ok_or_else(|| Failure::call("sendmsg", Errno::EPERM))?;
        // From here on we may be killed at any moment, so nothing is allocated: we share the allocator with the keeper.
        let errno = trampoline::execute(trampoline, pipe, &words);
        Err(leave::not_executed(&command.path, errno, command.missing))
    }

    /// The standard streams that are the container's own, and become its user's.
    fn own_streams(&self) -> Vec<RawFd> {
        match (self.has_terminal, &self.known_ends().streams) {
            (true, _) => vec![0],
            (false, Some(_)) => vec![1, 2],
            // Of a manager's, its pipes.
            (false, None) if self.ourselves.is_some() => (0..3).filter(|stream| leave::is_pipe(*stream)).collect(),
            (false, None) => Vec::new(),
        }
    }

    pub(super) fn known_account(&self) -> &Account {
        self.account.as_ref().expect("a plan resolves the user before it is used")
    }

    pub(super) fn known_root(&self) -> &Root {
        self.root.as_ref().expect("a plan detaches the old root before it names a path of the new one")
    }

    fn detach_old_root(&mut self) -> Result<(), Failure> {
        let refused = |errno| Failure::refused("umount", Path::new("the old root"), errno);
        umount2(".", MntFlags::MNT_DETACH).map_err(refused)?;
        nix::unistd::chdir("/").map_err(refused)?;
        self.open_root()
    }

    fn open_root(&mut self) -> Result<(), Failure> {
        self.root = Some(Root::open().map_err(|errno| Failure::refused("open", Path::new("/"), errno))?);
        Ok(())
    }

    /// What leads into the container that is joined.
    fn joins(&self) -> &'a Joins {
        self.known_ends().joins.as_ref().expect("only a plan of a further process joins anything")
    }

    fn open_terminal(&mut self) -> Result<(), Failure> {
        let ends = self.known_ends();
        self.has_terminal = true;
        let master = terminal::open(self.known_root(), ends.window)?;
        ends.link.say_with(&Word::Terminal, &master);
        Ok(())
    }

    fn attach(&mut self, target: &str, place: Place) -> Result<(), Failure> {
        let path = Path::new(target);
        let refused = |call: &'static str| move |errno| Failure::refused(call, path, errno);
        let root = self.root.as_ref().expect("a plan detaches the old root before it attaches anything to the new one");
        let kind = Kind::for_mount(self.mounts.waiting(target)?).map_err(refused("stat the mount for"))?;
        let found = match place {
            Place::Directory => self.stubs.directory_of_root(root, path)?,
            Place::Image => self.stubs.place(root, path, kind)?,
            Place::In(mount) => {
                let below = path.strip_prefix(mount).unwrap_or(path);
                stubs::in_own_mount(self.mounts.at(mount)?, below, kind).map_err(refused("make mount point"))?
            }
        };
        let attached = self.mounts.attach(target, &found).map_err(refused("move_mount to"))?;
        if place != Place::Image && layout::CLOSED.contains(&target) {
            self.stubs.close(attached).map_err(refused("stat"))?;
        }
        Ok(())
    }

    fn protect_mount(&self, target: &str) -> Result<(), Failure> {
        let directory = match target {
            "/" => self.known_root().directory().try_clone_to_owned(),
            _ => self.mounts.at(target)?.try_clone(),
        };
        let directory = directory.map_err(|error| Failure::refused("dup", Path::new(target), errno(&error)))?;
        mount::restrict(&directory, Flags::READ_ONLY, Recursion::One)
    }

    fn new_session(&mut self, terminal: Terminal) -> Result<(), Failure> {
        leave::new_session()?;
        match terminal {
            Terminal::No => Ok(()),
            Terminal::Yes => {
                let ends = self.known_ends();
                self.has_terminal = true;
                let master = terminal::make(&self.mounts, ends.window)?;
                ends.link.say_with(&Word::Terminal, &master);
                Ok(())
            }
        }
    }

    /// Looks the directory up with the user's rights, and goes where that led: not through a magic link, and not by a name
    /// that may lead elsewhere meanwhile.
    fn change_directory(&self, path: &Path) -> Result<(), Failure> {
        let refused = |errno| Failure::refused("chdir to", path, errno);
        let directory = self.known_root().find(path, OFlag::O_PATH | OFlag::O_DIRECTORY).map_err(refused)?;
        fchdir(directory).map_err(refused)
    }
}
