//! Images in the store: `images`, `history`, `inspect`, `tag`, `import`. Removing them is in `rmi.rs`.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Args;

use super::Failure;
use super::build::parse_name;
use crate::diagnostic::Diagnostic;
use crate::images::{self, Policy};
use crate::layer::archive;
use crate::oci::{Digest, History as HistoryEntry, ImageConfig, Platform, Reference};
use crate::shown;
use crate::store::{Error as StoreError, Image, Summary};
use crate::view::{json, table, units};
use crate::world::World;

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
    pub(super) fn run(&self, world: &World) -> Result<(), Failure> {
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
        let mut rows = self.described(world, images);
        // Newest first, as Docker lists them; what is damaged has no time and comes last.
        rows.sort_by(|one, other| other.created().cmp(&one.created()));
        let mut out = super::stdout();
        if self.quiet {
            let mut seen = HashSet::new();
            for id in rows.iter().map(Row::id).filter(|id| seen.insert(*id)) {
                writeln!(out, "{}", self.shown(id))?;
            }
            return Ok(());
        }
        let now = world.clock.seconds();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| self.cells(row, now)).collect();
        let mut header = vec!["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
        if self.digests {
            header.insert(2, "DIGEST");
        }
        write!(out, "{}", table::render(&header, &rows))?;
        Ok(())
    }

    /// Looks at each image, once however many names it has. Images for other machines are left out.
    fn described(&self, world: &World, images: Vec<Image>) -> Vec<Row> {
        let mut known: HashMap<Digest, Option<Rc<Result<Summary, StoreError>>>> = HashMap::new();
        let mut describe = |image: Image| {
            let summary =
                known.entry(image.manifest.digest).or_insert_with(|| match world.store.summary(&image.manifest) {
                    Err(StoreError::Platform { .. }) => None,
                    summary => Some(Rc::new(summary)),
                });
            Some(Row { image, summary: summary.clone()? })
        };
        images.into_iter().filter_map(&mut describe).collect()
    }

    fn shown(&self, id: Digest) -> String {
        if self.no_trunc { id.to_string() } else { id.short() }
    }

    fn cells(&self, row: &Row, now: i64) -> Vec<String> {
        let none = || "<none>".to_owned();
        let reference = row.image.reference.as_ref();
        let mut cells = vec![
            reference.map_or_else(none, Reference::familiar_name),
            reference.and_then(|reference| reference.tag().map(str::to_owned)).unwrap_or_else(none),
        ];
        if self.digests {
            cells.push(row.image.manifest.digest.to_string());
        }
        cells.push(self.shown(row.id()));
        match &*row.summary {
            Ok(summary) => cells.extend([ago(now, summary.created.as_deref()), units::size(summary.size)]),
            Err(error) => cells.extend(["<damaged>".to_owned(), shown::line(&error.to_string()).into_owned()]),
        }
        cells
    }
}

/// One line of the list.
struct Row {
    image: Image,
    summary: Rc<Result<Summary, StoreError>>,
}

impl Row {
    /// The image id. Where it can't be read, the manifest's digest, by which the image is found too.
    fn id(&self) -> Digest {
        self.summary.as_ref().as_ref().map_or(self.image.manifest.digest, |summary| summary.id)
    }

    fn created(&self) -> Option<&str> {
        self.summary.as_ref().as_ref().ok()?.created.as_deref()
    }
}

fn ago(now: i64, created: Option<&str>) -> String {
    created.map_or_else(|| "N/A".into(), |time| units::ago(now, time))
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
    pub(super) fn run(&self, world: &World) -> Result<(), Failure> {
        let found = images::by_text(&world.store, &self.image, Policy::Present)?;
        let (manifest, config) = world.store.load_image(&found.manifest)?;
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
                let created = ago(now, entry.created.as_deref());
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
    pub(super) fn run(&self, world: &World) -> Result<(), Failure> {
        let mut documents = Vec::new();
        for name in &self.images {
            let descriptor = images::by_text(&world.store, name, Policy::Present)?.manifest;
            let (manifest, config) = world.store.load_image(&descriptor)?;
            let names: Vec<String> =
                world.store.names_of(&descriptor.digest)?.iter().map(Reference::familiar).collect();
            documents.push(serde_json::json!({
                "Id": manifest.config.digest,
                "RepoTags": names,
                "Digest": descriptor.digest,
                "Created": config.created,
                "Author": config.author.clone().unwrap_or_default(),
                "Architecture": config.architecture,
                "Os": config.os,
                "Size": manifest.size(),
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
    pub(super) fn run(&self, world: &World) -> Result<(), Failure> {
        let name = parse_name(&self.target)?;
        let found = images::by_text(&world.store, &self.source, Policy::Present)?;
        world.store.tag(&name, &found.manifest)?;
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
    pub(super) fn run(&self, world: &World) -> Result<(), Failure> {
        let name = parse_name(&self.name)?;
        let mut config = ImageConfig::empty(&Platform::host());
        config.config.env.push(format!("PATH={}", crate::machine::DEFAULT_PATH));
        let path = if self.file.as_os_str() == "-" { Path::new("/dev/stdin") } else { self.file.as_path() };
        let layer = archive::import(&world.store, path).map_err(crate::machine::Error::from)?;
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
        let config = crate::machine::configure::change(config, &self.change).map_err(Failure::from)?;
        let manifest = world.store.put_image(&config, &[layer])?;
        world.store.tag(&name, &manifest)?;
        let (manifest, _) = world.store.load_image(&manifest)?;
        writeln!(super::stdout(), "{}", manifest.config.digest)?;
        Ok(())
    }
}
