//! Where each mount of a container comes from, see proc_pid_mountinfo(5).
//!
//! The kernel says what is mounted where. Why it is there is known from the record, for what was asked for, and from the place for what every
//! container gets.

use std::path::PathBuf;

use serde::Serialize;

use super::kernel::Reader;
use crate::container::Access;
use crate::runtime::record::Record;
use crate::runtime::volume::Volume;
use crate::store::Home;

/// A mount.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mounted {
    pub(super) target: String,
    /// The file system, as the kernel calls it.
    pub(super) kind: String,
    /// `rw`, `ro`.
    pub(super) access: String,
    pub(super) origin: Origin,
    /// What it shows, where that has a name.
    pub(super) source: String,
}

/// Where a mount comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The layers of the image, and the container's changes.
    Layers,
    Volume,
    Bind,
    Tmpfs,
    /// Every container has one.
    Usual,
    /// A device node.
    Device,
    /// A file of /etc that is made for it.
    Etc,
    /// A hierarchy of control groups.
    Groups,
    /// It comes along with one of the machine that was asked for.
    Along,
    /// It makes something read-only.
    Protection,
    /// It hides something.
    Mask,
    /// Nobody knows.
    Unknown,
}

impl Mounted {
    /// One that was asked for.
    pub(super) fn of_volume(volume: &Volume, home: &Home) -> Mounted {
        let (kind, path) = volume.described(home);
        let origin = match kind {
            "bind" => Origin::Bind,
            "volume" => Origin::Volume,
            _ => Origin::Tmpfs,
        };
        Mounted {
            target: volume.target.clone(),
            kind: kind.to_owned(),
            access: if volume.access == Access::ReadOnly { "ro" } else { "rw" }.to_owned(),
            origin,
            source: volume.name().map_or_else(|| path.display().to_string(), str::to_owned),
        }
    }
}

/// What is mounted in a container, in the order of the kernel.
pub(super) fn mounts(reader: &mut Reader, record: &Record, home: &Home) -> Vec<Mounted> {
    let text = reader.text("mountinfo");
    text.lines().filter_map(|line| mount(line, record, home)).collect()
}

fn mount(line: &str, record: &Record, home: &Home) -> Option<Mounted> {
    let (left, right) = line.split_once(" - ")?;
    let left: Vec<&str> = left.split(' ').collect();
    let (root, target, options) = (*left.get(3)?, unescaped(left.get(4)?), *left.get(5)?);
    let mut right = right.splitn(3, ' ');
    let (kind, _, details) = (right.next()?, right.next()?, right.next().unwrap_or_default());
    let access = options.split(',').next().unwrap_or_default().to_owned();
    if let Some(volume) = record.volumes.iter().find(|volume| volume.target == target) {
        let asked = Mounted::of_volume(volume, home);
        return Some(Mounted { kind: kind.to_owned(), access, ..asked });
    }
    let (origin, source) = match (target.as_str(), kind) {
        ("/", "overlay") => (Origin::Layers, overlay(details)),
        ("/", _) => (Origin::Layers, unescaped(root)),
        ("/proc", "proc") => (Origin::Usual, "a new one: it shows the container's processes only".to_owned()),
        ("/sys", "sysfs") => (Origin::Usual, "the kernel's, as its network namespace sees it".to_owned()),
        ("/dev", "tmpfs") => (Origin::Usual, "a new tmpfs".to_owned()),
        ("/dev/pts" | "/dev/shm" | "/dev/mqueue", _) => (Origin::Usual, format!("a new {kind}")),
        ("/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf", _) => (Origin::Etc, unescaped(root)),
        (target, "proc" | "sysfs") if is_below_kernels(target) => (Origin::Protection, String::new()),
        ("/sys/fs/cgroup", _) => (Origin::Usual, format!("a new {kind}")),
        (target, _) if target.starts_with("/sys/fs/cgroup/") => (Origin::Groups, String::new()),
        (target, _) if is_below_kernels(target) => (Origin::Mask, String::new()),
        (target, _) if is_along(target, record) => (Origin::Along, format!("{kind} {}", unescaped(root))),
        (target, _) if target.starts_with("/dev/") => (Origin::Device, String::new()),
        (..) => (Origin::Unknown, format!("{kind} {}", unescaped(root))),
    };
    Some(Mounted { target, kind: kind.to_owned(), access, origin, source })
}

/// Whether something was mounted there already below a folder that was asked for.
fn is_along(target: &str, record: &Record) -> bool {
    let below = |volume: &Volume| target.strip_prefix(&volume.target).is_some_and(|rest| rest.starts_with('/'));
    record.volumes.iter().any(below)
}

fn is_below_kernels(target: &str) -> bool {
    target.starts_with("/proc/") || target.starts_with("/sys/")
}

/// How many directories an overlay shows as one, and which of them takes the changes.
fn overlay(details: &str) -> String {
    let options: Vec<&str> = details.split(',').collect();
    let all = |name: &str| options.iter().filter_map(|option| option.strip_prefix(name)).collect::<Vec<_>>();
    // Newer kernels list each with a `+`.
    let lower = match all("lowerdir+=") {
        each if each.is_empty() => all("lowerdir=").iter().map(|list| list.split(':').count()).sum(),
        each => each.len(),
    };
    let upper = all("upperdir=").first().map(|path| PathBuf::from(unescaped(path)));
    let layers = if lower == 1 { "layer" } else { "layers" };
    let changes = upper.map(|upper| format!("; changes go to {}", upper.display())).unwrap_or_default();
    format!("an overlay of {lower} {layers}{changes}")
}

/// A path as it was before the kernel wrote a space as `\040`.
fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{overlay, unescaped};

    #[test]
    fn what_the_kernel_writes() {
        assert_eq!(unescaped(r"/a\040b\134c\"), r"/a b\c\");
        assert_eq!(overlay("ro,lowerdir=/a:/b,upperdir=/up"), "an overlay of 2 layers; changes go to /up");
        assert_eq!(overlay("rw,lowerdir+=/a,upperdir=/up"), "an overlay of 1 layer; changes go to /up");
    }
}
