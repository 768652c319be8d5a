//! Containers of a test: who has them, how long something may take, and a place from which all are gone at its end.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{Place, Role, missing};

pub const PATIENCE: Duration = Duration::from_secs(60);

/// The roles that can be tried here.
pub fn roles() -> Vec<Role> {
    if nix::unistd::geteuid().is_root() {
        return vec![Role::Self_, Role::Mapped, Role::Single];
    }
    missing("containers of other users: the tests don't run as root");
    vec![Role::Self_]
}

/// A place whose containers are removed at its end.
pub struct Yard(pub Place);

impl Yard {
    pub fn new(role: Role) -> Yard {
        Yard(Place::of(role, ""))
    }

    /// Runs a program under a shell in a container; its words are not split.
    pub fn run_script(&self, options: &str, script: &str) -> String {
        let mut command = self.0.command(&format!("run {options} layerlab/base sh -c"));
        let output = command.arg(script).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Runs a program so until it prints this.
    pub fn until(&self, options: &str, script: &str, text: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let shown = self.run_script(options, script);
            if shown.contains(text) {
                return;
            }
            assert!(Instant::now() < end, "`{text}` did not come of `{script}`:\n{shown}");
        }
    }

    /// What a command says as JSON.
    pub fn inspected(&self, command: &str) -> serde_json::Value {
        serde_json::from_str(&self.0.run(command)).unwrap()
    }

    /// Runs commands until one prints this.
    pub fn wait_for(&self, arguments: &str, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let shown = self.0.run(arguments);
            if shown.contains(text) {
                return shown;
            }
            assert!(Instant::now() < end, "`{text}` did not appear in `{arguments}`:\n{shown}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The number of a container's process 1.
    pub fn process(&self, name: &str) -> i64 {
        self.inspected(&format!("inspect {name}"))[0]["State"]["Pid"].as_i64().unwrap()
    }

    /// The names that containers have.
    pub fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.home().join("names")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with('.')).collect()
    }

    /// The processes of this place's monitors and containers, by their first environment or their open lock: those whose working
    /// files are in the home.
    pub fn processes(&self) -> Vec<i32> {
        let containers = self.0.home().join("containers");
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let Ok(descriptors) = fs::read_dir(entry.path().join("fd")) else { continue };
            let has = |link: fs::DirEntry| fs::read_link(link.path()).is_ok_and(|path| path.starts_with(&containers));
            if descriptors.flatten().any(has) {
                found.push(number);
            }
        }
        found
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let ids = self.0.run("ps -a -q");
        if !ids.trim().is_empty() {
            self.0.run(&format!("rm -f {}", ids.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
}
