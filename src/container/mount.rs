//! The mount system calls, each as one function that says what it tried when it fails.
//!
//! See mount(2), mount_setattr(2), fsopen(2) and the kernel's overlayfs.rst. These functions know
//! nothing of containers: the caller is already in a mount namespace of its own.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::error::Failure;
use super::operation::{Flags, Overlay, OverlayInterface, Recursion};

/// Enters a new mount namespace to which mounts of the machine still come, and from which none go
/// out.
pub(super) fn unshare_mounts() -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| Failure::call("unshare(CLONE_NEWNS)", errno))?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_SLAVE | MsFlags::MS_REC, None::<&str>)
        .map_err(|errno| Failure::refused("make slave", Path::new("/"), errno))
}

/// Mounts a file system without a device on an existing directory.
pub(super) fn file_system(kind: &str, target: &Path, flags: Flags, options: &str) -> Result<(), Failure> {
    let bits = MsFlags::from_bits_truncate(flags.0);
    mount(Some(kind), target, Some(kind), bits, Some(options))
        .map_err(|errno| Failure::refused(&format!("mount {kind} on"), target, errno))
}

/// Binds `source` on `target`, which exists.
pub(super) fn bind(source: &Path, target: &Path, recursion: Recursion) -> Result<(), Failure> {
    let flags = match recursion {
        Recursion::Tree => MsFlags::MS_BIND | MsFlags::MS_REC,
        Recursion::One => MsFlags::MS_BIND,
    };
    mount(Some(source), target, None::<&str>, flags, None::<&str>)
        .map_err(|errno| Failure::refused("bind on", target, errno))
}

/// What a mount can be kept from, in the numbers of linux/mount.h for mount_setattr(2) and of
/// mount(2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Restriction {
    attribute: u64,
    flag: MsFlags,
    /// The verb for messages.
    pub name: &'static str,
}

/// Nothing below is changed.
pub(super) const READ_ONLY: Restriction =
    Restriction { attribute: 1, flag: MsFlags::MS_RDONLY, name: "make read-only" };

/// Device nodes below have no effect.
pub(super) const NO_DEVICES: Restriction =
    Restriction { attribute: 4, flag: MsFlags::MS_NODEV, name: "forbid devices on" };

/// Restricts a mount, and with [`Recursion::Tree`] those below it too where the kernel can (Linux
/// 5.12).
pub(super) fn restrict(target: &Path, restriction: Restriction, recursion: Recursion) -> Result<(), Failure> {
    if recursion == Recursion::Tree && restrict_tree(target, restriction.attribute).is_ok() {
        return Ok(());
    }
    // A remount replaces all flags, and a user namespace may not take away those it found: name
    // them again.
    let found =
        nix::sys::statvfs::statvfs(target).map_err(|errno| Failure::refused("statvfs", target, errno))?.flags().bits();
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | mount_flags(found) | restriction.flag;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .map_err(|errno| Failure::refused(restriction.name, target, errno))
}

/// The flags of a mount as statvfs(3) tells them, for mount(2). The two agree but for relatime.
fn mount_flags(found: libc::c_ulong) -> MsFlags {
    const ST_RELATIME: libc::c_ulong = 4096;
    let same =
        libc::ST_RDONLY | libc::ST_NOSUID | libc::ST_NODEV | libc::ST_NOEXEC | libc::ST_NOATIME | libc::ST_NODIRATIME;
    let relatime = if found & ST_RELATIME != 0 { libc::MS_RELATIME } else { 0 };
    MsFlags::from_bits_truncate((found & same) | relatime)
}

fn restrict_tree(target: &Path, attribute: u64) -> Result<(), Errno> {
    /// `struct mount_attr` of linux/mount.h.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    let attributes = Attributes { set: attribute, clear: 0, propagation: 0, user_namespace: 0 };
    let target = c_path(target)?;
    // SAFETY: mount_setattr(2): the path is terminated, the structure has the size that is given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            target.as_ptr(),
            libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<Attributes>(),
        )
    };
    Errno::result(answer).map(drop)
}

/// Mounts an overlay by the interface it names. Every directory exists.
pub(super) fn overlay(overlay: &Overlay) -> Result<(), Failure> {
    match overlay.interface {
        OverlayInterface::Fsconfig => overlay_by_fsconfig(overlay),
        OverlayInterface::Options => overlay_by_options(overlay),
    }
}

fn overlay_by_fsconfig(overlay: &Overlay) -> Result<(), Failure> {
    const FSOPEN_CLOEXEC: libc::c_uint = 1;
    const FSMOUNT_CLOEXEC: libc::c_uint = 1;
    const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 4;
    let refused = |call: &'static str| move |errno| Failure::call(call, errno);
    // SAFETY: fsopen(2): the name is terminated.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, c"overlay".as_ptr(), FSOPEN_CLOEXEC) };
    let context = descriptor(context).map_err(refused("fsopen overlay"))?;
    for layer in &overlay.lower {
        set_string(&context, c"lowerdir+", layer.as_os_str().as_bytes())?;
    }
    set_string(&context, c"upperdir", overlay.upper.as_os_str().as_bytes())?;
    set_string(&context, c"workdir", overlay.work.as_os_str().as_bytes())?;
    for option in &overlay.options {
        match option.split_once('=') {
            Some((key, value)) => {
                let key = CString::new(key).map_err(|_| Failure::call("fsconfig", Errno::EINVAL))?;
                set_string(&context, &key, value.as_bytes())?;
            }
            None => {
                let key = CString::new(*option).map_err(|_| Failure::call("fsconfig", Errno::EINVAL))?;
                configure(&context, SET_FLAG, Some(&key), None)
                    .map_err(|errno| Failure::call(&format!("fsconfig overlay `{option}`"), errno))?;
            }
        }
    }
    configure(&context, CREATE, None, None).map_err(|errno| {
        let said = complaint(&context);
        Failure::call(&format!("create overlay{said}"), errno)
    })?;
    // SAFETY: fsmount(2): numbers only.
    let mounted = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, 0) };
    let mounted = descriptor(mounted).map_err(refused("fsmount overlay"))?;
    let root = c_path(&overlay.root).map_err(refused("move_mount overlay"))?;
    // SAFETY: move_mount(2): both paths are terminated.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mounted.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            root.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    Errno::result(answer).map(drop).map_err(|errno| Failure::refused("mount overlay on", &overlay.root, errno))
}

// The commands of fsconfig(2), linux/mount.h.
const SET_FLAG: libc::c_uint = 0;
const SET_STRING: libc::c_uint = 1;
const CREATE: libc::c_uint = 6;

fn set_string(context: &OwnedFd, key: &CStr, value: &[u8]) -> Result<(), Failure> {
    let failure = |errno| {
        let name = format!("fsconfig overlay {}", key.to_string_lossy());
        Failure::refused(&name, Path::new(std::ffi::OsStr::from_bytes(value)), errno)
    };
    let text = CString::new(value).map_err(|_| failure(Errno::EINVAL))?;
    configure(context, SET_STRING, Some(key), Some(&text)).map_err(|errno| {
        let said = complaint(context);
        let mut failure = failure(errno);
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

fn overlay_by_options(overlay: &Overlay) -> Result<(), Failure> {
    let lower: Vec<Vec<u8>> = overlay.lower.iter().map(|path| escape(path, b"\\:,")).collect();
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
    let text = std::ffi::OsStr::from_bytes(&options);
    mount(Some("overlay"), &overlay.root, Some("overlay"), MsFlags::empty(), Some(text)).map_err(|errno| {
        let failure = Failure::refused("mount overlay on", &overlay.root, errno);
        if options.len() >= 4096 {
            failure.hint(
                "the layers' paths don't fit into the one page that mount(2) takes: \
                 Linux 6.5 has no such limit",
            )
        } else {
            failure
        }
    })
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

fn c_path(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}
