//! Networks with addresses of IPv6.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Role;
use crate::yard::{Yard, roles};

const PATIENCE: Duration = Duration::from_secs(60);

fn inspected(yard: &Yard, command: &str) -> Value {
    let all: Value = serde_json::from_str(&yard.0.run(command)).unwrap();
    all[0].clone()
}

#[test]
fn containers_on_a_network_reach_each_other_by_ipv6() {
    if !std::path::Path::new("/proc/sys/net/ipv6").exists() {
        return crate::harness::missing("IPv6");
    }
    for role in roles() {
        let yard = Yard::new(role);
        assert_eq!(yard.0.run("network create --ipv6 --subnet fd5a:1:2:3::/64 town").trim().len(), 64);
        yard.run_script("-d --name web --network town", "echo hello > /www; httpd -f -p [::]:80 -h /");
        let network = inspected(&yard, "network inspect town");
        assert_eq!(network["EnableIPv6"], true);
        assert_eq!(network["IPAM"]["Config"][1]["Subnet"], "fd5a:1:2:3::/64");
        assert_eq!(network["IPAM"]["Config"][1]["Gateway"], "fd5a:1:2:3::1");
        let web = inspected(&yard, "inspect web")["NetworkSettings"]["Networks"]["town"].clone();
        assert_eq!(
            (&web["GlobalIPv6Address"], &web["GlobalIPv6PrefixLen"]),
            (&"fd5a:1:2:3::2".into(), &64.into()),
            "{web}"
        );
        let members = network["Containers"].as_object().unwrap();
        assert_eq!(members.values().next().unwrap()["IPv6Address"], "fd5a:1:2:3::2/64");
        // Root's way out is this machine; a program of an ordinary user's has no addresses of this network's.
        let way = yard.run_script("--rm --network town", "ip -6 route show default");
        assert_eq!(way.contains("via fd5a:1:2:3::1"), role == Role::Self_, "{way}");
        let end = Instant::now() + PATIENCE;
        loop {
            let script = "nslookup -type=AAAA web | grep fd5a:1:2:3::2 && wget -q -O - http://[fd5a:1:2:3::2]/www; cat /etc/hosts";
            let shown = yard.run_script("--rm --network town", script);
            if shown.contains("hello") {
                assert!(shown.contains("Address: fd5a:1:2:3::2\n"), "{shown}");
                assert!(shown.lines().any(|line| line.starts_with("fd5a:1:2:3::")), "{shown}");
                break;
            }
            assert!(Instant::now() < end, "nobody answers: {shown}");
        }
        let chosen =
            yard.run_script("--rm --network town --ip6 fd5a:1:2:3::99", "ip -6 -o address show eth0 scope global");
        assert!(chosen.contains("fd5a:1:2:3::99/64") && !chosen.contains("tentative"), "{chosen}");
        for (option, why) in [
            ("--ip6 fd5a:1:2:3::2", "the address fd5a:1:2:3::2 is in use"),
            ("--ip6 fd00::2", "fd00::2 is not an address of the network `town`, fd5a:1:2:3::/64"),
        ] {
            let refused = yard.run_script(&format!("--rm --network town {option}"), "true");
            assert!(refused.contains(why), "{refused}");
        }
        // One that runs gets the addresses when it is connected.
        yard.run_script("-d --name late", "sleep 1000");
        yard.0.run("network connect --ip6 fd5a:1:2:3::77 town late");
        let pinged = yard.0.run("exec late ping -6 -c 1 -W 5 fd5a:1:2:3::2");
        assert!(pinged.contains("1 packets received"), "{pinged}");
        yard.0.run("rm -f web late");
        yard.0.run("network rm town");
        yard.0.assert_whole();
    }
}

#[test]
fn addresses_of_ipv6_are_chosen_where_nobody_says_which() {
    let yard = Yard::new(Role::Self_);
    yard.0.run("network create --ipv6 town");
    yard.0.run("network create plain");
    let network = inspected(&yard, "network inspect town");
    let subnet = network["IPAM"]["Config"][1]["Subnet"].as_str().unwrap().to_owned();
    assert!(subnet.starts_with("fd") && subnet.ends_with("::/64"), "{subnet}");
    assert_eq!(inspected(&yard, "network inspect plain")["EnableIPv6"], false);
    assert_eq!(yard.0.run("network ls --filter type=custom --format {{.Name}}:{{.IPv6}}"), "plain:false\ntown:true\n");
    let mut said = String::new();
    for options in [
        format!("--ipv6 --subnet {subnet}"),
        "--subnet fd5a:9::/64".to_owned(),
        "--ipv6 --subnet fe80::/64".to_owned(),
        "--ipv6 --subnet fd5a::/126".to_owned(),
        "--ipv6 --subnet fd5a:9::/64 --gateway fd5a:8::1".to_owned(),
        "--subnet 172.30.0.0/16 --subnet 172.29.0.0/16".to_owned(),
    ] {
        said.push_str(&yard.0.run(&format!("network create {options} other")).replace(&subnet, "SUBNET"));
    }
    said.push_str(&yard.0.run("run --rm --network plain --ip6 fd00::2 layerlab/base true"));
    insta::assert_snapshot!(said);
}

#[test]
fn a_port_published_at_an_address_of_ipv6_is_reached() {
    if !std::path::Path::new("/proc/sys/net/ipv6").exists() {
        return crate::harness::missing("IPv6");
    }
    for role in roles() {
        let yard = Yard::new(role);
        yard.0.run("network create --ipv6 town");
        for (name, network) in [("plain", "bridge"), ("web", "town")] {
            let script = "while :; do echo welcome | nc -l -p 80; done";
            yard.run_script(&format!("-d --name {name} --network {network} -p [::1]::80"), script);
            let address = yard.0.run(&format!("port {name} 80"));
            assert!(address.starts_with("[::1]:"), "{address}");
            let end = Instant::now() + PATIENCE;
            loop {
                let mut text = String::new();
                if let Ok(mut stream) = TcpStream::connect(address.trim()) {
                    let _ = stream.write_all(b"\n");
                    let _ = stream.read_to_string(&mut text);
                }
                if text == "welcome\n" {
                    break;
                }
                assert!(Instant::now() < end, "nobody answers at {address}");
            }
        }
    }
}

/// As root, the machine translates what leaves a network: what answers here is the machine itself, at an address that is not of the network.
#[test]
fn the_way_out_is_that_of_the_machine() {
    let yard = Yard::new(Role::Self_);
    if !std::path::Path::new("/proc/sys/net/ipv6").exists() || !nix::unistd::geteuid().is_root() {
        return crate::harness::missing("IPv6, or root");
    }
    yard.0.run("network create --ipv6 --subnet fd5a:7::/64 town");
    yard.run_script("-d --name web --network town", "sleep 1000");
    let rules = std::process::Command::new("nft").args(["list", "ruleset"]).output().unwrap();
    let rules = String::from_utf8_lossy(&rules.stdout).into_owned();
    if !rules.is_empty() {
        assert!(rules.contains("ip6 saddr fd5a:7::/64"), "{rules}");
    }
    yard.0.run("rm -f web");
}
