//! buildah, as the peer: it reads the base image out of our store, and we read its image.

use std::path::Path;
use std::process::{Command, Output};

use layerlab::store::{Home, Store};

use crate::case::Case;
use crate::known::Outcome;
use crate::ours::{BASE, Bench};
use crate::place::missing;
use crate::tree;

pub struct Peer {
    folder: tempfile::TempDir,
}

impl Peer {
    /// `None`, and loudly, where there is none.
    pub fn find(base: &Bench) -> Option<Peer> {
        if Command::new("buildah").arg("--version").output().is_err() {
            missing("builds beside buildah: it is not installed");
            return None;
        }
        if !nix::unistd::geteuid().is_root() {
            missing("builds beside buildah: its isolation needs root");
            return None;
        }
        let peer = Peer { folder: tempfile::tempdir().unwrap() };
        let source = format!("oci:{}:{BASE}", base.world.home().root().display());
        let pulled = peer.buildah(&["pull", "-q", &source], Path::new("/"));
        assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
        let id = String::from_utf8_lossy(&pulled.stdout).trim().to_owned();
        let tagged = peer.buildah(&["tag", &id, &format!("{BASE}:latest")], Path::new("/"));
        assert!(tagged.status.success(), "{}", String::from_utf8_lossy(&tagged.stderr));
        Some(peer)
    }

    fn buildah(&self, arguments: &[&str], folder: &Path) -> Output {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        Command::new("buildah")
            .args(["--root", &at("storage"), "--runroot", &at("run"), "--storage-driver", "vfs"])
            .args(arguments)
            .current_dir(folder)
            .env("BUILDAH_ISOLATION", "chroot")
            .output()
            .unwrap()
    }

    pub fn build(&self, case: &Case) -> Outcome {
        let (context, layout) = (self.folder.path().join("context"), self.folder.path().join("layout"));
        for folder in [&context, &layout] {
            let _ = std::fs::remove_dir_all(folder);
            std::fs::create_dir(folder).unwrap();
        }
        case.lay_out(&context);
        let target = format!("oci:{}:built", layout.display());
        let output = self.buildah(
            &[
                "bud",
                "--pull-never",
                "--layers=false",
                "--format",
                "oci",
                "--network",
                "host",
                "-q",
                "-t",
                &target,
                ".",
            ],
            &context,
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // An image without a layer of its own is written, and then looked for in another place.
        if !output.status.success() && !said.contains("locating new copy of image") {
            return Err(said);
        }
        let home = Home::open(&layout).map_err(|error| error.to_string())?;
        let store = Store::open(&home).map_err(|error| error.to_string())?;
        let images = store.images().map_err(|error| error.to_string())?;
        let image = images.first().ok_or("buildah's layout has no image")?;
        Ok(tree::image(&store, &image.manifest))
    }
}
