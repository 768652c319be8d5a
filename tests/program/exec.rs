//! Further processes in a container that runs.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Place, Role};
use crate::pty::Pty;
use crate::yard::{PATIENCE, Yard, roles};

/// A yard with a container `box` that does nothing.
fn with_box(role: Role, options: &str) -> Yard {
    let yard = Yard::new(role);
    let made = yard.0.run(&format!("run -d --name box {options} layerlab/base sleep 1000"));
    assert_eq!(made.trim().len(), 64, "{made}");
    yard
}

/// Runs a script in the box: its status, and what it prints.
fn exec(place: &Place, options: &str, script: &str) -> (i32, String) {
    let output = place.command(&format!("exec {options} box sh -c")).arg(script).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

fn status_of(place: &Place, arguments: &str) -> (i32, String) {
    let output = place.output(arguments);
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_command_runs_in_a_running_container() {
    for role in roles() {
        let yard = with_box(role, "-e KEPT=yes -w /tmp");
        let place = &yard.0;
        assert_eq!(exec(place, "", "echo out; echo err >&2; exit 7"), (7, "out\nerr\n".to_owned()));
        assert_eq!(
            exec(place, "", "pwd; echo $KEPT $HOME; id -u; cat /proc/1/comm"),
            (0, "/tmp\nyes /root\n0\nsleep\n".into())
        );
        assert_eq!(exec(place, "-w /etc -e KEPT=no -e MORE=1", "pwd; echo $KEPT $MORE"), (0, "/etc\nno 1\n".into()));
        assert_eq!(exec(place, "", "kill -9 $$").0, 137);
        assert_eq!(exec(place, "", "kill -TERM $$").0, 143);
        for (command, status, message) in [
            ("exec box nope", 127, "executable file not found in $PATH"),
            ("exec box /etc", 126, "EISDIR"),
            ("exec -u nobody-knows box true", 126, "the image has no user `nobody-knows`"),
            ("exec -w /missing box pwd", 126, "chdir to `/missing`: ENOENT"),
            ("exec missing true", 1, "no such container: missing"),
            ("exec --privileged box true", 1, "`--privileged` is refused"),
            ("exec box", 125, "required"),
        ] {
            let (found, said) = status_of(place, command);
            assert!(found == status && said.contains(message), "{command}: {found}\n{said}");
        }
        // Nothing of ours is open, and it runs under the container's process 1.
        let (_, open) = exec(place, "", "for one in /proc/self/fd/*; do echo ${one##*/}; done; exec ls /proc/self/fd");
        assert!(open.ends_with("0\n1\n2\n3\n"), "{open}");
        // The heading, process 1, the shell, and what it runs, of which the second may come too late to be seen.
        let (_, seen) = exec(place, "", "ps | grep -c .");
        assert!(["4\n", "5\n"].contains(&&*seen), "all others have gone: {seen}");
        yard.0.run("rm -f box");
        assert_eq!(yard.processes(), [] as [i32; 0]);
        yard.0.assert_whole();
    }
}

#[test]
fn other_users_of_the_image_are_found_by_name() {
    let yard = with_box(Role::Self_, "");
    exec(
        &yard.0,
        "",
        "echo web:x:33:34::/srv:/bin/sh >> /etc/passwd; echo www:x:34:web >> /etc/group; echo more:x:44:web >> /etc/group",
    );
    assert_eq!(exec(&yard.0, "-u web", "id -u; id -G; echo $HOME").1, "33\n34 44\n/srv\n");
    assert_eq!(exec(&yard.0, "-u 5:6", "id -u; id -G").1, "5\n6\n");
    // What it writes to is its own to open.
    assert_eq!(exec(&yard.0, "-u web", "echo fine > /dev/stdout").1, "fine\n");
}

#[test]
fn it_is_confined_as_the_container_is() {
    for role in roles() {
        let yard = with_box(role, "--security-opt no-new-privileges");
        let process = yard.process("box");
        let mut child = yard.0.command("exec -i box cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let other = newest_in_namespace_of(process);
        for file in ["limits", "cgroup", "loginuid", "oom_score_adj", "uid_map"] {
            let read = |process: i64| std::fs::read_to_string(format!("/proc/{process}/{file}")).ok();
            assert_eq!(read(other), read(process), "{file}");
        }
        for file in ["user", "mnt", "pid", "uts", "ipc", "net", "cgroup", "time"] {
            let read = |process: i64| std::fs::read_link(format!("/proc/{process}/ns/{file}")).unwrap();
            assert_eq!(read(other), read(process), "{file}");
        }
        let lines = |process: i64| {
            let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
            let shown = ["Cap", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups", "Umask", "SigIgn", "SigBlk"];
            text.lines()
                .filter(|line| shown.iter().any(|name| line.starts_with(name)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(other), lines(process));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}

/// The last process that came into the namespace of another one.
fn newest_in_namespace_of(process: i64) -> i64 {
    let namespace = |process: i64| std::fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i64>().ok());
    numbers.filter(|number| *number != process && namespace(*number) == namespace(process)).max().expect("another one")
}

#[test]
fn input_and_output_go_through_whole() {
    for role in roles() {
        let yard = with_box(role, "");
        let sent: Vec<u8> = (0..1_000_000_u32).flat_map(|number| number.to_le_bytes()).collect();
        let mut child = yard.0.command("exec -i box cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, copy) = (child.stdin.take().unwrap(), sent.clone());
        let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
        let mut received = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut received).unwrap();
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
        assert!(sent == received, "{} of {} bytes came back", received.len(), sent.len());
        // Who reads no more ends it.
        let program = yard.0.program().display().to_string();
        let shown =
            yard.0.shell(&format!("{program} exec box yes | head -n 1; {program} exec box ps")).output().unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.starts_with("y\n") && !shown.contains("yes"), "{shown}");
    }
}

#[test]
fn in_the_background_it_outlives_its_caller_and_ends_with_the_container() {
    for role in roles() {
        let yard = with_box(role, "");
        assert_eq!(yard.0.run("exec -d box sh -c true"), "");
        // Why it did not start may come after the news that it did not.
        for _ in 0..10 {
            assert_eq!(status_of(&yard.0, "exec -d box nope").0, 127);
        }
        for options in ["-d", "-d -t"] {
            exec(
                &yard.0,
                options,
                "yes > /dev/null & echo begun > /begun; for i in $(seq 200); do echo line $i; done; echo done > /done; sleep 1000",
            );
            yard.wait_for("exec box cat /done", "done");
            exec(&yard.0, "", "rm /begun /done");
        }
        // A number of its own: the ones in the background sleep 1000 seconds.
        let mut child = yard.0.command("exec box sleep 1001").spawn().unwrap();
        yard.wait_for("exec box ps", "sleep 1001\n");
        yard.0.run("kill box");
        assert_eq!(child.wait().unwrap().code(), Some(137));
        let (status, said) = status_of(&yard.0, "exec box true");
        assert!(status == 1 && said.contains("container box is not running"), "{said}");
        yard.0.run("start box");
        assert_eq!(exec(&yard.0, "", "echo again"), (0, "again\n".into()));
    }
}

#[test]
fn a_paused_container_takes_nothing_in() {
    for role in roles() {
        let yard = with_box(role, "");
        yard.0.run("pause box");
        let (status, said) = status_of(&yard.0, "exec box true");
        assert!(status == 1 && said.contains("container box is paused"), "{said}");
        yard.0.run("unpause box");
        assert_eq!(exec(&yard.0, "", "exit 3").0, 3);
    }
}

#[test]
fn ctrl_c_and_the_callers_end_reach_it() {
    let yard = with_box(Role::Self_, "");
    let mut child = yard
        .0
        .command("exec box sh -c")
        .arg("trap 'echo told; exit 4' INT; echo ready; while :; do sleep 0.05; done")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 6]).unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("told\n", Some(4)));
    // One without a handler is no process 1, so the signal ends it.
    let mut child =
        yard.0.command("exec box sh -c").arg("echo ready; exec sleep 1000").stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 6]).unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// Reads from a terminal until a text has appeared.
fn read_until(pty: &Pty, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let piece = pty.output.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no `{text}` in:\n{seen}"));
        seen += &String::from_utf8_lossy(&piece);
    }
    seen
}

#[test]
fn it_has_a_terminal_of_the_containers_own() {
    for role in roles() {
        let yard = with_box(role, "");
        let mut pty = Pty::start(yard.0.command("exec -it box sh"), (91, 17));
        pty.type_keys("tty; stty size; echo $TERM\n");
        let seen = read_until(&pty, "xterm\r\n");
        assert!(seen.contains("/dev/pts/") && seen.contains("17 91"), "{seen}");
        pty.resize(80, 33);
        pty.type_keys("sleep 0.2; stty size\n");
        read_until(&pty, "33 80");
        pty.type_keys("sleep 2345\n");
        yard.wait_for("exec box ps", "sleep 2345\n");
        pty.type_keys("\x03");
        pty.type_keys("echo $?; exit 5\n");
        read_until(&pty, "130");
        assert_eq!(pty.child.wait().unwrap().code(), Some(5));
    }
}

#[test]
fn keys_leave_it_and_it_goes_on() {
    let yard = with_box(Role::Self_, "");
    let script = "echo ready; for i in $(seq 2000); do echo a long line of text; done; echo over > /over; sleep 1000";
    for (options, keys) in [("", "\x10\x11"), ("--detach-keys ctrl-a,x", "\x01x")] {
        let mut command = yard.0.command(&format!("exec {options} -it box sh -c"));
        command.arg(script);
        let mut pty = Pty::start(command, (80, 24));
        read_until(&pty, "ready");
        pty.type_keys(keys);
        read_until(&pty, "detached: the command goes on");
        assert_eq!(pty.child.wait().unwrap().code(), Some(0));
        yard.wait_for("exec box cat /over", "over");
        exec(&yard.0, "", "rm /over");
    }
    // A terminal that is gone is told.
    let mut command = yard.0.command("exec -it box sh -c");
    command.arg("echo ready; sleep 1234");
    let pty = Pty::start(command, (80, 24));
    read_until(&pty, "ready");
    drop(pty);
    let end = Instant::now() + PATIENCE;
    while yard.0.run("exec box ps").contains("sleep 1234") {
        assert!(Instant::now() < end, "it was not told");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_pasted_and_not_read_holds_nobody_up() {
    let yard = with_box(Role::Self_, "-i");
    yard.0.run("run -d -it --name other layerlab/base sleep 1000");
    for arguments in ["exec -it box sh -c 'stty raw -echo; echo ready; sleep 1000'", "attach other"] {
        let pty = Pty::start(yard.0.shell(&format!("exec {} {arguments}", yard.0.program().display())), (80, 24));
        if arguments.starts_with("exec") {
            read_until(&pty, "ready");
        }
        let mut keyboard = pty.keyboard.try_clone().unwrap();
        // It stays behind, as nobody reads all of this.
        std::thread::spawn(move || keyboard.write_all(&[b'x'; 160 << 10]));
        std::thread::sleep(Duration::from_millis(300));
        yard.0.run("kill box other");
        let mut pty = pty;
        let end = Instant::now() + PATIENCE;
        while pty.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "{arguments}: it waits for ever");
            std::thread::sleep(Duration::from_millis(20));
        }
        yard.0.run("start other");
    }
}

#[test]
fn its_processes_are_listed() {
    for role in roles() {
        let yard = with_box(role, "");
        exec(&yard.0, "-d", "exec sleep 2222");
        let shown = yard.wait_for("top box", "sleep 2222");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("UID ") && lines[0].ends_with(" CMD"), "{shown}");
        assert!(lines.len() == 3 && lines[1].ends_with("sleep 1000"), "{shown}");
        let shown = yard.0.run("top box -o pid,comm");
        let numbers: Vec<i64> =
            shown.lines().skip(1).filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
        assert!(numbers.contains(&yard.process("box")) && numbers.len() == 2, "{shown}");
        assert!(yard.0.run("top box aux").contains("%CPU"));
        assert!(status_of(&yard.0, "top box -x").1.contains("`-x` is not known of ps"));
        yard.0.run("kill box");
        assert!(status_of(&yard.0, "top box").1.contains("is not running"));
    }
}
