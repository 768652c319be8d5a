//! Ports: published ones, and those that are only exposed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::Place;
use crate::networks::server;
use crate::yard::roles;
use crate::yard::{PATIENCE, Yard};

#[test]
fn a_published_port_leads_to_the_address_and_says_why_nobody_answers() {
    for role in roles() {
        let yard = Yard(Place::of(role, ""));
        yard.run_script("-d --name open -p 127.0.0.1::80", &server(80, "welcome"));
        let fetch = |name: &str| {
            let address = yard.0.run(&format!("port {name} 80"));
            let mut stream = TcpStream::connect(address.trim()).unwrap();
            let mut text = String::new();
            let _ = stream.write_all(b"\n");
            let _ = stream.read_to_string(&mut text);
            text
        };
        let end = Instant::now() + PATIENCE;
        while fetch("open") != "welcome\n" {
            assert!(Instant::now() < end, "nobody answers");
        }
        // As in Docker, who listens on the loopback inside is not reached.
        let command = "run --name shut -p 127.0.0.1::80 layerlab/base sh -c";
        let child = yard
            .0
            .command(command)
            .arg("httpd -f -p 127.0.0.1:80 -h /")
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let end = Instant::now() + PATIENCE;
        // 127.0.0.1:80 in a state of 0A, which is LISTEN: proc(5).
        while !yard.0.run("exec shut cat /proc/net/tcp").contains("0100007F:0050 00000000:0000 0A") {
            assert!(Instant::now() < end, "it does not listen");
        }
        assert_eq!(fetch("shut"), "");
        yard.0.run("kill shut");
        let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        assert!(said.contains("listens on 127.0.0.1"), "{said}");
        let port = yard.0.run("port open 80");
        let again = yard.0.run(&format!("run --rm -p {}:80 layerlab/base true", port.trim()));
        assert!(again.contains("it is that of container open"), "{again}");
    }
}

#[test]
fn inspect_tells_ports_that_are_published_from_those_that_are_only_exposed() {
    let yard = Yard(Place::new("//- Dockerfile\nFROM layerlab/base\nEXPOSE 80 53/udp\nCMD [\"sleep\", \"1000\"]\n"));
    yard.0.run("build -q -t shop .");
    let ports = |name: &str| yard.inspected(&format!("inspect {name}"))[0]["NetworkSettings"]["Ports"].clone();
    yard.0.run("run -d --name web -p 127.0.0.1::80 --expose 443 shop");
    let published = ports("web");
    assert_eq!(published["80/tcp"][0]["HostIp"], "127.0.0.1", "{published}");
    assert_eq!((&published["53/udp"], &published["443/tcp"]), (&Value::Null, &Value::Null), "{published}");
    assert_eq!(published.as_object().unwrap().len(), 3, "{published}");
    // As in Docker, nothing leads to one that does not run, or that has the machine's network.
    yard.0.run("run -d --name host --network host shop");
    yard.0.run("kill web");
    yard.0.run("wait web");
    assert_eq!((ports("web"), ports("host")), (json!({}), json!({})));
}
