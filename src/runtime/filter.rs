//! A system call filter of a file, for `--security-opt seccomp=FILE`: the form that Docker and Podman have for it.
//!
//! ```text
//! { "defaultAction": …, "defaultErrnoRet": …, "archMap": [{ "architecture": …, "subArchitectures": […] }],
//!   "syscalls": [{ "names": […], "action": …, "errnoRet": …, "args": […],
//!                  "includes": { "caps": […], "arches": […], "minKernel": "4.8" }, "excludes": { … }, "comment": … }] }
//! ```
//!
//! It is the form of the [runtime specification](crate::bundle) with conditions: on this machine, and on the capabilities of the container.
//! They are decided here, once, when the container is made; what is left is kept in its record. Calls that no machine here has are left out.
//!
//! What would be ignored is an error with its place. Left out: actions that need somebody who is asked (`SCMP_ACT_NOTIFY`).

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::Error;
use crate::bundle::config::{Argument, Seccomp, Syscalls};
use crate::bundle::error::Error as Misunderstood;
use crate::bundle::{read, seccomp};
use crate::container::{Capabilities, Profile, known_calls};
use crate::diagnostic::Explained as _;
use crate::limits::Limit;
use crate::store::Home;

/// How large it may be. Docker's default has 20 KiB.
const LIMIT: Limit = Limit::bytes("system call filter", "LAYERLAB_MAX_FILTER", 512 << 10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    default_action: String,
    default_errno_ret: Option<u16>,
    /// The same as a name, for people.
    default_errno: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    arch_map: Vec<Machine>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    syscalls: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Machine {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    names: Vec<String>,
    /// The older way to name one.
    name: Option<String>,
    action: String,
    errno_ret: Option<u16>,
    /// The same as a name, for people.
    errno: Option<String>,
    args: Option<Vec<Argument>>,
    #[serde(rename = "comment")]
    _comment: Option<String>,
    #[serde(default)]
    includes: Condition,
    #[serde(default)]
    excludes: Condition,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Condition {
    #[serde(default)]
    caps: Vec<String>,
    #[serde(default)]
    arches: Vec<String>,
    min_kernel: Option<String>,
}

/// Reads a profile, for a container with these capabilities.
///
/// # Errors
/// It can't be read, or it has what can't be done, which is named by its place.
pub(crate) fn read(home: &Home, path: &Path, capabilities: Capabilities) -> Result<Profile, Error> {
    let document: Document = read::document(path, home.bound(&LIMIT)).map_err(|error| of_file(path, &error))?;
    let kernel = Kernel::of_this_machine();
    let profile = resolved(document, capabilities, &kernel).and_then(|seccomp| seccomp::profile(&seccomp));
    profile.map_err(|error| of_file(path, &error))
}

/// An error with the place in the file, in the words that Docker has where it can't be read.
fn of_file(path: &Path, error: &Misunderstood) -> Error {
    let file = path.display();
    let message = match error {
        Misunderstood::Document(error) => format!("opening seccomp profile ({file}) failed: {error}"),
        Misunderstood::Unsupported { place, message, .. } | Misunderstood::Wrong { place, message } => {
            format!("{file}: {}: {message}", place.trim_start_matches("linux.seccomp."))
        }
        other => other.to_string(),
    };
    Error::Filter { message, hint: error.hint() }
}

/// The profile as the runtime specification has it: what applies here.
fn resolved(document: Document, capabilities: Capabilities, kernel: &Kernel) -> Result<Seccomp, Misunderstood> {
    let is_said_twice = !document.architectures.is_empty() && !document.arch_map.is_empty();
    if is_said_twice {
        let message = "both `architectures` and `archMap` are specified in the seccomp profile, use either one";
        return Err(Misunderstood::wrong("archMap", message));
    }
    needs_number(document.default_errno.as_ref(), document.default_errno_ret, "defaultErrno")?;
    let known: BTreeSet<&str> = known_calls().collect();
    let mut syscalls = Vec::with_capacity(document.syscalls.len());
    for (index, entry) in document.syscalls.into_iter().enumerate() {
        let place = |field: &str| format!("syscalls[{index}].{field}");
        needs_number(entry.errno.as_ref(), entry.errno_ret, &place("errno"))?;
        let mut names = entry.names;
        match entry.name {
            Some(_) if !names.is_empty() => {
                let message = "both `name` and `names` are specified, use either one";
                return Err(Misunderstood::wrong(place("name"), message));
            }
            name => names.extend(name),
        }
        let applies = entry
            .includes
            .is_met(capabilities, kernel, Every::Of)
            .map_err(|why| why.at(&place("includes")))?
            && !entry.excludes.is_met(capabilities, kernel, Every::Any).map_err(|why| why.at(&place("excludes")))?;
        // One that does not apply keeps its place in the list, for messages, and says nothing.
        names.retain(|name| applies && known.contains(name.as_str()));
        let (action, errno_ret, args) = (entry.action, entry.errno_ret, entry.args.unwrap_or_default());
        syscalls.push(Syscalls { names, action, errno_ret, args });
    }
    let own = format!("SCMP_ARCH_{}", std::env::consts::ARCH.to_uppercase());
    let mapped = document.arch_map.into_iter().filter(|machine| machine.architecture == own);
    let mapped = mapped
        .flat_map(|machine| [machine.architecture].into_iter().chain(machine.sub_architectures.unwrap_or_default()));
    Ok(Seccomp {
        default_action: document.default_action,
        default_errno_ret: document.default_errno_ret,
        architectures: document.architectures.into_iter().chain(mapped).collect(),
        flags: document.flags,
        syscalls,
    })
}

/// A name beside the number that counts; a name alone would be ignored, as by Docker.
fn needs_number(name: Option<&String>, number: Option<u16>, place: &str) -> Result<(), Misunderstood> {
    match (name, number) {
        (Some(name), None) if !name.is_empty() => {
            Err(Misunderstood::unsupported(place, format!("`{name}` has no number beside it"), "add `errnoRet`"))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// How the parts of a condition belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Every {
    /// All of them, as in `includes`: what says nothing is met.
    Of,
    /// One of them, as in `excludes`: what says nothing is not met.
    Any,
}

/// A part of a condition that can't be understood.
struct Bad {
    field: &'static str,
    message: String,
}

impl Bad {
    fn at(self, place: &str) -> Misunderstood {
        Misunderstood::wrong(format!("{place}.{}", self.field), self.message)
    }
}

impl Condition {
    fn is_met(&self, capabilities: Capabilities, kernel: &Kernel, every: Every) -> Result<bool, Bad> {
        let mut parts = Vec::new();
        if !self.caps.is_empty() {
            let has = |name: &String| match Capabilities::none().with(name) {
                Some(_) => Ok(capabilities.has(name.trim_start_matches("CAP_"))),
                None => Err(Bad { field: "caps", message: format!("`{}` is not a capability", name.escape_debug()) }),
            };
            let has: Vec<bool> = self.caps.iter().map(has).collect::<Result<_, _>>()?;
            parts.push(if every == Every::Of { !has.contains(&false) } else { has.contains(&true) });
        }
        if !self.arches.is_empty() {
            // In Go's naming.
            let own = match std::env::consts::ARCH {
                "x86_64" => "amd64",
                "aarch64" => "arm64",
                other => other,
            };
            parts.push(self.arches.iter().any(|arch| arch == own));
        }
        if let Some(text) = &self.min_kernel {
            let least = Kernel::parse(text);
            let least = least.ok_or_else(|| Bad {
                field: "minKernel",
                message: format!("`{}` is not a version such as 4.8", text.escape_debug()),
            })?;
            parts.push(*kernel >= least);
        }
        Ok(if every == Every::Of { !parts.contains(&false) } else { parts.contains(&true) })
    }
}

/// A version of the kernel: `4.8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kernel(u64, u64);

impl Kernel {
    fn of_this_machine() -> Kernel {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let numbers = release.split(|one: char| !one.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
        let numbers: Vec<u64> = numbers.take(2).collect();
        Kernel(numbers.first().copied().unwrap_or(0), numbers.get(1).copied().unwrap_or(0))
    }

    fn parse(text: &str) -> Option<Kernel> {
        let (major, minor) = text.split_once('.')?;
        Some(Kernel(major.parse().ok()?, minor.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, capabilities: Capabilities) -> Result<Vec<String>, String> {
        let document: Document = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let seccomp = resolved(document, capabilities, &Kernel(5, 4)).map_err(|error| error.to_string())?;
        let profile = seccomp::profile(&seccomp).map_err(|error| error.to_string());
        profile.map(|_| seccomp.syscalls.into_iter().flat_map(|one| one.names).collect())
    }

    fn of_entry(entry: &str, capabilities: Capabilities) -> Result<Vec<String>, String> {
        names(&format!(r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{entry}]}}"#), capabilities)
    }

    #[test]
    fn conditions_are_decided() {
        let docker = Capabilities::docker();
        let entry = |condition: &str| {
            of_entry(&format!(r#"{{"names":["mount","no_such_call"],"action":"SCMP_ACT_ALLOW",{condition}}}"#), docker)
        };
        let is_in = |condition: &str| entry(condition).map(|names| names == ["mount"]);
        for (condition, expected) in [
            (r#""includes":{}"#, true),
            (r#""includes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]}"#, false),
            (r#""includes":{"caps":["CAP_CHOWN","CAP_KILL"]}"#, true),
            (r#""excludes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]}"#, false),
            (r#""excludes":{"caps":["CAP_SYS_ADMIN"]}"#, true),
            (r#""includes":{"minKernel":"5.4"}"#, true),
            (r#""includes":{"minKernel":"5.10"}"#, false),
            (r#""excludes":{"minKernel":"4.8"}"#, false),
            (r#""includes":{"arches":["mips"]}"#, false),
            (r#""includes":{"arches":["amd64","arm64","riscv64"]}"#, true),
            (r#""comment":"why","args":null"#, true),
        ] {
            assert_eq!(is_in(condition), Ok(expected), "{condition}");
        }
        assert_eq!(of_entry(r#"{"name":"read","action":"SCMP_ACT_ALLOW"}"#, docker), Ok(vec!["read".to_owned()]));
    }

    #[test]
    fn what_can_not_be_done_is_named_by_its_place() {
        let docker = Capabilities::docker();
        let refused = |entry: &str| of_entry(entry, docker).unwrap_err();
        for (entry, place) in [
            (r#"{"names":["read"],"action":"SCMP_ACT_NOTIFY"}"#, "syscalls[0].action: `SCMP_ACT_NOTIFY` is not done"),
            (r#"{"names":["read"],"action":"ALLOW"}"#, "syscalls[0].action: `ALLOW` is not an action"),
            (r#"{"names":["read"],"name":"write","action":"SCMP_ACT_ALLOW"}"#, "syscalls[0].name: both"),
            (r#"{"names":["read"],"action":"SCMP_ACT_ALLOW","errno":"EPERM"}"#, "syscalls[0].errno: `EPERM`"),
            (
                r#"{"names":["read"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["FLY"]}}"#,
                "syscalls[0].includes.caps: `FLY`",
            ),
            (
                r#"{"names":["read"],"action":"SCMP_ACT_ALLOW","excludes":{"minKernel":"new"}}"#,
                "syscalls[0].excludes.minKernel: `new`",
            ),
            (
                r#"{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":9,"value":0,"op":"SCMP_CMP_EQ"}]}"#,
                "syscalls[0].args: a call has six arguments",
            ),
        ] {
            let message = refused(entry);
            assert!(message.contains(place), "{message}");
        }
        let both = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}"#;
        assert!(names(both, docker).unwrap_err().contains("use either one"));
    }
}
