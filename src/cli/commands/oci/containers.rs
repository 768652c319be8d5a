//! `layerlab oci start`, `state`, `kill`, `delete`, `pause`, `resume`, `update`, `ps`, `list`, `features`: what is asked of a container that is there.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::log::Log;
use super::running::failure;
use crate::bundle::engine::{self, Force, Whom};
use crate::bundle::error::Error;
use crate::bundle::state::{Containers, Status};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::oci;

/// One container.
#[derive(Debug, Args)]
pub(super) struct One {
    /// What the container is called
    id: String,
}

impl One {
    pub(super) fn start(&self, containers: &Containers, log: &Log<'_>) -> Result<(), Failure> {
        log.warn(&engine::start(containers, &self.id).map_err(failure)?);
        Ok(())
    }

    pub(super) fn state(&self, containers: &Containers, ui: &Ui) -> Result<(), Failure> {
        Ok(writeln!(ui.plain(), "{}", engine::state(containers, &self.id)?)?)
    }

    pub(super) fn pause(&self, containers: &Containers) -> Result<(), Failure> {
        Ok(engine::pause(containers, &self.id, Status::Paused)?)
    }

    pub(super) fn resume(&self, containers: &Containers) -> Result<(), Failure> {
        Ok(engine::pause(containers, &self.id, Status::Running)?)
    }
}

/// Send a signal to a container.
#[derive(Debug, Args)]
pub(super) struct Kill {
    /// To every process of it
    #[arg(short, long)]
    all: bool,
    /// What the container is called
    id: String,
    /// Its number or name
    #[arg(default_value = "SIGTERM")]
    signal: String,
}

impl Kill {
    pub(super) fn run(&self, containers: &Containers) -> Result<(), Failure> {
        let number = oci::signal::signal_number(&self.signal).ok_or_else(|| Error::Signal(self.signal.clone()))?;
        let whom = if self.all { Whom::All } else { Whom::First };
        Ok(engine::kill(containers, &self.id, number, whom)?)
    }
}

/// Remove a container that has stopped.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// End it first if it runs, and do not complain if there is none
    #[arg(short, long)]
    force: bool,
    /// What the container is called
    id: String,
}

impl Delete {
    pub(super) fn run(&self, containers: &Containers, log: &Log<'_>) -> Result<(), Failure> {
        let force = if self.force { Force::Yes } else { Force::No };
        log.warn(&engine::delete(containers, &self.id, force)?);
        Ok(())
    }
}

/// Change the limits of a container.
#[derive(Debug, Args)]
pub(super) struct Update {
    /// A document like `linux.resources` of config.json; `-` for standard input
    #[arg(short, long, value_name = "FILE")]
    resources: PathBuf,
    /// What the container is called
    id: String,
}

impl Update {
    pub(super) fn run(&self, containers: &Containers) -> Result<(), Failure> {
        Ok(engine::update(containers, &self.id, &self.resources)?)
    }
}

/// List the processes of a container.
#[derive(Debug, Args)]
pub(super) struct Processes {
    /// The form: json, or a number a line
    #[arg(short, long, value_name = "FORM", default_value = "table")]
    format: String,
    /// What the container is called
    id: String,
}

impl Processes {
    pub(super) fn run(&self, containers: &Containers, ui: &Ui) -> Result<(), Failure> {
        let numbers = engine::processes(containers, &self.id)?;
        match self.format.as_str() {
            "json" => writeln!(ui.plain(), "{}", serde_json::json!(numbers))?,
            _ => numbers.iter().try_for_each(|number| writeln!(ui.plain(), "{number}"))?,
        }
        Ok(())
    }
}

/// List containers.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only the ids
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub(super) fn run(&self, containers: &Containers, ui: &Ui) -> Result<(), Failure> {
        let mut out = ui.plain();
        for id in containers.ids()? {
            match containers.look(&id) {
                Ok(_) if self.quiet => writeln!(out, "{id}")?,
                Ok(found) => writeln!(out, "{id}\t{}\t{}", found.status().name(), found.record.bundle.display())?,
                // It has gone meanwhile, or is not there yet.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Shows what of the specification is done: features.md.
pub(super) fn features(ui: &Ui) -> Result<(), Failure> {
    let document = serde_json::json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.2.0",
        "hooks": ["prestart", "createRuntime", "poststart", "poststop"],
        "mountOptions": [
            "bind", "rbind", "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "nosymfollow", "noatime", "relatime",
            "strictatime", "nodiratime", "private", "rprivate",
        ],
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "user", "uts"],
            "capabilities": crate::container::Capabilities::all().names().map(|name| format!("CAP_{name}")).collect::<Vec<_>>(),
            "cgroup": {"v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false},
            "seccomp": {
                "enabled": true,
                "actions": [
                    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
                    "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
                ],
                "operators": [
                    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE",
                ],
                "archs": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"],
            },
            "apparmor": {"enabled": false},
            "selinux": {"enabled": false},
        },
    });
    Ok(writeln!(ui.plain(), "{document:#}")?)
}
