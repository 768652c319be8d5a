//! From what was written to what can be had.

use std::collections::BTreeMap;

use super::mounted::{Copying, Missing, Source};
use super::spec::{Kind, Spec, TmpfsOptions, VolumeOptions};
use super::{kept, long, short};
use crate::container::{Access, Programs, Recursion};
use crate::runtime::Error;
use crate::size;

/// A mount that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(super) what: What,
    pub(super) target: String,
    pub(super) access: Access,
    pub(super) mode: String,
}

/// What is to be mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Given(Source),
    /// A volume that nobody has named.
    Anonymous {
        copying: Copying,
        labels: BTreeMap<String, String>,
    },
}

impl Wish {
    /// Reads everything that a command says about mounts: `-v`, `--mount`, `--tmpfs`. Relative paths are meant from `here` on.
    ///
    /// # Errors
    /// [`Error::Argument`] for a text that is none, for what can't be had, and for a place that is named twice.
    pub(crate) fn parse_all(
        volumes: &[String],
        mounts: &[String],
        tmpfs: &[String],
        here: &std::path::Path,
    ) -> Result<Vec<Wish>, Error> {
        let volumes = volumes.iter().map(|text| (text, short::parse(&short::absolute(text, here))));
        let mounts = mounts.iter().map(|text| {
            let spec = long::parse(text, here).and_then(|spec| match short::check(&spec) {
                Ok(()) => Ok(spec),
                Err(reason) => Err(not_had(text, &reason, "each type of mount has its own fields")),
            });
            (text, spec)
        });
        let tmpfs = tmpfs.iter().map(|text| (text, short::parse_tmpfs(text)));
        let mut wishes: Vec<Wish> = Vec::new();
        for (text, spec) in volumes.chain(mounts).chain(tmpfs) {
            let wish = Wish::of(text, spec?)?;
            if wishes.iter().any(|other| other.target == wish.target) {
                return Err(Error::argument(
                    format!("duplicate mount point: {}", wish.target),
                    "mount each volume at a different path",
                ));
            }
            wishes.push(wish);
        }
        Ok(wishes)
    }

    /// What the image's VOLUME asks for.
    pub(super) fn of_image(target: String) -> Wish {
        let what = What::Anonymous { copying: Copying::Yes, labels: BTreeMap::new() };
        Wish { what, target, access: Access::ReadWrite, mode: String::new() }
    }

    fn of(text: &str, spec: Spec) -> Result<Wish, Error> {
        let target = super::clean(&spec.target);
        let access = if spec.read_only { Access::ReadOnly } else { Access::ReadWrite };
        let mode = spec.mode.clone();
        let what = match &spec.kind {
            Kind::Bind => What::Given(of_machine(text, &spec)?),
            Kind::Volume => of_home(text, &spec)?,
            Kind::Tmpfs => What::Given(of_memory(text, &spec.tmpfs.unwrap_or_default())?),
            Kind::Other(kind) => {
                return Err(not_had(
                    text,
                    &format!("there are no mounts of type `{kind}`"),
                    "the types are `bind`, `volume` and `tmpfs`",
                ));
            }
        };
        Ok(Wish { what, target, access, mode })
    }
}

fn not_had(text: &str, reason: &str, hint: &'static str) -> Error {
    Error::argument(format!("can't mount `{text}`: {reason}"), hint)
}

fn of_machine(text: &str, spec: &Spec) -> Result<Source, Error> {
    let bind = spec.bind.clone().unwrap_or_default();
    if !["", "private", "rprivate"].contains(&bind.propagation.as_str()) {
        return Err(not_had(
            text,
            &format!("the propagation `{}` is not supported", bind.propagation),
            "a container does not see what is mounted later (`rprivate`): start it after the mounts are made",
        ));
    }
    if bind.read_only_non_recursive {
        return Err(not_had(
            text,
            "what is mounted below can't stay writable",
            "a read-only mount is read-only with everything below it",
        ));
    }
    Ok(Source::Path {
        path: spec.source.as_deref().unwrap_or_default().into(),
        settled: None,
        missing: if bind.create_source { Missing::Made } else { Missing::Refused },
        recursion: if bind.non_recursive { Recursion::One } else { Recursion::Tree },
    })
}

fn of_home(text: &str, spec: &Spec) -> Result<What, Error> {
    let VolumeOptions { no_copy, labels, subpath, driver } = spec.volume.clone().unwrap_or_default();
    let driver = driver.unwrap_or_default();
    if !["", "local"].contains(&driver.name.as_str()) || !driver.options.is_empty() {
        return Err(not_had(
            text,
            "volumes have no drivers and no options of drivers",
            "a volume is a folder in Layerlab's home",
        ));
    }
    if subpath.is_some() {
        return Err(not_had(text, "a folder within a volume can't be mounted by itself", "mount the whole volume"));
    }
    let copying = if no_copy { Copying::No } else { Copying::Yes };
    let Some(name) = &spec.source else { return Ok(What::Anonymous { copying, labels }) };
    kept::check_name(name)?;
    Ok(What::Given(Source::Named { name: name.clone(), copying, labels }))
}

/// An option of tmpfs(5) whose value is a number, with that as the kernel reads it; `None` for another value.
fn with_number(option: &str) -> Option<String> {
    let (name, value) = option.split_once('=')?;
    match name {
        "size" if value.ends_with('%') => {
            value.trim_end_matches('%').parse::<u32>().ok().map(|part| format!("size={part}%"))
        }
        "mode" => u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777).map(|_| option.to_owned()),
        "uid" | "gid" => value.parse::<u32>().ok().map(|_| option.to_owned()),
        _ => size::parse(value).map(|number| format!("{name}={number}")),
    }
}

/// Which options a file system in memory may have. What only the kernel knows to be wrong, it says.
fn of_memory(text: &str, wanted: &TmpfsOptions) -> Result<Source, Error> {
    let mut programs = Programs::Refused;
    let mut options: Vec<String> = Vec::new();
    for option in wanted.options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=').map_or(option, |(name, _)| name) {
            "exec" => programs = Programs::Executed,
            "noexec" => programs = Programs::Refused,
            "nosuid" | "nodev" | "rprivate" | "private" => {}
            "size" | "mode" | "uid" | "gid" | "nr_inodes" | "nr_blocks" => {
                let read = with_number(option).ok_or_else(|| {
                    let message = format!("`{option}` can't be understood");
                    not_had(text, &message, "a size is written 65536, 64k, 64m, 1g or 20%, a mode 1777, an owner 1000")
                });
                options.push(read?);
            }
            _ => {
                return Err(not_had(
                    text,
                    &format!("`{option}` is not an option of a file system in memory"),
                    "the options are size, mode, uid, gid, nr_inodes, nr_blocks, ro, rw, exec and noexec",
                ));
            }
        }
    }
    options.extend(wanted.size.map(|size| format!("size={size}")));
    options.extend(wanted.mode.map(|mode| format!("mode={mode:o}")));
    Ok(Source::Memory { options: options.join(","), programs })
}
