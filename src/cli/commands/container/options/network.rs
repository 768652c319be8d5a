//! What `run` and `create` are told of a container's network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::{Hostname, Names};
use crate::diagnostic::Diagnostic;
use crate::runtime::neighbour::{Chosen, choose};
use crate::runtime::network::{Attachment, BRIDGE, Mode};
use crate::runtime::{HostEntry, Published};
use crate::world::World;

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct Networking {
    /// Connect the container to a network: one of `network ls`, `host` for this machine's, `container:NAME` for another container's, or `none`
    #[arg(long, alias = "net", value_name = "NETWORK")]
    network: Vec<String>,
    /// Give the container a further name on its network
    #[arg(long, alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
    /// Give the container this address on its network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// Give the container this address of IPv6 on its network
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// Add a line to /etc/hosts; `host-gateway` is this machine's address
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<String>,
    /// Ask this server for names
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<IpAddr>,
    /// Look for short names in this domain
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Set an option of resolv.conf
    #[arg(long, alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// What is published.
    #[arg(
        short,
        long,
        value_name = "PORT",
        help = "Publish a port of the container: [IP:][MACHINE:]CONTAINER[/PROTOCOL]"
    )]
    publish: Vec<String>,
    /// Publish every port that the image exposes, at free ports of this machine
    #[arg(short = 'P', long)]
    publish_all: bool,
}

/// What they come to.
pub(super) struct Connections {
    pub(super) network: Mode,
    /// Of a container in another's network: what that one is called.
    pub(super) called: Option<(Hostname, Option<String>)>,
    pub(super) names: Names,
    pub(super) hosts: Vec<HostEntry>,
    pub(super) ports: Vec<Published>,
    /// Whether what the image exposes is published too.
    pub(super) publish_all: bool,
}

impl Networking {
    /// Reads them; what can't be had beside the network asked for is told.
    ///
    /// # Errors
    /// A port, a network or a line for hosts can't be understood.
    pub(super) fn connections(&self, world: &World, ui: &Ui) -> Result<Connections, Failure> {
        if let Some(of) = self.neighbour() {
            return self.shared(world, of, ui);
        }
        let mut ports = Published::parse_all(&self.publish)?;
        let is_published = self.publish_all || !ports.is_empty();
        let network = self.mode()?;
        if is_published && !network.is_private() {
            // As Docker: there is nothing to be published.
            ui.note(&format!("warning: published ports are discarded when using the network `{}`", network.name()));
            ports.clear();
        }
        let publish_all = self.publish_all && network.is_private();
        let (servers, search, options) = (self.dns.clone(), self.dns_search.clone(), self.dns_option.clone());
        if search
            .iter()
            .chain(&options)
            .any(|word| word.chars().any(|letter| letter.is_whitespace() || letter.is_control()))
        {
            return Err(Diagnostic::error("a domain or an option of resolv.conf is one word").into());
        }
        Ok(Connections {
            network,
            called: None,
            names: Names { servers, search, options },
            hosts: self.add_host.iter().map(|text| HostEntry::parse(text)).collect::<Result<_, _>>()?,
            ports,
            publish_all,
        })
    }

    fn has_address(&self) -> bool {
        self.ip.is_some() || self.ip6.is_some()
    }

    /// The container whose network is asked for.
    fn neighbour(&self) -> Option<&str> {
        match self.network.as_slice() {
            [one] => one.strip_prefix(NEIGHBOUR),
            _ => None,
        }
    }

    /// Those of a container in the network of another one. What that one decides can't be asked for here.
    fn shared(&self, world: &World, of: &str, ui: &Ui) -> Result<Connections, Failure> {
        let conflicts = [
            (!self.dns.is_empty(), "conflicting options: dns and the network mode"),
            (!self.add_host.is_empty(), "conflicting options: custom host-to-IP mapping and the network mode"),
            (
                self.publish_all || !self.publish.is_empty(),
                "conflicting options: port publishing and the container type network mode",
            ),
            (self.has_address(), "user specified IP address is supported on user defined networks only"),
            (
                !self.network_alias.is_empty(),
                "network-scoped alias is supported only for containers in user defined networks",
            ),
        ];
        if let Some((_, message)) = conflicts.into_iter().find(|(is_asked, _)| *is_asked) {
            return Err(Diagnostic::error(message).hint(DECIDED).into());
        }
        if of.is_empty() {
            let message = "Invalid network mode: invalid container format container:<name|id>";
            return Err(Diagnostic::error(message).hint("write `--network container:NAME`").into());
        }
        if !self.dns_search.is_empty() || !self.dns_option.is_empty() {
            // As Docker, but for the word.
            ui.note(&format!(
                "warning: `--dns-search` and `--dns-option` are discarded: resolv.conf is that of container {of}"
            ));
        }
        let Chosen { network, hostname, domain } = choose(world, of)?;
        let called = Some((hostname, domain));
        let (names, hosts, ports) = (Names::default(), Vec::new(), Vec::new());
        Ok(Connections { network, called, names, hosts, ports, publish_all: false })
    }

    /// What is asked for beside them that the other container has decided.
    ///
    /// # Errors
    /// There is something.
    pub(super) fn check_beside(&self, hostname: Option<&str>, exposed: &[String]) -> Result<(), Diagnostic> {
        let conflicts = [
            (hostname.is_some(), "conflicting options: hostname and the network mode"),
            (!exposed.is_empty(), "conflicting options: port exposing and the container type network mode"),
        ];
        match conflicts.into_iter().find(|(is_asked, _)| self.neighbour().is_some() && *is_asked) {
            Some((_, message)) => Err(Diagnostic::error(message).hint(DECIDED)),
            None => Ok(()),
        }
    }

    fn mode(&self) -> Result<Mode, Diagnostic> {
        let mut mode = match self.network.as_slice() {
            [] => Mode::default_network(),
            [one] if one == "host" => Mode::Host,
            [one] if one == "none" => Mode::None,
            several => Mode::Networks(several.iter().map(|text| attachment(text)).collect::<Result<_, _>>()?),
        };
        let Mode::Networks(attachments) = &mut mode else {
            if self.has_address() || !self.network_alias.is_empty() {
                let message = format!("`--ip` and `--network-alias` have no meaning in the network `{}`", mode.name());
                return Err(
                    Diagnostic::error(message).hint("they are for a network that `layerlab network create` made")
                );
            }
            return Ok(mode);
        };
        if let Some(first) = attachments.first_mut() {
            if first.network == BRIDGE && (self.has_address() || !self.network_alias.is_empty()) {
                let message = "addresses and further names can be chosen only on networks that somebody made";
                return Err(Diagnostic::error(message)
                    .hint("make one with `layerlab network create NAME`, and use it with `--network NAME`"));
            }
            first.address = self.ip.or(first.address);
            first.sixth = self.ip6.or(first.sixth);
            first.aliases.extend(self.network_alias.iter().cloned());
        }
        Ok(mode)
    }
}

/// What stands before the container whose network is asked for.
const NEIGHBOUR: &str = "container:";

const DECIDED: &str = "the container whose network it is has decided on this: ask for it there";

fn uncombinable(text: &str) -> Diagnostic {
    Diagnostic::error(format!("the network `{text}` can't be combined with others"))
}

/// `NAME`, or `name=NAME,alias=OTHER,ip=ADDRESS` as Docker has it.
fn attachment(text: &str) -> Result<Attachment, Diagnostic> {
    if !text.contains('=') {
        return match text {
            "host" | "none" => Err(uncombinable(text)),
            text if text.starts_with(NEIGHBOUR) => Err(uncombinable(text)),
            "default" => Ok(Attachment::to(BRIDGE)),
            name => Ok(Attachment::to(name)),
        };
    }
    let bad = |part: &str| {
        Diagnostic::error(format!("invalid --network `{}`: `{}`", text.escape_debug(), part.escape_debug()))
            .hint("write NAME, or name=NAME[,alias=OTHER][,ip=ADDRESS][,ip6=ADDRESS]")
    };
    let mut attachment = Attachment::to("");
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("name", name)) => attachment.network = name.to_owned(),
            Some(("alias", alias)) => attachment.aliases.push(alias.to_owned()),
            Some(("ip", address)) => attachment.address = Some(address.parse().map_err(|_| bad(part))?),
            Some(("ip6", address)) => attachment.sixth = Some(address.parse().map_err(|_| bad(part))?),
            Some(_) | None => return Err(bad(part)),
        }
    }
    if attachment.network.is_empty() { Err(bad("no name")) } else { Ok(attachment) }
}
