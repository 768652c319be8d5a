//! Making the built-in images and keeping them in the store.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::base::Source;
use super::libraries::Libraries;
use super::record::Record;
use super::rootfs::Rootfs;
use super::{BASE, Error, WEB, programs};
use crate::layer::{self, LayerWriter};
use crate::oci::{Descriptor, Empty, History, ImageConfig, Layer, Platform, Reference};
use crate::store::Store;
use crate::tree::{Change, Tree, TreePath, diff};

/// The hidden command of this program that serves files: `layerlab serve-files FOLDER PORT`.
pub(crate) const SERVE_COMMAND: &str = "serve-files";
/// The folder that `layerlab/web` serves; nginx's, so that the same Dockerfile fits both.
pub(crate) const WEB_ROOT: &str = "/usr/share/nginx/html";

const WEB_PROGRAM: &str = "/usr/sbin/layerlab";
const LABEL_SOURCE: &str = "org.layerlab.base.source";

/// Returns the built-in image `name`, making it if it isn't in the store or the machine's files have changed.
///
/// Idempotent. When nothing has changed this is one look at each of the files that the image was made of. The image is
/// tagged with its name.
///
/// # Errors
/// [`Error::Unknown`] for another name; what [`super::base`] says if the machine lacks something; [`Error::Layer`] and
/// [`Error::Store`] if it can't be written.
pub fn ensure(store: &Store, name: &str) -> Result<Descriptor, Error> {
    ensure_as(store, name, store.home().preferences().base.as_deref())
}

/// [`ensure`] with the value of `LAYERLAB_BASE` given.
///
/// # Errors
/// As [`ensure`].
pub fn ensure_as(store: &Store, name: &str, base: Option<&OsStr>) -> Result<Descriptor, Error> {
    match name {
        BASE => ensure_base(store, base),
        WEB => ensure_web(store, base),
        other => Err(Error::Unknown { name: other.to_owned() }),
    }
}

/// What there is of a built-in image, as a look tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AtHand {
    /// [`ensure`] would give it as it is.
    Made(Descriptor),
    /// There was one, and [`ensure`] would make it anew.
    Outdated,
    /// It was never made in this store.
    Never,
}

/// What there is of the built-in image `name`. Changes nothing.
///
/// # Errors
/// [`Error::Unknown`] for another name.
pub(crate) fn at_hand(store: &Store, name: &str) -> Result<AtHand, Error> {
    let base = || held(store, BASE, &wish(store.home().preferences().base.as_deref()));
    let image = match name {
        BASE => base(),
        WEB => base().and_then(|below| held(store, WEB, &below.digest.to_string())),
        other => return Err(Error::Unknown { name: other.to_owned() }),
    };
    Ok(match image {
        Some(image) => AtHand::Made(image),
        None if Record::load(store, name).is_some() => AtHand::Outdated,
        None => AtHand::Never,
    })
}

/// The configuration of the built-in image `name`, as far as it is known before the image is made.
///
/// # Errors
/// [`Error::Unknown`] for another name.
pub(crate) fn config(name: &str) -> Result<ImageConfig, Error> {
    match name {
        BASE => Ok(base_config()),
        WEB => Ok(web_config(base_config())),
        other => Err(Error::Unknown { name: other.to_owned() }),
    }
}

fn base_config() -> ImageConfig {
    let mut config = ImageConfig::empty(&Platform::host());
    config.config.env = vec![format!("PATH={}", programs::PATH)];
    config.config.cmd = Some(vec!["/bin/sh".to_owned()]);
    config
}

fn web_config(below: ImageConfig) -> ImageConfig {
    let mut config = below;
    let command = [WEB_PROGRAM, SERVE_COMMAND, WEB_ROOT, "80"];
    config.config.cmd = Some(command.map(str::to_owned).to_vec());
    config.config.exposed_ports.insert("80/tcp".to_owned(), Empty {});
    config.config.stop_signal = Some("SIGQUIT".to_owned());
    describe(&mut config, WEB, "layerlab/base with layerlab as a server of files at port 80");
    config
}

/// What the record of a base image is compared with: the value of `LAYERLAB_BASE`.
fn wish(base: Option<&OsStr>) -> String {
    base.unwrap_or_default().to_string_lossy().into_owned()
}

/// The image, where it is made of the files that are there now.
fn held(store: &Store, name: &str, wish: &str) -> Option<Descriptor> {
    Some(Record::load(store, name).filter(|record| record.holds(store, wish))?.image)
}

fn ensure_base(store: &Store, base: Option<&OsStr>) -> Result<Descriptor, Error> {
    let wish = wish(base);
    if let Some(image) = held(store, BASE, &wish) {
        return Ok(image);
    }
    let source = Source::choose(base, store.limits())?;
    let (layer, rootfs) = match &source {
        Source::Host => write_base(store, super::base::from_host(store.limits())?)?,
        Source::Busybox(path) => write_base(store, super::base::from_busybox(path, store.limits())?)?,
        Source::Archive(path) => (layer::archive::import(store, path)?, Rootfs::default()),
    };
    let mut config = base_config();
    let description = match &source {
        Source::Host => "a shell and the usual programs of the machine that made it",
        Source::Busybox(_) => "a shell and the usual programs, all of them busybox",
        Source::Archive(_) => "the root file system that LAYERLAB_BASE names",
    };
    describe(&mut config, BASE, description);
    config.config.labels.insert(LABEL_SOURCE.to_owned(), source.name().to_owned());
    let image = put(store, BASE, config, vec![layer], &format!("layerlab: {BASE} from {}", source.name()))?;
    let mut missing = rootfs.missing;
    let mut files: Vec<PathBuf> = rootfs.taken.into_iter().map(|taken| taken.path).collect();
    match &source {
        Source::Archive(path) => files.push(path.clone()),
        // A busybox that is installed later, or becomes static, changes the choice.
        Source::Host if wish.is_empty() => match programs::find("busybox") {
            Some(path) => files.push(path),
            None => missing.push("busybox".to_owned()),
        },
        Source::Host | Source::Busybox(_) => {}
    }
    Record::new(wish, files.iter().map(PathBuf::as_path), missing, image.clone()).save(store, BASE)?;
    Ok(image)
}

fn ensure_web(store: &Store, base: Option<&OsStr>) -> Result<Descriptor, Error> {
    let below = ensure_base(store, base)?;
    let wish = below.digest.to_string();
    if let Some(image) = held(store, WEB, &wish) {
        return Ok(image);
    }
    let program = std::env::current_exe().map_err(|source| Error::Io {
        operation: "readlink",
        path: PathBuf::from("/proc/self/exe"),
        source,
    })?;
    let (manifest, config) = store.load_image(&below)?;
    let mut layers = store.layers(&manifest, &config);
    let tree = layer::tree_of(store, &layers)?;
    let mut rootfs = Rootfs::on(tree.clone());
    rootfs.program_at(&program, WEB_PROGRAM, &Libraries::of_this_machine(store.limits()))?;
    rootfs.file(&format!("{WEB_ROOT}/index.html"), INDEX);
    layers.push(write_difference(store, &tree, &rootfs.tree)?);

    let image = put(store, WEB, web_config(config), layers, &format!("layerlab: {WEB}"))?;
    let files: Vec<PathBuf> = rootfs.taken.into_iter().map(|taken| taken.path).collect();
    Record::new(wish, files.iter().map(PathBuf::as_path), Vec::new(), image.clone()).save(store, WEB)?;
    Ok(image)
}

fn describe(config: &mut ImageConfig, name: &str, description: &str) {
    let labels = &mut config.config.labels;
    labels.insert("org.opencontainers.image.title".to_owned(), name.to_owned());
    labels.insert("org.opencontainers.image.description".to_owned(), description.to_owned());
}

/// Stores the image: `config` gets the last layer and its line of history.
fn put(
    store: &Store,
    name: &str,
    mut config: ImageConfig,
    layers: Vec<Layer>,
    created_by: &str,
) -> Result<Descriptor, Error> {
    config.rootfs.diff_ids = layers.iter().map(|layer| layer.diff_id).collect();
    config.history.push(History { created_by: Some(created_by.to_owned()), ..History::default() });
    let image = store.put_image(&config, &layers)?;
    let reference = Reference::parse_normalized(name).expect("the built-in names are proper references");
    let before = store.resolve(&reference)?;
    store.tag(&reference, &image)?;
    // Nobody has built the one before, and nobody will miss it.
    store.unlist(&before.into_iter().map(|before| before.digest).filter(|before| *before != image.digest).collect())?;
    Ok(image)
}

fn write_base(store: &Store, rootfs: Rootfs) -> Result<(Layer, Rootfs), Error> {
    let layer = write_difference(store, &Tree::empty(), &rootfs.tree)?;
    Ok((layer, rootfs))
}

/// Writes what `after` has more than `before`. Nothing is ever taken away here.
fn write_difference(store: &Store, before: &Tree, after: &Tree) -> Result<Layer, Error> {
    let mut writer = LayerWriter::new(store)?;
    for change in diff(before, after) {
        match change {
            Change::Added { path, node } | Change::Modified { path, after: node, .. } if path != TreePath::root() => {
                writer.append_node(&path, &node)?;
            }
            Change::Added { .. } | Change::Modified { .. } => {}
            Change::Deleted { path, .. } => writer.whiteout(&path)?,
        }
    }
    Ok(writer.finish()?)
}

const INDEX: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>It works</title>
</head>
<body>
<h1>It works</h1>
<p>This page comes from a container of <code>layerlab/web</code>. It lies at
<code>/usr/share/nginx/html/index.html</code>; a Dockerfile can put another in its place:</p>
<pre>FROM nginx
COPY index.html /usr/share/nginx/html/index.html</pre>
</body>
</html>
"#;
