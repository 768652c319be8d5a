//! What `inspect` says of a container: its record and its status, in the form of Docker's answer.

use serde_json::{Map, Value, json};

use crate::cli::commands::network::inspect::mac;
use crate::container::{Access, Terminal, Wire};
use crate::runtime::network::{self, Attachment, Mode};
use crate::runtime::{Bound, Input, Status, Stored, Volume, WhenEnded};
use crate::store::Home;
use crate::world::World;

/// A container as `inspect` shows it.
pub(in crate::cli) fn document(world: &World, stored: &Stored) -> Value {
    let home = world.home();
    let record = &stored.record;
    let process = &record.process;
    json!({
        "Id": record.id,
        "Created": record.created,
        "Path": process.args.first(),
        "Args": process.args.get(1..),
        "State": state(&stored.status),
        "Image": record.image.id,
        "Name": format!("/{}", record.name),
        "Mounts": record.volumes.iter().map(|volume| mount(volume, home)).collect::<Vec<_>>(),
        "Config": {
            "Hostname": record.hostname,
            "User": process.user,
            "Tty": process.terminal == Terminal::Yes,
            "OpenStdin": record.input != Input::Closed,
            "StdinOnce": record.input == Input::Once,
            "Env": process.env,
            "Image": record.image.name,
            "WorkingDir": process.cwd,
            "Labels": record.labels,
            "ExposedPorts": record.exposed.iter().map(|port| (port.clone(), json!({}))).collect::<Map<_, _>>(),
            "StopSignal": record.stop_signal,
        },
        "HostConfig": {
            "NetworkMode": record.network.name(),
            "AutoRemove": record.when_ended == WhenEnded::Remove,
            "ReadonlyRootfs": record.root == Access::ReadOnly,
        },
        "NetworkSettings": networks(world, stored),
    })
}

fn state(status: &Status) -> Value {
    let (name, run, end) = match status {
        Status::Created => ("created", None, None),
        Status::Running(run) => ("running", Some(run), None),
        Status::Paused(run) => ("paused", Some(run), None),
        Status::Exited(end) => ("exited", None, Some(end)),
    };
    let started = run.map(|run| run.started.as_str()).or(end.and_then(|end| end.started.as_deref()));
    json!({
        "Status": name,
        "Running": run.is_some(),
        "Paused": name == "paused",
        "Pid": run.map_or(0, |run| run.process),
        "ExitCode": end.map_or(0, |end| end.status),
        "Error": end.and_then(|end| end.error.as_deref()).unwrap_or_default(),
        "StartedAt": started,
        "FinishedAt": end.and_then(|end| end.finished.as_deref()),
    })
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

/// Where a container is reached; nowhere, while it does not run.
pub(super) fn bound(status: &Status) -> &[Bound] {
    match status {
        Status::Running(run) | Status::Paused(run) => &run.ports,
        Status::Created | Status::Exited(_) => &[],
    }
}

/// Its networks: where it runs, with its addresses there.
fn networks(world: &World, stored: &Stored) -> Value {
    let attachments = match &stored.record.network {
        Mode::Networks(attachments) => attachments.as_slice(),
        Mode::Host | Mode::None => &[],
    };
    let members = if stored.is_running() { network::members(world) } else { Vec::new() };
    let wires: Vec<Wire> =
        members.into_iter().filter(|(member, _)| member.id == stored.record.id).map(|(_, wire)| wire).collect();
    let network = |attachment: &Attachment| {
        let wire = wires.iter().find(|wire| wire.network == attachment.network);
        let local = wire.and_then(|wire| wire.addresses.first());
        let document = json!({
            "Aliases": attachment.aliases,
            "MacAddress": wire.map(mac).unwrap_or_default(),
            "Gateway": wire.and_then(|wire| wire.gateways.first()).map(ToString::to_string).unwrap_or_default(),
            "IPAddress": local.map(|local| local.address.to_string()).unwrap_or_default(),
            "IPPrefixLen": local.map_or(0, |local| local.prefix),
        });
        (attachment.network.clone(), document)
    };
    let networks: Map<String, Value> = attachments.iter().map(network).collect();
    json!({ "Ports": ports(bound(&stored.status)), "Networks": networks })
}

fn ports(bound: &[Bound]) -> Map<String, Value> {
    let mut ports = Map::new();
    for bound in bound {
        let door = json!({ "HostIp": bound.address.ip(), "HostPort": bound.address.port().to_string() });
        let doors = ports.entry(bound.inside()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(doors) = doors {
            doors.push(door);
        }
    }
    ports
}
