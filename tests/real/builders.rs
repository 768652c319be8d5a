//! The same project built here, as root and as ordinary users, and by buildah.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use layerlab::oci::{Digest, Reference};
use layerlab::store::{Home, Store};

use crate::bases::{self, Mirror};
use crate::place::{Place, Role};
use crate::tree::{self, Image};

/// When all files of a context were changed: seconds since 1970.
pub const MODIFIED: i64 = 1_000_000_000;

/// The name of what is built.
pub const NAME: &str = "docker.io/example/project:latest";

/// One of the projects.
pub struct Project {
    /// Its folder in `projects/`.
    pub folder: &'static str,
    /// The images that it begins with, as the mirror calls them.
    pub bases: &'static [&'static str],
    /// What `build` is told, as both programs understand it.
    pub arguments: &'static str,
    /// Who else builds it, beside root.
    pub users: &'static [Role],
}

impl Project {
    /// Makes the context in a folder: with plain modes, and everything changed at the same time.
    fn lay_out(&self, to: &Path) {
        bases::copy(&bases::source().join("projects").join(self.folder), to);
        let packages = to.join("packages.txt");
        if let Ok(names) = fs::read_to_string(&packages) {
            fs::create_dir(to.join("packages")).unwrap();
            bases::copy(&self.packages(&names), &to.join("packages"));
        }
        if to.join("vendor").is_dir() {
            let mut tar = Command::new("tar");
            tar.args(["--owner=5", "--group=6", "--mtime=@999999999", "--sort=name", "-cf", "vendor.tar", "vendor"]);
            bases::done(tar.current_dir(to)).unwrap();
        }
        settle(to);
    }

    /// The packages that its Dockerfile installs itself; downloaded once.
    fn packages(&self, names: &str) -> std::path::PathBuf {
        let folder = bases::kept(&format!("packages-{}", Digest::of(names.as_bytes()).short()));
        if !folder.exists() {
            let new = folder.with_extension("new");
            let _ = fs::remove_dir_all(&new);
            fs::create_dir(&new).unwrap();
            let names: Vec<&str> = names.split_whitespace().collect();
            bases::packages(&names, &new).unwrap();
            fs::rename(&new, &folder).unwrap();
        }
        folder
    }

    /// Builds it here; gives the place with the image, to be looked at and run.
    pub fn build(&self, mirror: &Mirror, role: Role) -> Place {
        let place = Place::of(role, "");
        self.lay_out(&place.path(""));
        fs::create_dir_all(place.home()).unwrap();
        fs::write(place.home().join("registries.toml"), mirror.settings()).unwrap();
        if role != Role::Self_ {
            place.give(&place.path(""));
            place.give(&place.home());
        }
        let mut command = place.command(&format!("build -t {NAME} {} .", self.arguments));
        let output = command.env("LAYERLAB_PULL", "missing").env_remove("SOURCE_DATE_EPOCH").output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{} as {role:?}: {said}", self.folder);
        place
    }

    /// Lets buildah build it, from a Dockerfile of its own where it does not know the language of ours.
    pub fn peer_builds(&self, mirror: &Mirror) -> Image {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let context = folder.path().join("context");
        self.lay_out(&context);
        fs::write(at("registries.conf"), mirror.peers_settings()).unwrap();
        let mut buildah = Command::new("buildah");
        buildah.args(["--root", &at("storage"), "--runroot", &at("run"), "--storage-driver", "overlay"]);
        // A manifest of Docker's, since the OCI's has no health checks.
        buildah.args(["bud", "--layers=false", "--format", "docker", "--network", "host", "-q"]);
        buildah.args(self.arguments.split_whitespace());
        if context.join("Dockerfile.buildah").exists() {
            buildah.args(["-f", "Dockerfile.buildah"]);
        }
        let archive = at("image.tar");
        buildah.args(["-t", &format!("docker-archive:{archive}:{NAME}"), "."]).current_dir(&context);
        buildah.env("BUILDAH_ISOLATION", "chroot").env("CONTAINERS_REGISTRIES_CONF", at("registries.conf"));
        // Its cache mounts are there.
        let done = bases::done(buildah.env("TMPDIR", folder.path()));
        assert!(folder.path().join("image.tar").exists(), "{}: {done:?}", self.folder);
        let place = Place::new("");
        place.run(&format!("load -q -i {archive}"));
        image(&place)
    }
}

/// The image that was built in a place.
pub fn image(place: &Place) -> Image {
    let store = Store::open(&Home::open(place.home()).unwrap()).unwrap();
    let name = Reference::parse_normalized(NAME).unwrap();
    tree::image(&store, &store.resolve(&name).unwrap().unwrap())
}

fn settle(path: &Path) {
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| settle(&entry.unwrap().path()));
    }
    let runs = path.is_dir() || path.metadata().unwrap().permissions().mode() & 0o100 != 0;
    fs::set_permissions(path, Permissions::from_mode(if runs { 0o755 } else { 0o644 })).unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(MODIFIED.unsigned_abs());
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}
