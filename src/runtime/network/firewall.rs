//! The rules that the machine's firewall gets for a network: who may reach whom, and under which address.
//!
//! ```text
//! Rules ──▶ passing(): one list, the first that fits decides ──▶ nft(8): a table of the bridge's name
//!                                                            └─▶ iptables(8): chains of that name
//! ```
//!
//! They are said once, and written in both languages. All that is ours has the name of the bridge, so it can be taken away by whoever knows no
//! more than that: by the next keeper of the networks, when one was killed.
//!
//! A network that has addresses of IPv6 has the same rules once more, in a table of that family, or by ip6tables(8).

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use nix::sched::CloneFlags;

use super::programs::{Namespaces, enter, program};

/// The beginning of the names of our bridges.
pub(super) const BRIDGE: &str = "ll-";

/// Who writes the rules of the machine's firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Firewall {
    Nft,
    Iptables,
}

/// What the rules are about.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) bridge: String,
    pub(super) subnet: String,
    /// The same, of IPv6.
    pub(super) sixth: Option<String>,
    /// Whether those in it reach anybody else.
    pub(super) leads_out: bool,
}

/// One on packets that the machine passes on. What is not said does not matter.
struct Rule<'r> {
    from: Option<Interfaces<'r>>,
    to: Option<Interfaces<'r>>,
    packets: Packets,
    verdict: Verdict,
}

#[derive(Clone, Copy)]
enum Interfaces<'r> {
    This(&'r str),
    /// The bridges of all our networks, those of other homes as well.
    AllOurs,
}

#[derive(Clone, Copy)]
enum Packets {
    All,
    /// Those that somebody in the network has asked for.
    Answers,
}

#[derive(Clone, Copy)]
enum Verdict {
    Accept,
    Drop,
}

impl Rules {
    /// Who may reach whom: the first that fits decides.
    fn passing(&self) -> Vec<Rule<'_>> {
        let this = Some(Interfaces::This(&self.bridge));
        let rule = |from, to, packets, verdict| Rule { from, to, packets, verdict };
        if !self.leads_out {
            return vec![
                rule(this, this, Packets::All, Verdict::Accept),
                rule(this, None, Packets::All, Verdict::Drop),
                rule(None, this, Packets::All, Verdict::Drop),
            ];
        }
        vec![
            rule(this, this, Packets::All, Verdict::Accept),
            // The other networks.
            rule(this, Some(Interfaces::AllOurs), Packets::All, Verdict::Drop),
            rule(None, this, Packets::Answers, Verdict::Accept),
            // Nobody from outside.
            rule(None, this, Packets::All, Verdict::Drop),
            // Everywhere else, where the machine's own rules would refuse it.
            rule(this, None, Packets::All, Verdict::Accept),
        ]
    }

    /// What nft(8) reads.
    fn text(&self) -> String {
        let sixth = self.sixth.as_ref().map(|subnet| self.table("ip6", subnet));
        self.table("ip", &self.subnet) + &sixth.unwrap_or_default()
    }

    fn table(&self, family: &str, subnet: &str) -> String {
        let bridge = &self.bridge;
        let passing: String =
            self.passing().iter().map(|rule| format!("        {}\n", rule.words(Firewall::Nft))).collect();
        let translation = format!(
            "    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        {family} saddr {subnet} oifname != \"{bridge}\" masquerade
    }}
"
        );
        let translation = if self.leads_out { &translation } else { "" };
        format!(
            "table {family} {bridge} {{
    chain forward {{
        type filter hook forward priority filter; policy accept;
{passing}    }}
{translation}}}
"
        )
    }

    /// What iptables(8) is started with for a subnet, one time after the other.
    fn lines(&self, subnet: &str) -> Vec<String> {
        let bridge = &self.bridge;
        let needed = if self.leads_out { &CHAINS[..] } else { &CHAINS[..1] };
        let chains = needed.iter().map(|(table, _)| format!("-t {table} -N {bridge}"));
        let passing = self.passing();
        let passing = passing.iter().map(|rule| format!("-t filter -A {bridge} {}", rule.words(Firewall::Iptables)));
        let translation = self.leads_out.then(|| format!("-t nat -A {bridge} -s {subnet} ! -o {bridge} -j MASQUERADE"));
        // Last, so that what is not complete is not in use.
        let jumps = needed.iter().map(|(table, chain)| format!("-t {table} -I {chain} -j {bridge}"));
        chains.chain(passing).chain(translation).chain(jumps).collect()
    }
}

/// Where iptables comes to our chains: in which table, and from which chain.
const CHAINS: [(&str, &str); 2] = [("filter", "FORWARD"), ("nat", "POSTROUTING")];

impl Rule<'_> {
    fn words(&self, language: Firewall) -> String {
        let mut words = Vec::new();
        for (interfaces, nft, iptables) in [(self.from, "iifname", "-i"), (self.to, "oifname", "-o")] {
            words.extend(interfaces.map(|interfaces| match language {
                Firewall::Nft => format!("{nft} \"{}\"", interfaces.pattern('*')),
                Firewall::Iptables => format!("{iptables} {}", interfaces.pattern('+')),
            }));
        }
        let packets = match (self.packets, language) {
            (Packets::All, _) => None,
            (Packets::Answers, Firewall::Nft) => Some("ct state established,related"),
            (Packets::Answers, Firewall::Iptables) => Some("-m conntrack --ctstate RELATED,ESTABLISHED"),
        };
        words.extend(packets.map(str::to_owned));
        let verdict = match (self.verdict, language) {
            (Verdict::Accept, Firewall::Nft) => "accept",
            (Verdict::Drop, Firewall::Nft) => "drop",
            (Verdict::Accept, Firewall::Iptables) => "-j ACCEPT",
            (Verdict::Drop, Firewall::Iptables) => "-j DROP",
        };
        words.push(verdict.to_owned());
        words.join(" ")
    }
}

impl Interfaces<'_> {
    fn pattern(self, any: char) -> String {
        match self {
            Interfaces::This(name) => name.to_owned(),
            Interfaces::AllOurs => format!("{BRIDGE}{any}"),
        }
    }
}

/// Rules that are being added: a program works beside us.
#[derive(Debug, Default)]
pub(super) struct Adding(Option<Child>);

impl Adding {
    /// Waits until they are there. Where it fails, some of them may be.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        self.0.take().map_or(Ok(()), |child| finished("nft", child))
    }
}

impl Firewall {
    /// That of this machine, if there is one.
    pub(super) fn here() -> Option<Firewall> {
        match (program("nft"), program("iptables")) {
            (Some(_), _) => Some(Firewall::Nft),
            (None, Some(_)) => Some(Firewall::Iptables),
            (None, None) => None,
        }
    }

    /// Begins to add the rules. Where it fails, some of them may be there.
    pub(super) fn add(self, rules: &Rules) -> Result<Adding, String> {
        match self {
            Firewall::Nft => begin_nft(&rules.text(), None).map(|child| Adding(Some(child))),
            Firewall::Iptables => {
                let sixth = rules.sixth.as_ref().map(|subnet| (IP6TABLES, subnet));
                let added = [(IPTABLES, &rules.subnet)].into_iter().chain(sixth).try_for_each(|(program, subnet)| {
                    rules.lines(subnet).iter().try_for_each(|line| iptables(program, line))
                });
                added.map(|()| Adding::default())
            }
        }
    }

    /// Takes away those of a bridge, as many as there are; those of IPv6 only where there may be some.
    pub(super) fn remove(self, bridge: &str, has_sixth: bool) {
        match self {
            Firewall::Nft => {
                let families = if has_sixth { &["ip", "ip6"][..] } else { &["ip"] };
                for family in families {
                    // One that is not there does not keep the other.
                    let _ = nft(&format!("delete table {family} {bridge}\n"), None);
                }
            }
            Firewall::Iptables => {
                let programs = if has_sixth { &[IPTABLES, IP6TABLES][..] } else { &[IPTABLES] };
                for (program, (table, chain)) in programs.iter().flat_map(|one| CHAINS.map(|chain| (*one, chain))) {
                    for what in [format!("-D {chain} -j {bridge}"), format!("-F {bridge}"), format!("-X {bridge}")] {
                        // One that is not there does not keep the others.
                        let _ = iptables(program, &format!("-t {table} {what}"));
                    }
                }
            }
        }
    }
}

/// Adds the rules in a network of an ordinary user's, with which they go. `outer` is the interface that leads out of it.
///
/// A packet that belongs to no connection is not translated, and so would be taken for one to the network itself, which would answer it with the
/// end of the connection. Some versions of `pasta` send such packets: segments without any flag.
pub(super) fn add_within(rules: &Rules, outer: &str, namespaces: &Namespaces) -> Result<(), String> {
    let strays = format!(
        "table inet {} {{
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname \"{outer}\" ct state invalid drop
    }}
}}
",
        rules.bridge
    );
    nft(&(rules.text() + &strays), Some(namespaces))
}

/// Takes away what a process left behind that was killed, in whichever language it was said.
pub(super) fn clear(bridge: &str) {
    for (firewall, name) in [(Firewall::Nft, "nft"), (Firewall::Iptables, "iptables")] {
        if program(name).is_some() {
            firewall.remove(bridge, true);
        }
    }
}

fn nft(text: &str, namespaces: Option<&Namespaces>) -> Result<(), String> {
    finished("nft", begin_nft(text, namespaces)?)
}

fn begin_nft(text: &str, namespaces: Option<&Namespaces>) -> Result<Child, String> {
    let mut command = Command::new(program("nft").unwrap_or_default());
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(namespaces) = namespaces {
        enter(&mut command, namespaces, CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET);
    }
    let mut child = command.spawn().map_err(|error| format!("nft: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(|error| format!("nft: {error}"))?;
    }
    Ok(child)
}

const IPTABLES: &str = "iptables";
const IP6TABLES: &str = "ip6tables";

fn iptables(name: &str, line: &str) -> Result<(), String> {
    let mut command = Command::new(program(name).unwrap_or_default());
    command.arg("-w").args(line.split(' '));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    finished(name, child.map_err(|error| format!("{name}: {error}"))?)
}

fn finished(name: &str, child: Child) -> Result<(), String> {
    let output = child.wait_with_output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", message.lines().next().unwrap_or("it failed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same() {
        let (bridge, subnet) = ("ll-abcdef-1".to_owned(), "172.18.0.0/16".to_owned());
        let rules = Rules { bridge, subnet, sixth: None, leads_out: true };
        let text = rules.text();
        assert!(text.starts_with("table ip ll-abcdef-1 {"), "{text}");
        assert!(text.contains("ip saddr 172.18.0.0/16 oifname != \"ll-abcdef-1\" masquerade"), "{text}");
        let inside = |verdict: &str| text.matches(verdict).count();
        // The policies of the two chains, and three rules.
        assert_eq!((inside(" accept"), inside(" drop")), (5, 2), "{text}");
        let both = Rules { sixth: Some("fd00:1::/64".to_owned()), ..rules.clone() };
        let (four, six) =
            both.text().split_once("table ip6 ").map(|(four, six)| (four.to_owned(), six.to_owned())).unwrap();
        assert_eq!(four, text);
        assert!(six.contains("ip6 saddr fd00:1::/64 oifname"), "{six}");
        assert_eq!(six.matches(" drop").count(), 2, "{six}");
        let lines = rules.lines(&rules.subnet);
        assert_eq!(
            lines,
            [
                "-t filter -N ll-abcdef-1",
                "-t nat -N ll-abcdef-1",
                "-t filter -A ll-abcdef-1 -i ll-abcdef-1 -o ll-abcdef-1 -j ACCEPT",
                "-t filter -A ll-abcdef-1 -i ll-abcdef-1 -o ll-+ -j DROP",
                "-t filter -A ll-abcdef-1 -o ll-abcdef-1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "-t filter -A ll-abcdef-1 -o ll-abcdef-1 -j DROP",
                "-t filter -A ll-abcdef-1 -i ll-abcdef-1 -j ACCEPT",
                "-t nat -A ll-abcdef-1 -s 172.18.0.0/16 ! -o ll-abcdef-1 -j MASQUERADE",
                "-t filter -I FORWARD -j ll-abcdef-1",
                "-t nat -I POSTROUTING -j ll-abcdef-1",
            ]
        );
        let internal = Rules { leads_out: false, ..both };
        let text = internal.text();
        assert!(text.contains("table ip6 ") && !text.contains("masquerade"), "{text}");
        assert_eq!(text.matches(" drop").count(), 4, "{text}");
        assert_eq!(
            internal.lines(&internal.subnet),
            [
                "-t filter -N ll-abcdef-1",
                "-t filter -A ll-abcdef-1 -i ll-abcdef-1 -o ll-abcdef-1 -j ACCEPT",
                "-t filter -A ll-abcdef-1 -i ll-abcdef-1 -j DROP",
                "-t filter -A ll-abcdef-1 -o ll-abcdef-1 -j DROP",
                "-t filter -I FORWARD -j ll-abcdef-1",
            ]
        );
    }
}
