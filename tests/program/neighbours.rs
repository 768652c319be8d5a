//! A container in the network of another one.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::Role;
use crate::yard::{Yard, roles};

const PATIENCE: Duration = Duration::from_secs(60);

fn inspected(yard: &Yard, name: &str) -> Value {
    let all: Value = serde_json::from_str(&yard.0.run(&format!("inspect {name}"))).unwrap();
    all[0].clone()
}

/// Tries until it prints this.
fn until(yard: &Yard, arguments: &str, text: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = yard.0.run(arguments);
        if shown.contains(text) {
            return shown;
        }
        assert!(Instant::now() < end, "`{text}` did not come of `{arguments}`:\n{shown}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_container_has_the_network_and_the_names_of_another_one() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.0.run("network create town");
        yard.run_script(
            "-d --name web -h shop --domainname example --network town --add-host db:10.1.2.3",
            "sleep 1000",
        );
        let look = "ip -o address show eth0; readlink /proc/self/ns/net; cat /etc/hosts /etc/hostname /etc/resolv.conf; hostname; \
                    cat /proc/sys/kernel/domainname; ls /sys/class/net; echo $HOSTNAME";
        let one = yard.0.command("exec web sh -c").arg(look).output().unwrap();
        let one = String::from_utf8(one.stdout).unwrap();
        assert!(one.contains("eth0") && one.contains("10.1.2.3\tdb") && one.contains("nameserver 127.0.0.11"), "{one}");
        let other = yard.run_script("--rm --network container:web", look);
        assert_eq!(one, other, "{role:?}");
        // Their files are the same, in both directions.
        yard.run_script("-d --name helper --net container:web", "while :; do echo hello | nc -l -p 81; done");
        let wrote = yard.0.command("exec helper sh -c").arg("echo 10.4.5.6 kitchen >> /etc/hosts").status().unwrap();
        assert!(wrote.success());
        assert!(yard.0.run("exec web cat /etc/hosts").contains("10.4.5.6 kitchen"));
        // What listens on the loopback of one is reached by the other.
        let end = Instant::now() + PATIENCE;
        loop {
            let output = yard.0.command("exec web sh -c").arg("nc -w 2 127.0.0.1 81 </dev/null").output().unwrap();
            if output.stdout == b"hello\n" {
                break;
            }
            assert!(Instant::now() < end, "nobody answers: {output:?}");
        }
        // And so is one that is with the second.
        let third = yard.run_script("--rm --network container:helper", look);
        assert!(third.contains("10.4.5.6 kitchen") && third.contains("eth0"), "{third}");
        let id = inspected(&yard, "web")["Id"].as_str().unwrap().to_owned();
        let helper = inspected(&yard, "helper");
        assert_eq!(helper["HostConfig"]["NetworkMode"], format!("container:{id}"));
        assert_eq!(helper["NetworkSettings"]["Networks"], serde_json::json!({}));
        assert_eq!(helper["Config"]["Hostname"], "shop");
        assert_eq!(yard.0.run("port helper"), "");
        let told = yard.0.run("explain helper");
        let network = told.lines().find(|line| line.contains("net:[")).unwrap();
        assert!(network.contains("shared with web"), "{told}");
        assert!(told.contains("on the network `town`"), "{told}");
        let refused = yard.0.run("network connect bridge helper");
        assert!(refused.contains(&format!("container helper has the network `container:{id}`")), "{refused}");
        yard.0.assert_whole();
    }
}

#[test]
fn a_container_in_anothers_network_needs_that_one_to_run_and_finds_it_by_its_id() {
    for role in roles() {
        let yard = Yard::new(role);
        let none = yard.0.run("run --rm --network container:moon layerlab/base true");
        assert!(none.contains("no such container: moon") || none.contains("moon"), "{none}");
        yard.run_script("-d --name web", "trap 'exit 0' TERM; sleep 1000 & wait");
        yard.0.run("create --name helper --network container:web layerlab/base sh -c true");
        yard.run_script("-d --name stays --network container:web", "trap 'exit 0' TERM; sleep 1000 & wait");
        yard.0.run("stop web");
        let id = inspected(&yard, "web")["Id"].as_str().unwrap().to_owned();
        let output = yard.0.command("start helper").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("cannot join network of a non running container: {id}")), "{said}");
        assert_eq!(output.status.code(), Some(1));
        let output = yard.0.command("run --rm --network container:web layerlab/base true").output().unwrap();
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        // What is left to the one that goes on is its loopback interface.
        until(&yard, "exec stays ls /sys/class/net", "lo");
        let end = Instant::now() + PATIENCE;
        while yard.0.run("exec stays ls /sys/class/net") != "lo\n" {
            assert!(Instant::now() < end, "the cable stays");
        }
        yard.0.run("rename web shop");
        yard.0.run("start shop");
        assert_eq!(yard.0.run("exec stays ls /sys/class/net"), "lo\n");
        yard.0.run("restart stays");
        assert_eq!(yard.0.run("exec stays ls /sys/class/net"), "eth0\nlo\n");
        assert_eq!(yard.0.run("start helper"), "helper\n");
        yard.0.run("rm -f shop");
        let gone = yard.0.run("start helper");
        assert!(gone.contains(&id), "{gone}");
        yard.0.assert_whole();
    }
}

#[test]
fn ports_that_the_other_publishes_lead_to_both() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.run_script("-d --name web -p 127.0.0.1::80", "sleep 1000");
        yard.run_script(
            "-d --name helper --network container:web",
            "while :; do echo from the helper | nc -l -p 80; done",
        );
        let address = yard.0.run("port web 80");
        let end = Instant::now() + PATIENCE;
        loop {
            let mut text = String::new();
            let stream = std::net::TcpStream::connect(address.trim());
            if let Ok(mut stream) = stream {
                let _ = std::io::Write::write_all(&mut stream, b"\n");
                let _ = std::io::Read::read_to_string(&mut stream, &mut text);
            }
            if text == "from the helper\n" {
                break;
            }
            assert!(Instant::now() < end, "nobody answers");
        }
        // The machine's network is anybody's who has it.
        yard.run_script("-d --name free --network host", "sleep 1000");
        let seen = yard.run_script("--rm --network container:free", "ls /sys/class/net; readlink /proc/self/ns/net");
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert!(seen.contains(ours.to_str().unwrap()), "{seen}");
        let refused = yard.0.run("run --rm --network container:free --sysctl net.ipv4.ip_forward=1 layerlab/base true");
        assert!(refused.contains("would change the machine's"), "{refused}");
    }
}

#[test]
fn what_the_other_container_has_decided_is_not_asked_for_again() {
    let yard = Yard::new(Role::Self_);
    yard.run_script("-d --name web", "sleep 1000");
    let mut said = String::new();
    for options in [
        "-p 80:80",
        "-P",
        "-h other",
        "--dns 10.0.0.1",
        "--add-host a:10.0.0.1",
        "--network-alias a",
        "--ip 10.0.0.1",
        "--expose 80",
        "--network bridge",
        "--dns-search example",
    ] {
        let output =
            yard.0.command(&format!("run --rm --network container:web {options} layerlab/base true")).output().unwrap();
        let code = output.status.code().unwrap();
        said.push_str(&format!("{options} → {code}\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let output = yard.0.command("create --network container: layerlab/base true").output().unwrap();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(said);
}

#[test]
fn a_plan_tells_of_the_network_that_is_entered() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.run_script("-d --name web", "sleep 1000");
        let told = yard.0.run("run --explain --network container:web layerlab/base true");
        assert!(told.contains("that of container web"), "{told}");
        yard.0.run("create --name helper --network container:web layerlab/base true");
        let told = yard.0.run("start --explain helper");
        for said in ["ask the keeper of the networks: Share", "as the guard: setns: the network of container web"] {
            assert!(told.contains(said), "{told}");
        }
        assert_eq!(told.contains("setns: the users of the network of container web"), role != Role::Self_, "{told}");
    }
}
