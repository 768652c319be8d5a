//! Containers that stay: created, started, stopped, looked at, removed; each with a monitor of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, filter, missing};
use crate::pty::Pty;
use crate::yard::{PATIENCE, Yard, roles};

/// Ends when it is told to, and says so.
const SERVER: &str = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done";

#[test]
fn a_container_lives_until_it_is_removed() {
    for role in roles() {
        let yard = Yard::new(role);
        let mut create = yard.0.command("create --name web layerlab/base sh -c");
        assert!(create.arg(SERVER).output().unwrap().status.success());
        let mut text = yard.0.session(&["ps", "ps -a", "kill web", "start web"]);
        yard.wait_for("logs web", "ready");
        text += &yard.0.session(&["ps", "start web", "rm web", "pause web", "ps", "pause web", "unpause web"]);
        text += &yard.0.session(&["create --name web layerlab/base", "stop web", "ps -a", "logs web", "wait web"]);
        text += &yard.0.session(&["rename web site", "start site"]);
        yard.wait_for("logs --tail 1 site", "ready");
        text += &yard.0.session(&["kill -s KILL site", "ps -a", "rm site", "ps -a", "rm site", "start site"]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(filter(&text));
        }
        assert_eq!(fs::read_dir(yard.0.home().join("containers")).unwrap().count(), 0);
        assert_eq!(yard.names(), [] as [String; 0]);
        assert_eq!(yard.processes(), [] as [i32; 0]);
        yard.0.assert_whole();
    }
}

#[test]
fn its_changes_and_its_image_stay_with_it() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.run_script("--name box", "test -e /kept && echo again || echo first; echo kept > /kept");
        assert_eq!(yard.0.run("start -a box"), "again\n");
        let ids = yard.0.run("images -q");
        yard.0.run(&format!("rmi -f {}", ids.split_whitespace().collect::<Vec<_>>().join(" ")));
        yard.0.run("prune -f");
        assert_eq!(yard.0.run("start -a box"), "again\n", "what a container needs is kept");
        yard.0.run("rm box");
        yard.0.assert_whole();
    }
}

#[test]
fn what_it_writes_is_kept_by_line() {
    let yard = Yard::new(Role::Self_);
    yard.run_script("--name talk", "echo one; echo two; echo oops >&2; printf three");
    assert_eq!(yard.0.run("logs talk"), "one\ntwo\nthreeoops\n");
    assert_eq!(yard.0.run("logs -n 1 talk"), "three");
    assert_eq!(yard.0.run("logs -t --tail 1 talk"), "2023-11-14T22:13:20.000000000Z three");
    assert_eq!(yard.0.run("logs --until 2023-11-14T22:13:20Z talk"), "");
    yard.run_script("--name bytes", "printf '\\033[31mred\\033[0m \\033]0;title\\007\\r\\n'");
    assert_eq!(yard.0.output("logs bytes").stdout, b"\x1b[31mred\x1b[0m \x1b]0;title\x07\r\n");
    let pty = Pty::start(yard.0.command("--color always logs bytes"), (80, 24));
    let seen: Vec<u8> = pty.output.iter().flatten().collect();
    assert_eq!(String::from_utf8_lossy(&seen), "\x1b[31mred\x1b[0m ␛]0;title␇\x1b[0m\r\n");
    yard.run_script("-d --name steady", "echo begin; sleep 0.3; echo middle; sleep 0.3; echo end");
    assert_eq!(yard.0.run("logs -f steady"), "begin\nmiddle\nend\n");
}

#[test]
fn input_goes_in_and_output_comes_out_whole() {
    let yard = Yard::new(Role::Self_);
    let sent: Vec<u8> = (0..5_000_000_u32).flat_map(|number| number.to_le_bytes()).take(8 << 20).collect();
    let mut child =
        yard.0.command("run -i --rm layerlab/base cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let mut received = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(sent == received, "{} of {} bytes came back", received.len(), sent.len());
}

#[test]
fn a_monitor_that_is_killed_takes_its_container_with_it() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.run_script("-d --name stays", SERVER);
        yard.run_script("-d --rm --name goes", SERVER);
        yard.wait_for("logs stays", "ready");
        yard.wait_for("logs goes", "ready");
        let processes = yard.processes();
        assert!(processes.len() >= 2, "{processes:?}");
        for process in processes {
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::SIGKILL).unwrap();
        }
        yard.wait_for("ps -a", "Exited (137): its monitor was killed");
        let end = Instant::now() + PATIENCE;
        while !yard.processes().is_empty() {
            assert!(Instant::now() < end, "{:?}", yard.processes());
        }
        assert!(!yard.0.run("ps -a").contains("goes"));
        assert_eq!(yard.0.run("wait stays"), "137\n");
        // Whoever makes the next container removes what is left, and the name can be had again.
        assert_eq!(yard.run_script("--rm --name goes", "echo fine"), "fine\n");
        assert_eq!(yard.0.run("start stays"), "stays\n");
        yard.wait_for("logs -n 1 stays", "ready");
        assert_eq!(yard.0.run("rm -f stays"), "stays\n");
        yard.0.assert_no_container_is_left();
    }
}

#[test]
fn a_container_outlives_who_started_it() {
    let yard = Yard::new(Role::Self_);
    let mut command = yard.0.command("run --name box layerlab/base sh -c");
    let mut child = command.arg(SERVER).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(yard.0.run("ps").contains("Up "));
    let mut attached = yard.0.command("attach --no-stdin box").stdout(Stdio::piped()).spawn().unwrap();
    // It is attached when it does not end by itself; the container writes only when it is told to end.
    assert_eq!(yard.0.run("kill -s TERM box"), "box\n");
    let mut written = String::new();
    attached.stdout.take().unwrap().read_to_string(&mut written).unwrap();
    attached.wait().unwrap();
    assert_eq!(yard.0.run("wait box"), "3\n");
    assert_eq!(yard.0.run("logs box"), "ready\nbye\n");
}

#[test]
fn one_who_reads_nothing_does_not_keep_a_container_from_ending() {
    let yard = Yard::new(Role::Self_);
    let mut command = yard.0.command("run --name stall layerlab/base sh -c");
    let mut child =
        command.arg("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done").stdout(Stdio::piped()).spawn().unwrap();
    yard.wait_for("ps", "stall");
    // Until the pipe and what the monitor keeps are full, and after.
    for _ in 0..3 {
        yard.0.run("logs -n 1 stall");
    }
    assert_eq!(yard.0.run("kill stall"), "stall\n");
    assert!(yard.0.run("ps -a").contains("Exited (137)"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn one_who_goes_away_ends_what_is_to_be_removed() {
    let yard = Yard::new(Role::Self_);
    let mut child = yard.0.command("run --rm layerlab/base yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13));
    assert_eq!(yard.0.run("ps -a -q"), "");
}

#[test]
fn ports_are_free_as_soon_as_a_container_has_ended() {
    let yard = Yard::new(Role::Self_);
    yard.0.run("run -d --name web -p 127.0.0.1::80 layerlab/web");
    let address = published(&yard);
    yard.0.run("rm -f web");
    yard.0.run(&format!("run -d --name web -p {address}:80 layerlab/web"));
    for _ in 0..5 {
        assert_eq!(yard.0.run("restart -t 0 web"), "web\n");
    }
}

#[test]
fn a_name_without_an_owner_can_be_had() {
    let yard = Yard::new(Role::Self_);
    yard.0.run("ps");
    fs::write(yard.0.home().join("names/box"), "").unwrap();
    assert_eq!(yard.run_script("--rm --name box", "echo fine"), "fine\n");
}

#[test]
fn one_that_is_damaged_stops_no_other_and_can_be_removed() {
    let yard = Yard::new(Role::Self_);
    let damaged = yard.0.run("create --name damaged layerlab/base true");
    yard.0.run("create --name whole layerlab/base true");
    let record = yard.0.home().join("containers").join(damaged.trim()).join("container.json");
    fs::write(&record, "{").unwrap();
    let shown = yard.0.run("ps -a");
    assert!(shown.contains("whole") && shown.contains("warning: can't read") && shown.contains("rm -f ID"), "{shown}");
    assert!(yard.0.run("rm damaged").contains("can't read"));
    fs::remove_file(&record).unwrap();
    fs::create_dir(&record).unwrap();
    assert_eq!(yard.0.run("rm -f damaged"), "damaged\n");
    assert!(!yard.0.run("ps -a").contains("warning"));
    assert_eq!(yard.0.run("rm whole"), "whole\n");
}

#[test]
fn many_who_rename_one_leave_it_one_name() {
    let yard = Yard::new(Role::Self_);
    let id = yard.0.run("create --name first layerlab/base true").trim().to_owned();
    let renaming: Vec<_> =
        (0..8).map(|number| yard.0.command(&format!("rename {id} name{number}")).spawn().unwrap()).collect();
    for mut child in renaming {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(yard.names().len(), 1);
    yard.0.run(&format!("rm {id}"));
    assert_eq!(yard.names(), [] as [String; 0]);
}

#[test]
fn a_pause_and_its_note_go_together() {
    let yard = Yard::new(Role::Self_);
    yard.0.run("run -d --name box layerlab/base sleep 1000");
    for _ in 0..6 {
        let both: Vec<_> = ["pause box", "unpause box", "pause box", "unpause box"]
            .into_iter()
            .map(|arguments| yard.0.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        for mut child in both {
            child.wait().unwrap();
        }
        let is_paused = yard.0.run("ps").contains("(Paused)");
        let state = fs::read_to_string(format!("/proc/{}/stat", yard.process("box"))).unwrap();
        assert_eq!(state.contains(" T ") || state.contains(" D "), is_paused, "{state}");
    }
}

#[test]
fn what_runs_in_a_namespace_of_its_own_is_the_containers() {
    let yard = Yard::new(Role::Self_);
    let made = yard.run_script("-d --name box --cap-add SYS_ADMIN", "unshare -pf sleep 1000 & exec sleep 1000");
    assert_eq!(made.trim().len(), 64, "{made}");
    // The one outside, the one that waits, and the one inside.
    let end = Instant::now() + PATIENCE;
    while yard.0.run("top box").matches("sleep 1000").count() < 3 {
        assert!(Instant::now() < end, "{}", yard.0.run("top box"));
    }
    yard.0.run("pause box");
    for line in yard.0.run("top box -o pid").lines().skip(1) {
        let state = fs::read_to_string(format!("/proc/{}/stat", line.trim())).unwrap();
        assert!(state.contains(") T ") || state.contains(") D "), "{state}");
    }
    yard.0.run("unpause box");
}

#[test]
fn a_full_disk_is_no_reason_to_forget_how_one_ended() {
    if !nix::unistd::geteuid().is_root() {
        return missing("a full disk: the tests don't run as root");
    }
    let place = Place::of(Role::Self_, "//- tiny/\n");
    let target = place.path("tiny");
    nix::mount::mount(Some("tmpfs"), &target, Some("tmpfs"), nix::mount::MsFlags::empty(), Some("size=16m")).unwrap();
    let run = |arguments: &str| place.run(&format!("--home tiny/home {arguments}"));
    let begun = run("run -d --name box --network none layerlab/base sleep 1000");
    let mut file = fs::File::create(target.join("full")).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    let made = run("volume create pages");
    let left: Vec<_> =
        fs::read_dir(target.join("home/volumes")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let stopped = run("kill -s KILL box");
    let waited = run("wait box");
    let listed = run("ps -a");
    drop(file);
    fs::remove_file(target.join("full")).unwrap();
    let started = run("start box");
    let removed = run("rm -f box");
    let verified = run("store verify");
    let end = Instant::now() + PATIENCE;
    while let Err(errno) = nix::mount::umount(&target) {
        assert!(errno == nix::errno::Errno::EBUSY && Instant::now() < end, "{errno}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(begun.trim().len(), 64, "{begun}");
    assert!(made.contains("No space left on device"), "{made}");
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    assert_eq!((stopped.as_str(), waited.as_str()), ("box\n", "137\n"));
    assert!(listed.contains("Exited (137)") && !listed.contains("was killed"), "{listed}");
    assert_eq!((started.as_str(), removed.as_str()), ("box\n", "box\n"));
    assert!(verified.ends_with("all intact\n"), "{verified}");
}

#[test]
fn exit_codes_are_dockers() {
    let yard = Yard::new(Role::Self_);
    let code = |arguments: &str| yard.0.output(arguments).status.code();
    assert_eq!(code("run --rm layerlab/base true"), Some(0));
    assert_eq!(code("run --rm layerlab/base false"), Some(1));
    assert_eq!(code("run --bogus layerlab/base true"), Some(125));
    assert_eq!(code("run --rm nothing true"), Some(125));
    assert_eq!(code("run --rm layerlab/base /etc/passwd"), Some(126));
    assert_eq!(code("run --rm layerlab/base no-such-program"), Some(127));
    assert_eq!(code("run -d --rm layerlab/base no-such-program"), Some(127));
    let mut killed = yard.0.command("run --rm layerlab/base sh -c");
    assert_eq!(killed.arg("sh -c 'kill -9 $$'; exit $?").output().unwrap().status.code(), Some(137));
    assert_eq!(yard.0.run("ps -a -q"), "");
}

#[test]
fn what_stands_behind_the_image_is_the_containers() {
    let yard = Yard::new(Role::Self_);
    let words = "--env FOO --rm -d -l --help --name zz -p 80 -- -x";
    assert_eq!(yard.0.run(&format!("run --rm --entrypoint echo layerlab/base {words}")), format!("{words}\n"));
    yard.0.run(&format!("create --name box --entrypoint echo layerlab/base {words}"));
    assert_eq!(yard.0.run("start -a box"), format!("{words}\n"));
}

#[test]
fn ids_can_be_shortened_and_names_are_taken_once() {
    let yard = Yard::new(Role::Self_);
    let first = yard.0.run("create --name one layerlab/base true");
    let second = yard.0.run("create --name two layerlab/base true");
    let (first, second) = (first.trim(), second.trim());
    assert_eq!((first.len(), second.len()), (64, 64));
    let common = first.chars().zip(second.chars()).take_while(|(one, other)| one == other).count();
    assert_eq!(yard.0.run(&format!("start {}", &first[..common + 1])), format!("{}\n", &first[..common + 1]));
    let text = yard.0.session(&[
        "start ''",
        "start three",
        "rename one two",
        "rename one one",
        "rename one -x",
        "create --name x layerlab/base",
        "run --name one layerlab/base true",
        "wait one",
        "rm -f three",
        "rm one two three",
    ]);
    insta::assert_snapshot!(filter(&text));
}

#[test]
fn many_stay_at_once() {
    let yard = Yard::new(Role::Self_);
    let started: Vec<_> = (0..20)
        .map(|number| {
            let mut command = yard.0.command(&format!("run -d --name box{number} layerlab/base sh -c"));
            command.arg(SERVER).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in started {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(yard.0.run("ps -q").lines().count(), 20);
    let names: Vec<String> = (0..20).map(|number| format!("box{number}")).collect();
    assert_eq!(yard.0.run(&format!("stop -t 5 {}", names.join(" "))).lines().count(), 20);
    assert_eq!(yard.0.run("ps -q"), "");
    assert_eq!(yard.0.run(&format!("rm {}", names.join(" "))).lines().count(), 20);
    assert_eq!(yard.processes(), [] as [i32; 0]);
}

/// Where `ps` says that the container is reached.
fn published(yard: &Yard) -> std::net::SocketAddr {
    let shown = yard.wait_for("ps", "->80/tcp");
    let port = shown.split_whitespace().find_map(|word| word.strip_suffix("->80/tcp")).unwrap();
    port.parse().unwrap()
}

fn fetch(address: std::net::SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: here\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_published_port_leads_into_the_container() {
    for role in roles() {
        let yard = Yard::new(role);
        yard.0.write("html/index.html", "hello from a volume\n");
        let volume = format!("{}:/usr/share/nginx/html", yard.0.path("html").display());
        yard.0.run(&format!("run -d --name web -p 127.0.0.1::80 -v {volume} layerlab/web"));
        let address = published(&yard);
        // It may not listen yet.
        let end = Instant::now() + PATIENCE;
        while !fetch(address, "/").is_ok_and(|answer| answer.contains("hello from a volume")) {
            assert!(Instant::now() < end, "{}", yard.0.run("logs web"));
            std::thread::sleep(Duration::from_millis(20));
        }
        yard.0.write("html/index.html", "edited\n");
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| assert!(fetch(address, "/").unwrap().ends_with("edited\n")));
            }
        });
        let text = yard.0.run(&format!("run --rm -p {address}:80 layerlab/base true"));
        assert!(text.contains("it is that of container web\nhint: choose another port"), "{text}");
        assert!(text.ends_with("[exit code 125]\n"), "{text}");
        assert_eq!(yard.0.run("ps -a -q").lines().count(), 1, "nothing is left of one that was not started");
        yard.0.run("stop -t 1 web");
        assert!(fetch(address, "/").is_err());
        assert!(!yard.0.run("ps -a").contains("->80/tcp"));
        yard.0.run("start web");
        published(&yard);
        yard.0.run("rm -f web");
    }
}
