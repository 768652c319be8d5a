//! How git reaches servers: by which proxy, and at which address; and that it ends with us.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::adding_repositories::session;
use crate::harness::{Place, Role, missing};
use crate::registry::{Asked, Fake};
use crate::repository::{Repositories, backend};

/// A line for the shell in whose `/etc/hosts` are these; `None` where nobody may put them there.
fn with_hosts(place: &Place, hosts: &str, line: &str) -> Option<String> {
    std::fs::write(place.folder().join("hosts"), hosts).unwrap();
    let inside = |line: &str| format!("unshare --mount sh -c 'mount --bind ../hosts /etc/hosts && {line}'");
    if !place.shell(&inside("true")).status().unwrap().success() {
        missing("names of hosts of the test's own");
        return None;
    }
    Some(inside(line))
}

/// A host that `no_proxy` names is looked up here, and judged as without a proxy.
#[test]
fn hosts_without_a_proxy_are_judged() {
    let server = Repositories::start();
    server.make_with("app.git", &[("a", "a\n")]);
    let root = server.path("");
    let proxy = Fake::start(move |asked| {
        let path = asked.path.trim_start_matches("http://").split_once('/').map_or("", |(_, path)| path);
        backend(&root, &Asked { path: format!("/{path}"), ..asked.clone() })
    });
    let place = Place::of(Role::Self_, "");
    let port = server.fake.port;
    let hosts = "127.0.0.1 localhost school.example\n169.254.169.254 cloud.example\n";
    let mut text = String::new();
    for (host, variables) in [
        ("school.example", ""),
        ("cloud.example", ""),
        ("cloud.example", "http_proxy=http://AT"),
        ("cloud.example", "all_proxy=socks5h://localhost:1"),
        ("cloud.example", "all_proxy=socks5://AT"),
        ("cloud.example", "http_proxy=http://AT no_proxy=cloud.example"),
        ("cloud.example", "http_proxy=http://AT NO_PROXY=other,.example"),
        ("cloud.example", "http_proxy=http://AT no_proxy=\\*"),
        ("169.254.169.254", "http_proxy=http://AT"),
        ("school.example", "http_proxy=http://AT no_proxy=school.example"),
        ("school.example", "http_proxy=http://AT no_proxy=ool.example"),
    ] {
        place.write("Dockerfile", &format!("FROM scratch\nADD http://{host}:{port}/app.git /app\n"));
        let before = (server.asked().len(), proxy.asked().len());
        let line = format!("{} $L build -q . 2>&1 | head -n 1", variables.replace("AT", &proxy.host()));
        let Some(line) = with_hosts(&place, hosts, &line) else { return };
        let said = session(&place, &server, &[&line]).split_once('\n').unwrap().1.replace(&port.to_string(), "PORT");
        let went = match (server.asked().len() > before.0, proxy.asked().len() > before.1) {
            (true, false) => "straight",
            (false, true) => "by the proxy",
            (false, false) => "nowhere",
            (true, true) => "both ways",
        };
        text += &format!("{host} {variables}: {went}\n{}\n", said);
    }
    insta::assert_snapshot!(text);
    place.assert_whole();
}

/// What git is given is the address that was judged: whoever answers for the name can't answer otherwise the next time.
#[test]
fn a_name_is_looked_up_once() {
    // What it was sent over git's own protocol.
    let said = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let all = Arc::clone(&said);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 4];
            // Whether somebody listens is asked for as well.
            if stream.read_exact(&mut length).is_err() {
                continue;
            }
            let length = usize::from_str_radix(&String::from_utf8_lossy(&length), 16).unwrap();
            let mut message = vec![0; length - 4];
            stream.read_exact(&mut message).unwrap();
            all.lock().unwrap().push(String::from_utf8_lossy(&message).trim_end_matches('\0').to_owned());
        }
    });
    let place = Place::of(Role::Self_, "");
    let programs = place.folder().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|path| path.exists()).unwrap();
    for (name, rest) in [("git", format!("exec {} \"$@\"", real.display())), ("ssh", "exit 255".to_owned())] {
        let path = programs.join(name);
        // The last arguments say where to.
        let log = place.folder().join("log");
        std::fs::write(&path, format!("#!/bin/sh\necho {name} \"$@\" >> {}\n{rest}\n", log.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    // The server is at the second address.
    let hosts = "127.0.0.1 localhost\n127.9.9.9 two.example\n127.0.0.1 two.example school.example\n";
    let (server, mut text) = (Repositories::start(), String::new());
    for address in [
        format!("git://school.example:{port}/app.git#main"),
        format!("git://two.example:{port}/app.git#main"),
        format!("git://127.0.0.1:{port}/app.git#main"),
        format!("ssh://git@school.example:{port}/app.git#main"),
        "ssh://git@school.example/app.git#main".to_owned(),
        "git@school.example:app.git#main".to_owned(),
    ] {
        place.write("Dockerfile", &format!("FROM scratch\nADD {address} /app\n"));
        let path = format!("PATH={}:$PATH $L build -q . 2>&1 | head -n 1", programs.display());
        let Some(line) = with_hosts(&place, hosts, &path) else { return };
        session(&place, &server, &[&line]);
        let log = std::fs::read_to_string(place.folder().join("log")).unwrap_or_default();
        let told = log.lines().map(|line| match line.split_once(" ls-remote ") {
            Some((_, rest)) => format!("  git ls-remote {rest}\n"),
            None => format!("  {}\n", line.replace("-o ", "\n      -o ")),
        });
        text += &format!("{address}\n{}", told.collect::<String>());
        for said in said.lock().unwrap().drain(..) {
            text += &format!("  it is told {}\n", said.replace('\0', " "));
        }
        let _ = std::fs::remove_file(place.folder().join("log"));
    }
    insta::assert_snapshot!(text.replace(&port.to_string(), "PORT"));
    place.assert_whole();
}

/// We are killed while a server says nothing: not one of the processes of git is left.
#[test]
fn nothing_of_git_outlives_us() {
    let server = Repositories::start();
    server.make("app.git");
    // Nothing of it compresses, so half of the answer has begun to be a pack.
    let noise: String =
        (0..60_000_u64).map(|number| format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    server.write("app.git", "noise", &noise);
    server.commit("app.git", "one");
    let root = server.path("");
    let stalling = Fake::talking(move |asked, mut stream| {
        let whole = backend(&root, asked);
        if !String::from_utf8_lossy(&asked.body).contains("command=fetch") {
            return drop(stream.write_all(&whole));
        }
        let _ = stream.write_all(&whole[..whole.len() / 2]);
        std::thread::sleep(Duration::from_secs(600));
    });
    let place = Place::of(Role::Self_, "");
    place.write("Dockerfile", &format!("FROM scratch\nADD http://{}/app.git#main /app\n", stalling.host()));
    let mut command = place.command("build -q .");
    let mut child =
        command.env("LAYERLAB_PULL", "missing").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let listed = |arguments: &[&str]| {
        let found = Command::new("pgrep").args(arguments).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    // git is the first of its group; of earlier calls nothing is left.
    let group = || listed(&["-P", &child.id().to_string(), "-x", "git"]).first().cloned();
    let of_group = |group: &str| listed(&["-g", group, "-f", "index-pack"]);
    until("git does not begin to unpack", &|| group().is_some_and(|group| !of_group(&group).is_empty()));
    let group = group().unwrap();
    assert!(listed(&["-g", &group]).len() >= 3, "git, what speaks with the server, and what unpacks");
    child.kill().unwrap();
    child.wait().unwrap();
    until("git outlives us", &|| listed(&["-g", &group]).is_empty());
    place.assert_whole();
}
