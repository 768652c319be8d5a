//! `layerlab save`: images in an archive.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::failure::Failure;
use crate::cli::interrupts;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::archive::save::{Named, Output};
use crate::images::archive::{self, Format};
use crate::images::{self, Policy};
use crate::oci::Reference;
use crate::view::Scene;
use crate::world::World;

/// Save images to an archive that Docker, Podman and skopeo can read.
///
/// The same images give the same bytes.
#[derive(Debug, Args)]
#[command(long_about = None)]
pub(crate) struct Save {
    /// The archive, or with `--format oci-dir` a new folder (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The form of the archive
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// The images; the default tag is `latest`
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

/// The forms, as the user names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// What `docker save` writes; also an OCI layout
    #[default]
    DockerArchive,
    /// An OCI layout in a tar archive
    OciArchive,
    /// An OCI layout in a folder
    OciDir,
}

impl Save {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        let images = self.images.iter().map(|text| named(world, text)).collect::<Result<Vec<_>, Failure>>()?;
        let format = match self.format {
            Form::DockerArchive => Format::DockerArchive,
            Form::OciArchive => Format::OciArchive,
            Form::OciDir => Format::OciDir,
        };
        let output = match &self.output {
            Some(path) => Output::Path(path),
            None if format == Format::OciDir => {
                return Err(Diagnostic::error("a folder can't be written to standard output")
                    .hint("name the folder with `-o DIR`")
                    .into());
            }
            None => Output::Stream(ui.bytes().ok_or_else(|| {
                Diagnostic::error("an archive can't be written to a terminal")
                    .hint("name a file with `-o FILE`, or pipe it on: `layerlab save NAME | docker load`")
            })?),
        };
        interrupts::catch(world.interrupt());
        let mut out = ui.plain().with_live(world.meter());
        out.begin(Scene::Below);
        let is_stream = matches!(output, Output::Stream(_));
        let saved = archive::save(&world.store, &images, format, output);
        saved.map(drop).map_err(|error| if is_stream { Failure::of_output(error) } else { error.into() })
    }
}

/// An image, and its name where it was asked for by that and not by an id.
pub(super) fn named(world: &World, text: &str) -> Result<Named, Failure> {
    let found = images::by_text(&world.store, text, Policy::default())?;
    let name = Reference::parse_normalized(text).ok().map(|name| name.with_default_tag());
    let is_named = |name: &Reference| {
        !name.has_digest()
            && world
                .store
                .resolve(name)
                .is_ok_and(|named| named.is_some_and(|named| named.digest == found.manifest.digest))
    };
    Ok(Named { name: name.filter(is_named), tag: None, manifest: found.manifest })
}
