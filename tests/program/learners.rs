//! `learn` where something is not as usual: an interrupt, a damaged file, a folder that is gone, two packs of one name.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::Place;

/// Whether a process has this command line.
fn runs(command: &str) -> bool {
    Command::new("pgrep").args(["-f", &format!("^{command}$")]).status().unwrap().success()
}

#[test]
fn ctrl_c_ends_a_script_and_its_command() {
    let place = Place::new("");
    for command in ["sleep 4322", "sh -c 'trap \"\" INT; sleep 4322; true'"] {
        let mut child = place.command("learn 2").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(format!("{command}\ntouch too-late\n").as_bytes()).unwrap();
        let begun = Instant::now();
        while !runs("sleep 4322") {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{command}");
        assert!(!runs("sleep 4322"), "{command}");
        assert!(!place.path("../home/layerlab-lessons/02-containers/too-late").exists());
    }
}

/// Also while nothing but the next line is waited for.
#[test]
fn ctrl_c_ends_a_script_that_waits() {
    let place = Place::new("");
    let mut child = place.command("learn 2").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _keyboard = child.stdin.take().unwrap();
    let mut shown = child.stdout.take().unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&text).contains("Enter runs it.") {
        let count = std::io::Read::read(&mut shown, &mut buffer).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&buffer[..count]);
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
