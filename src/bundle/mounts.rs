//! The mounts of a `config.json`: what the options of each mean.

use std::path::Path;

use super::config::Mount;
use super::error::Error;
use crate::container::{Flags, Prescription, Recursion, What};

/// Understands all of them.
///
/// # Errors
/// One is wrong, or not supported.
pub(super) fn mounts(mounts: &[Mount], bundle: &Path) -> Result<Vec<Prescription>, Error> {
    let list: Vec<Prescription> =
        mounts.iter().enumerate().map(|(index, mount)| one(index, mount, bundle)).collect::<Result<_, _>>()?;
    for wanted in ["/proc", "/dev"] {
        if !list.iter().any(|mount| mount.target == wanted) {
            return Err(Error::unsupported(
                "mounts",
                format!("nothing is mounted on `{wanted}`"),
                "a container without it is not made: `runc spec` writes a document that has it",
            ));
        }
    }
    Ok(list)
}

fn one(index: usize, mount: &Mount, bundle: &Path) -> Result<Prescription, Error> {
    let place = |field: &str| format!("mounts[{index}].{field}");
    let target = clean(&mount.destination)
        .filter(|target| target != "/")
        .ok_or_else(|| Error::wrong(place("destination"), format!("`{}` is not a place", mount.destination)))?;
    let is_option = |name: &str| mount.options.iter().any(|option| option == name);
    let is_bind = mount.kind == "bind" || is_option("bind") || is_option("rbind");
    let mut options = Options { flags: Flags::none(), devices: false, others: Vec::new() };
    for option in &mount.options {
        options.read(option, &place("options"))?;
    }
    let what = match mount.kind.as_str() {
        _ if is_bind => {
            let source = bundle.join(&mount.source);
            options.refuse_others(&place("options"))?;
            let recursion = if is_option("rbind") { Recursion::Tree } else { Recursion::One };
            match is_device(&source) {
                true => {
                    options.devices = true;
                    What::Device { source }
                }
                false => What::Bind { source, recursion },
            }
        }
        "cgroup" | "cgroup2" => {
            options.refuse_others(&place("options"))?;
            What::Groups
        }
        kind => {
            let known = ["proc", "sysfs", "tmpfs", "devpts", "mqueue"].into_iter().find(|known| *known == kind);
            let kind = known.ok_or_else(|| {
                Error::unsupported(
                    place("type"),
                    format!("a file system of type `{kind}` is not mounted"),
                    "bind, proc, sysfs, tmpfs, devpts, mqueue and cgroup are",
                )
            })?;
            // Its nodes are the terminals.
            options.devices |= kind == "devpts";
            let source = if mount.source.is_empty() { kind.to_owned() } else { mount.source.clone() };
            What::New { kind, source, options: options.others.join(",") }
        }
    };
    let flags = if options.devices { options.flags } else { options.flags.and_no_devices() };
    Ok(Prescription { target, flags, what })
}

/// What the options of one mount come to.
struct Options {
    flags: Flags,
    /// Whether device nodes are to have an effect.
    devices: bool,
    /// Those of the file system itself.
    others: Vec<String>,
}

impl Options {
    fn read(&mut self, option: &str, place: &str) -> Result<(), Error> {
        if let Some(flags) = self.flags.with_option(option) {
            self.flags = flags;
            self.devices |= option == "dev";
            return Ok(());
        }
        match option {
            "bind" | "rbind" | "private" | "rprivate" | "async" | "nofail" | "silent" => Ok(()),
            "slave" | "rslave" | "shared" | "rshared" | "unbindable" | "runbindable" => Err(Error::unsupported(
                place,
                format!("`{option}` is not done"),
                "what is mounted outside later does not appear inside, nor the other way: only `rprivate` is done",
            )),
            "tmpcopyup" | "copy-symlink" | "idmap" | "ridmap" | "rro" | "rnosuid" | "rnodev" | "rnoexec"
            | "remount" | "mand" | "sync" | "dirsync" | "iversion" | "lazytime" => {
                Err(Error::unsupported(place, format!("`{option}` is not done"), "have the manager leave it out"))
            }
            other => {
                self.others.push(other.to_owned());
                Ok(())
            }
        }
    }

    fn refuse_others(&self, place: &str) -> Result<(), Error> {
        match self.others.first() {
            Some(other) => Err(Error::wrong(place, format!("`{other}` is not an option of such a mount"))),
            None => Ok(()),
        }
    }
}

fn is_device(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_char_device() || found.file_type().is_block_device())
}

/// An absolute path without `.`, `..` and double slashes, by its letters; `None` for another one. A relative one begins at the root.
pub(super) fn clean(path: &str) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            _ if name.contains('\0') => return None,
            _ => names.push(name),
        }
    }
    Some(format!("/{}", names.join("/")))
}
