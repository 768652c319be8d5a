//! What `run` and `create` are told of a container's network.

use std::net::{IpAddr, Ipv4Addr};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::container::Names;
use crate::diagnostic::Diagnostic;
use crate::runtime::network::{Attachment, BRIDGE, Mode};
use crate::runtime::{HostEntry, Published};

/// The options of it.
#[derive(Debug, Args)]
pub(super) struct Networking {
    /// Connect the container to a network: one of `network ls`, `host` for this machine's, or `none`
    #[arg(long, alias = "net", value_name = "NETWORK")]
    network: Vec<String>,
    /// Give the container a further name on its network
    #[arg(long, alias = "net-alias", value_name = "NAME")]
    network_alias: Vec<String>,
    /// Give the container this address on its network
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
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
    pub(super) fn connections(&self, ui: &Ui) -> Result<Connections, Failure> {
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
            names: Names { servers, search, options },
            hosts: self.add_host.iter().map(|text| HostEntry::parse(text)).collect::<Result<_, _>>()?,
            ports,
            publish_all,
        })
    }

    fn mode(&self) -> Result<Mode, Diagnostic> {
        let mut mode = match self.network.as_slice() {
            [] => Mode::default_network(),
            [one] if one == "host" => Mode::Host,
            [one] if one == "none" => Mode::None,
            several => Mode::Networks(several.iter().map(|text| attachment(text)).collect::<Result<_, _>>()?),
        };
        let Mode::Networks(attachments) = &mut mode else {
            if self.ip.is_some() || !self.network_alias.is_empty() {
                let message = format!("`--ip` and `--network-alias` have no meaning in the network `{}`", mode.name());
                return Err(Diagnostic::error(message).hint("they are for a network that `network create` made"));
            }
            return Ok(mode);
        };
        if let Some(first) = attachments.first_mut() {
            if first.network == BRIDGE && (self.ip.is_some() || !self.network_alias.is_empty()) {
                let message = "addresses and further names can be chosen only on networks that somebody made";
                return Err(Diagnostic::error(message)
                    .hint("make one with `network create NAME`, and use it with `--network NAME`"));
            }
            first.address = self.ip.or(first.address);
            first.aliases.extend(self.network_alias.iter().cloned());
        }
        Ok(mode)
    }
}

/// `NAME`, or `name=NAME,alias=OTHER,ip=ADDRESS` as Docker has it.
fn attachment(text: &str) -> Result<Attachment, Diagnostic> {
    if !text.contains('=') {
        return match text {
            "host" | "none" => Err(Diagnostic::error(format!("the network `{text}` can't be combined with others"))),
            "default" => Ok(Attachment::to(BRIDGE)),
            name => Ok(Attachment::to(name)),
        };
    }
    let bad = |part: &str| {
        Diagnostic::error(format!("invalid --network `{}`: `{}`", text.escape_debug(), part.escape_debug()))
            .hint("write NAME, or name=NAME[,alias=OTHER][,ip=ADDRESS]")
    };
    let mut attachment = Attachment::to("");
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("name", name)) => attachment.network = name.to_owned(),
            Some(("alias", alias)) => attachment.aliases.push(alias.to_owned()),
            Some(("ip", address)) => attachment.address = Some(address.parse().map_err(|_| bad(part))?),
            Some(_) | None => return Err(bad(part)),
        }
    }
    if attachment.network.is_empty() { Err(bad("no name")) } else { Ok(attachment) }
}
