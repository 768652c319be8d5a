//! `layerlab container inspect`, and what `inspect` says of a container: its record and its status, in the form of Docker's answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use clap::Args;
use serde_json::{Map, Value, json};

use super::size::sizes;
use crate::cli::commands::network::inspect::mac;
use crate::cli::failure::Failure;
use crate::cli::format::show_documents;
use crate::cli::ui::Ui;
use crate::container::{Access, Init, Most, Paths, Terminal, Wire};
use crate::runtime::health::Health;
use crate::runtime::network::{self, Attachment, Mode};
use crate::runtime::record::Record;
use crate::runtime::{self, Bound, Input, Published, Status, Stored, Volume, WhenEnded};
use crate::store::Home;
use crate::world::World;

/// Show containers as JSON, or what a template makes of that.
#[derive(Debug, Args)]
pub(crate) struct InspectContainers {
    /// What is shown of each: `json`, or a Go template such as '{{.State.Status}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// Also show how much a container has written
    #[arg(short, long)]
    size: bool,
    /// The containers
    #[arg(required = true, value_name = "CONTAINER")]
    names: Vec<String>,
}

impl InspectContainers {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        show_documents(ui, self.format.as_deref(), &self.names, |name| known(world, name, self.size))
    }
}

/// A container by its name, as `inspect` shows it, with how much it has written where that is asked for.
pub(in crate::cli) fn known(world: &World, name: &str, with_size: bool) -> Result<Value, Failure> {
    let stored = runtime::find(world, name)?;
    let mut document = document(world, &stored)?;
    if with_size {
        let (written, all) = sizes(world, &stored)?;
        document["SizeRw"] = json!(written);
        document["SizeRootFs"] = json!(all);
    }
    Ok(document)
}

/// A container as `inspect` shows it.
fn document(world: &World, stored: &Stored) -> Result<Value, Failure> {
    let home = world.home();
    let record = &stored.record;
    let process = &record.process;
    let (entrypoint, command) = process.args.split_at(record.entrypoint.min(process.args.len()));
    let resources = &record.allowance.resources;
    // As Docker, 0 is no bound.
    let number = |limit: Option<Most>| limit.and_then(Most::number).unwrap_or(0);
    Ok(json!({
        "Id": record.id,
        "Created": record.created,
        "Path": process.args.first(),
        "Args": process.args.get(1..).unwrap_or_default(),
        "State": state(home, stored),
        "Image": record.image.id,
        "LogPath": runtime::log::path(&home.containers_dir().join(&record.id)),
        "Driver": "overlay",
        "Platform": "linux",
        "Name": format!("/{}", record.name),
        "RestartCount": restarts(&stored.status),
        "Mounts": record.volumes.iter().map(|volume| mount(volume, home)).collect::<Vec<_>>(),
        "Config": {
            "Hostname": record.hostname,
            "Domainname": record.allowance.domain.as_deref().unwrap_or_default(),
            "User": process.user,
            "Tty": process.terminal == Terminal::Yes,
            "OpenStdin": record.input != Input::Closed,
            "StdinOnce": record.input == Input::Once,
            "Env": environment(record),
            "Cmd": words(command),
            "Entrypoint": words(entrypoint),
            "Image": record.image.name,
            "Volumes": null,
            "WorkingDir": process.cwd,
            "Labels": record.labels,
            "ExposedPorts": record.exposed.iter().map(|port| (port.clone(), json!({}))).collect::<Map<_, _>>(),
            "StopSignal": record.stop_signal,
            "Healthcheck": record.care.health,
        },
        "HostConfig": {
            "NetworkMode": record.network.name(),
            "Binds": record.volumes.iter().filter_map(|volume| bind(volume, home)).collect::<Vec<_>>(),
            "PortBindings": bindings(&record.ports),
            "AutoRemove": record.when_ended == WhenEnded::Remove,
            "ReadonlyRootfs": record.root == Access::ReadOnly,
            "Privileged": record.paths == Paths::Open,
            "ShmSize": record.allowance.shared_memory,
            "OomScoreAdj": record.allowance.oom_score.unwrap_or(0),
            "Sysctls": record.allowance.settings.iter().map(|set| (set.name.clone(), json!(set.value))).collect::<Map<_, _>>(),
            "RestartPolicy": { "Name": record.care.restart.name(), "MaximumRetryCount": record.care.restart.most() },
            "LogConfig": { "Type": record.care.log.driver.name() },
            "Memory": number(resources.memory),
            "NanoCpus": number(resources.cpu_quota.filter(|_| resources.cpu_period.is_none_or(|period| period == 0))) * 10_000,
            "CpuShares": resources.cpu_shares.unwrap_or(0),
            "CpusetCpus": resources.cpus.as_deref().unwrap_or_default(),
            "PidsLimit": resources.processes.and_then(Most::number),
            "Init": process.init == Init::Reaper,
        },
        "NetworkSettings": networks(world, stored)?,
    }))
}

/// The variables that were asked for. What every container gets is left out, as with Docker.
fn environment(record: &Record) -> Vec<&String> {
    let given = [format!("HOSTNAME={}", record.hostname.as_str()), "TERM=xterm".to_owned()];
    record.process.env.iter().filter(|variable| !given.contains(variable)).collect()
}

/// Words as Docker shows them: where there are none, nothing.
fn words(words: &[String]) -> Option<&[String]> {
    (!words.is_empty()).then_some(words)
}

/// A moment that has not been.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// How often its monitor has started it again.
fn restarts(status: &Status) -> u32 {
    match status {
        Status::Created => 0,
        Status::Running(run) | Status::Paused(run) => run.restarts,
        Status::Restarting(end) | Status::Exited(end) => end.restarts,
    }
}

fn state(home: &Home, stored: &Stored) -> Value {
    let status = &stored.status;
    let (run, end) = match status {
        Status::Created => (None, None),
        Status::Running(run) | Status::Paused(run) => (Some(run), None),
        Status::Restarting(end) | Status::Exited(end) => (None, Some(end)),
    };
    let health = Health::of(home, &stored.record);
    let started = run.map(|run| run.started.as_str()).or(end.and_then(|end| end.started.as_deref()));
    let mut state = json!({
        "Status": status.name(),
        "Running": status.has_monitor(),
        "Paused": matches!(status, Status::Paused(_)),
        "Restarting": matches!(status, Status::Restarting(_)),
        "OOMKilled": end.is_some_and(|end| end.out_of_memory),
        "Dead": false,
        "Pid": run.map_or(0, |run| run.process),
        "ExitCode": end.map_or(0, |end| end.status),
        "Error": end.and_then(|end| end.error.as_deref()).unwrap_or_default(),
        "StartedAt": started.unwrap_or(NEVER),
        "FinishedAt": end.and_then(|end| end.finished.as_deref()).unwrap_or(NEVER),
    });
    if let Some(health) = health {
        let checks = health.checks.iter().map(
            |check| json!({ "Start": check.start, "End": check.end, "ExitCode": check.status, "Output": check.output }),
        );
        state["Health"] = json!({
            "Status": health.status.name(),
            "FailingStreak": health.failures,
            "Log": checks.collect::<Vec<_>>(),
        });
    }
    state
}

fn mount(volume: &Volume, home: &Home) -> Value {
    let (kind, source) = volume.described(home);
    let mut mount = json!({
        "Type": kind,
        "Source": source,
        "Destination": volume.target,
        "Mode": volume.mode,
        "RW": volume.access == Access::ReadWrite,
        "Propagation": if kind == "bind" { "rprivate" } else { "" },
    });
    if let Some(name) = volume.name() {
        mount["Name"] = json!(name);
        mount["Driver"] = json!("local");
    }
    mount
}

/// A mount as `-v` would be told of it.
fn bind(volume: &Volume, home: &Home) -> Option<String> {
    let (kind, path) = volume.described(home);
    let source = match (volume.name(), kind) {
        (Some(name), _) => name.to_owned(),
        (None, "bind") => path.display().to_string(),
        (None, _) => return None,
    };
    let mode = if volume.mode.is_empty() { String::new() } else { format!(":{}", volume.mode) };
    Some(format!("{source}:{}{mode}", volume.target))
}

/// What was asked to be published.
fn bindings(published: &[Published]) -> Map<String, Value> {
    let mut bindings = Map::new();
    for port in published {
        let address = port.address.map(|address| address.to_string()).unwrap_or_default();
        let host = match port.host {
            None => String::new(),
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first}-{last}"),
        };
        let inside = format!("{}/{}", port.container, port.protocol.name());
        if let Value::Array(doors) = bindings.entry(inside).or_insert_with(|| json!([])) {
            doors.push(json!({ "HostIp": address, "HostPort": host }));
        }
    }
    bindings
}

/// Where a container is reached; nowhere, while it does not run.
pub(super) fn bound(status: &Status) -> &[Bound] {
    match status {
        Status::Running(run) | Status::Paused(run) => &run.ports,
        Status::Created | Status::Restarting(_) | Status::Exited(_) => &[],
    }
}

/// Its networks: where it runs, with its addresses there.
fn networks(world: &World, stored: &Stored) -> Result<Value, Failure> {
    let attachments = match &stored.record.network {
        Mode::Networks(attachments) => attachments.as_slice(),
        Mode::Host | Mode::None | Mode::Container(_) => &[],
    };
    let members = if stored.is_running() { network::members(world)? } else { Vec::new() };
    let wires: Vec<Wire> =
        members.into_iter().filter(|(member, _)| member.id == stored.record.id).map(|(_, wire)| wire).collect();
    let network = |attachment: &Attachment| {
        let wire = wires.iter().find(|wire| wire.network == attachment.network);
        let local = wire.and_then(|wire| wire.addresses.first());
        let sixth = wire.and_then(|wire| wire.addresses.get(1));
        let gateway = |is_it: fn(&&IpAddr) -> bool| {
            let found = wire.and_then(|wire| wire.gateways.iter().find(is_it));
            found.map(ToString::to_string).unwrap_or_default()
        };
        let document = json!({
            "Aliases": attachment.aliases,
            "MacAddress": wire.map(mac).unwrap_or_default(),
            "Gateway": gateway(|gateway| gateway.is_ipv4()),
            "IPAddress": local.map(|local| local.address.to_string()).unwrap_or_default(),
            "IPPrefixLen": local.map_or(0, |local| local.prefix),
            "IPv6Gateway": gateway(|gateway| gateway.is_ipv6()),
            "GlobalIPv6Address": sixth.map(|local| local.address.to_string()).unwrap_or_default(),
            "GlobalIPv6PrefixLen": sixth.map_or(0, |local| local.prefix),
        });
        (attachment.network.clone(), document)
    };
    let networks: Map<String, Value> = attachments.iter().map(network).collect();
    Ok(json!({ "Ports": ports(stored), "Networks": networks }))
}

/// Where a container that runs is reached. As with Docker, what it only exposes leads nowhere, which is `null`, and where it has no network of its own
/// there is nothing.
fn ports(stored: &Stored) -> Map<String, Value> {
    let has_own = stored.is_running() && matches!(stored.record.network, Mode::Networks(_));
    let exposed = stored.record.exposed.iter().filter(|_| has_own);
    let mut doors: BTreeMap<String, Vec<Value>> = exposed.map(|port| (port.clone(), Vec::new())).collect();
    for bound in bound(&stored.status) {
        let door = json!({ "HostIp": bound.address.ip(), "HostPort": bound.address.port().to_string() });
        doors.entry(bound.inside()).or_default().push(door);
    }
    doors.into_iter().map(|(port, doors)| (port, if doors.is_empty() { Value::Null } else { doors.into() })).collect()
}
