//! The way out of a network: which there is, and why.
//!
//! ```text
//! root: the bridge is on the machine, and its firewall translates addresses    nft, else iptables
//! user: the bridge is in a network of its own, which a program connects        pasta, else slirp4netns
//! nothing of it there: none, and what would help
//! ```
//!
//! The choice is data, made once when a network comes about; [`Opened`] is what was done for it, and ends with it.

use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sched::{CloneFlags, setns};

use super::document::{Network, Reach};
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

/// Who writes the rules of the machine's firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firewall {
    Nft,
    Iptables,
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

    /// The way out that networks have on this machine.
    pub(crate) fn here(identity: &Identity) -> Way {
        if !identity.in_user_namespace() {
            return match (program("nft"), program("iptables")) {
                (Some(_), _) => Way::Translation(Firewall::Nft),
                (None, Some(_)) => Way::Translation(Firewall::Iptables),
                (None, None) => Way::None(Why::NothingInstalled { wanted: "the package `nftables`".to_owned() }),
            };
        }
        let connector = match (program("pasta"), program("slirp4netns")) {
            (Some(_), _) => Connector::Pasta,
            (None, Some(_)) => Connector::Slirp4netns,
            (None, None) => {
                return Way::None(Why::NothingInstalled { wanted: "`pasta` (the package `passt`)".to_owned() });
            }
        };
        // Both make their interface with it.
        match std::fs::File::options().read(true).write(true).open(TUN) {
            Ok(_) => Way::Program(connector),
            Err(error) => Way::None(Why::Forbidden(format!(
                "`{}` needs `{TUN}`, which can't be opened ({error}): its mode should be 0666",
                connector.name()
            ))),
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

/// A program of this machine. Those for administrators are not on everybody's PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The namespaces of an ordinary user's networks.
#[derive(Debug)]
pub(super) struct Namespaces {
    pub(super) users: OwnedFd,
    pub(super) network: OwnedFd,
}

/// A way out that was opened. Dropped, it is closed.
#[derive(Debug)]
pub(super) struct Opened {
    firewall: Option<(Firewall, Rules)>,
    connector: Option<Child>,
}

/// What the rules are about.
#[derive(Clone, Debug)]
struct Rules {
    bridge: String,
    subnet: String,
}

impl Opened {
    /// Opens it; for a network on the machine itself `namespaces` are none.
    ///
    /// # Errors
    /// A sentence on what does not work.
    pub(super) fn open(
        way: &Way,
        bridge: &str,
        network: &Network,
        namespaces: Option<&Namespaces>,
    ) -> Result<Opened, String> {
        let rules = Rules { bridge: bridge.to_owned(), subnet: network.subnet.to_string() };
        match way {
            Way::None(_) => Ok(Opened { firewall: None, connector: None }),
            Way::Translation(firewall) => {
                pass_on()?;
                firewall.add(&rules, None)?;
                Ok(Opened { firewall: Some((*firewall, rules)), connector: None })
            }
            Way::Program(connector) => {
                let namespaces = namespaces.ok_or("it is for networks of an ordinary user")?;
                let child = start(*connector, namespaces)?;
                // Recent ones know that several ask behind the bridge; where a firewall is there, it does not matter.
                if program("nft").is_some() {
                    let _ = Firewall::Nft.add(&rules, Some(namespaces));
                }
                Ok(Opened { firewall: None, connector: Some(child) })
            }
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some((firewall, rules)) = &self.firewall {
            let _ = firewall.remove(rules);
        }
        if let Some(connector) = &mut self.connector {
            let _ = connector.kill();
            let _ = connector.wait();
        }
    }
}

/// Has the machine pass packets on from one network to another, as Docker does.
fn pass_on() -> Result<(), String> {
    const SETTING: &str = "/proc/sys/net/ipv4/ip_forward";
    match std::fs::read_to_string(SETTING) {
        Ok(text) if text.trim() == "1" => Ok(()),
        _ => std::fs::write(SETTING, "1").map_err(|error| format!("can't write `{SETTING}`: {error}")),
    }
}

impl Firewall {
    /// What nft(8) reads: who of the network may go where, and under which address.
    fn text(rules: &Rules) -> String {
        let Rules { bridge, subnet } = rules;
        format!(
            "table ip {bridge} {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname \"{bridge}\" oifname \"{bridge}\" accept
        iifname \"{bridge}\" oifname \"ll-*\" drop comment \"the other networks\"
        oifname \"{bridge}\" ct state established,related accept comment \"answers\"
        oifname \"{bridge}\" drop comment \"nobody from outside\"
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {subnet} oifname != \"{bridge}\" masquerade
    }}
}}
"
        )
    }

    /// The same in the words of iptables(8), to be added and to be removed.
    fn lines(rules: &Rules) -> Vec<Vec<String>> {
        let Rules { bridge, subnet } = rules;
        let lines = [
            format!("nat POSTROUTING -s {subnet} ! -o {bridge} -j MASQUERADE"),
            format!("filter FORWARD -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            format!("filter FORWARD -i {bridge} ! -o {bridge} -j ACCEPT"),
            format!("filter FORWARD -i {bridge} -o {bridge} -j ACCEPT"),
        ];
        lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
    }

    fn add(self, rules: &Rules, namespaces: Option<&Namespaces>) -> Result<(), String> {
        match self {
            Firewall::Nft => nft(&Firewall::text(rules), namespaces),
            Firewall::Iptables => Firewall::lines(rules).iter().try_for_each(|line| iptables("-I", line)),
        }
    }

    fn remove(self, rules: &Rules) -> Result<(), String> {
        match self {
            Firewall::Nft => nft(&format!("delete table ip {}\n", rules.bridge), None),
            Firewall::Iptables => Firewall::lines(rules).iter().try_for_each(|line| iptables("-D", line)),
        }
    }
}

/// Takes away what a process left behind that was killed.
pub(super) fn clear(bridge: &str) {
    if program("nft").is_some() {
        let _ = nft(&format!("delete table ip {bridge}\n"), None);
    }
}

fn nft(text: &str, namespaces: Option<&Namespaces>) -> Result<(), String> {
    let mut command = Command::new(program("nft").unwrap_or_default());
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(namespaces) = namespaces {
        enter(&mut command, namespaces, CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET);
    }
    let mut child = command.spawn().map_err(|error| format!("nft: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(|error| format!("nft: {error}"))?;
    }
    finished("nft", child)
}

fn iptables(action: &str, line: &[String]) -> Result<(), String> {
    let [table, chain, rule @ ..] = line else { return Ok(()) };
    let mut command = Command::new(program("iptables").unwrap_or_default());
    command.args(["-w", "-t", table, action, chain]).args(rule);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    finished("iptables", child.map_err(|error| format!("iptables: {error}"))?)
}

fn finished(name: &str, child: Child) -> Result<(), String> {
    let output = child.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", message.lines().next().unwrap_or("it failed")))
}

/// Starts a connector: root of the namespace of users, in the machine's network, with a descriptor of the network that it is for. It ends
/// with the thread that starts it.
fn start(connector: Connector, namespaces: &Namespaces) -> Result<Child, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", connector.name());
    let mut command = Command::new(program(connector.name()).unwrap_or_default());
    command.args(connector.arguments(&namespaces.network));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    fcntl(&namespaces.network, FcntlArg::F_SETFD(FdFlag::empty())).map_err(|errno| failed(&errno))?;
    enter(&mut command, namespaces, CloneFlags::CLONE_NEWUSER);
    let child = command.spawn();
    fcntl(&namespaces.network, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(|errno| failed(&errno))?;
    child.map_err(|error| failed(&error))
}

fn enter(command: &mut Command, namespaces: &Namespaces, which: CloneFlags) {
    let (users, network) = (namespaces.users.as_raw_fd(), namespaces.network.as_raw_fd());
    let enter = move |descriptor: i32, flag: CloneFlags| {
        // SAFETY: the namespaces outlive the command's start: `spawn` is called while they are borrowed.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        if which.contains(flag) { setns(descriptor, flag) } else { Ok(()) }
    };
    let prepare = move || -> Result<(), Errno> {
        enter(users, CloneFlags::CLONE_NEWUSER)?;
        enter(network, CloneFlags::CLONE_NEWNET)?;
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
    };
    // SAFETY: between fork and exec only system calls are made, and no lock is taken.
    unsafe { command.pre_exec(move || prepare().map_err(std::io::Error::from)) };
}

/// Whether the interface of a connector is there.
pub(super) fn is_connected(interfaces: &[Interface]) -> bool {
    interfaces.iter().any(|interface| interface.name == OUTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_text() {
        let rules = Rules { bridge: "ll-0123456789".to_owned(), subnet: "172.18.0.0/16".to_owned() };
        let text = Firewall::text(&rules);
        assert!(
            text.starts_with("table ip ll-0123456789 {")
                && text.contains("ip saddr 172.18.0.0/16 oifname != \"ll-0123456789\" masquerade")
        );
        assert!(Firewall::lines(&rules).iter().all(|line| line.len() > 4));
        assert_eq!(Why::Internal.hint(), None);
    }

    #[test]
    fn programs_are_looked_for_where_administrators_have_them() {
        assert!(program("sh").is_some() && program("no-such-program").is_none());
    }
}
