//! Instructions for an image that no Dockerfile made: `import --change`.

use std::collections::BTreeMap;

use super::actions::configure::{self, Applied};
use super::noted::Noted;
use super::scope::Scope;
use super::{Error, State};
use crate::dockerfile;
use crate::limits::Limits;
use crate::oci::ImageConfig;
use crate::source::SourceFile;

/// Applies instructions to the configuration of an image.
///
/// # Errors
/// Diagnostics for a text that is not an instruction, and for an instruction that touches files.
pub(crate) fn reconfigure(image: ImageConfig, instructions: &[String]) -> Result<ImageConfig, Error> {
    let nothing = BTreeMap::new();
    let limits = Limits::default();
    let noted = Noted::default();
    let scope = Scope { escape: '\\', global_args: &nothing, build_args: &nothing, limits: &limits, noted: &noted };
    let mut state = State::first(image.clone(), Vec::new(), String::new(), None);
    for text in instructions {
        let source = SourceFile::new("--change", text);
        let instruction = dockerfile::parse_instruction(&source).into_instruction().map_err(Error::Diagnostics)?;
        state = match configure::apply(&instruction.value, &state, &scope)? {
            Applied::Configured(next) => next.state,
            Applied::Files(_) => {
                let name = instruction.value.name();
                return Err(Error::Argument {
                    message: format!("`{name}` changes files, but only the configuration can be changed here"),
                    hint: None,
                });
            }
        };
    }
    let changed = state.image();
    Ok(ImageConfig { config: changed.config, author: changed.author, ..image })
}
