//! `layerlab network inspect`: networks, in the form of Docker's answer.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::failure::Failure;
use crate::cli::format::show_documents;
use crate::cli::ui::Ui;
use crate::container::Wire;
use crate::runtime::network::{self, Member, Network, Reach, Way};
use crate::world::World;

/// Show networks as JSON, or what a template makes of that.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// What is shown of each: `json`, or a Go template such as '{{.Id}}'
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
    /// The networks
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
}

impl Inspect {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        show_documents(ui, self.format.as_deref(), &self.networks, |name| document(world, name))
    }
}

/// A network as it is shown.
pub(in crate::cli) fn document(world: &World, name: &str) -> Result<Value, Failure> {
    if let "host" | "none" = name {
        let driver = if name == "host" { "host" } else { "null" };
        return Ok(json!({ "Name": name, "Id": network::predefined_id(name), "Scope": "local", "Driver": driver }));
    }
    let network = network::find(world, name)?;
    let mut members = network::members(world)?;
    members.retain(|(_, wire)| wire.network == network.name);
    Ok(described(&network, &members, &Way::here(&world.identity)))
}

fn described(network: &Network, members: &[(Member, Wire)], way: &Way) -> Value {
    let containers: Map<String, Value> =
        members.iter().map(|(member, wire)| (member.id.clone(), container(member, wire))).collect();
    let mut configuration = vec![json!({ "Subnet": network.subnet.to_string(), "Gateway": network.gateway })];
    configuration
        .extend(network.sixth.map(|sixth| json!({ "Subnet": sixth.subnet.to_string(), "Gateway": sixth.gateway })));
    json!({
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv4": true,
        "EnableIPv6": network.sixth.is_some(),
        "IPAM": { "Driver": "default", "Config": configuration },
        "Internal": network.reach == Reach::Internal,
        "Containers": containers,
        "Labels": network.labels,
        "WayOut": way_out(network, way),
    })
}

fn container(member: &Member, wire: &Wire) -> Value {
    json!({
        "Name": member.name,
        "MacAddress": mac(wire),
        "IPv4Address": wire.addresses.first().map(ToString::to_string),
        "IPv6Address": wire.addresses.get(1).map(ToString::to_string).unwrap_or_default(),
    })
}

/// Which way out it has, in words.
fn way_out(network: &Network, way: &Way) -> Value {
    let words = match (network.reach, way) {
        (Reach::Internal, _) => "none: it is internal".to_owned(),
        (Reach::Outside, Way::None(why)) => format!("none: {}", why.hint().unwrap_or_default()),
        (Reach::Outside, Way::Translation(_)) => "this machine, which translates addresses".to_owned(),
        (Reach::Outside, Way::Program(connector)) => connector.name().to_owned(),
    };
    Value::String(words)
}

/// `02:42:ac:11:00:02`
pub(in crate::cli) fn mac(wire: &Wire) -> String {
    wire.mac.map(|byte| format!("{byte:02x}")).join(":")
}
