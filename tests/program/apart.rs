//! What a container sends or does must not change where others are reached, nor what the machine takes for its way out.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, missing};
use crate::yard::{Yard, roles};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server of one word.
fn server(word: &str) -> String {
    format!("while :; do echo {word} | nc -l -p 80; done")
}

/// What comes of a connection to the published port of a container; nothing where nobody answers.
fn fetched(yard: &Yard, name: &str) -> String {
    let address = yard.0.run(&format!("port {name} 80"));
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(address.trim()) {
        let _ = stream.write_all(b"\n");
        let _ = stream.read_to_string(&mut text);
    }
    text
}

fn fetch_until(yard: &Yard, name: &str, word: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let text = fetched(yard, name);
        if text == word {
            return;
        }
        assert!(text.is_empty(), "somebody else answers: {text}");
        assert!(Instant::now() < end, "nobody answers at {name}");
    }
}

/// Its address on the network `town`; empty where it is not in it.
fn address(yard: &Yard, name: &str) -> String {
    let all: serde_json::Value = serde_json::from_str(&yard.0.run(&format!("inspect {name}"))).unwrap();
    all[0]["NetworkSettings"]["Networks"]["town"]["IPAddress"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_published_port_never_leads_into_another_container() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.0.run("network create town");
        yard.0.run("network create country");
        yard.run_script("-d --name one -p 127.0.0.1::80 --network town", &server("one"));
        fetch_until(&yard, "one", "one\n");
        let before = address(&yard, "one");
        assert_eq!(yard.0.run("network disconnect town one"), "");
        assert_eq!(fetched(&yard, "one"), "", "{role:?}: it has no address");
        yard.run_script(&format!("-d --name two -p 127.0.0.1::80 --network town --ip {before}"), &server("two"));
        fetch_until(&yard, "two", "two\n");
        assert_eq!(address(&yard, "two"), before, "{role:?}");
        assert_eq!(fetched(&yard, "one"), "", "{role:?}: its address is another one's");
        // It is reached at whichever address it has.
        assert_eq!(yard.0.run("network connect town one"), "");
        assert_ne!(address(&yard, "one"), before, "{role:?}");
        fetch_until(&yard, "one", "one\n");
        yard.0.run("network disconnect town one");
        yard.0.run("network connect country one");
        fetch_until(&yard, "one", "one\n");
        fetch_until(&yard, "two", "two\n");
    }
}

/// Runs a script in a network of the machine's that is its own; `l` is the program. Gives what it prints.
fn on_a_machine(place: &Place, script: &str) -> String {
    let program = place.program();
    let script = format!("l() {{ {} \"$@\" 2>&1; }}\nip link set lo up\n{script}", program.display());
    let mut shell = place.shell("exec unshare -mn /bin/sh");
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = shell.spawn().unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn has_tools() -> bool {
    let is_there =
        |name: &str| ["/usr/sbin", "/sbin", "/bin"].iter().any(|at| std::path::Path::new(at).join(name).exists());
    nix::unistd::geteuid().is_root() && is_there("ip") && is_there("nft")
}

#[test]
fn the_machine_takes_no_container_for_a_router() {
    if !has_tools() || !std::path::Path::new("/proc/sys/net/ipv6/conf").exists() {
        return missing("settings of interfaces: `ip`, `nft`, IPv6 or root is missing");
    }
    let place = Place::of(Role::Self_, "");
    let said = on_a_machine(
        &place,
        r#"
        l network create --ipv6 sixth; l network create plain; l network create --internal inner
        for one in sixth plain inner; do l run -d --name in-$one --network $one layerlab/base sleep 1000; done > /dev/null
        cd /proc/sys/net
        for one in ll lv; do
            for setting in ipv4/accept_redirects ipv6/accept_ra ipv6/accept_redirects; do
                echo $one $setting $(cat ${setting%/*}/conf/$one-*/${setting#*/})
            done
            echo $one disable_ipv6 $(cat ipv6/conf/$one-*/disable_ipv6 | sort)
        done
        echo forwarding $(cat ipv4/conf/ll-*/forwarding | sort)
        l run --rm --network plain layerlab/base ip -6 address show eth0 > /dev/null
        l rm -f in-sixth in-plain in-inner > /dev/null
        "#,
    );
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with('l') || line.starts_with('f')).collect();
    let expected = [
        "ll ipv4/accept_redirects 0 0 0",
        "ll ipv6/accept_ra 0 0 0",
        "ll ipv6/accept_redirects 0 0 0",
        "ll disable_ipv6 0 1 1",
        "lv ipv4/accept_redirects 0 0 0",
        "lv ipv6/accept_ra 0 0 0",
        "lv ipv6/accept_redirects 0 0 0",
        "lv disable_ipv6 1 1 1",
        "forwarding 0 1 1",
    ];
    assert_eq!(told, expected, "{said}");
}

#[test]
fn an_internal_network_is_apart_though_the_machine_passes_packets_on() {
    if !has_tools() {
        return missing("internal networks: `ip`, `nft` or root is missing");
    }
    let hide = |program: &str| {
        let files = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(|folder| format!("{folder}/{program}"));
        let files = files.into_iter().filter(|path| std::path::Path::new(path).exists());
        files.map(|path| format!("mount --bind /etc/passwd {path}\n")).collect::<String>()
    };
    let both = hide("nft") + &hide("iptables");
    for (hidden, what) in [(String::new(), "nft"), (hide("nft"), "iptables"), (both, "neither")] {
        // Two internal networks, and another machine beside. Containers get routes by hand.
        let script = format!(
            r#"{hidden}
            echo 1 > /proc/sys/net/ipv4/ip_forward
            to() {{ l inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' $1; }}
            l network create --internal one; l network create --internal two
            for name in one two near; do
                network=$name; [ $name = near ] && network=one
                l run -d --name $name --cap-add NET_ADMIN --network $network layerlab/base sleep 1000
                l exec $name ip route add default via $(to $name | sed 's/[0-9]*$/1/')
            done
            for name in two near; do l exec one ping -c 1 -W 1 $(to $name) > /dev/null && echo reached $name; done
            for bridge in /proc/sys/net/ipv4/conf/ll-*; do echo forwarding $(cat $bridge/forwarding); done
            # Who forges the way from outside is not let in, where a firewall is there.
            unshare -n sleep 1000 & away=$!
            until [ "$(readlink /proc/$away/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
            ip link add veth9 type veth peer name veth8; ip link set veth8 netns $away
            ip address add 10.98.0.1/24 dev veth9; ip link set veth9 up
            away() {{ nsenter -t $away -n "$@"; }}
            away ip address add 10.98.0.2/24 dev veth8; away ip link set veth8 up; away ip route add default via 10.98.0.1
            away busybox ping -c 1 -W 5 10.98.0.1 > /dev/null && echo reached the machine
            away busybox ping -c 2 -W 1 $(to one) > /dev/null && echo reached inside
            kill $away
            l rm -f one two near
            "#
        );
        let said = on_a_machine(&Place::of(Role::Self_, ""), &script);
        let told: Vec<&str> =
            said.lines().filter(|line| line.starts_with("reached") || line.starts_with("forwarding")).collect();
        assert_eq!(told, ["reached near", "forwarding 0", "forwarding 0", "reached the machine"], "{what}: {said}");
    }
}

#[test]
fn a_published_port_works_on_when_the_helper_inside_is_killed() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.run_script("-d --name web -p 127.0.0.1::80", &server("hello"));
        fetch_until(&yard, "web", "hello\n");
        let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
        let program = |process: &str| std::fs::read_link(format!("/proc/{process}/exe")).ok();
        let of = network(&yard.process("web").to_string());
        let helper = || {
            let all = std::fs::read_dir("/proc").unwrap().flatten();
            let mut all = all.filter_map(|entry| entry.file_name().into_string().ok());
            let descends = |process: &str| {
                let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
                status.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1).map(str::to_owned)
            };
            // In the container's network, and a child of the monitor, which is nobody's of ours.
            all.find(|process| {
                let parent = descends(process).unwrap_or_default();
                let before = descends(&parent).unwrap_or_default();
                of.is_some()
                    && network(process) == of
                    && program(process).is_some()
                    && program(process) == program(&parent)
                    && network(&parent) == network("self")
                    && program(&before) != program(process)
            })
        };
        let Some(found) = helper() else { panic!("{role:?}: no helper") };
        let killed = nix::unistd::Pid::from_raw(found.parse().unwrap());
        nix::sys::signal::kill(killed, nix::sys::signal::Signal::SIGKILL).unwrap();
        // More than are kept in store.
        for _ in 0..300 {
            fetched(&yard, "web");
        }
        fetch_until(&yard, "web", "hello\n");
        assert_ne!(helper(), Some(found), "{role:?}");
    }
}
