//! Images without a distribution, and ways out of them, for the attacks on the set-up of containers.

use std::path::{Path, PathBuf};

use crate::harness::{Attack, Outcome};

/// An image without a distribution's folders: a shell, and what the attack puts below `files/`.
pub const BARE: &str = "FROM scratch\nCOPY --from=layerlab/base /bin /bin\nCOPY files /\n";

impl Attack {
    /// Links of the image, by name and target.
    pub fn image(&mut self, links: &[(&str, &str)]) -> &mut Attack {
        self.write("files/here", "");
        for (name, target) in links {
            self.link(&format!("files/{name}"), target);
        }
        self.write("Dockerfile", BARE);
        self.build().succeeded();
        self
    }

    /// A folder of the context as a volume, with links by name and target.
    pub fn volume(&self, name: &str, links: &[(&str, &str)]) -> PathBuf {
        self.write(&format!("{name}/"), "");
        for (link, target) in links {
            self.link(&format!("{name}/{link}"), target);
        }
        self.path(name)
    }

    /// `run OPTIONS attack /bin/busybox sh -c SCRIPT`.
    pub fn shell(&mut self, options: &str, script: &str) -> Outcome {
        let mut command = self.place.command(&format!("run {options} attack /bin/busybox sh -c"));
        command.arg(format!("PATH=/bin; {script}"));
        self.run_command(command)
    }
}

/// Text that leads from the image's root to a place of the machine, in every way that a link can be written.
pub fn ways_out(to: &Path) -> [String; 4] {
    let to = to.display();
    [
        format!("/..{to}"),
        format!("/../../..{to}"),
        format!("../../../../../../../../../../../..{to}"),
        format!("/proc/../..{to}"),
    ]
}
