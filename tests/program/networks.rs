//! Networks: a container's own, the names on one, the way out, and what is left when their keeper is killed.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, missing};
use crate::yard::{PATIENCE, Yard, roles};

/// A server for one word on a port, as long as it is not stopped.
pub fn server(port: u16, word: &str) -> String {
    format!("while :; do echo {word} | nc -l -p {port}; done")
}

#[test]
fn containers_on_a_network_find_each_other_by_name() {
    for role in roles() {
        let yard = Yard(Place::of(role, ""));
        assert_eq!(yard.0.run("network create town").trim().len(), 64);
        yard.run_script("-d --name web --network town --network-alias site", &server(80, "hello"));
        for name in ["web", "site"] {
            yard.until(
                "--rm --network town",
                &format!("nslookup {name} >/dev/null && nc -w 2 $(nslookup {name} | sed -n 's/^Address: //p') 80"),
                "hello",
            );
        }
        let shown = yard.inspected("network inspect town");
        let containers = shown[0]["Containers"].as_object().unwrap();
        assert_eq!(containers.len(), 1, "{shown}");
        let address = yard.inspected("inspect web")[0]["NetworkSettings"]["Networks"]["town"]["IPAddress"].clone();
        let address = address.as_str().unwrap().to_owned();
        assert!(containers.values().next().unwrap()["IPv4Address"].as_str().unwrap().starts_with(&address));
        // It is known by another name as soon as it has one.
        yard.0.run("rename web shop");
        yard.until("--rm --network town", "nc -w 2 $(nslookup shop | sed -n 's/^Address: //p') 80", "hello");
        let web = yard.run_script("--rm --network town", "nslookup web > /dev/null || echo unknown");
        assert!(web.contains("unknown"), "{web}");
        yard.0.run("kill -s WINCH shop");
        let told = yard.0.run("events --since 5m --until 0s -f event=kill");
        assert!(told.contains("name=shop"), "{told}");
        yard.0.run("rename shop web");
        // Another network does not know the name, nor has a way to the address.
        yard.0.run("network create country --internal");
        let other = yard.run_script(
            "--rm --network country",
            &format!("nslookup web | grep -c Address:; nc -w 1 {address} 80; ip route"),
        );
        assert!(!other.contains("hello") && !other.contains("default via"), "{other}");
        // Until it is connected there.
        yard.0.run("network connect country web");
        yard.until("--rm --network country", "nc -w 2 $(nslookup web | sed -n 's/^Address: //p') 80", "hello");
        yard.0.run("network disconnect country web");
        assert!(yard.0.run("network rm town").contains("in use by web"));
        yard.0.run("rm -f web");
        assert_eq!(yard.0.run("network rm town country"), "town\ncountry\n");
        let listed = yard.0.run("network ls");
        let names: Vec<&str> = listed.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(names, ["bridge", "host", "none"], "{listed}");
        yard.0.assert_whole();
    }
}

#[test]
fn every_container_and_run_has_a_network_of_its_own() {
    for role in roles() {
        let yard = Yard(Place::of(
            role,
            "//- Dockerfile\nFROM layerlab/base\nRUN ls /sys/class/net > /seen; cat /etc/resolv.conf >> /seen\n",
        ));
        let seen = yard.run_script(
            "--rm",
            "ls /sys/class/net; cat /etc/resolv.conf; cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
        );
        assert!(
            seen.starts_with("eth0\nlo\n") && seen.contains("nameserver 127.0.0.11") && seen.ends_with("\n0\n"),
            "{seen}"
        );
        let built = yard.0.run("build -t seen .");
        assert!(built.contains("Successfully tagged"), "{built}");
        let seen = yard.0.run("run --rm seen cat /seen");
        assert!(seen.starts_with("eth0\nlo\n") && seen.contains("nameserver 127.0.0.11"), "{seen}");
        // What listens on the machine's loopback is not reached, nor do its abstract sockets have names there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tried = yard.run_script(
            "--rm",
            &format!("nc -w 1 127.0.0.1 {port} </dev/null && echo reached; wc -l < /proc/net/unix"),
        );
        assert!(!tried.contains("reached") && tried.lines().any(|line| line == "1"), "{tried}");
        assert!(yard.run_script("--rm --network host", "ls /sys/class/net").lines().count() > 1);
        let refused = yard.0.run("run --rm --network moon layerlab/base true");
        assert!(refused.contains("no such network: moon"), "{refused}");
        let refused = yard.0.run("run --rm --network bridge --network bridge layerlab/base true");
        assert!(refused.contains("the network `bridge` is wanted twice"), "{refused}");
    }
}

#[test]
fn a_container_without_a_way_out_says_so_when_it_wants_one() {
    for role in roles() {
        let yard = Yard(Place::of(role, "//- Dockerfile\nFROM layerlab/base\nRUN nslookup example.org\n"));
        // Nothing of what could connect it is on this PATH; administrators' folders are looked at, too, so this is for users only.
        if role == Role::Self_ || std::path::Path::new("/usr/sbin/pasta").exists() {
            continue;
        }
        let folder = yard.0.path("bin");
        std::fs::create_dir(&folder).unwrap();
        for program in ["newuidmap", "newgidmap", "busybox", "sh"] {
            let found = ["/usr/bin", "/bin"].map(|place| format!("{place}/{program}"));
            let found = found.iter().find(|path| std::path::Path::new(path).exists()).unwrap();
            std::os::unix::fs::symlink(found, folder.join(program)).unwrap();
        }
        let output = yard.0.command("build .").env("PATH", &folder).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).replace("\n      ", "");
        assert!(said.contains("no way out") && said.contains("--network host"), "{said}");
        let output =
            yard.0.command("run --rm layerlab/base nslookup example.org").env("PATH", &folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("no way out") && said.contains("passt"), "{said}");
    }
}

#[test]
fn a_port_that_is_in_use_names_the_program_that_has_it() {
    let yard = Yard(Place::of(Role::Self_, ""));
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let refused = yard.0.run(&format!("run --rm -p {port}:80 layerlab/base true"));
    let expected = format!("can't publish port {port}: process {} has it, `{}`", std::process::id(), name.trim_end());
    assert!(refused.contains(&expected), "{refused}");
}

#[test]
fn nothing_is_left_of_a_keeper_that_was_killed() {
    for role in roles() {
        let yard = Yard(Place::of(role, ""));
        let bridges = || {
            let names = std::fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap());
            names
                .filter(|entry| entry.file_name().to_string_lossy().starts_with("ll-"))
                .map(|entry| entry.file_name())
                .collect::<Vec<_>>()
        };
        yard.run_script("-d --name web", "sleep 1000");
        let home = yard.0.home().join("networks");
        let keeper = keeper_of(&home).expect("somebody keeps the networks");
        let mark = mark_of(keeper).expect("it has a name");
        let ours: Vec<_> = bridges().into_iter().filter(|name| name.to_string_lossy().contains(&mark)).collect();
        assert_eq!(ours.len(), usize::from(role == Role::Self_), "{ours:?}");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper), nix::sys::signal::Signal::SIGKILL).unwrap();
        // The next one removes what is left on the machine, and works as before.
        let seen = yard.run_script("--rm", "ls /sys/class/net");
        assert_eq!(seen, "eth0\nlo\n");
        assert!(bridges().iter().all(|name| !ours.contains(name)), "{ours:?}");
        yard.0.run("rm -f web");
        let end = Instant::now() + PATIENCE;
        while keeper_of(&home).is_some() {
            assert!(Instant::now() < end, "the keeper of unused networks stays");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!home.join("switch.sock").exists());
    }
}

#[test]
fn containers_keep_their_networks_when_the_keeper_of_those_is_killed() {
    for role in roles() {
        let yard = Yard(Place::of(role, ""));
        yard.0.run("network create one");
        yard.0.run("network create two");
        let address = |name: &str| {
            let document = yard.inspected(&format!("inspect {name}"));
            document[0]["NetworkSettings"]["Networks"]["one"]["IPAddress"].as_str().unwrap_or_default().to_owned()
        };
        yard.run_script("-d --name web --network one --network-alias shop", &server(8080, "from-the-web"));
        yard.run_script("-d --name idle --network one", "sleep 1000");
        assert_eq!(yard.0.run("network connect --alias second two web"), "");
        let (web, idle) = (address("web"), address("idle"));
        for round in 0..2 {
            let keeper = keeper_of(&yard.0.home().join("networks")).expect("somebody keeps the networks");
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper), nix::sys::signal::Signal::SIGKILL).unwrap();
            // Nobody else is given their addresses, however soon he comes.
            let other = yard.run_script("--rm --network one", "ip -4 addr show eth0");
            assert!(!other.contains(&format!("{web}/")) && !other.contains(&format!("{idle}/")), "{role:?} {other}");
            // In use it stays, whoever is connected just now.
            assert!(yard.0.run("network rm one").contains("in use by"), "{role:?}");
            yard.until("--rm --network one", "nc -w 5 shop 8080", "from-the-web");
            yard.until("--rm --network two", "nc -w 5 second 8080", "from-the-web");
            let end = Instant::now() + PATIENCE;
            while (address("web"), address("idle")) != (web.clone(), idle.clone()) {
                assert!(Instant::now() < end, "{role:?}, round {round}: not connected again");
            }
            // It asks for names as before.
            let asked = yard.0.run("exec idle nslookup web");
            assert!(asked.contains(&web), "{role:?} {asked}");
        }
        // A change comes at once, or waits for the keeper that comes.
        let keeper = keeper_of(&yard.0.home().join("networks")).expect("somebody keeps the networks");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(keeper), nix::sys::signal::Signal::SIGKILL).unwrap();
        assert_eq!(yard.0.run("network disconnect two web"), "", "{role:?}");
        assert_eq!(yard.0.run("exec web ls /sys/class/net"), "eth0\nlo\n", "{role:?}");
    }
}

/// The name of a keeper: that of its abstract socket.
fn mark_of(keeper: i32) -> Option<String> {
    let links = std::fs::read_dir(format!("/proc/{keeper}/fd")).ok()?.flatten();
    let links: Vec<_> = links.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect();
    let sockets = std::fs::read_to_string("/proc/net/unix").ok()?;
    sockets.lines().find_map(|line| {
        let (before, name) = line.split_once(" @layerlab-networks/")?;
        let socket = format!("socket:[{}]", before.split_whitespace().last()?);
        links.iter().any(|link| link.to_str() == Some(&socket)).then(|| name.to_owned())
    })
}

/// The process that has the lock of the networks open.
fn keeper_of(home: &std::path::Path) -> Option<i32> {
    let has_it = |number: &i32| {
        let descriptors = std::fs::read_dir(format!("/proc/{number}/fd")).ok().into_iter().flatten().flatten();
        descriptors
            .into_iter()
            .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|path| path == home.join("switch.lock")))
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(has_it)
}

#[test]
fn networks_are_apart_where_iptables_is_the_firewall() {
    let has = |program: &str| {
        ["/usr/sbin", "/sbin"]
            .map(|folder| format!("{folder}/{program}"))
            .into_iter()
            .find(|path| std::path::Path::new(path).exists())
    };
    let (true, Some(_)) = (nix::unistd::geteuid().is_root(), has("iptables")) else {
        return missing("rules of iptables: it is not here, or the tests don't run as root");
    };
    let yard = Place::of(Role::Self_, "");
    // In a network of its own, and with nft there, but nothing that can be executed.
    let hide: String = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"]
        .iter()
        .filter(|path| std::path::Path::new(path).exists())
        .map(|path| format!("mount --bind /etc/passwd {path}\n"))
        .collect();
    let program = yard.program();
    let program = program.display();
    let script = format!(
        r#"{hide}
        l() {{ {program} "$@" 2>&1; }}
        ours() {{ (iptables -S; iptables -t nat -S) | grep -c ' ll-'; }}
        l network create one; l network create two
        l run -d --name web --network one layerlab/base sleep 1000
        to=$(l inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' web)
        l run --rm --network one layerlab/base ping -c 1 -W 5 $to >&2 && echo near
        l run --rm --network two layerlab/base ping -c 1 -W 1 $to >&2 && echo far
        echo rules $(ours)
        for link in /proc/[0-9]*/fd/*; do
            [ "$(readlink $link)" = "$LAYERLAB_HOME/networks/switch.lock" ] && keeper=${{link#/proc/}} && kill -9 ${{keeper%%/*}} && break
        done
        l run --rm layerlab/base true
        l rm -f web
        for i in $(seq 100); do [ $(ours) = 0 ] && break; sleep 0.1; done
        echo left $(ours)
        "#
    );
    let output = yard
        .shell("exec unshare -mn /bin/sh")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    let mut shell = output.unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let has = |line: &str| said.lines().any(|other| other == line);
    assert!(has("near") && !has("far") && !has("rules 0") && has("left 0"), "{said}\n{failed}");
}

#[test]
fn a_cable_that_could_not_be_put_in_leaves_nothing_behind() {
    if !nix::unistd::geteuid().is_root() {
        return missing("cables that can't be put in: the tests don't run as root");
    }
    let yard = Yard(Place::of(Role::Self_, ""));
    yard.0.run("network create --internal inner");
    yard.0.run("network create outer");
    yard.run_script("-d --name web --cap-add NET_ADMIN --network inner", "sleep 1000");
    let interfaces = || yard.0.run("exec web ls /sys/class/net");
    // The way everywhere else is taken.
    yard.0.run("exec web ip route add default dev eth0");
    let refused = yard.0.run("network connect outer web");
    assert!(refused.contains("EEXIST"), "{refused}");
    assert_eq!(interfaces(), "eth0\nlo\n");
    yard.0.run("exec web ip route del default");
    assert_eq!(yard.0.run("network connect outer web"), "");
    assert_eq!(interfaces(), "eth0\neth1\nlo\n");
    // Whatever the container calls it.
    yard.0.run("exec web ip link set eth1 down");
    yard.0.run("exec web ip link set eth1 name mine");
    assert_eq!(yard.0.run("network disconnect outer web"), "");
    assert_eq!(interfaces(), "eth0\nlo\n");
    let removed = yard.0.run("network rm inner");
    assert!(removed.contains("in use by web"), "{removed}");
    assert_eq!(yard.0.run("network rm outer"), "outer\n");
}
