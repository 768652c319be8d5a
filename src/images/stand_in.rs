//! Which built-in image stands in for one that is not in the store.
//!
//! The table is short: the images that introductions to Docker begin with. `stand-ins.toml` in the home adds to it, changes
//! it, and takes away with an empty name:
//!
//! ```toml
//! # an image as people write it = the image that stands in
//! fedora = "layerlab/base"
//! "ghcr.io/someone/site" = "layerlab/web"
//! nginx = ""
//! ```
//!
//! Only this much of TOML is read: comments, and lines `key = "text"` with a bare or a quoted key, without escapes. The tag
//! of an image plays no role.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::Reference;
use crate::store::Home;
use crate::userland::{BASE, WEB};

/// The table of stand-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIns {
    table: BTreeMap<String, String>,
}

impl Default for StandIns {
    fn default() -> StandIns {
        let images = [("alpine", BASE), ("busybox", BASE), ("debian", BASE), ("ubuntu", BASE), ("nginx", WEB)];
        let table = images.map(|(image, stand_in)| (format!("docker.io/library/{image}"), stand_in.to_owned()));
        StandIns { table: table.into() }
    }
}

/// `stand-ins.toml`, which has a line for each image.
const TABLE: Limit = Limit::bytes("table of stand-ins", "LAYERLAB_MAX_STAND_INS", 4 << 20);

impl StandIns {
    /// Reads the table with the changes in `stand-ins.toml` of this home; there need not be one.
    ///
    /// # Errors
    /// [`Error::StandIns`] for a line that is not understood, [`Error::Document`] for a file that can't be read.
    pub fn load(home: &Home) -> Result<StandIns, Error> {
        let file = home.root().join("stand-ins.toml");
        match document::read(&file, home.bound(&TABLE), Links::Follow) {
            Ok(text) => StandIns::default().changed_by(&String::from_utf8_lossy(&text), &file),
            Err(error) if error.is_not_found() => Ok(StandIns::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// The image that stands in for this one, if any does.
    pub fn get(&self, reference: &Reference) -> Option<&str> {
        self.table.get(&name_of(reference)).map(String::as_str)
    }

    fn changed_by(mut self, text: &str, file: &Path) -> Result<StandIns, Error> {
        for (index, line) in text.lines().enumerate() {
            let wrong = |reason: String| Error::StandIns { file: PathBuf::from(file), line: index + 1, reason };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (image, stand_in) =
                pair(line).ok_or_else(|| wrong(format!("expected `image = \"stand-in\"`, found `{line}`")))?;
            let reference = Reference::parse_normalized(image).map_err(|error| wrong(error.to_string()))?;
            if stand_in.is_empty() {
                self.table.remove(&name_of(&reference));
            } else {
                self.table.insert(name_of(&reference), stand_in.to_owned());
            }
        }
        Ok(self)
    }
}

/// What to say where a program is missing in an image that has this label of a stand-in.
pub(crate) fn stand_in_note(label: &str) -> String {
    let (stand_in, image) = label.split_once(" for ").unwrap_or((label, "another image"));
    format!(
        "this image is built on the stand-in {stand_in}, not on {image} itself; `layerlab load` loads the real image: see \"Real base \
         images\" in the book"
    )
}

/// Splits `key = "text"`, with an optional comment behind it.
fn pair(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.split_at(line.find(|character: char| character == '=' || character.is_whitespace())?),
    };
    let value = rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?;
    let (value, comment) = value.split_once('"')?;
    let comment = comment.trim_start();
    (comment.is_empty() || comment.starts_with('#')).then_some((key, value))
}

fn name_of(reference: &Reference) -> String {
    format!("{}/{}", reference.domain(), reference.path())
}
