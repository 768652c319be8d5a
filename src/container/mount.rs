//! The mount system calls, each as one function that says what it tried when it fails.
//!
//! A mount is made first and attached then. In between it is a descriptor that no path leads to: there it is restricted, so
//! that nobody ever reaches it unrestricted, and it is attached to another descriptor, so that no name is looked up a second
//! time. This is what the calls of Linux 5.2 (fsopen, fsmount, open_tree, move_mount) and 5.12 (mount_setattr) are for; with
//! mount(2) alone none of it is possible, so older kernels are refused.
//!
//! See fsopen(2), fsmount(2), open_tree(2), mount_setattr(2), move_mount(2) and the kernel's overlayfs.rst. These functions
//! know nothing of containers: the caller is already in a mount namespace of its own.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::pivot_root;
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use super::error::{Failure, answer};
use super::inside;
use super::operation::{Flags, Overlay, OverlayInterface};
use super::sandbox::Recursion;

/// Enters a new mount namespace to which mounts of the machine still come, and from which none go
/// out.
pub(super) fn unshare_mounts() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| Failure::call("unshare(CLONE_NEWNS)", errno))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&str>)
        .map_err(|errno| Failure::refused("make slave", Path::new("/"), errno))
}

/// Makes a file system without a device, which is called what it is. It is attached nowhere yet.
///
/// `options` are those of mount(8), with commas in between. The flags come with the making, as the kernel compares them with
/// what this process sees already: a new proc may show no more than the old one.
pub(super) fn file_system(kind: &str, flags: Flags, options: &str) -> Result<OwnedFd, Failure> {
    file_system_called(kind, kind, flags, options)
}

/// As [`file_system()`], with what the list of mounts has as its source.
pub(super) fn file_system_called(source: &str, kind: &str, flags: Flags, options: &str) -> Result<OwnedFd, Failure> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .map_err(|error| too_old(Failure::call(&format!("fsopen {kind}"), answer(error))))?;
    set_string(&context, kind, "source", source.as_bytes())?;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        set_option(&context, kind, option)?;
    }
    mounted(&context, kind, flags)
}

/// Creates what a context describes, and makes a mount of it.
fn mounted(context: &OwnedFd, kind: &str, flags: Flags) -> Result<OwnedFd, Failure> {
    create(context, kind)?;
    // Flags that this library does not know by name are the kernel's all the same.
    let attributes = MountAttrFlags::from_bits_retain(flags.0 as libc::c_uint);
    fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .map_err(|error| Failure::call(&format!("fsmount {kind}"), answer(error)))
}

fn create(context: &OwnedFd, kind: &str) -> Result<(), Failure> {
    fsconfig_create(context).map_err(|error| {
        let said = complaint(context);
        Failure::call(&format!("create {kind}{said}"), answer(error))
    })
}

/// Makes a further mount of what a path of the machine leads to. It is attached nowhere yet.
pub(super) fn clone(source: &Path, flags: Flags, recursion: Recursion) -> Result<OwnedFd, Failure> {
    let refused = |errno| too_old(Failure::refused("open_tree", source, errno));
    let mount = open_tree(CWD, source, tree_flags(recursion)).map_err(|error| refused(answer(error)))?;
    restrict(&mount, flags, recursion)?;
    Ok(mount)
}

/// As [`clone()`], where the path leads through no symbolic link.
pub(super) fn clone_settled(source: &Path, flags: Flags, recursion: Recursion) -> Result<OwnedFd, Failure> {
    let resolve = ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(resolve);
    let found = openat2(AT_FDCWD, source, how).map_err(|errno| {
        let failure = Failure::refused("open", source, errno);
        match errno {
            Errno::ELOOP => {
                failure.hint("a symbolic link has come into the path since it was looked at: start the container again")
            }
            _ => failure,
        }
    })?;
    clone_opened(&found, flags, recursion)
}

/// As [`clone()`], of what a descriptor leads to.
pub(super) fn clone_opened(source: &OwnedFd, flags: Flags, recursion: Recursion) -> Result<OwnedFd, Failure> {
    let mount = open_tree(source, c"", tree_flags(recursion) | OpenTreeFlags::AT_EMPTY_PATH)
        .map_err(|error| too_old(Failure::call("open_tree", answer(error))))?;
    restrict(&mount, flags, recursion)?;
    Ok(mount)
}

/// As [`clone()`], of what a path leads to below a folder, where a container may have put links and may be putting them now: nothing leads out
/// of the folder. Nothing that is mounted in it comes along.
pub(super) fn clone_below(folder: &Path, path: &Path, flags: Flags) -> Result<OwnedFd, Failure> {
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = open(folder, directory, Mode::empty()).map_err(|errno| Failure::refused("open", folder, errno))?;
    let found = inside::in_root(&opened, path).map_err(|errno| {
        let name = folder.join(path.strip_prefix("/").unwrap_or(path));
        Failure::refused("open", &name, errno).hint("links in this folder are followed inside it, and never out of it")
    })?;
    clone_opened(&found, flags, Recursion::One)
}

fn tree_flags(recursion: Recursion) -> OpenTreeFlags {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match recursion {
        Recursion::Tree => flags | OpenTreeFlags::AT_RECURSIVE,
        Recursion::One => flags,
    }
}

/// Restricts a mount, and with [`Recursion::Tree`] those below it too, and cuts it off from the machine: what the machine
/// mounts in the source later does not appear here, where nothing would restrict it.
///
/// On the descriptor of a mount that is attached nowhere yet there is no moment in which it is reachable and not restricted.
pub(super) fn restrict(mount: &OwnedFd, flags: Flags, recursion: Recursion) -> Result<(), Failure> {
    // How access times are kept is one choice of several: another one has to be cleared.
    let attr_clr = if flags.0 & libc::MOUNT_ATTR__ATIME == 0 { 0 } else { libc::MOUNT_ATTR__ATIME };
    let attributes = libc::mount_attr { attr_set: flags.0, attr_clr, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    // SAFETY: mount_setattr(2): the path is terminated, and the structure has the size that is given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | depth(recursion),
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(answer).map(drop).map_err(|errno| too_old(Failure::call("mount_setattr", errno)))
}

fn depth(recursion: Recursion) -> libc::c_int {
    match recursion {
        Recursion::Tree => libc::AT_RECURSIVE,
        Recursion::One => 0,
    }
}

/// Attaches a mount to what a descriptor leads to.
pub(super) fn attach(mount: &OwnedFd, place: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", place, c"", flags).map_err(answer)
}

/// Attaches a mount to a directory of the machine.
pub(super) fn attach_at(mount: &OwnedFd, path: &Path) -> Result<(), Failure> {
    let refused = |errno| Failure::refused("move_mount to", path, errno);
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let place = open(path, flags, Mode::empty()).map_err(refused)?;
    attach(mount, &place).map_err(refused)
}

/// Names the kernel that would do where a call does not exist.
fn too_old(failure: Failure) -> Failure {
    if failure.errno == Errno::ENOSYS as i32 {
        failure.hint("Linux 5.12 or later is needed, and a filter that knows its mount calls")
    } else {
        failure
    }
}

/// Mounts an overlay by the interface it names. Every directory exists.
pub(super) fn overlay(overlay: &Overlay) -> Result<(), Failure> {
    match overlay.interface {
        OverlayInterface::Fsconfig => overlay_by_fsconfig(overlay),
        OverlayInterface::Options => overlay_by_options(overlay),
    }
}

/// Has the kernel make an overlay by fsconfig(2) and lets it go again, unmounted. It is read-only, or letting it go would write the whole file
/// system below back to the disk. What stays is an empty directory in `work`.
pub(super) fn try_overlay(overlay: &Overlay) -> Result<(), Failure> {
    let context = overlay_context(overlay)?;
    set_option(&context, OVERLAY, "ro")?;
    create(&context, OVERLAY)
}

fn overlay_by_fsconfig(overlay: &Overlay) -> Result<(), Failure> {
    let context = overlay_context(overlay)?;
    attach_at(&mounted(&context, OVERLAY, Flags::NO_DEVICES)?, &overlay.root)
}

fn overlay_context(overlay: &Overlay) -> Result<OwnedFd, Failure> {
    let context =
        fsopen(OVERLAY, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| Failure::call("fsopen overlay", answer(error)))?;
    let set = |key, path: &Path| set_string(&context, OVERLAY, key, path.as_os_str().as_bytes());
    for layer in &overlay.lower {
        set("lowerdir+", layer)?;
    }
    set("upperdir", &overlay.upper)?;
    set("workdir", &overlay.work)?;
    for option in &overlay.options {
        set_option(&context, OVERLAY, option)?;
    }
    Ok(context)
}

const OVERLAY: &str = "overlay";

/// Sets `key=value`, or `key` alone.
fn set_option(context: &OwnedFd, kind: &str, option: &str) -> Result<(), Failure> {
    match option.split_once('=') {
        Some((key, value)) => set_string(context, kind, key, value.as_bytes()),
        None => fsconfig_set_flag(context, option).map_err(|error| {
            let said = complaint(context);
            Failure::call(&format!("fsconfig {kind} `{option}`{said}"), answer(error))
        }),
    }
}

fn set_string(context: &OwnedFd, kind: &str, key: &str, value: &[u8]) -> Result<(), Failure> {
    fsconfig_set_string(context, key, value).map_err(|error| {
        let said = complaint(context);
        let name = format!("fsconfig {kind} {key}");
        let mut failure = Failure::refused(&name, Path::new(std::ffi::OsStr::from_bytes(value)), answer(error));
        failure.message.push_str(&said);
        failure
    })
}

/// What the kernel wrote into the file system context's log about the last failure, in brackets.
fn complaint(context: &OwnedFd) -> String {
    let mut buffer = [0; 512];
    match nix::unistd::read(context, &mut buffer) {
        Ok(count) => {
            let text = String::from_utf8_lossy(&buffer[..count]);
            // A line begins with its level: `e `, `w ` or `i `.
            let text = text.trim().trim_start_matches(['e', 'w', 'i']).trim();
            format!(" ({text})")
        }
        Err(_) => String::new(),
    }
}

/// mount(2) takes one page of options, with the zero at its end.
const PAGE: usize = 4096;

fn overlay_by_options(overlay: &Overlay) -> Result<(), Failure> {
    let mut options = options_of(overlay, &overlay.lower);
    // Many layers have short names as descriptors, which are held until the mount is made.
    let mut held = Vec::new();
    if options.len() >= PAGE {
        let mut short = Vec::new();
        for path in &overlay.lower {
            let directory = open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
                .map_err(|errno| Failure::refused("open", path, errno))?;
            short.push(PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())));
            held.push(directory);
        }
        options = options_of(overlay, &short);
    }
    let text = std::ffi::OsStr::from_bytes(&options);
    mount(Some("overlay"), &overlay.root, Some("overlay"), MsFlags::MS_NODEV, Some(text)).map_err(|errno| {
        let failure = Failure::refused("mount overlay on", &overlay.root, errno);
        if options.len() >= PAGE {
            failure.hint(
                "the layers' paths don't fit into the one page that mount(2) takes: \
                 Linux 6.5 has no such limit",
            )
        } else {
            failure
        }
    })
}

/// An overlay as options of mount(2), its lower directories under these names.
fn options_of(overlay: &Overlay, lower: &[PathBuf]) -> Vec<u8> {
    let lower: Vec<Vec<u8>> = lower.iter().map(|path| escape(path, b"\\:,")).collect();
    let mut options = b"lowerdir=".to_vec();
    options.extend(lower.join(&b':'));
    for (key, path) in [("upperdir", &overlay.upper), ("workdir", &overlay.work)] {
        options.extend(format!(",{key}=").as_bytes());
        options.extend(escape(path, b"\\,"));
    }
    for option in &overlay.options {
        options.push(b',');
        options.extend(option.as_bytes());
    }
    options
}

/// A path with a backslash before each of `special`, as overlayfs splits its options.
fn escape(path: &Path, special: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        if special.contains(&byte) {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text
}

/// Puts the new root over the old one at `/`, which stays there until it is detached. What is needed of the machine was taken
/// before, and nothing of the image is named until then.
pub(super) fn pivot(root: &Path) -> Result<(), Failure> {
    nix::unistd::chdir(root).map_err(|errno| Failure::refused("chdir to", root, errno))?;
    // `.` twice: the old root is stacked on the new one, so the image needs no directory for
    // it. See pivot_root(2), notes.
    pivot_root(".", ".").map_err(|errno| Failure::refused("pivot_root", root, errno))
}
