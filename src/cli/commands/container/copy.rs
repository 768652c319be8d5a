//! `layerlab cp`: files into a container, and out of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::runtime::copy::{self, Links, Owners, Side, Wish};
use crate::view::units;
use crate::world::World;

/// Copy files between a container and this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: layerlab cp web:/etc/hosts .\n          layerlab cp site/. web:/usr/share/nginx/html\n          layerlab cp web:/var/log - | tar -t"
)]
pub(crate) struct Copy {
    /// Keep the owners, by number; without it, copies belong to whoever runs this, or to the container's root
    #[arg(short, long)]
    archive: bool,
    /// Follow a source that is a symbolic link
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Do not say what was copied
    #[arg(short, long)]
    quiet: bool,
    /// What is copied: CONTAINER:PATH, PATH, or `-` for a tar archive on standard input; `FOLDER/.` is what is in a folder
    source: String,
    /// Where: CONTAINER:PATH, PATH, or `-` for a tar archive on standard output
    destination: String,
}

impl Copy {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let wish = Wish {
            from: side(&self.source),
            to: side(&self.destination),
            owners: if self.archive { Owners::Same } else { Owners::New },
            links: if self.follow_link { Links::Followed } else { Links::Copied },
        };
        let is_stream = matches!(wish.to, Side::Archive);
        let copied = copy::copy(world, &wish);
        let copied = copied.map_err(|error| if is_stream { Failure::of_output(error) } else { error.into() })?;
        if copied.left_out > 0 {
            ui.note(&format!("warning: {} special files were left out: sockets, or devices", copied.left_out));
        }
        if !self.quiet && !self.source.eq("-") && !self.destination.eq("-") {
            let size = units::size(copied.bytes);
            ui.note(&format!("Successfully copied {size} to {}", crate::shown::line(&self.destination)));
        }
        Ok(())
    }
}

/// What an argument means. A path of this machine with a colon in it is written with a slash before that.
fn side(text: &str) -> Side {
    match text.split_once(':') {
        _ if text == "-" => Side::Archive,
        Some((name, path)) if !name.is_empty() && !name.contains('/') && !name.starts_with('.') => {
            Side::Container { name: name.to_owned(), path: Path::new("/").join(path) }
        }
        Some(_) | None => Side::Machine(PathBuf::from(text)),
    }
}
