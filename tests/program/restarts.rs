//! Containers that start again, and what is kept of what they write.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use crate::harness::{Place, Role};
use crate::yard::{PATIENCE, roles};

/// Runs a script in a container of its own, in the background.
fn run(place: &Place, options: &str, script: &str) {
    let mut command = place.command(&format!("run -d {options} layerlab/base sh -c"));
    let output = command.arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn wait_for(place: &Place, arguments: &str, is_so: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = place.run(arguments);
        if is_so(&shown) {
            return shown;
        }
        assert!(Instant::now() < end, "{arguments}:\n{shown}{}{}", place.run("ps -a"), place.run("inspect box"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn state(place: &Place, name: &str) -> serde_json::Value {
    let document: serde_json::Value = serde_json::from_str(&place.run(&format!("inspect {name}"))).unwrap();
    document[0].clone()
}

#[test]
fn who_fails_is_started_again_so_often() {
    for role in roles() {
        let place = Place::of(role, "");
        run(&place, "--name box --restart on-failure:2", "echo a run; exit 3");
        wait_for(&place, "ps -a", |shown| shown.contains("Exited (3)"));
        assert_eq!(place.run("logs box"), "a run\n".repeat(3));
        let found = state(&place, "box");
        assert_eq!(found["RestartCount"], 2);
        assert_eq!(found["HostConfig"]["RestartPolicy"]["MaximumRetryCount"], 2);
        assert_eq!(place.run("rm box"), "box\n");
        place.assert_whole();
    }
}

#[test]
fn who_is_stopped_stays() {
    for role in roles() {
        let place = Place::of(role, "");
        // Its changes are there again each time.
        run(&place, "--name box --restart always", "echo x >> /count; wc -l < /count; sleep 0.01");
        wait_for(&place, "logs box", |shown| shown.contains("4\n"));
        wait_for(&place, "ps", |shown| shown.contains("Restarting (0)"));
        assert_eq!(place.run("stop -t 1 box"), "box\n");
        assert!(place.run("ps -a").contains("Exited ("));
        let count = place.run("logs box");
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(place.run("logs box"), count);
        // While it runs, too; and it may be told otherwise.
        run(&place, "--name server --restart unless-stopped", "sleep 1000");
        assert_eq!(place.run("stop -t 0 server"), "server\n");
        assert!(!place.run("ps").contains("server"));
        place.run("start server");
        assert_eq!(place.run("update --restart no server"), "server\n");
        assert_eq!(state(&place, "server")["HostConfig"]["RestartPolicy"]["Name"], "no");
        assert_eq!(place.run("rm -f box server"), "box\nserver\n");
        assert!(place.run("run --rm --restart always layerlab/base true").contains("contradict each other"));
    }
}

#[test]
fn a_log_has_a_bound_and_is_followed_over_it() {
    for role in roles() {
        let place = Place::of(role, "");
        let script = "i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done";
        run(&place, "--name box --log-opt max-size=4k --log-opt max-file=3", script);
        place.run("wait box");
        let kept = place.run("logs box");
        assert!(kept.ends_with("line 398\nline 399\n") && !kept.contains("line 1\n"), "{kept}");
        assert!(place.run("logs --tail 2 box") == "line 398\nline 399\n");
        let followed = place.shell(&format!(
            "{} run -d --name slow --log-opt max-size=2k --log-opt max-file=9 layerlab/base sh -c \
             'sleep 0.3; i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done' && {0} logs -f slow",
            place.program().display()
        ));
        let output = { followed }.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(text.lines().filter(|line| line.starts_with("line")).count(), 100, "{text}");
        run(&place, "--name quiet --log-driver none", "echo lost");
        place.run("wait quiet");
        assert!(place.run("logs quiet").contains("keeps no log"));
        place.run("rm -f box slow quiet");
    }
}

#[test]
fn who_is_about_to_start_again_ends_whenever_it_is_told_to() {
    for role in roles() {
        let place = Place::of(role, "");
        for (number, command) in ["stop -t 0", "kill", "rm -f", "stop -t 0", "kill"].into_iter().enumerate() {
            run(&place, "--name box --restart always", "[ -e /f ] && exec sleep 1000; touch /f; exit 3");
            wait_for(&place, "inspect box", |shown| {
                shown.contains("\"Status\": \"restarting\"") || shown.contains("\"RestartCount\": 1")
            });
            // In its pause, at its beginning, or when it runs: whichever it is, it is over afterwards.
            std::thread::sleep(Duration::from_millis(40 * number as u64));
            assert_eq!(place.run(&format!("{command} box")), "box\n", "{command}");
            assert!(!place.run("ps").contains("box"), "{command}: {}", place.run("ps -a"));
            if command != "rm -f" {
                assert_eq!(place.run("rm box"), "box\n", "{command}");
            }
        }
        place.assert_whole();
    }
}

#[test]
fn who_reads_nothing_keeps_nobody_from_starting_again() {
    let place = Place::of(Role::Self_, "");
    let mut command = place.command("run --name box --restart always layerlab/base sh -c");
    command.arg("head -c 300000 /dev/zero; exit 1").stdout(std::process::Stdio::piped());
    let mut reader = command.spawn().unwrap();
    wait_for(&place, "inspect box", |shown| shown.contains("\"RestartCount\": 2"));
    assert_eq!(place.run("stop box"), "box\n");
    assert_eq!(place.run("rm box"), "box\n");
    reader.wait().unwrap();
    place.assert_whole();
}

#[test]
fn a_log_is_followed_over_restarts() {
    for role in roles() {
        let place = Place::of(role, "");
        let script = "echo begun; until [ -e /go ]; do sleep 0.01; done; echo over; exit 3";
        run(&place, "--name box --restart on-failure:2", script);
        let mut follow = place.command("logs -f box");
        let follow = follow.stdout(std::process::Stdio::piped()).spawn().unwrap();
        place.run("exec box touch /go");
        // It ends by itself, when the container does for good.
        let output = follow.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "begun\nover\n".repeat(3));
        assert_eq!(place.run("wait box"), "3\n");
        place.run("rm box");
        place.assert_whole();
    }
}

#[test]
fn whoever_waits_hears_of_the_next_end() {
    for role in roles() {
        let place = Place::of(role, "");
        run(&place, "--name box --restart always", "exit 3");
        // In a run, in a pause, or between the two.
        (0..4).for_each(|_| assert_eq!(place.run("wait box"), "3\n"));
        assert_eq!(place.run("update --restart no box"), "box\n");
        wait_for(&place, "ps -a", |shown| shown.contains("Exited (3)"));
        place.run("rm box");
        place.assert_whole();
    }
}

#[test]
fn a_published_port_is_nobody_elses_meanwhile() {
    for role in roles() {
        let place = Place::of(role, "");
        let script = "until [ -e /go ]; do sleep 0.01; done; [ -e /again ] && exec sleep 1000; touch /again; exit 3";
        run(&place, "--name box --restart always -p 127.0.0.1::80", script);
        let port = place.run("port box");
        assert!(port.contains("80/tcp -> 127.0.0.1:"), "{port}");
        place.run("exec box touch /go");
        wait_for(&place, "inspect box", |shown| {
            shown.contains("\"RestartCount\": 1") && shown.contains("\"Status\": \"running\"")
        });
        assert_eq!(place.run("port box"), port);
        // Afterwards it is free.
        let address = port.trim().rsplit(' ').next().unwrap();
        place.run("stop -t 0 box");
        std::net::TcpListener::bind(address).unwrap();
        place.run("rm box");
        place.assert_whole();
    }
}

/// The monitor of a container that has started again, by what it executes.
fn monitor(id: &str) -> Option<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|number: &i32| {
        let command = std::fs::read_to_string(format!("/proc/{number}/cmdline")).unwrap_or_default();
        command.contains(&format!("\0monitor\0{id}\0"))
    })
}

#[test]
fn how_it_ended_is_known_when_its_monitor_is_killed_in_a_pause() {
    for role in roles() {
        let place = Place::of(role, "");
        run(&place, "--name box --restart always", "exit 3");
        let id = place.run("ps -a -q --no-trunc").trim().to_owned();
        // The pauses become longer each time.
        let end = Instant::now() + PATIENCE;
        let monitor = loop {
            let shown = state(&place, "box");
            if shown["State"]["Status"] == "restarting" && shown["RestartCount"].as_u64() > Some(3) {
                break monitor(&id).unwrap();
            }
            assert!(Instant::now() < end, "{shown}");
        };
        assert_eq!(std::fs::read_to_string(format!("/proc/{monitor}/comm")).unwrap(), "layerlab\n");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(monitor), nix::sys::signal::Signal::SIGSTOP).unwrap();
        let before = state(&place, "box")["State"]["Status"].clone();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(monitor), nix::sys::signal::Signal::SIGKILL).unwrap();
        wait_for(&place, "ps -a", |shown| shown.contains("Exited"));
        assert!(before != "restarting" || place.run("ps -a").contains("Exited (3)"), "{}", place.run("ps -a"));
        place.run("rm box");
        place.assert_whole();
    }
}

#[test]
fn who_runs_already_is_only_attached_to() {
    for role in roles() {
        let place = Place::of(role, "");
        run(&place, "--name box", "while [ ! -e /go ]; do echo tick; sleep 0.05; done; echo gone; exit 4");
        let mut attached = place.command("start -a box");
        let mut attached = attached.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(attached.stdout.take().unwrap()).lines().map(Result::unwrap);
        // What is heard now was said after it was attached.
        assert_eq!(lines.next().unwrap(), "tick");
        assert_eq!(place.run("exec box touch /go"), "");
        assert_eq!(lines.last().unwrap(), "gone");
        assert_eq!(attached.wait().unwrap().code(), Some(4));
        place.run("rm -f box");
    }
}
