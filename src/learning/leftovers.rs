//! Processes that a lesson's commands have left: a server in the background, which still has its port.
//!
//! They are known by the home of the lesson, which is in the environment of all that its shell starts: proc_pid_environ(5). Containers end
//! with their removal, before this.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long processes may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);

/// Ends the processes whose home this is.
pub(super) fn end(home: &Path) {
    let begun = Instant::now();
    for signal in [Signal::TERM, Signal::KILL] {
        loop {
            let left = found(home);
            if left.is_empty() {
                return;
            }
            for process in left {
                // It may have ended by now.
                let _ = kill_process(process, signal);
            }
            std::thread::sleep(Duration::from_millis(50));
            if begun.elapsed() > PATIENCE {
                break;
            }
        }
    }
}

/// The processes of this user's with the home in their environment.
fn found(home: &Path) -> Vec<Pid> {
    let mark = [b"LAYERLAB_HOME=", home.as_os_str().as_encoded_bytes()].concat();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let is_marked = |number: &i32| {
        // Those of others can't be read.
        let environment = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark)
    };
    numbers.filter(|number| *number != own).filter(is_marked).filter_map(Pid::from_raw).collect()
}
