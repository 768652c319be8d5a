//! The way out of a network: which there is, and why.
//!
//! ```text
//! root: the bridge is on the machine, and its firewall translates addresses    nft, else iptables
//! user: the bridge is in a network of its own, which a program connects        pasta, else slirp4netns
//! nothing of it there: none, and what would help
//! ```
//!
//! An internal network has none, and root's gets rules that keep it apart from all others. The choice is data, made once when a network comes about; [`Opened`] is what was done for it, and ends with it.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sched::CloneFlags;
use nix::unistd::pipe2;

use super::document::{Network, Reach};
use super::firewall::{self, Adding, Firewall, Rules};
use super::programs::{Namespaces, enter, program};
use crate::container::Identity;
use crate::netlink::Interface;

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The machine passes on what comes from the bridge, under an address of its own.
    Translation(Firewall),
    /// A program of this machine passes it on, as if it had asked itself.
    Program(Connector),
    /// There is none.
    None(Why),
}

/// A program that connects a network of an ordinary user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connector {
    Pasta,
    Slirp4netns,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was asked for.
    Internal,
    /// No program for it is installed.
    NothingInstalled { wanted: String },
    /// The machine does not allow it.
    Forbidden(String),
}

impl Why {
    /// What would help; nothing where it was asked for.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Why::Internal => None,
            Why::NothingInstalled { wanted } => {
                Some(format!("install {wanted}, or use this machine's network with `--network host`"))
            }
            Why::Forbidden(what) => Some(format!("{what}; or use this machine's network with `--network host`")),
        }
    }
}

impl Way {
    /// The way out of a network for those who run as this.
    pub(super) fn of(network: &Network, identity: &Identity) -> Way {
        if network.reach == Reach::Internal {
            return Way::None(Why::Internal);
        }
        Way::here(identity)
    }

    // ANCHOR: way
    /// The way out that networks have on this machine.
    pub(crate) fn here(identity: &Identity) -> Way {
        if !identity.in_user_namespace() {
            let none = || Way::None(Why::NothingInstalled { wanted: "the package `nftables`".to_owned() });
            return Firewall::here().map_or_else(none, Way::Translation);
        }
        let connector = match (program("pasta"), program("slirp4netns")) {
            (Some(_), _) => Connector::Pasta,
            (None, Some(_)) => Connector::Slirp4netns,
            (None, None) => {
                return Way::None(Why::NothingInstalled { wanted: "`pasta` (the package `passt`)".to_owned() });
            }
        };
        // Both make their interface with it.
        match File::options().read(true).write(true).open(TUN) {
            Ok(_) => Way::Program(connector),
            Err(error) => Way::None(Why::Forbidden(format!(
                "`{}` needs `{TUN}`, which can't be opened ({error}): its mode should be 0666",
                connector.name()
            ))),
        }
    }
    // ANCHOR_END: way
}

impl Way {
    /// Where those on a network send what is for nobody nearby, by version of IP.
    pub(super) fn gateways(&self, network: &Network) -> Vec<IpAddr> {
        let sixth = network.sixth.map(|sixth| IpAddr::from(sixth.gateway));
        match self {
            Way::None(_) => Vec::new(),
            // What is behind the program has no addresses of this network's.
            Way::Program(_) => vec![network.gateway.into()],
            Way::Translation(_) => [network.gateway.into()].into_iter().chain(sixth).collect(),
        }
    }
}

impl Connector {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Connector::Pasta => "pasta",
            Connector::Slirp4netns => "slirp4netns",
        }
    }

    /// What it is started with. Nothing of the machine's loopback network is passed on, no port is opened for anybody.
    fn arguments(self, namespace: &OwnedFd) -> Vec<String> {
        let place = format!("/proc/self/fd/{}", namespace.as_raw_fd());
        let words: &[&str] = match self {
            Connector::Pasta => &[
                "--foreground",
                "--quiet",
                "--config-net",
                "--no-map-gw",
                "-t",
                "none",
                "-u",
                "none",
                "-T",
                "none",
                "-U",
                "none",
                "-I",
                OUTER,
                "--netns",
                &place,
            ],
            Connector::Slirp4netns => {
                &["--configure", "--disable-host-loopback", "--mtu=65520", "--netns-type=path", &place, OUTER]
            }
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// What connectors make their interface with.
const TUN: &str = "/dev/net/tun";

/// What that interface is called.
const OUTER: &str = "out0";

/// A way out that was opened. Dropped, it is closed.
#[derive(Debug)]
pub(super) struct Opened {
    firewall: Option<(Firewall, Rules)>,
    adding: Adding,
    connector: Option<Started>,
}

impl Opened {
    /// Begins to open it; for a network on the machine itself `namespaces` are none.
    ///
    /// # Errors
    /// A sentence on what does not work.
    pub(super) fn open(
        way: &Way,
        bridge: &str,
        network: &Network,
        namespaces: Option<&Namespaces>,
    ) -> Result<Opened, String> {
        let rules = Rules {
            bridge: bridge.to_owned(),
            subnet: network.subnet.to_string(),
            sixth: network.sixth.map(|sixth| sixth.subnet.to_string()),
            leads_out: !matches!(way, Way::None(_)),
        };
        match way {
            // Nobody may reach it, nor be reached from it. In a network of an ordinary user's there is nobody else.
            Way::None(Why::Internal) if namespaces.is_none() => {
                let firewall = Firewall::here().map(|firewall| (firewall, rules.clone()));
                let mut opened = Opened { firewall, adding: Adding::default(), connector: None };
                if let Some((firewall, rules)) = &opened.firewall {
                    opened.adding = firewall.add(rules)?;
                }
                // Not beside us: without them it must not be.
                opened.finish().map(|()| opened)
            }
            Way::None(_) => Ok(Opened { firewall: None, adding: Adding::default(), connector: None }),
            Way::Translation(firewall) => {
                pass_on(FORWARDING)?;
                if network.sixth.is_some() {
                    pass_on(FORWARDING_6)?;
                }
                // Before: when some of the rules are not taken, the others go with it.
                let firewall = *firewall;
                let adding = Adding::default();
                let mut opened = Opened { firewall: Some((firewall, rules.clone())), adding, connector: None };
                opened.adding = firewall.add(&rules)?;
                Ok(opened)
            }
            Way::Program(connector) => {
                let namespaces = namespaces.ok_or("it is for networks of an ordinary user")?;
                let started = start(*connector, namespaces)?;
                // Recent ones know that several ask behind the bridge; where a firewall is there, it does not matter.
                if program("nft").is_some() {
                    let _ = firewall::add_within(&rules, OUTER, namespaces);
                }
                Ok(Opened { firewall: None, adding: Adding::default(), connector: Some(started) })
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // What would come later would stay.
        let _ = self.adding.finish();
        if let Some((firewall, rules)) = &self.firewall {
            firewall.remove(&rules.bridge, rules.sixth.is_some());
        }
        if let Some(Started { child, .. }) = &mut self.connector {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A connector that was started.
#[derive(Debug)]
struct Started {
    name: &'static str,
    child: Child,
    /// What it complains of. It never waits for this to be read.
    complaints: File,
}

/// Has the machine pass packets on from one network to another, as Docker does.
fn pass_on(setting: &str) -> Result<(), String> {
    match std::fs::read_to_string(setting) {
        Ok(text) if text.trim() == "1" => Ok(()),
        _ => std::fs::write(setting, "1").map_err(|error| format!("can't write `{setting}`: {error}")),
    }
}

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const FORWARDING_6: &str = "/proc/sys/net/ipv6/conf/all/forwarding";

impl Opened {
    /// Waits until the firewall has its rules.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.adding.finish()
    }

    /// What its connector has ended with, where it has ended.
    pub(super) fn failure(&mut self) -> Option<String> {
        let Started { name, child, complaints } = self.connector.as_mut()?;
        let status = child.try_wait().ok()??;
        let mut said = [0; 4 << 10];
        let length = complaints.read(&mut said).unwrap_or(0);
        let said = String::from_utf8_lossy(&said[..length]);
        let line = said.lines().map(str::trim).find(|line| !line.is_empty());
        let shown = |line: &str| line.chars().map(|one| if one.is_control() { ' ' } else { one }).collect::<String>();
        Some(line.map_or_else(|| format!("`{name}` ended: {status}"), |line| format!("`{name}`: {}", shown(line))))
    }
}

/// Starts a connector: root of the namespace of users, in the machine's network, with a descriptor of the network that it is for. It ends
/// with the thread that starts it.
fn start(connector: Connector, namespaces: &Namespaces) -> Result<Started, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", connector.name());
    let mut command = Command::new(program(connector.name()).unwrap_or_default());
    command.args(connector.arguments(&namespaces.network));
    let (complaints, theirs) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|errno| failed(&errno))?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::from(theirs));
    fcntl(&namespaces.network, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|errno| failed(&errno))?;
    enter(&mut command, namespaces, CloneFlags::CLONE_NEWUSER);
    let child = command.spawn();
    fcntl(&namespaces.network, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(|errno| failed(&errno))?;
    let child = child.map_err(|error| failed(&error))?;
    Ok(Started { name: connector.name(), child, complaints: File::from(complaints) })
}

/// Whether the interface of a connector is there.
pub(super) fn is_connected(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(|interface| interface.name == OUTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_that_ended_is_not_waited_for() {
        assert_eq!(Why::Internal.hint(), None);
        let (complaints, theirs) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).expect("a pipe");
        let script = "echo; echo 'no such device' >&2; exit 1";
        let child = Command::new("sh").args(["-c", script]).stdout(Stdio::null()).stderr(theirs).spawn();
        let started = Started { name: "pasta", child: child.expect("a process"), complaints: File::from(complaints) };
        let mut opened = Opened { firewall: None, adding: Adding::default(), connector: Some(started) };
        let problem = loop {
            if let Some(problem) = opened.failure() {
                break problem;
            }
        };
        assert_eq!(problem, "`pasta`: no such device");
        opened.connector = None;
        assert_eq!(opened.failure(), None);
    }
}
