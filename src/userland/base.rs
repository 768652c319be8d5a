//! `layerlab/base`: which files it is made of.
//!
//! Three sources, chosen by `LAYERLAB_BASE`:
//!
//! ```text
//! LAYERLAB_BASE=busybox    one program with a link for each of its applets; the default where a static one is installed
//! LAYERLAB_BASE=host       the machine's own programs and their libraries; the default elsewhere
//! LAYERLAB_BASE=FILE.tar   a root file system of the user's, taken as it is
//! ```

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::elf::linkage;
use super::libraries::{self, Libraries};
use super::rootfs::Rootfs;
use super::{Error, programs};
use crate::document::{self, Links};
use crate::limits::Limits;

/// What the base image is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The machine's own programs.
    Host,
    /// The busybox at this path.
    Busybox(PathBuf),
    /// The archive at this path.
    Archive(PathBuf),
}

impl Source {
    /// Chooses by the value of `LAYERLAB_BASE`.
    ///
    /// # Errors
    /// [`Error::NoBusybox`] and [`Error::NoArchive`] for a wish that the machine can't fulfil.
    pub fn choose(wish: Option<&OsStr>, limits: &Limits) -> Result<Source, Error> {
        match wish.filter(|wish| !wish.is_empty()) {
            None => Ok(programs::find("busybox")
                .filter(|path| is_static(path, limits))
                .map_or(Source::Host, Source::Busybox)),
            Some(wish) if wish == "host" => Ok(Source::Host),
            Some(wish) if wish == "busybox" => programs::find("busybox").map(Source::Busybox).ok_or(Error::NoBusybox),
            Some(wish) => {
                let path = PathBuf::from(wish);
                match std::path::absolute(&path) {
                    Ok(path) if path.is_file() => Ok(Source::Archive(path)),
                    _ => Err(Error::NoArchive { path }),
                }
            }
        }
    }

    /// What it is, in a few words.
    pub(crate) fn describe(&self) -> String {
        match self {
            Source::Host => "the programs of this machine".to_owned(),
            Source::Busybox(path) => format!("busybox (`{}`)", path.display()),
            Source::Archive(path) => format!("the archive `{}`", path.display()),
        }
    }

    /// The source's name as a label has it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Source::Host => "host",
            Source::Busybox(_) => "busybox",
            Source::Archive(_) => "archive",
        }
    }
}

/// Puts the file system together from the machine's programs.
///
/// # Errors
/// [`Error::NoShell`] if there is no `sh`; what else can't be taken is listed as missing.
pub fn from_host(limits: &Limits) -> Result<Rootfs, Error> {
    let libraries = Libraries::of_this_machine(limits);
    let mut rootfs = Rootfs::default();
    for folder in ["/bin", "/sbin", "/lib"] {
        // One that the machine hasn't got is not needed for its programs.
        let _ = rootfs.same_as_here(folder);
    }
    for &name in programs::WANTED {
        match programs::find(name) {
            Some(path) if rootfs.program(&path, &libraries).is_ok() => {
                if !path.parent().is_some_and(programs::is_on_path) {
                    rootfs.link(&format!("/usr/bin/{name}"), &path.to_string_lossy());
                }
            }
            _ if name == "sh" => return Err(Error::NoShell),
            _ => rootfs.missing.push(name.to_owned()),
        }
    }
    // Scripts and SHELL name these two by path, wherever the machine has them.
    for (path, name) in [("/bin/sh", "sh"), ("/usr/bin/env", "env")] {
        if let Some(place) = programs::find(name) {
            rootfs.link(path, &place.to_string_lossy());
        }
    }
    furnish(&mut rootfs);
    Ok(rootfs)
}

/// Puts the file system together from one busybox.
///
/// # Errors
/// [`Error::Run`] if it can't be asked for its applets, and as [`Rootfs::program_at`].
pub fn from_busybox(busybox: &Path, limits: &Limits) -> Result<Rootfs, Error> {
    let mut rootfs = Rootfs::default();
    rootfs.program_at(busybox, "/bin/busybox", &Libraries::of_this_machine(limits))?;
    for applet in applets(busybox)? {
        rootfs.link(&applet, "/bin/busybox");
    }
    furnish(&mut rootfs);
    Ok(rootfs)
}

/// The paths at which busybox wants to be found.
fn applets(busybox: &Path) -> Result<Vec<String>, Error> {
    let ask = |option: &str| -> Result<Option<String>, Error> {
        let output = Command::new(busybox).arg(option).output();
        let output = output.map_err(|source| Error::Run { path: busybox.to_owned(), source })?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.success() && !text.trim().is_empty()).then_some(text))
    };
    if let Some(paths) = ask("--list-full")? {
        return Ok(paths.lines().map(|path| format!("/{}", path.trim())).collect());
    }
    // Small builds know only the names.
    let names = ask("--list")?.unwrap_or_default();
    Ok(names.lines().map(|name| format!("/bin/{}", name.trim())).collect())
}

/// Whether the program starts without any other file.
pub(crate) fn is_static(path: &Path, limits: &Limits) -> bool {
    let Ok(data) = document::read(path, limits.bound(&libraries::PROGRAM), Links::Follow) else {
        return false;
    };
    matches!(linkage(&data), Some(Ok(linkage)) if linkage.interpreter.is_none())
}

/// Adds the folders and the small files that programs expect in any system.
fn furnish(rootfs: &mut Rootfs) {
    const FOLDERS: &[&str] = &[
        "/bin",
        "/dev",
        "/etc",
        "/home",
        "/mnt",
        "/opt",
        "/proc",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/usr/bin",
        "/usr/lib",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/local/sbin",
        "/usr/sbin",
        "/usr/share",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/spool",
    ];
    for folder in FOLDERS {
        rootfs.directory(folder, 0o755);
    }
    rootfs.directory("/root", 0o700);
    rootfs.directory("/tmp", 0o1777);
    rootfs.directory("/var/tmp", 0o1777);
    rootfs.file(
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         daemon:x:1:1:daemon:/usr/sbin:/bin/false\n\
         bin:x:2:2:bin:/bin:/bin/false\n\
         sys:x:3:3:sys:/dev:/bin/false\n\
         mail:x:8:8:mail:/var/spool/mail:/bin/false\n\
         www-data:x:33:33:www-data:/var/www:/bin/false\n\
         nobody:x:65534:65534:nobody:/home:/bin/false\n",
    );
    rootfs.file(
        "/etc/group",
        "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nadm:x:4:\ntty:x:5:\nmail:x:8:\nwww-data:x:33:\nusers:x:100:\n\
         nogroup:x:65534:\n",
    );
    rootfs.file("/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    rootfs
        .file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n");
    rootfs.file("/etc/os-release", "ID=layerlab\nNAME=\"Layerlab\"\nPRETTY_NAME=\"Layerlab base image\"\n");
    rootfs.file("/etc/profile", &format!("export PATH={}\nexport PS1='\\w \\$ '\n", programs::PATH));
}
