//! The mount system calls, each as one function that says what it tried when it fails.
//!
//! A mount is made first and attached then. In between it is a descriptor that no path leads to: there it is restricted, so
//! that nobody ever reaches it unrestricted, and it is attached to another descriptor, so that no name is looked up a second
//! time. This is what the calls of Linux 5.2 (fsopen, fsmount, open_tree, move_mount) and 5.12 (mount_setattr) are for; with
//! mount(2) alone none of it is possible, so older kernels are refused.
//!
//! See fsopen(2), fsmount(2), open_tree(2), mount_setattr(2), move_mount(2) and the kernel's overlayfs.rst. These functions
//! know nothing of containers: the caller is already in a mount namespace of its own.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;

use super::error::Failure;
use super::operation::{Flags, Overlay, OverlayInterface, Recursion};

/// Enters a new mount namespace to which mounts of the machine still come, and from which none go
/// out.
pub(super) fn unshare_mounts() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| Failure::call("unshare(CLONE_NEWNS)", errno))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&str>)
        .map_err(|errno| Failure::refused("make slave", Path::new("/"), errno))
}

/// Makes a file system without a device. It is attached nowhere yet.
///
/// `options` are those of mount(8), with commas in between. The flags come with the making, as the kernel compares them with
/// what this process sees already: a new proc may show no more than the old one.
pub(super) fn file_system(kind: &str, flags: Flags, options: &str) -> Result<OwnedFd, Failure> {
    let name = text(kind.as_bytes())?;
    // SAFETY: fsopen(2): the name is terminated.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, name.as_ptr(), libc::FSOPEN_CLOEXEC) };
    let context = descriptor(context).map_err(|errno| too_old(Failure::call(&format!("fsopen {kind}"), errno)))?;
    set_string(&context, kind, c"source", kind.as_bytes())?;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        set_option(&context, kind, option)?;
    }
    mounted(&context, kind, flags)
}

/// Creates what a context describes, and makes a mount of it.
fn mounted(context: &OwnedFd, kind: &str, flags: Flags) -> Result<OwnedFd, Failure> {
    configure(context, CREATE, None, None).map_err(|errno| {
        let said = complaint(context);
        Failure::call(&format!("create {kind}{said}"), errno)
    })?;
    // SAFETY: fsmount(2): numbers only.
    let mount = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, flags.0) };
    descriptor(mount).map_err(|errno| Failure::call(&format!("fsmount {kind}"), errno))
}

/// Makes a further mount of what a path of the machine leads to. It is attached nowhere yet.
pub(super) fn clone(source: &Path, flags: Flags, recursion: Recursion) -> Result<OwnedFd, Failure> {
    let refused = |errno| too_old(Failure::refused("open_tree", source, errno));
    let path = c_path(source).map_err(refused)?;
    let mount = open_tree(libc::AT_FDCWD, &path, 0, recursion).map_err(refused)?;
    restrict(&mount, flags, recursion)?;
    Ok(mount)
}

/// As [`clone()`], of what a descriptor leads to.
pub(super) fn clone_opened(source: &OwnedFd, flags: Flags, recursion: Recursion) -> Result<OwnedFd, Failure> {
    let mount = open_tree(source.as_raw_fd(), c"", libc::AT_EMPTY_PATH, recursion)
        .map_err(|errno| too_old(Failure::call("open_tree", errno)))?;
    restrict(&mount, flags, recursion)?;
    Ok(mount)
}

fn open_tree(at: RawFd, path: &CStr, flags: libc::c_int, recursion: Recursion) -> Result<OwnedFd, Errno> {
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | (flags | depth(recursion)) as libc::c_uint;
    // SAFETY: open_tree(2): the path is terminated.
    descriptor(unsafe { libc::syscall(libc::SYS_open_tree, at, path.as_ptr(), flags) })
}

/// Restricts a mount, and with [`Recursion::Tree`] those below it too, and cuts it off from the machine: what the machine
/// mounts in the source later does not appear here, where nothing would restrict it.
///
/// On the descriptor of a mount that is attached nowhere yet there is no moment in which it is reachable and not restricted.
pub(super) fn restrict(mount: &OwnedFd, flags: Flags, recursion: Recursion) -> Result<(), Failure> {
    let attributes = libc::mount_attr { attr_set: flags.0, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
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
    let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
    // SAFETY: move_mount(2): both paths are empty and terminated.
    let answer = unsafe {
        libc::syscall(libc::SYS_move_mount, mount.as_raw_fd(), c"".as_ptr(), place.as_raw_fd(), c"".as_ptr(), flags)
    };
    Errno::result(answer).map(drop)
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

fn overlay_by_fsconfig(overlay: &Overlay) -> Result<(), Failure> {
    // SAFETY: fsopen(2): the name is terminated.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, c"overlay".as_ptr(), libc::FSOPEN_CLOEXEC) };
    let context = descriptor(context).map_err(|errno| Failure::call("fsopen overlay", errno))?;
    let set = |key, path: &Path| set_string(&context, OVERLAY, key, path.as_os_str().as_bytes());
    for layer in &overlay.lower {
        set(c"lowerdir+", layer)?;
    }
    set(c"upperdir", &overlay.upper)?;
    set(c"workdir", &overlay.work)?;
    for option in &overlay.options {
        set_option(&context, OVERLAY, option)?;
    }
    attach_at(&mounted(&context, OVERLAY, Flags::NO_DEVICES)?, &overlay.root)
}

const OVERLAY: &str = "overlay";

// The commands of fsconfig(2), linux/mount.h.
const SET_FLAG: libc::c_uint = 0;
const SET_STRING: libc::c_uint = 1;
const CREATE: libc::c_uint = 6;

/// Sets `key=value`, or `key` alone.
fn set_option(context: &OwnedFd, kind: &str, option: &str) -> Result<(), Failure> {
    match option.split_once('=') {
        Some((key, value)) => set_string(context, kind, &text(key.as_bytes())?, value.as_bytes()),
        None => configure(context, SET_FLAG, Some(&text(option.as_bytes())?), None).map_err(|errno| {
            let said = complaint(context);
            Failure::call(&format!("fsconfig {kind} `{option}`{said}"), errno)
        }),
    }
}

fn set_string(context: &OwnedFd, kind: &str, key: &CStr, value: &[u8]) -> Result<(), Failure> {
    configure(context, SET_STRING, Some(key), Some(&text(value)?)).map_err(|errno| {
        let said = complaint(context);
        let name = format!("fsconfig {kind} {}", key.to_string_lossy());
        let mut failure = Failure::refused(&name, Path::new(std::ffi::OsStr::from_bytes(value)), errno);
        failure.message.push_str(&said);
        failure
    })
}

fn configure(context: &OwnedFd, command: libc::c_uint, key: Option<&CStr>, value: Option<&CStr>) -> Result<(), Errno> {
    let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: fsconfig(2): both strings are terminated or null, as the command demands.
    let answer =
        unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), command, pointer(key), pointer(value), 0) };
    Errno::result(answer).map(drop)
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

fn descriptor(answer: libc::c_long) -> Result<OwnedFd, Errno> {
    let number = Errno::result(answer)?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number as i32) })
}

fn text(bytes: &[u8]) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| Failure::call("a NUL byte in a mount option", Errno::EINVAL))
}

fn c_path(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}
