//! The operations behind an [`Allowance`](super::allowance::Allowance): each changes something of the kernel's for this container alone.
//!
//! They are apart from the others because a container without options has none of them. Each says here what it does and why.

use std::fmt;
use std::path::PathBuf;

use super::filter::{Answer, Profile};
use super::limits::{Bound, Limit};
use super::resources::GroupSetting;

/// A setting of the kernel's, changed for the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tuning {
    /// Limit what a control group may use.
    Group { group: PathBuf, setting: GroupSetting },
    /// Set the NIS domain name.
    Domain { name: String },
    /// Write to a file below the container's /proc/sys.
    Setting { path: String, value: String },
    /// Make a further mount of one of the machine's device nodes, attached nowhere yet.
    Device { source: PathBuf, target: String },
    /// Set resource limits.
    Resources { limits: Vec<Limit> },
    /// Install a system call filter of a file.
    Filter { profile: Profile },
}

impl Tuning {
    /// One sentence: what it is for.
    pub(super) fn why(&self) -> &'static str {
        match self {
            Tuning::Group { .. } => "asked for; before the container's first process is in the group",
            Tuning::Domain { .. } => "asked for; the name belongs to the namespace, not to the machine",
            Tuning::Setting { .. } => {
                "asked for; it is one of those that each namespace has for itself, and comes before they are made read-only"
            }
            Tuning::Device { .. } => {
                "asked for; the mount is read-only, so the node takes data, but its mode and owner stay as they are"
            }
            Tuning::Resources { .. } => "asked for; while there may still be the right to raise one",
            Tuning::Filter { .. } => {
                "asked for, in the place of Docker's; as late as can be, as it holds for what is still to be done here, too"
            }
        }
    }

    /// Its row in the picture of a container, and what it adds to that.
    pub(super) fn row(&self) -> (&'static str, String) {
        match self {
            Tuning::Group { setting, .. } => ("control group", format!("{} {}", setting.option, setting.first().1)),
            Tuning::Domain { name } => ("domain name", name.clone()),
            Tuning::Setting { path, value } => ("settings", format!("{path} = {value}")),
            Tuning::Device { source, .. } => ("/dev", format!("{} of this machine", source.display())),
            Tuning::Resources { limits } => {
                let shown = |limit: &Limit| format!("{} {}", limit.name.trim_start_matches("Max "), Bound(limit.soft));
                ("limits", limits.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            Tuning::Filter { profile } => ("system calls", format!("those of a file: {}", words(profile))),
        }
    }
}

/// `34 rules, and for all others errno 1`.
fn words(profile: &Profile) -> String {
    let default = match profile.default {
        Answer::Allow => "they are allowed".to_owned(),
        Answer::Log => "they are logged".to_owned(),
        Answer::Errno(errno) => format!("errno {errno}"),
        Answer::Trap => "SIGSYS".to_owned(),
        Answer::Trace(_) => "the tracer decides".to_owned(),
        Answer::KillThread => "the thread is killed".to_owned(),
        Answer::KillProcess => "the process is killed".to_owned(),
    };
    let rules = if profile.rules.len() == 1 { "rule" } else { "rules" };
    format!("{} {rules}, and for all other calls {default}", profile.rules.len())
}

impl fmt::Display for Tuning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tuning::Group { group, setting } => {
                let (file, value) = setting.first();
                write!(formatter, "write {value} to {}", group.join(file).display())
            }
            Tuning::Domain { name } => write!(formatter, "setdomainname {name}"),
            Tuning::Setting { path, value } => write!(formatter, "write {value} to {path}"),
            Tuning::Filter { profile } => {
                write!(formatter, "install the system call filter of a file: {}", words(profile))
            }
            Tuning::Device { source, target } => write!(formatter, "clone {} for {target}", source.display()),
            Tuning::Resources { limits } => {
                write!(formatter, "set")?;
                for (index, limit) in limits.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    let name = limit.name.trim_start_matches("Max ");
                    write!(formatter, "{comma} {name} to {}:{}", Bound(limit.soft), Bound(limit.hard))?;
                }
                Ok(())
            }
        }
    }
}
