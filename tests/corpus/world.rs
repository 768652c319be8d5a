//! What the build and cache cases share: a home with the base image, and a build context laid out exactly.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use layerlab::container::{Hostname, Identity};
use layerlab::dockerfile::Instruction;
use layerlab::layer::LayerWriter;
use layerlab::machine::{CacheUse, Control, Error, Event, Machine, Options, Source};
use layerlab::oci::{Descriptor, ImageConfig, Platform};
use layerlab::plan::{Base, CopySource};
use layerlab::source::SourceFile;
use layerlab::store::{Home, Store};
use layerlab::tree::{Node, Tree, TreePath};
use layerlab::upkeep::{Severity, verify};
use layerlab::world::{Clock, World};
use serde_json::Value;

/// A store of its own with the corpus's base image in it.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub world: Arc<World>,
    pub base: Tree,
    base_image: Descriptor,
}

impl Bench {
    /// `base` is the text of base-busybox.json. `None` where the machine has no static busybox.
    pub fn new(base: &Value) -> Option<Bench> {
        if !Path::new("/bin/busybox").exists() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(folder.path().join("home")).unwrap();
        let store = Store::open(&home).unwrap();
        let tree = base_tree(base);
        let mut writer = LayerWriter::new(&store).unwrap();
        for (path, node) in tree.walk(&TreePath::root()).skip(1) {
            writer.append_node(&path, node).unwrap();
        }
        let layer = writer.finish().unwrap();
        let mut config = ImageConfig::empty(&Platform::host());
        config.config = serde_json::from_value(base["config"].clone()).unwrap();
        config.rootfs.diff_ids.push(layer.diff_id);
        let base_image = store.put_image(&config, &[layer]).unwrap();
        Some(Bench {
            folder,
            world: Arc::new(World { store, clock: Clock::stopped(1_700_000_000), identity: Identity::detect() }),
            base: tree,
            base_image,
        })
    }

    /// Gives the base image every name that the Dockerfile has for an image.
    fn name_base(&self, source: &SourceFile, options: &Options) {
        let Ok(file) = layerlab::dockerfile::parse(source).into_dockerfile() else { return };
        let Ok(plan) = layerlab::plan::plan(&file, &options.request) else { return };
        let mut names = Vec::new();
        for stage in &plan.stages {
            if let Base::Image(reference) = &stage.base {
                names.push(reference.clone());
            }
            for instruction in &stage.source.instructions {
                if let Instruction::Copy(copy) = &instruction.value
                    && let Ok(Some(CopySource::Image(reference))) = plan.copy_source(stage.index, copy)
                {
                    names.push(reference);
                }
            }
        }
        for name in names.iter().filter(|name| name.domain() == "docker.io") {
            self.world.store.tag(name, &self.base_image).unwrap();
        }
    }

    /// Builds to the end. Gives the machine, with every state, or the error.
    pub fn build(&self, source: Source, options: Options, events: &mut Vec<Event>) -> Result<Machine, Error> {
        self.name_base(&source.file, &options);
        let mut machine = Machine::new(&self.world, source, options, Control::of(&self.world))?;
        let mut result = Ok(());
        while !machine.is_done() && result.is_ok() {
            result = machine.step(&mut |event| events.push(event.clone())).map(|_| ());
        }
        match result {
            Ok(()) => {
                machine.finish(&[], &mut |event| events.push(event.clone()))?;
                Ok(machine)
            }
            Err(error) => {
                machine.remember(None)?;
                Err(error)
            }
        }
    }

    /// What is wrong with the store.
    pub fn damage(&self) -> Vec<String> {
        let report = verify(&self.world.store);
        report
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| format!("store: {}: {}", finding.blob, finding.message))
            .collect()
    }
}

fn base_tree(base: &Value) -> Tree {
    let mut tree = Tree::empty();
    let busybox = std::fs::read("/bin/busybox").unwrap();
    for entry in base["entries"].as_array().unwrap() {
        let path = TreePath::new(entry["path"].as_str().unwrap());
        let mode = entry["mode"].as_str().map_or(0o777, |mode| u32::from_str_radix(mode, 8).unwrap());
        let mut node = match entry["type"].as_str().unwrap() {
            "dir" => Node::directory(mode),
            "symlink" => Node::symlink(entry["target"].as_str().unwrap().as_bytes()),
            _ => match entry["content"].as_str() {
                Some(text) => Node::file(mode, text.as_bytes().to_vec()),
                None => Node::file(mode, busybox.clone()),
            },
        };
        node.metadata.uid = entry["uid"].as_u64().unwrap_or(0) as u32;
        node.metadata.gid = entry["gid"].as_u64().unwrap_or(0) as u32;
        tree.insert(&path, node);
    }
    let applets = std::process::Command::new("/bin/busybox").arg("--list").output().unwrap().stdout;
    for applet in String::from_utf8(applets).unwrap().lines().filter(|applet| *applet != "busybox") {
        tree.insert(&TreePath::new(format!("bin/{applet}")), Node::symlink("busybox"));
    }
    tree
}

/// Lays a context out: modes, owners where we may set them, links, times.
pub fn lay_out(folder: &Path, entries: &Value, mtime: Option<u64>) -> Result<(), String> {
    std::fs::create_dir_all(folder).unwrap();
    let mut made: Vec<(PathBuf, u32)> = Vec::new();
    for entry in entries.as_array().unwrap() {
        let path = folder.join(entry["path"].as_str().unwrap());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        match entry["type"].as_str().unwrap() {
            "dir" => std::fs::create_dir_all(&path).unwrap(),
            "symlink" => symlink(entry["target"].as_str().unwrap(), &path).unwrap(),
            "hardlink" => {
                let target = entry["target"].as_str().unwrap().trim_start_matches('/');
                std::fs::hard_link(folder.join(target), &path).unwrap();
                continue;
            }
            "file" => std::fs::write(&path, content(entry)).unwrap(),
            "socket" => drop(std::os::unix::net::UnixListener::bind(&path).unwrap()),
            other => return Err(format!("the context has a {other}")),
        }
        if nix::unistd::geteuid().is_root() {
            let id = |name: &str| entry[name].as_u64().map(|id| id as u32);
            std::os::unix::fs::lchown(&path, id("uid"), id("gid")).unwrap();
        }
        if let Some(mode) = entry["mode"].as_str() {
            made.push((path.clone(), u32::from_str_radix(mode, 8).unwrap()));
        }
        if let Some(xattrs) = entry["xattrs"].as_object() {
            for (name, value) in xattrs {
                xattr::set(&path, name, value.as_str().unwrap_or_default().as_bytes())
                    .map_err(|error| error.to_string())?;
            }
        }
    }
    for (path, mode) in made.iter().rev() {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode)).unwrap();
        if let Some(mtime) = mtime
            && !path.is_symlink()
        {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime);
            std::fs::File::open(path).unwrap().set_modified(time).unwrap();
        }
    }
    Ok(())
}

/// A file's bytes as a case gives them.
pub fn content(entry: &Value) -> Vec<u8> {
    match (&entry["content"], &entry["content_b64"]) {
        (Value::String(text), _) => text.as_bytes().to_vec(),
        (_, Value::String(text)) => base64(text),
        _ => Vec::new(),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let Some(value) = ALPHABET.iter().position(|other| *other == letter) else { continue };
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// The options of a case: build arguments, target, and what the frontend calls `opts`.
pub fn options(case: &Value) -> Options {
    let mut options = Options::default();
    options.request.target = case["target"].as_str().map(str::to_owned);
    let mut build_args: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in case["build_args"].as_object().into_iter().flatten() {
        build_args.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    for (name, value) in case["opts"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default().to_owned();
        if let Some(label) = name.strip_prefix("label:") {
            options.labels.insert(label.to_owned(), value);
        } else if name == "hostname" {
            options.hostname = Hostname::parse(&value).ok();
        }
    }
    if let Some(name) = build_args.get("BUILDKIT_SANDBOX_HOSTNAME") {
        options.hostname = Hostname::parse(name).ok();
    }
    options.request.build_args = build_args;
    options.cache = match case["no_cache"].as_str() {
        None => CacheUse::Ask,
        Some("") => CacheUse::Ignore,
        Some(stages) => CacheUse::IgnoreFor(stages.split(',').map(str::to_owned).collect()),
    };
    options
}

/// A Dockerfile outside any context.
pub fn dockerfile(text: &[u8]) -> Result<SourceFile, String> {
    SourceFile::from_bytes("Dockerfile", text).map_err(|error| error.to_string())
}
