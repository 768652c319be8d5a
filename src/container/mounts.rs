//! The container's mounts on their way from where they are made to where they are attached.
//!
//! Each is held by its descriptor, and what is done in it is done below that descriptor: device nodes, links in /dev, hidden
//! paths of /proc. No path of the image is involved, so an image can't have something else hidden, or lead a device elsewhere.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmod, fchmodat, fstat, makedev, mknodat};
use nix::unistd::{Gid, Uid, fchown, fchownat, symlinkat};

use super::error::{Failure, errno};
use super::inside;
use super::layout::NULL;
use super::mount;
use super::node::{Node, NodeKind};
use super::operation::{Device, Flags, Links};
use super::sandbox::{Recursion, SecretFile};
use super::{userns, vfork};

/// Every mount of the container that was made.
#[derive(Default)]
pub(super) struct Mounts {
    made: Vec<Made>,
}

struct Made {
    target: String,
    mount: OwnedFd,
    stage: Stage,
}

#[derive(PartialEq)]
enum Stage {
    /// No path leads to it yet.
    Detached,
    /// It is in its place.
    Attached,
}

impl Mounts {
    /// Takes a mount for the path that it will be attached to.
    pub(crate) fn keep(&mut self, target: &str, mount: OwnedFd) {
        self.made.push(Made { target: target.to_owned(), mount, stage: Stage::Detached });
    }

    /// The mount that was made for a path and is not attached yet.
    pub(crate) fn waiting(&self, target: &str) -> Result<&OwnedFd, Failure> {
        let found = self.made.iter().find(|made| made.target == target && made.stage == Stage::Detached);
        found.map(|made| &made.mount).ok_or_else(|| Failure::refused("attach", Path::new(target), Errno::ENOENT))
    }

    /// The first mount that was made for a path: the set-up's own.
    pub(crate) fn at(&self, target: &str) -> Result<&OwnedFd, Failure> {
        let found = self.made.iter().find(|made| made.target == target);
        found.map(|made| &made.mount).ok_or_else(|| Failure::refused("find mount", Path::new(target), Errno::ENOENT))
    }

    /// Attaches what waits for `target` to what a descriptor leads to.
    pub(crate) fn attach(&mut self, target: &str, place: &OwnedFd) -> Result<&OwnedFd, Errno> {
        let found = self.made.iter_mut().find(|made| made.target == target && made.stage == Stage::Detached);
        let made = found.ok_or(Errno::ENOENT)?;
        mount::attach(&made.mount, place)?;
        made.stage = Stage::Attached;
        Ok(&made.mount)
    }

    pub(crate) fn make_file_system(
        &mut self,
        kind: &str,
        source: &str,
        target: &str,
        flags: Flags,
        options: &str,
    ) -> Result<(), Failure> {
        let mount = mount::file_system_called(source, kind, flags, options).map_err(|failure| match kind {
            "proc" => failure.hint(
                "a user namespace may mount proc only where the machine's own \
                 is fully visible: another container hides parts of it",
            ),
            _ => failure,
        })?;
        self.keep(target, mount);
        Ok(())
    }

    /// Makes an empty directory in memory in which device nodes have no effect, though no flag says so: as the file system belongs to a user
    /// namespace below the machine's, the kernel gives them none, and what is mounted looks as it does in Docker.
    ///
    /// Where there is no `namespace`, because we are in one ourselves or can't make any, the flag does it.
    pub(crate) fn make_memory(
        &mut self,
        target: &str,
        flags: Flags,
        options: &str,
        namespace: Option<&OwnedFd>,
    ) -> Result<(), Failure> {
        let plain = |flags| mount::file_system("tmpfs", flags, options);
        let made = namespace.and_then(|namespace| elsewhere(namespace, || plain(flags)).ok());
        self.keep(target, made.map_or_else(|| plain(flags.and(Flags::NO_DEVICES)), Ok)?);
        Ok(())
    }

    /// Makes nodes in a file system of their own, and a mount of each. `place` is where that file system is attached
    /// meanwhile: it goes away with the old root, and only the single nodes are left of it.
    pub(crate) fn make_devices(&mut self, devices: &[Device], place: &Path) -> Result<(), Failure> {
        let nodes = mount::file_system("tmpfs", Flags::DEVICES, "mode=755,size=64k")?;
        mount::attach_at(&nodes, place)?;
        for device in devices {
            let refused = |call: &str, errno| Failure::refused(call, Path::new(&device.path()), errno);
            let mode = Mode::from_bits_truncate(0o666);
            mknodat(&nodes, device.name, SFlag::S_IFCHR, mode, number(*device))
                .map_err(|errno| refused("mknod", errno))?;
            // mknod(2) heeds the file creation mask.
            fchmodat(&nodes, device.name, mode, FchmodatFlags::FollowSymlink)
                .map_err(|errno| refused("chmod", errno))?;
            let node = inside::below(&nodes, Path::new(device.name)).map_err(|errno| refused("open", errno))?;
            self.keep(&device.path(), mount::clone_opened(&node, Flags::DEVICES, Recursion::One)?);
        }
        Ok(())
    }

    /// Makes one node in a file system that is attached, and opens it to name it only.
    pub(crate) fn make_node(&self, place: &OwnedFd, name: &str, node: &Node) -> Result<OwnedFd, Failure> {
        let refused = |call: &'static str| move |errno| Failure::refused(call, Path::new(&node.path), errno);
        let mode = Mode::from_bits_truncate(node.mode);
        let kind = match node.kind {
            NodeKind::Character => SFlag::S_IFCHR,
            NodeKind::Block => SFlag::S_IFBLK,
            NodeKind::Pipe => SFlag::S_IFIFO,
        };
        mknodat(place, name, kind, mode, makedev(node.major.into(), node.minor.into())).map_err(refused("mknod"))?;
        let (uid, gid) = (Some(Uid::from_raw(node.uid)), Some(Gid::from_raw(node.gid)));
        fchownat(place, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(refused("chown"))?;
        // mknod(2) heeds the file creation mask.
        fchmodat(place, name, mode, FchmodatFlags::FollowSymlink).map_err(refused("chmod"))?;
        inside::below(place, Path::new(name)).map_err(refused("open"))
    }

    /// Writes a secret to a file in a file system of its own, and makes a mount of the file. `place` is where that file system is attached
    /// meanwhile: it goes away with the old root. Nobody but us is in there.
    pub(crate) fn make_secret(
        &mut self,
        target: &str,
        file: &SecretFile,
        has_owners: bool,
        place: &Path,
    ) -> Result<(), Failure> {
        const NAME: &str = "secret";
        let inert = Flags::INERT;
        let flags = if file.mode & 0o111 == 0 { inert } else { Flags::UNPRIVILEGED.and(Flags::NO_DEVICES) };
        let refused = |call: &str, errno| Failure::refused(call, Path::new(target), errno);
        let memory = mount::file_system("tmpfs", flags, "mode=700,size=1m")?;
        mount::attach_at(&memory, place)?;
        let how = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened =
            openat(&memory, NAME, how, Mode::S_IRUSR).map_err(|errno| refused("make the secret for", errno))?;
        let mut opened = File::from(opened);
        opened.write_all(file.content.reveal()).map_err(|error| refused("write the secret for", errno(&error)))?;
        if has_owners {
            fchown(&opened, Some(Uid::from_raw(file.uid)), Some(Gid::from_raw(file.gid)))
                .map_err(|errno| refused("chown the secret for", errno).hint("this id is not mapped for this user"))?;
        }
        fchmod(&opened, Mode::from_bits_truncate(file.mode & 0o777))
            .map_err(|errno| refused("chmod the secret for", errno))?;
        let found = inside::below(&memory, Path::new(NAME)).map_err(|errno| refused("open", errno))?;
        self.keep(target, mount::clone_opened(&found, flags.and(Flags::READ_ONLY), Recursion::One)?);
        Ok(())
    }

    pub(crate) fn clone_device(&mut self, device: Device, flags: Flags) -> Result<(), Failure> {
        let path = device.path();
        let mount = mount::clone(Path::new(&path), flags, Recursion::One)?;
        check(&mount, device)?;
        self.keep(&path, mount);
        Ok(())
    }

    pub(crate) fn clone_mount(
        &mut self,
        source: &Path,
        target: &str,
        flags: Flags,
        recursion: Recursion,
        links: Links,
    ) -> Result<(), Failure> {
        let clone = match links {
            Links::Followed => mount::clone,
            Links::Refused => mount::clone_settled,
        };
        self.keep(target, clone(source, flags, recursion)?);
        Ok(())
    }

    /// As [`Mounts::clone_device`], for a node of any number.
    pub(crate) fn clone_node(&mut self, source: &Path, target: &str, flags: Flags) -> Result<(), Failure> {
        let mount = mount::clone(source, flags, Recursion::One)?;
        match inside::kind_of(&mount).map_err(|errno| Failure::refused("stat", source, errno))? {
            SFlag::S_IFCHR | SFlag::S_IFBLK => {}
            _ => {
                return Err(Failure::refused("use as a device", source, Errno::ENODEV)
                    .hint("a folder or file of the machine is mounted with `-v`"));
            }
        }
        self.keep(target, mount);
        Ok(())
    }

    /// Writes a setting of the kernel's: a path below the container's own /proc.
    pub(crate) fn write_setting(&self, path: &str, value: &str) -> Result<(), Failure> {
        let refused = |call: &'static str| move |errno| Failure::refused(call, Path::new(path), errno);
        let below = Path::new(path.strip_prefix("/proc/").unwrap_or(path));
        let file = inside::open_below(self.at("/proc")?, below, OFlag::O_WRONLY).map_err(refused("open"))?;
        nix::unistd::write(&file, value.as_bytes()).map(drop).map_err(refused("write"))
    }

    /// Makes a symbolic link right in the container's /dev.
    pub(crate) fn link(&self, path: &str, target: &str) -> Result<(), Failure> {
        let name = path.strip_prefix("/dev/").unwrap_or(path);
        symlinkat(target, self.at("/dev")?, name).map_err(|errno| Failure::refused("symlink", Path::new(path), errno))
    }

    /// Puts a read-only mount of a path over it. A path that this kernel lacks needs no protection.
    pub(crate) fn protect(&self, path: &str) -> Result<(), Failure> {
        let Some(found) = self.find(path)? else {
            return Ok(());
        };
        let refused = |failure: Failure| named(failure, path);
        let mount = mount::clone_opened(&found, Flags::READ_ONLY, Recursion::Tree).map_err(refused)?;
        mount::attach(&mount, &found).map_err(|errno| Failure::refused("move_mount to", Path::new(path), errno))
    }

    /// Covers a file with the null device and a directory with an empty, read-only one. A path that this kernel lacks needs
    /// no cover.
    pub(crate) fn mask(&self, path: &str) -> Result<(), Failure> {
        let Some(found) = self.find(path)? else {
            return Ok(());
        };
        let refused = |errno| Failure::refused("move_mount to", Path::new(path), errno);
        let cover = match inside::kind_of(&found).map_err(refused)? {
            SFlag::S_IFDIR => mount::file_system("tmpfs", Flags::INERT.and(Flags::READ_ONLY), "size=0k")?,
            _ => {
                let null = self.at(&NULL.path())?;
                check(null, NULL)?;
                let flags = Flags::DEVICES.and(Flags::READ_ONLY);
                mount::clone_opened(null, flags, Recursion::One).map_err(|failure| named(failure, path))?
            }
        };
        mount::attach(&cover, &found).map_err(refused)
    }

    /// Opens a path of the container's own /proc or /sys; `None` where the kernel has no such thing.
    fn find(&self, path: &str) -> Result<Option<OwnedFd>, Failure> {
        let split = ["/proc", "/sys"].into_iter().find_map(|mount| Some((mount, path.strip_prefix(mount)?)));
        let (mount, rest) = split.ok_or_else(|| {
            Failure::refused("hide something outside `/proc` and `/sys`:", Path::new(path), Errno::EINVAL)
        })?;
        match inside::below(self.at(mount)?, Path::new(rest.trim_start_matches('/'))) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Failure::refused("open", Path::new(path), errno)),
        }
    }
}

/// Makes a mount in a process of its own, which has another user namespace, and a mount namespace in that.
fn elsewhere(namespace: &OwnedFd, make: impl FnOnce() -> Result<OwnedFd, Failure>) -> Result<OwnedFd, Failure> {
    let ended = vfork::call(|| {
        userns::join(namespace)?;
        mount::unshare_mounts()?;
        make()
    });
    let ended = ended.map_err(|errno| Failure::call("clone", errno))?;
    match ended.answer {
        Some(Ok(made)) => made,
        Some(Err(_)) | None => Err(Failure::call("waiting for a mount", Errno::ECHILD)),
    }
}

/// Whether this is the device that it should be: by the number that the kernel knows it by, not by its name.
fn check(node: &impl AsFd, device: Device) -> Result<(), Failure> {
    let path = device.path();
    let found = fstat(node).map_err(|errno| Failure::refused("stat", Path::new(&path), errno))?;
    let is_device = SFlag::from_bits_truncate(found.st_mode & libc::S_IFMT) == SFlag::S_IFCHR;
    if is_device && found.st_rdev == number(device) {
        return Ok(());
    }
    let (major, minor) = (device.major, device.minor);
    Err(Failure::refused("find the right device at", Path::new(&path), Errno::ENODEV)
        .hint(&format!("it should be the character device {major}:{minor} of this machine")))
}

fn number(device: Device) -> libc::dev_t {
    makedev(device.major.into(), device.minor.into())
}

fn named(failure: Failure, path: &str) -> Failure {
    Failure { message: format!("{} for `{path}`", failure.message), ..failure }
}
