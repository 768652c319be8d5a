//! What `run` and `create` are told of what a container may do and use.

use clap::Args;

use super::resources::{Shares, parse_bytes};
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::{Allowance, Capabilities, Hostname, Identity, Init, Paths, ResourceLimit, Rights};
use crate::diagnostic::Diagnostic;
use crate::runtime::allowance::{all_devices, parse_device, parse_limit, parse_setting};
use crate::runtime::network::Mode;
use crate::runtime::{self, Confinement};
use crate::world::World;

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct Limits {
    /// Add a capability, such as NET_ADMIN; ALL adds every one
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Drop a capability; ALL drops every one
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// Change the confinement: `no-new-privileges`, `seccomp=FILE`, `seccomp=unconfined`, `systempaths=unconfined`
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,
    /// Give every capability and device, and take no system call away
    #[arg(long)]
    privileged: bool,
    /// Give a device of this machine.
    #[arg(long, value_name = "DEVICE", help = "Give a device of this machine: SOURCE[:TARGET][:rwm]")]
    device: Vec<String>,
    /// Limit a resource of each process.
    #[arg(long, value_name = "LIMIT", help = "Limit a resource of each process: NAME=SOFT[:HARD]")]
    ulimit: Vec<String>,
    /// The size of /dev/shm
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<String>,
    /// Change a setting of the kernel for this container: NAME=VALUE
    #[arg(long, value_name = "SETTING")]
    sysctl: Vec<String>,
    /// How soon the kernel ends the container when memory runs out: -1000 to 1000
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1000..=1000))]
    oom_score_adj: Option<i32>,
    /// Add the user to a group of the image
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// The container's NIS domain name
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// Run a tiny program as process 1, which passes signals on and waits for what is left behind
    #[arg(long)]
    init: bool,
    #[command(flatten)]
    shares: Shares,
    /// The user namespace: `host` is the machine's
    #[arg(long, value_name = "MODE")]
    userns: Option<String>,
    /// The namespace of message queues and shared memory: `private`
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// The namespace of process ids: `private`
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// The namespace of the host name: `private`
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
    /// The namespace of control groups: `private`
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
    /// How containers are kept apart: `default`
    #[arg(long, value_name = "TECHNOLOGY")]
    isolation: Option<String>,
}

/// What they come to.
pub(super) struct Limited {
    pub(super) rights: Rights,
    pub(super) paths: Paths,
    pub(super) allowance: Allowance,
    pub(super) limits: Vec<ResourceLimit>,
    pub(super) groups: Vec<String>,
    pub(super) init: Init,
}

/// Capabilities that mean something only for what belongs to the whole machine.
const OF_THE_MACHINE: [&str; 17] = [
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_BOOT",
    "SYS_TIME",
    "SYS_PACCT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYSLOG",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "PERFMON",
    "BPF",
    "LINUX_IMMUTABLE",
];

impl Limits {
    /// Reads them. What an ordinary user can't have is told.
    ///
    /// # Errors
    /// One can't be understood, or not be had here.
    pub(super) fn limits(&self, world: &World, network: &Mode, ui: &Ui) -> Result<Limited, Failure> {
        self.check_namespaces(&world.identity)?;
        let confinement = Confinement {
            privileged: self.privileged,
            add: &self.cap_add,
            drop: &self.cap_drop,
            security: &self.security_opt,
        };
        let (rights, paths) = runtime::parse_rights(confinement, &|path, capabilities| {
            runtime::read_filter(world.home(), path, capabilities)
        })?;
        if world.identity.in_user_namespace() {
            self.say_what_is_without_effect(rights.capabilities, ui);
        }
        let mut allowance = Allowance::docker();
        for text in &self.device {
            allowance.devices.extend(parse_device(text)?);
        }
        if self.privileged && !world.identity.in_user_namespace() {
            let named: Vec<String> = allowance.devices.iter().map(|device| device.target.clone()).collect();
            allowance.devices.extend(all_devices().into_iter().filter(|device| !named.contains(&device.target)));
        }
        for text in &self.sysctl {
            allowance.settings.push(parse_setting(text, network)?);
        }
        if let Some(text) = &self.shm_size {
            allowance.shared_memory = parse_bytes("--shm-size", text)?;
        }
        allowance.domain = self.domainname.as_deref().map(Hostname::parse).transpose()?.map(|name| name.to_string());
        allowance.oom_score = self.oom_score_adj;
        allowance.resources = self.shares.resources()?;
        Ok(Limited {
            rights,
            paths,
            allowance,
            limits: self.ulimit.iter().map(|text| parse_limit(text, &world.identity)).collect::<Result<_, _>>()?,
            groups: self.group_add.clone(),
            init: if self.init { Init::Reaper } else { Init::None },
        })
    }

    /// Says which of the capabilities do nothing in a user namespace, where they were asked for.
    fn say_what_is_without_effect(&self, has: Capabilities, ui: &Ui) {
        if self.privileged {
            ui.note(
                "note: `--privileged` of an ordinary user gives no more than that user has: devices and settings of the \
                 machine stay out of reach",
            );
        } else if !self.cap_add.is_empty() {
            let before = Capabilities::docker();
            let names: Vec<&str> =
                has.names().filter(|name| !before.has(name) && OF_THE_MACHINE.contains(name)).collect();
            if !names.is_empty() {
                ui.note(&format!(
                    "note: {} of an ordinary user's container has no effect on the machine: only root can give that",
                    names.join(", ")
                ));
            }
        }
    }

    /// Refuses to share what is never shared, rather than to run without saying so.
    fn check_namespaces(&self, identity: &Identity) -> Result<(), Diagnostic> {
        let refused = |option: &str, mode: &str, why: &str| {
            Err(Diagnostic::error(format!("`{option}={mode}` is not possible")).hint(why))
        };
        let private = [
            (
                "--ipc",
                &self.ipc,
                "each container has message queues and shared memory of its own: share a folder with `-v`",
            ),
            ("--pid", &self.pid, "the guard of a container is process 1 of a namespace: see `layerlab run --explain`"),
            ("--uts", &self.uts, "each container has a host name of its own: `--hostname` sets it"),
            ("--cgroupns", &self.cgroupns, "each container sees its own control group as the root"),
        ];
        for (option, mode, why) in private {
            match mode.as_deref() {
                None | Some("" | "private") => {}
                // What it shares with others is asked for by them.
                Some("shareable") if option == "--ipc" => {}
                Some(mode) => return refused(option, mode, why),
            }
        }
        match self.userns.as_deref() {
            None | Some("") => {}
            Some("host") if *identity == Identity::Root => {}
            Some("host") => {
                return refused("--userns", "host", "an ordinary user is root of a container in a user namespace only");
            }
            Some(mode) => return refused("--userns", mode, "`host` is the only other one"),
        }
        match self.isolation.as_deref() {
            None | Some("" | "default") => Ok(()),
            Some(mode) => refused("--isolation", mode, "it chooses between two kinds of Windows containers"),
        }
    }
}
