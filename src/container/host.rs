//! What this machine allows, found by trying.
//!
//! Whether overlayfs works depends on the kernel's version, on its configuration, on security modules and on the
//! file system below; asking each would be guessing. So the kernel is made to make one tiny overlay where the containers will
//! be, and the answer is kept for as long as the program runs.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::unistd::{Gid, Uid};
use serde::{Deserialize, Serialize};

use super::error::{Error, Failure};
use super::hierarchies::{ControlGroups, mountinfo};
use super::identity::Identity;
use super::mount;
use super::operation::{Overlay, OverlayInterface};
use super::sandbox::Sandbox;

/// Facts about the machine that a plan depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Our own user id.
    pub uid: u32,
    /// Our own group id.
    pub gid: u32,
    /// Whether and how overlayfs can be mounted.
    pub overlay: OverlaySupport,
    /// How the machine mounts its control groups, and in which we may make others.
    pub cgroups: ControlGroups,
    /// The text of the machine's `/etc/resolv.conf`.
    pub resolver: String,
    /// Where the processors tell of their heat, which Docker hides: one directory a processor.
    pub thermal: Vec<String>,
    /// What the machine has mounted below its /sys.
    pub below_sys: Vec<String>,
    /// Our own place before the out-of-memory killer, see proc_pid_oom_score_adj(5).
    pub oom_score: i32,
    /// The number of the last capability that the kernel knows.
    pub last_capability: u8,
}

/// Which way of mounting an overlay may be used, as far as somebody asks for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OverlayWish {
    /// Whatever works.
    #[default]
    Any,
    /// The older interface, mount(2).
    Options,
    /// None: files are copied.
    Off,
}

impl OverlayWish {
    /// What the value of `LAYERLAB_OVERLAY` asks for.
    pub(crate) fn named(name: &str) -> OverlayWish {
        match name {
            "off" => OverlayWish::Off,
            "mount" => OverlayWish::Options,
            _ => OverlayWish::Any,
        }
    }
}

/// Whether and how overlayfs can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OverlaySupport {
    /// By fsconfig(2), a layer a call (Linux 6.5).
    Fsconfig,
    /// By mount(2).
    Options,
    /// Not at all, for this reason.
    Refused(String),
}

impl Host {
    /// Tries what works here for `identity`, using `scratch`, the directory in which a container's set-up will have its files.
    ///
    /// What it makes there are directories that the set-up has as well. `overlay` may force the copying fallback,
    /// or the older interface.
    ///
    /// # Errors
    /// `scratch` can't be written, or no user namespace can be made.
    pub fn detect(identity: &Identity, scratch: &Path, overlay: OverlayWish) -> Result<Host, Error> {
        let overlay = match overlay {
            OverlayWish::Off => OverlaySupport::Refused("`LAYERLAB_OVERLAY` is `off`".to_owned()),
            OverlayWish::Options | OverlayWish::Any => {
                overlay_support(identity, scratch, overlay == OverlayWish::Options)?
            }
        };
        let mounts = mountinfo()?;
        Ok(Host {
            uid: Uid::effective().as_raw(),
            gid: Gid::effective().as_raw(),
            overlay,
            cgroups: ControlGroups::of(&mounts),
            resolver: std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
            thermal: THERMAL.get_or_init(thermal_directories).clone(),
            below_sys: mounted_below_sys(&mounts),
            oom_score: number_in("/proc/self/oom_score_adj")?,
            last_capability: last_capability()?,
        })
    }
}

/// The processors do not change while we run.
static THERMAL: OnceLock<Vec<String>> = OnceLock::new();

/// What an answer about overlayfs holds for: a file system (by its device number), an identity, and which interfaces were tried.
#[derive(PartialEq)]
struct Question {
    device: u64,
    in_user_namespace: bool,
    only_options: bool,
}

/// As [`try_overlay`], but tries only once in the life of this process.
fn overlay_support(identity: &Identity, scratch: &Path, only_options: bool) -> Result<OverlaySupport, Error> {
    static ANSWERS: Mutex<Vec<(Question, OverlaySupport)>> = Mutex::new(Vec::new());
    // A list that a panic left behind is still whole: entries are only ever added.
    let answers = || ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    let question = Question {
        device: std::fs::metadata(scratch).map_err(Error::io("stat", scratch))?.dev(),
        in_user_namespace: identity.in_user_namespace(),
        only_options,
    };
    if let Some((_, known)) = answers().iter().find(|(other, _)| *other == question) {
        return Ok(known.clone());
    }
    // Not under the lock: trying takes long.
    let support = try_overlay(identity, scratch, only_options)?;
    answers().push((question, support.clone()));
    Ok(support)
}

/// Tries each interface in turn.
fn try_overlay(identity: &Identity, scratch: &Path, only_options: bool) -> Result<OverlaySupport, Error> {
    if !only_options && has_fsconfig(identity, scratch)? {
        return Ok(OverlaySupport::Fsconfig);
    }
    try_options(identity, scratch)
}

/// Has an overlay made of the directories that a container's has, too, and not mounted: a mount in a process and in directories of its own
/// takes 4 ms of a `run` on ext4.
fn has_fsconfig(identity: &Identity, scratch: &Path) -> Result<bool, Error> {
    let [root, upper, work] = [Sandbox::MOUNT_POINT, "upper", Sandbox::OVERLAY_WORK].map(|name| scratch.join(name));
    for path in [&root, &upper, &work] {
        std::fs::create_dir_all(path).map_err(Error::io("create", path))?;
    }
    let options = if identity.in_user_namespace() { vec!["userxattr"] } else { Vec::new() };
    let lower = vec![root.clone()];
    let overlay = Overlay { lower, upper, work, root, options, interface: OverlayInterface::Fsconfig };
    let made = if identity.in_user_namespace() {
        // The right to make one goes with a mount namespace of the user namespace.
        identity.in_process(|| mount::unshare_mounts().and_then(|()| mount::try_overlay(&overlay)))?
    } else {
        mount::try_overlay(&overlay)
    };
    Ok(made.is_ok())
}

/// Mounts an overlay over two empty directories by mount(2), in a process of its own.
fn try_options(identity: &Identity, scratch: &Path) -> Result<OverlaySupport, Error> {
    let place = scratch.join(format!(".overlay-probe-{}", next_number()));
    for name in ["lower", "upper", "work", "root"] {
        let path = place.join(name);
        std::fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
    }
    let overlay = Overlay {
        lower: vec![place.join("lower")],
        upper: place.join("upper"),
        work: place.join("work"),
        root: place.join("root"),
        // `volatile`, or unmounting it would flush the whole file system to the disk.
        options: if identity.in_user_namespace() { vec!["userxattr", "volatile"] } else { vec!["volatile"] },
        interface: OverlayInterface::Options,
    };
    // In a process of its own even as root: the mount namespace it enters must not become ours.
    let mounted = identity.in_process(|| -> Result<(), Failure> {
        mount::unshare_mounts()?;
        mount::overlay(&overlay)
    });
    let removed = identity.remove_dir_all(&place);
    let support = match mounted? {
        Ok(()) => OverlaySupport::Options,
        Err(failure) => OverlaySupport::Refused(failure.to_string()),
    };
    removed?;
    Ok(support)
}

/// The number of the last capability that the kernel knows.
pub(super) fn last_capability() -> Result<u8, Error> {
    number_in("/proc/sys/kernel/cap_last_cap")
}

/// The number that a file of /proc consists of.
pub(super) fn number_in<N: std::str::FromStr>(path: &'static str) -> Result<N, Error> {
    let path = Path::new(path);
    let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
    let odd = || std::io::Error::new(std::io::ErrorKind::InvalidData, "not a number");
    text.trim().parse().map_err(|_| Error::io("read", path)(odd()))
}

/// The mount points below /sys in the text of a mountinfo file, each once.
fn mounted_below_sys(mountinfo: &str) -> Vec<String> {
    let mut found: Vec<String> = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        // A space in a name is written as `\\040`: nobody mounts such a thing there.
        .filter(|target| target.starts_with("/sys/") && !target.contains('\\'))
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

fn thermal_directories() -> Vec<String> {
    let processors = Path::new("/sys/devices/system/cpu");
    let Ok(entries) = std::fs::read_dir(processors) else {
        return Vec::new();
    };
    // Beside the processors' directories there are a dozen others.
    let is_processor =
        |name: &str| name.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let mut found: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_processor(name))
        .filter_map(|name| processors.join(name).join("thermal_throttle").to_str().map(str::to_owned))
        .filter(|path| Path::new(path).is_dir())
        .collect();
    found.sort();
    found
}

/// A number that no other call in this process or another live one gets.
fn next_number() -> String {
    static CALLS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    format!("{}-{}", std::process::id(), CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}
