//! The images that the projects begin with. They have the names of Docker Hub's; they are made of the packages of this machine's Debian, each by
//! its Dockerfile in `bases/`, and a registry on loopback offers them.
//!
//! ```text
//! Debian's packages ─▶ files of a context ─▶ bases/NAME/Dockerfile ─▶ built here ─▶ pushed to a registry that is kept in target/tmp/real
//! ```
//!
//! Making them costs a download and minutes, once: what is kept is made anew when its Dockerfile, its packages or the base below it change.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use layerlab::oci::Digest;

use crate::place::missing;
use crate::registry::Registry;

/// An image that the mirror of Docker Hub has.
struct Base {
    /// Below `docker.io/`.
    name: &'static str,
    /// Its folder in `bases/`.
    folder: &'static str,
    /// The image that it is made from.
    from: Option<&'static str>,
    files: Files,
}

/// What its Dockerfile finds in the context, beside what lies in its folder.
#[derive(Debug)]
enum Files {
    /// `rootfs.tar`: the least system that Debian has.
    System,
    /// These packages, with all that they need and the system lacks.
    Packages(&'static [&'static str]),
    /// Wheels of these projects, with all that they need, for Debian's Python.
    Wheels(&'static [&'static str]),
    Nothing,
}

const SYSTEM: &str = "library/debian:12";

/// Each behind the one that it is made from.
const BASES: &[Base] = &[
    Base { name: SYSTEM, folder: "debian", from: None, files: Files::System },
    Base { name: "library/runner:1", folder: "runner", from: Some(SYSTEM), files: Files::Nothing },
    debian("library/golang:1.19", "golang", &["golang-go"]),
    debian("library/node:18", "node", &["nodejs", "npm"]),
    debian(PYTHON, "python", &["python3", "python3-pip", "python3-setuptools", "python3-venv", "python3-wheel"]),
    debian("library/eclipse-temurin:17-jdk", "java", &["openjdk-17-jdk-headless"]),
    debian("library/eclipse-temurin:17-jre", "java", &["adduser", "openjdk-17-jre-headless"]),
    debian("library/nginx:1.22", "nginx", &["nginx-light"]),
    debian("library/gcc:12", "gcc", &["cmake", "gcc", "libc6-dev", "make"]),
    debian("library/php:8.2-cli", "php", &["php-cli"]),
    Base {
        name: "jupyter/tensorflow-notebook:latest",
        folder: "notebook",
        from: Some(PYTHON),
        files: Files::Wheels(&["notebook"]),
    },
];

const PYTHON: &str = "library/python:3.11-slim";

const fn debian(name: &'static str, folder: &'static str, packages: &'static [&'static str]) -> Base {
    Base { name, folder, from: Some(SYSTEM), files: Files::Packages(packages) }
}

/// A registry that stands where Docker Hub is.
pub struct Mirror {
    pub registry: Registry,
}

impl Mirror {
    /// One that has these images; `None`, and loudly, where they can't be made.
    pub fn with(names: &[&str]) -> Option<Mirror> {
        if !nix::unistd::geteuid().is_root() {
            missing("real base images: only root can make a system of Debian's packages");
            return None;
        }
        fs::create_dir_all(kept("")).unwrap();
        // One test makes them, the others wait.
        let lock = File::create(kept("lock")).unwrap();
        lock.lock().unwrap();
        let mirror = Mirror { registry: Registry::over(&kept("registry"))? };
        for name in names {
            if let Err(error) = mirror.has(name) {
                missing(&format!("the base image {name} can't be made: {error}"));
                return None;
            }
        }
        Some(mirror)
    }

    /// Makes an image, and before it those that it is made from, unless they are there; gives what stands for all that went into it.
    fn has(&self, name: &str) -> Result<Digest, String> {
        let base = BASES.iter().find(|base| base.name == name).unwrap_or_else(|| panic!("no base {name}"));
        let from = base.from.map(|from| self.has(from)).transpose()?;
        let folder = source().join("bases").join(base.folder);
        let mut inputs = format!("{from:?} {:?}", base.files);
        for file in fs::read_dir(&folder).unwrap() {
            inputs.push_str(&fs::read_to_string(file.unwrap().path()).unwrap());
        }
        let inputs = Digest::of(inputs.as_bytes());
        let stamp = kept(&format!("made-{}", name.replace('/', "-")));
        if fs::read_to_string(&stamp).ok() != Some(inputs.to_string()) {
            eprintln!("making the base image {name}");
            self.make(base, &folder)?;
            fs::write(&stamp, inputs.to_string()).unwrap();
        }
        Ok(inputs)
    }

    fn make(&self, base: &Base, folder: &Path) -> Result<(), String> {
        let place = Workshop::new();
        let context = place.path("context");
        copy(folder, &context);
        match base.files {
            Files::System => system(&context, &place)?,
            Files::Packages(names) => packages(names, &context)?,
            Files::Wheels(names) => wheels(names, &context)?,
            Files::Nothing => {}
        }
        fs::create_dir(place.path("home")).unwrap();
        fs::write(place.path("home/registries.toml"), self.settings()).unwrap();
        let name = format!("{}/{}", self.registry.host(), base.name);
        for arguments in [&["build", "-q", "-t", &name, "."][..], &["push", "-q", &name]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
            command.args(arguments).current_dir(&context).env("LAYERLAB_HOME", place.path("home"));
            done(&mut command)?;
        }
        Ok(())
    }

    /// `registries.toml` of somebody who has it in Docker Hub's place.
    pub fn settings(&self) -> String {
        format!("[registry.\"docker.io\"]\nserver = \"http://{}\"\n", self.registry.host())
    }

    /// The same as `registries.conf`, which buildah and Podman read.
    pub fn peers_settings(&self) -> String {
        let host = self.registry.host();
        format!(
            "unqualified-search-registries = [\"docker.io\"]\n[[registry]]\nprefix = \"docker.io\"\nlocation = \"{host}\"\ninsecure = true\n"
        )
    }
}

/// A folder in memory, where there is one: the installation of packages waits for the disk after each.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Workshop {
        let memory = Path::new("/dev/shm");
        Workshop(if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// `rootfs.tar`. Which packages it has is kept, for those that are to be added.
fn system(context: &Path, place: &Workshop) -> Result<(), String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).ok_or("this is no Debian")?;
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io", "--aptopt=Acquire::Languages \"none\""]);
    command.arg(suite).arg(context.join("rootfs.tar")).args(sources()).env("TMPDIR", place.0.path());
    done(&mut command)?;
    let status = done(Command::new("tar").arg("-xOf").arg(context.join("rootfs.tar")).arg("./var/lib/dpkg/status"))?;
    fs::write(kept("status"), status).unwrap();
    Ok(())
}

/// Where this machine has its packages from.
fn sources() -> Vec<PathBuf> {
    let further = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().map(|entry| entry.unwrap().path());
    let known = |path: &PathBuf| path.extension().is_some_and(|end| end == "list" || end == "sources");
    let all = further.filter(known).chain([PathBuf::from("/etc/apt/sources.list")]);
    all.filter(|path| path.exists()).collect()
}

/// The files of packages with all that they need and [`SYSTEM`] lacks.
pub fn packages(names: &[&str], folder: &Path) -> Result<(), String> {
    let option = |name: &str, value: &Path| format!("-o{name}={}", value.display());
    let archives = tempfile::tempdir().unwrap();
    fs::create_dir(archives.path().join("partial")).unwrap();
    let install = || {
        let mut command = Command::new("apt-get");
        command.arg(option("Dir::State::status", &kept("status"))).arg(option("Dir::Cache::archives", archives.path()));
        command.args(["-oDebug::NoLocking=1", "-oAPT::Sandbox::User=root", "-qq", "install", "--yes"]);
        done(command.args(["--download-only", "--no-install-recommends"]).args(names))
    };
    // This machine may have never asked what there is.
    install().or_else(|_| done(Command::new("apt-get").args(["-qq", "update"])).and_then(|_| install()))?;
    for file in fs::read_dir(archives.path()).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_some_and(|end| end == "deb") {
            fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }
    Ok(())
}

fn wheels(names: &[&str], folder: &Path) -> Result<(), String> {
    let mut command = Command::new("pip3");
    command.args(["--disable-pip-version-check", "--quiet", "download", "--only-binary=:all:"]);
    // The container's Python, which need not be this machine's.
    command.args(["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"]);
    command.args([
        "--platform=manylinux_2_28_x86_64",
        "--platform=manylinux_2_17_x86_64",
        "--platform=manylinux2014_x86_64",
    ]);
    command.arg("--platform=any");
    done(command.arg("--dest").arg(folder).args(names)).map(|_| ())
}

/// Runs a command to its end, and gives what it prints.
pub fn done(command: &mut Command) -> Result<Vec<u8>, String> {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(output.stdout.clone()) } else { Err(said()) }
}

/// A file that stays for the next run.
pub fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("real").join(name)
}

/// This folder.
pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real")
}

/// Copies a folder with all below it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { fs::copy(&from, &to).map(|_| ()).unwrap() }
    }
}
