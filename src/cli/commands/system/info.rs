//! `layerlab info`: what there is in the home, and what kind of machine this is.

use std::collections::HashSet;
use std::fs;

use clap::Args;
use serde_json::json;

use super::version::show;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::oci::Platform;
use crate::runtime::{self, Status};
use crate::view::units;
use crate::world::World;

/// Show what there is, and what this machine allows.
///
/// Example: `docker info --format '{{.ContainersRunning}}'`
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The form: `json`, or a Go template such as '{{.Images}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Info {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let (containers, _) = runtime::list(world)?;
        let count = |fits: fn(&Status) -> bool| containers.iter().filter(|stored| fits(&stored.status)).count();
        let running = count(|status| matches!(status, Status::Running(_)));
        let paused = count(|status| matches!(status, Status::Paused(_)));
        let stopped = containers.len() - running - paused;
        let images: HashSet<_> = world.store.images()?.into_iter().map(|image| image.manifest.digest).collect();
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let kernel = line("/proc/sys/kernel/osrelease");
        let name = line("/proc/sys/kernel/hostname");
        let system = fs::read_to_string("/etc/os-release").ok().and_then(|text| {
            text.lines().find_map(|line| Some(line.strip_prefix("PRETTY_NAME=")?.trim_matches('"').to_owned()))
        });
        let memory = memory();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let cgroups = if fs::metadata("/sys/fs/cgroup/cgroup.controllers").is_ok() { "2" } else { "1" };
        let version = env!("CARGO_PKG_VERSION");
        let root = world.home().root();
        let document = json!({
            "Containers": containers.len(),
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": stopped,
            "Images": images.len(),
            "Driver": "overlay",
            "LoggingDriver": "json-file",
            "CgroupVersion": cgroups,
            "KernelVersion": kernel,
            "OperatingSystem": system.clone().unwrap_or_default(),
            "OSType": "linux",
            "Architecture": std::env::consts::ARCH,
            "NCPU": processors,
            "MemTotal": memory,
            "DockerRootDir": root,
            "Name": name,
            "ServerVersion": version,
            "SecurityOptions": ["name=seccomp,profile=builtin"],
            "Swarm": { "LocalNodeState": "inactive" },
        });
        let text = format!(
            "Client: Layerlab\n Version: {version}\n\nServer: none; what this program finds\n Containers: {}\n  Running: {running}\n  \
             Paused: {paused}\n  Stopped: {stopped}\n Images: {}\n Storage Driver: overlay\n Logging Driver: json-file\n Cgroup Version: {cgroups}\n \
             Swarm: inactive\n Security Options:\n  seccomp\n   Profile: builtin\n Kernel Version: {kernel}\n Operating System: {}\n \
             OSType: linux\n Architecture: {}\n CPUs: {processors}\n Total Memory: {}\n Name: {name}\n Docker Root Dir: {}\n",
            containers.len(),
            images.len(),
            system.unwrap_or_else(|| Platform::host().os),
            std::env::consts::ARCH,
            units::memory(memory),
            root.display(),
        );
        show(ui, self.format.as_deref(), &document, &text)
    }
}

/// The machine's memory in bytes; 0 where it is not known.
fn memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}
