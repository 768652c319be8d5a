//! `layerlab manifest`: from a name to the last layer, digest by digest.

use clap::Args;

use super::inspect::show_tree;
use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::images::{self, Policy};
use crate::oci::DocumentKind;
use crate::store::documents;
use crate::view::screen::Screen;
use crate::world::World;

/// Draw an image from its index or manifest to its layers: sizes, digests, and what each digest covers.
///
/// `manifest inspect IMAGE` prints the document that the name means, byte for byte, as `docker manifest inspect` does.
#[derive(Debug, Args)]
#[command(long_about = None, after_help = "`layerlab manifest inspect IMAGE` prints the document itself.")]
pub(crate) struct Manifest {
    /// The image
    #[arg(required = true, num_args = 1..=2, value_name = "IMAGE")]
    words: Vec<String>,
}

impl Manifest {
    pub(in crate::cli) fn run(&self, world: &World, ui: &Ui) -> Result<(), Failure> {
        match self.words.as_slice() {
            [verb, name] if verb == "inspect" => {
                let found = images::by_text(&world.store, name, Policy::default())?.manifest;
                let kind = DocumentKind::of(&found.media_type).unwrap_or(DocumentKind::Manifest);
                let text = world.store.read(&found, documents::limit(kind))?;
                let text = String::from_utf8_lossy(&text);
                Ok(Screen::document(&format!("{}\n", text.trim_end()))?)
            }
            [name] => show_tree(world, ui, name),
            _ => Err(Diagnostic::error("expected one image")
                .hint("`manifest IMAGE`, or `manifest inspect IMAGE`")
                .into()),
        }
    }
}
