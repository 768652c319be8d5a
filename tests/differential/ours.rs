//! Builds made here, in this process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use layerlab::container::Identity;
use layerlab::layer::LayerWriter;
use layerlab::machine::{CacheUse, Control, Decision, Machine, Options, Source};
use layerlab::oci::{Digest, ImageConfig, Platform, Reference};
use layerlab::source::SourceFile;
use layerlab::store::{Home, Store};
use layerlab::tree::{Node, Tree, TreePath};
use layerlab::upkeep::{Severity, verify};
use layerlab::world::{Clock, World};

use crate::case::Case;
use crate::known::Outcome;
use crate::tree;

/// The name of the base image, here and there.
pub const BASE: &str = "localhost/base";

const BUSYBOX: &str = "/bin/busybox";

/// A store of its own with the base image in it.
pub struct Bench {
    folder: tempfile::TempDir,
    pub world: Arc<World>,
}

/// Whether a build may look into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    Ask,
    Ignore,
}

/// One step of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub instruction: String,
    pub state: Digest,
    pub hit: bool,
}

/// How far a build came.
pub struct Built {
    pub steps: Vec<Step>,
    /// The image's id, or why there is none.
    pub image: Result<Digest, String>,
}

pub fn busybox_is_there() -> bool {
    Path::new(BUSYBOX).exists()
}

impl Bench {
    pub fn new() -> Bench {
        // In small letters, because buildah takes a path with a capital for a name.
        static BENCHES: AtomicUsize = AtomicUsize::new(0);
        let number = BENCHES.fetch_add(1, Ordering::Relaxed);
        let name = format!("layerlab-bench-{}-{number}", std::process::id());
        let folder = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        let mut writer = LayerWriter::new(&store).unwrap();
        for (path, node) in base_tree().walk(&TreePath::root()).skip(1) {
            writer.append_node(&path, node).unwrap();
        }
        let layer = writer.finish().unwrap();
        let mut config = ImageConfig::empty(&Platform::host());
        config.config.env = vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()];
        config.rootfs.diff_ids.push(layer.diff_id);
        let image = store.put_image(&config, &[layer]).unwrap();
        store.tag(&Reference::parse_normalized(BASE).unwrap(), &image).unwrap();
        let world = World { store, clock: Clock::stopped(1_700_000_000), identity: Identity::detect() };
        Bench { folder, world: Arc::new(world) }
    }

    /// Builds, and gives the image as it is to be compared with a peer's.
    pub fn build(&self, case: &Case, cache: Cache) -> Outcome {
        let mut outcome = Err(String::new());
        let built = self.run(case, cache, |manifest| outcome = Ok(tree::image(&self.world.store, manifest)));
        built.image.and(outcome)
    }

    /// Builds, and tells of each step.
    pub fn steps(&self, case: &Case, cache: Cache) -> Built {
        self.run(case, cache, |_| {})
    }

    fn run(&self, case: &Case, cache: Cache, done: impl FnOnce(&layerlab::oci::Descriptor)) -> Built {
        let context = self.folder.path().join("context");
        let _ = std::fs::remove_dir_all(&context);
        std::fs::create_dir(&context).unwrap();
        case.lay_out(&context);
        let mut steps = Vec::new();
        let image = self.machine(case, cache, &context, &mut steps).map(|(image, manifest)| {
            done(&manifest);
            image
        });
        Built { steps, image }
    }

    fn machine(
        &self,
        case: &Case,
        cache: Cache,
        context: &Path,
        steps: &mut Vec<Step>,
    ) -> Result<(Digest, layerlab::oci::Descriptor), String> {
        let file = SourceFile::from_bytes("Dockerfile", case.dockerfile().as_bytes()).unwrap();
        let source = Source { file, context: Some(context.to_owned()), dockerfile: Some(context.join("Dockerfile")) };
        let cache = if cache == Cache::Ask { CacheUse::Ask } else { CacheUse::Ignore };
        let options = Options { cache, ..Options::default() };
        let told = |error: &layerlab::machine::Error| {
            error.diagnostics_at(None).iter().map(|one| one.render(None)).collect::<String>()
        };
        let mut machine =
            Machine::new(&self.world, source, options, Control::of(&self.world)).map_err(|error| told(&error))?;
        while !machine.is_done() {
            let taken = machine.step(&mut |_| {}).map_err(|error| told(&error))?;
            // FROM is not a step that can miss.
            let hit = !matches!(taken.decision, Decision::Miss { .. });
            steps.push(Step { instruction: taken.label.instruction.clone(), state: taken.state.id(), hit });
        }
        let finished = machine.finish(&[], &mut |_| {}).map_err(|error| told(&error))?;
        Ok((finished.image, finished.manifest))
    }

    /// What is wrong with the store.
    pub fn damage(&self) -> Vec<String> {
        let findings = verify(&self.world.store).findings;
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| format!("{}: {}", finding.blob, finding.message)).collect()
    }
}

fn base_tree() -> Tree {
    let mut tree = Tree::empty();
    for folder in ["bin", "dev", "etc", "proc", "root", "sys", "usr", "usr/bin"] {
        tree.insert(&TreePath::new(folder), Node::directory(0o755));
    }
    tree.insert(&TreePath::new("tmp"), Node::directory(0o1777));
    for (name, text) in [
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\nstaff:x:50:\n"),
    ] {
        tree.insert(&TreePath::new(name), Node::file(0o644, text.as_bytes().to_vec()));
    }
    if !busybox_is_there() {
        return tree;
    }
    tree.insert(&TreePath::new("bin/busybox"), Node::file(0o755, std::fs::read(BUSYBOX).unwrap()));
    for applet in ["sh", "cat", "cp", "echo", "ln", "ls", "mkdir", "mv", "pwd", "rm", "touch", "chmod", "true", "env"] {
        tree.insert(&TreePath::new(format!("bin/{applet}")), Node::symlink("busybox"));
    }
    tree
}
