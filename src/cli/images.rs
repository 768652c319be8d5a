//! Images in the store: `images`, `history`, `inspect`, `tag`, `rmi`, `import`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::build::parse_name;
use super::run::find_image;
use crate::build::World;
use crate::cache::Records;
use crate::diagnostic::Diagnostic;
use crate::layer::archive;
use crate::oci::{Digest, History as HistoryEntry, ImageConfig, Platform, Reference};
use crate::shown;
use crate::view::palette::Palette;
use crate::view::screen::Screen;
use crate::view::{json, table, units};

/// List images.
#[derive(Debug, Args)]
pub struct Images {
    /// Print ids only
    #[arg(short, long)]
    quiet: bool,
    /// Print whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Show digests of the manifests
    #[arg(long)]
    digests: bool,
    /// Also list images without a name (all of them are listed)
    #[arg(short, long)]
    all: bool,
    /// Only images of this name
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Images {
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let mut images = world.store.images()?;
        if let Some(name) = &self.name {
            let wanted = Reference::parse_normalized(name)
                .map_err(|error| Diagnostic::error(format!("`{name}` is not an image name: {error}")))?;
            images.retain(|image| {
                image.reference.as_ref().is_some_and(|reference| {
                    reference.familiar_name() == wanted.familiar_name()
                        && wanted.tag().is_none_or(|tag| reference.tag() == Some(tag))
                })
            });
        }
        // Newest first, as Docker lists them.
        images.sort_by(|one, other| other.created.cmp(&one.created));
        let id = |digest: Digest| if self.no_trunc { digest.to_string() } else { digest.short() };
        let mut out = super::stdout();
        if self.quiet {
            let mut seen = Vec::new();
            for image in images {
                if !seen.contains(&image.id) {
                    writeln!(out, "{}", id(image.id))?;
                    seen.push(image.id);
                }
            }
            return Ok(());
        }
        let now = world.clock.seconds();
        let rows: Vec<Vec<String>> = images
            .iter()
            .map(|image| {
                let none = || "<none>".to_owned();
                let reference = image.reference.as_ref();
                let mut row = vec![
                    reference.map_or_else(none, Reference::familiar_name),
                    reference.and_then(|reference| reference.tag().map(str::to_owned)).unwrap_or_else(none),
                ];
                if self.digests {
                    row.push(image.manifest.digest.to_string());
                }
                row.extend([
                    id(image.id),
                    image.created.as_deref().map_or_else(|| "N/A".into(), |time| units::ago(now, time)),
                    units::size(image.size),
                ]);
                row
            })
            .collect();
        let mut header = vec!["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
        if self.digests {
            header.insert(2, "DIGEST");
        }
        write!(out, "{}", table::render(&header, &rows))?;
        Ok(())
    }
}

/// Show the history of an image.
#[derive(Debug, Args)]
pub struct History {
    /// Print whole instructions and ids
    #[arg(long)]
    no_trunc: bool,
    /// The image
    image: String,
}

impl History {
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let manifest = find_image(world, &self.image)?;
        let (manifest, config) = world.store.load_image(&manifest)?;
        let now = world.clock.seconds();
        let mut sizes = manifest.layers.iter().map(|layer| layer.size);
        let mut rows: Vec<Vec<String>> = config
            .history
            .iter()
            .map(|entry| {
                let size = if entry.empty_layer { 0 } else { sizes.next().unwrap_or(0) };
                let text = entry.created_by.clone().unwrap_or_default();
                let text = if self.no_trunc || text.chars().count() <= 45 {
                    text
                } else {
                    text.chars().take(44).chain(['…']).collect()
                };
                let created = entry.created.as_deref().map_or_else(|| "N/A".into(), |time| units::ago(now, time));
                vec![
                    "<missing>".to_owned(),
                    created,
                    text,
                    units::size(size),
                    entry.comment.clone().unwrap_or_default(),
                ]
            })
            .collect();
        rows.reverse();
        if let Some(first) = rows.first_mut() {
            let id = manifest.config.digest;
            first[0] = if self.no_trunc { id.to_string() } else { id.short() };
        }
        write!(super::stdout(), "{}", table::render(&["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &rows))?;
        Ok(())
    }
}

/// Show the configuration of images as JSON.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The images
    #[arg(required = true)]
    images: Vec<String>,
}

impl Inspect {
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let mut documents = Vec::new();
        for name in &self.images {
            let descriptor = find_image(world, name)?;
            let (manifest, config) = world.store.load_image(&descriptor)?;
            let names: Vec<String> = world
                .store
                .images()?
                .iter()
                .filter(|image| image.id == manifest.config.digest)
                .filter_map(|image| image.reference.as_ref().map(Reference::familiar))
                .collect();
            documents.push(serde_json::json!({
                "Id": manifest.config.digest,
                "RepoTags": names,
                "Digest": descriptor.digest,
                "Created": config.created,
                "Author": config.author.clone().unwrap_or_default(),
                "Architecture": config.architecture,
                "Os": config.os,
                "Size": manifest.layers.iter().map(|layer| layer.size).sum::<u64>(),
                "Config": config.config,
                "RootFS": { "Type": "layers", "Layers": config.rootfs.diff_ids },
            }));
        }
        writeln!(super::stdout(), "{}", json::pretty(&documents)?)?;
        Ok(())
    }
}

/// Give an image another name.
#[derive(Debug, Args)]
pub struct Tag {
    /// The image
    source: String,
    /// The new name
    target: String,
}

impl Tag {
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let name = parse_name(&self.target)?;
        let manifest = find_image(world, &self.source)?;
        world.store.tag(&name, &manifest)?;
        Ok(())
    }
}

/// Remove names of images, and what no name needs any more.
#[derive(Debug, Args)]
pub struct Rmi {
    /// Remove an image with several names by its id
    #[arg(short, long)]
    force: bool,
    /// The images
    #[arg(required = true)]
    images: Vec<String>,
}

impl Rmi {
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let mut problems = Vec::new();
        for name in &self.images {
            if let Err(problem) = self.remove(world, name) {
                problems.push(problem);
            }
        }
        match problems.into_iter().reduce(|one, other| match (one, other) {
            (Failure::Messages(mut one, source), Failure::Messages(other, _)) => {
                one.extend(other);
                Failure::Messages(one, source)
            }
            (one, _) => one,
        }) {
            Some(problem) => Err(problem),
            None => Ok(()),
        }
    }

    fn remove(&self, world: World<'_>, name: &str) -> Result<(), Failure> {
        let found = world.store.find(name)?;
        let names: Vec<Reference> = world
            .store
            .images()?
            .into_iter()
            .filter(|image| image.id == found.id)
            .filter_map(|image| image.reference)
            .collect();
        let by_name = Reference::parse_normalized(name)
            .ok()
            .map(|reference| reference.with_default_tag())
            .filter(|reference| names.contains(reference));
        let removed = match by_name {
            Some(reference) => vec![reference],
            None if names.len() > 1 && !self.force => {
                let list: Vec<String> = names.iter().map(|name| format!("`{}`", name.familiar())).collect();
                return Err(Diagnostic::error(format!(
                    "image {} has several names: {}",
                    found.id.short(),
                    list.join(", ")
                ))
                .hint("remove one of the names, or all of them with `--force`")
                .into());
            }
            None => names.clone(),
        };
        let mut out = super::stdout();
        for reference in &removed {
            world.store.untag(reference)?;
            writeln!(out, "Untagged: {}", shown::line(&reference.familiar()))?;
        }
        if removed.len() == names.len() {
            let records = Records::open(world.home).all().map_err(crate::build::Error::from)?;
            let kept: Vec<Digest> = records
                .iter()
                .filter_map(|record| record.result.layer.as_ref().map(|layer| layer.descriptor.digest))
                .collect();
            match world.store.collect_garbage(&kept) {
                Ok(_) => {
                    for folder in world.store.unpacked_garbage()? {
                        world.identity.remove_dir_all(&folder).map_err(crate::build::Error::from)?;
                    }
                    writeln!(out, "Deleted: {}", found.id)?;
                }
                // The name is gone; what it alone needed goes with the next image that is removed.
                Err(crate::store::Error::Busy) => {
                    let mut stderr = Screen::stderr(Palette::PLAIN);
                    writeln!(
                        stderr,
                        "note: another layerlab has the store open: {} stays until later",
                        found.id.short()
                    )?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Make an image of a root file system in a tar archive.
#[derive(Debug, Args)]
pub struct Import {
    /// The archive: tar, or tar compressed with gzip, bzip2, xz or zstd; `-` is standard input
    file: PathBuf,
    /// The image's name
    name: String,
    /// Set a part of the configuration, as an instruction: CMD, ENV, EXPOSE …
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
}

impl Import {
    pub(super) fn run(&self, world: World<'_>) -> Result<(), Failure> {
        let name = parse_name(&self.name)?;
        let mut config = ImageConfig::empty(&Platform::host());
        config.config.env.push(format!("PATH={}", crate::build::DEFAULT_PATH));
        let path = if self.file.as_os_str() == "-" { Path::new("/dev/stdin") } else { self.file.as_path() };
        let layer = archive::import(world.store, path).map_err(crate::build::Error::from)?;
        let created = world.clock.rfc3339();
        config.created = Some(created.clone());
        config.rootfs.diff_ids.push(layer.diff_id);
        config.history.push(HistoryEntry {
            created: Some(created),
            created_by: Some(format!("import {}", self.file.display())),
            author: None,
            comment: None,
            empty_layer: false,
        });
        let config = crate::build::configure::change(config, &self.change).map_err(Failure::from)?;
        let manifest = world.store.put_image(&config, &[layer])?;
        world.store.tag(&name, &manifest)?;
        let (manifest, _) = world.store.load_image(&manifest)?;
        writeln!(super::stdout(), "{}", manifest.config.digest)?;
        Ok(())
    }
}
