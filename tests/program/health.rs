//! Containers whose health is checked.

use std::time::{Duration, Instant};

use crate::harness::Place;
use crate::yard::{PATIENCE, roles};

fn wait_for(place: &Place, arguments: &str, text: &str) {
    let end = Instant::now() + PATIENCE;
    loop {
        let shown = place.run(arguments);
        if shown.contains(text) {
            return;
        }
        assert!(Instant::now() < end, "{arguments}:\n{shown}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a container in the background that is checked by a script.
fn run(place: &Place, options: &str, check: &str) {
    let mut command = place.command(&format!("run -d {options} --health-interval 50ms --health-cmd"));
    let output = command.arg(check).args(["layerlab/base", "sleep", "1000"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_container_is_well_or_not() {
    for role in roles() {
        let place = Place::of(role, "");
        run(&place, "--name box --health-retries 2", "echo looked; test -e /well");
        wait_for(&place, "ps", "(unhealthy)");
        let found: serde_json::Value = serde_json::from_str(&place.run("inspect box")).unwrap();
        let health = &found[0]["State"]["Health"];
        assert_eq!(health["Status"], "unhealthy");
        assert_eq!(health["Log"][0]["ExitCode"], 1);
        assert_eq!(health["Log"][0]["Output"], "looked\n");
        assert!(health["FailingStreak"].as_i64().unwrap() >= 2);
        assert_eq!(place.run("ps -q --filter health=healthy"), "");
        place.run("exec box touch /well");
        wait_for(&place, "ps", "(healthy)");
        assert_eq!(place.run("ps --filter health=healthy --format {{.Names}}"), "box\n");
        let events = place.run("events --since 10m --until 0s --format {{.Action}}");
        let health = events.lines().filter(|line| line.starts_with("health_status"));
        assert_eq!(health.collect::<Vec<_>>(), ["health_status: unhealthy", "health_status: healthy"], "{events}");
        place.run("stop -t 0 box");
        assert!(!place.run("ps -a").contains("healthy"));
        place.run("rm box");
        place.assert_whole();
    }
}

/// The document of a container's health.
fn health(place: &Place, name: &str) -> serde_json::Value {
    let found: serde_json::Value = serde_json::from_str(&place.run(&format!("inspect {name}"))).unwrap();
    found[0]["State"]["Health"].clone()
}

#[test]
fn nothing_counts_before_the_first_check_and_in_the_start_period() {
    let place = Place::new("");
    place.run("run -d --name new --health-cmd true layerlab/base sleep 1000");
    assert!(place.run("ps").contains("(health: starting)"), "{}", place.run("ps"));
    assert_eq!(health(&place, "new")["Log"], serde_json::json!([]));
    run(&place, "--name slow --health-retries 1 --health-start-period 1h --health-start-interval 20ms", "exit 1");
    wait_for(&place, "inspect slow", "\"ExitCode\": 1");
    assert_eq!(health(&place, "slow")["Status"], "starting");
    assert_eq!(health(&place, "slow")["FailingStreak"], 0);
    place.run("rm -f new slow");
}

#[test]
fn a_check_is_confined_as_its_container_is() {
    for role in roles() {
        let place = Place::of(role, "");
        let look = "grep -E ^(Uid|Cap|NoNewPrivs|Seccomp:) /proc/self/status";
        run(
            &place,
            "--name box --cap-drop ALL --health-retries 1",
            "grep -E '^(Uid|Cap|NoNewPrivs|Seccomp:)' /proc/self/status",
        );
        wait_for(&place, "ps", "(healthy)");
        let own = place.run(&format!("exec box {look}"));
        assert!(own.contains("CapEff:\t0000000000000000"), "{own}");
        assert_eq!(health(&place, "box")["Log"][0]["Output"], own);
        place.run("rm -f box");
        place.assert_whole();
    }
}

#[test]
fn nobody_checks_what_is_paused() {
    for role in roles() {
        let place = Place::of(role, "");
        run(&place, "--name box --health-retries 1", "date +%s%N");
        run(&place, "--name clock", "date +%s%N");
        // All that is kept of the other one's checks is of the time after this.
        let turn = || {
            let before = health(&place, "clock")["Log"].clone();
            let last = before.as_array().and_then(|log| log.last()).map(|last| last["Output"].to_string());
            let end = Instant::now() + PATIENCE;
            while last.as_ref().is_some_and(|last| health(&place, "clock")["Log"].to_string().contains(last)) {
                assert!(Instant::now() < end);
            }
        };
        wait_for(&place, "ps --filter health=healthy", "box");
        wait_for(&place, "ps --filter health=healthy", "clock");
        place.run("pause box");
        turn();
        let before = health(&place, "box");
        turn();
        assert_eq!(health(&place, "box"), before);
        assert!(!place.run("ps --filter name=box").contains("healthy"));
        place.run("unpause box");
        let last = before["Log"].as_array().unwrap().last().unwrap()["Output"].to_string();
        let end = Instant::now() + PATIENCE;
        while health(&place, "box")["Log"].to_string().contains(&last) {
            assert!(Instant::now() < end);
        }
        assert_eq!(health(&place, "box")["Status"], "healthy");
        place.run("rm -f box clock");
        place.assert_whole();
    }
}

#[test]
fn what_hangs_is_killed_with_all_that_it_has_begun() {
    let place = Place::new("");
    let check = "test -e /done || { touch /done; sleep 4321 | sleep 4321; }";
    run(&place, "--name box --health-retries 1 --health-timeout 1s", check);
    wait_for(&place, "events --since 10m --until 0s", "unhealthy");
    wait_for(&place, "ps", "(healthy)");
    let processes = place.run("top box");
    // The next check may be about to begin: then it is a process of ours yet, with our own words.
    let processes: String = processes.lines().filter(|line| !line.contains("--health-cmd")).collect();
    assert!(processes.contains("sleep 1000") && !processes.contains("4321"), "{processes}");
    // What stays behind writes for ever, and nobody waits for it.
    run(&place, "--name loud", "yes & exit 0");
    wait_for(&place, "ps --filter name=loud", "(healthy)");
    place.run("rm -f box loud");
}

#[test]
fn one_that_takes_too_long_has_failed_and_much_output_is_cut() {
    let place = Place::new("");
    run(&place, "--name slow --health-retries 1 --health-timeout 100ms", "sleep 1000");
    run(&place, "--name loud --health-retries 1", "yes | head -c 100000; exit 1");
    wait_for(&place, "inspect slow", "exceeded timeout (100ms)");
    wait_for(&place, "ps --filter health=unhealthy", "loud");
    let found: serde_json::Value = serde_json::from_str(&place.run("inspect loud")).unwrap();
    assert_eq!(found[0]["State"]["Health"]["Log"][0]["Output"].as_str().unwrap().len(), 4096);
    place.run("rm -f slow loud");
}

#[test]
fn the_image_says_how_and_options_change_it() {
    let place = Place::new("//- Dockerfile\nFROM layerlab/base\nHEALTHCHECK --interval=50ms CMD echo from the image\n");
    place.run("build -t checked --progress quiet .");
    place.run("run -d --name box checked sleep 1000");
    wait_for(&place, "ps", "(healthy)");
    assert!(place.run("inspect box").contains("from the image\\n"));
    place.run("run -d --name blind --no-healthcheck checked sleep 1000");
    assert_eq!(place.run("ps --filter health=none --format {{.Names}}"), "blind\n");
    assert!(place.run("run --no-healthcheck --health-cmd true checked true").contains("can't be combined"));
    place.run("rm -f box blind");
}
