//! What is done for a container's network, in a namespace that is new or another container's: a part of the operations.

use std::fmt;
use std::net::IpAddr;

use super::sandbox::Local;

/// Where a container asks for the address of a name, as in Docker: in its own loopback network. Who answers is outside.
pub(crate) const NAME_SERVER: std::net::Ipv4Addr = std::net::Ipv4Addr::new(127, 0, 0, 11);

/// One step of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Networking {
    /// Enter the user namespace that another container's network belongs to, and become its root.
    JoinUsers { of: String },
    /// Enter another container's network namespace.
    Join { of: String },
    /// Switch the loopback interface on.
    LoopbackUp,
    /// Change a setting of the container's own network, below /proc/sys/net.
    Tune { setting: &'static str, value: String },
    /// Have whoever keeps these networks put a cable into the container for each, and answer its questions for names.
    PlugIn { networks: Vec<String> },
    /// Wait until the cables are in: in between, something else can be done.
    AwaitCables,
    /// Give an interface an address.
    AddAddress { interface: String, local: Local },
    /// Switch an interface on.
    InterfaceUp { interface: String },
    /// Send what is for nobody nearby to a gateway.
    AddDefaultRoute { gateway: IpAddr },
}

/// `a virtual cable (veth) to the network `bridge``.
fn cable(networks: &[String]) -> String {
    let names: Vec<String> = networks.iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [one] => format!("a virtual cable (veth) to the network {one}"),
        _ => format!("a virtual cable (veth) to each of the networks {}", names.join(", ")),
    }
}

impl fmt::Display for Networking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Networking::JoinUsers { of } => write!(formatter, "setns: the users of the network of container {of}"),
            Networking::Join { of } => write!(formatter, "setns: the network of container {of}"),
            Networking::LoopbackUp => write!(formatter, "bring lo up"),
            Networking::Tune { setting, value } => {
                write!(formatter, "sysctl net.{} = {value}", setting.replace('/', "."))
            }
            Networking::PlugIn { networks } => write!(
                formatter,
                "hand over the network namespace and a socket at {NAME_SERVER}:53, for {}",
                cable(networks)
            ),
            Networking::AwaitCables => write!(formatter, "wait until that is done"),
            Networking::AddAddress { interface, local } => write!(formatter, "give {interface} the address {local}"),
            Networking::InterfaceUp { interface } => write!(formatter, "bring {interface} up"),
            Networking::AddDefaultRoute { gateway } => write!(formatter, "route everything else to {gateway}"),
        }
    }
}

impl Networking {
    /// One sentence: what it is for.
    pub(super) fn why(&self) -> &'static str {
        match self {
            Networking::JoinUsers { .. } => {
                "first, because its root may make all the other namespaces; not a new one, as only the root of the network's own may \
                     enter that and mount its /sys"
            }
            Networking::Join { .. } => {
                "asked for: the same interfaces, addresses and ports; by a descriptor that was opened while that container ran"
            }
            Networking::LoopbackUp => "a new network namespace has a loopback interface that is switched off",
            Networking::Tune { .. } => {
                "as in Docker: each port and each echo request is for every user of the container, whose network this is"
            }
            Networking::PlugIn { .. } => {
                "the other end of the cable is in another network, and only somebody outside has rights over both; the \
                     socket is in the container, and whoever answers at it is outside"
            }
            Networking::AwaitCables => {
                "it was begun before the root file system was mounted, and its interfaces are needed from here on"
            }
            Networking::AddAddress { .. } => "it was reserved for this container on that network",
            Networking::InterfaceUp { .. } => "an interface that was moved is switched off",
            Networking::AddDefaultRoute { .. } => "the bridge at the other end of the cable passes it on",
        }
    }

    /// Its row in a picture.
    pub(super) fn row(&self) -> &'static str {
        match self {
            Networking::JoinUsers { .. } => "users",
            Networking::Join { .. }
            | Networking::LoopbackUp
            | Networking::Tune { .. }
            | Networking::PlugIn { .. }
            | Networking::AwaitCables
            | Networking::AddAddress { .. }
            | Networking::InterfaceUp { .. }
            | Networking::AddDefaultRoute { .. } => "network",
        }
    }

    /// What it adds to a picture.
    pub(super) fn item(&self) -> String {
        match self {
            Networking::JoinUsers { of } | Networking::Join { of } => format!("that of container {of}"),
            Networking::LoopbackUp => "its own, with `lo`".to_owned(),
            Networking::PlugIn { networks } => cable(networks),
            Networking::AddAddress { interface, local } => format!("{interface} is {local}"),
            Networking::AddDefaultRoute { gateway } => format!("everything else goes to {gateway}"),
            Networking::Tune { .. } | Networking::AwaitCables | Networking::InterfaceUp { .. } => String::new(),
        }
    }
}
