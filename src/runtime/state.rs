//! What is written down of a container that outlives the process that made it.
//!
//! ```json
//! {"schema":1,"manifest":{…},"layers":[{…}],"when_unused":"keep"}
//! ```
//!
//! Its presence is what tells a container from the scratch of a RUN. It has everything that has to be kept for the container: its
//! image and that image's layers stay in the store as long as it is there, see [`roots`].

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::oci::{Descriptor, Layer};
use crate::store::{Home, atomic_write};

/// What is known of a container while no process of it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version of this form.
    pub(crate) schema: u32,
    /// The image that it was made of.
    pub manifest: Descriptor,
    /// Its layers, the lowest first.
    pub(crate) layers: Vec<Layer>,
    /// What becomes of the folder when nobody works with it.
    pub(crate) when_unused: WhenUnused,
}

/// What becomes of a container's folder when nobody has it locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WhenUnused {
    /// It stays: the container is stopped.
    Keep,
    /// It goes: the container was to be removed at its end.
    Remove,
}

impl State {
    /// The version of the form that is written.
    pub(crate) const SCHEMA: u32 = 1;
}

/// The name of the file.
const FILE: &str = "state.json";

/// Room for ten thousand layers.
const LIMIT: Limit = Limit::bytes("state of a container", "LAYERLAB_MAX_STATE", 4 << 20);

/// The state in a container's folder; `None` where there is none.
pub(super) fn read(home: &Home, folder: &Path) -> Result<Option<State>, Error> {
    let path = folder.join(FILE);
    let text = match document::read(&path, home.bound(&LIMIT), Links::Refuse) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(crate::store::Error::from(error).into()),
    };
    let state: State = serde_json::from_slice(&text)
        .map_err(|error| Error::BadState { path: path.clone(), reason: error.to_string() })?;
    match state.schema {
        State::SCHEMA => Ok(Some(state)),
        other => Err(Error::BadState {
            path,
            reason: format!("schema {other} is unknown: this version reads only {}", State::SCHEMA),
        }),
    }
}

/// Writes it, whole or not at all, and onto the disk: nothing else says that the container stays.
pub(super) fn write(folder: &Path, state: &State) -> Result<(), Error> {
    let text = serde_json::to_vec(state).expect("a state has string keys only");
    Ok(atomic_write(&folder.join(FILE), &text)?)
}

/// The images of all containers that stay, with their layers: what may not be removed from the store.
///
/// # Errors
/// A state can't be read. Then nobody knows what it needs.
pub fn roots(home: &Home) -> Result<Vec<State>, Error> {
    let containers = home.containers_dir();
    let entries = fs::read_dir(&containers).map_err(Error::io("list", &containers))?;
    let mut states = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::io("list", &containers))?.path();
        if path.is_dir() {
            states.extend(read(home, &path)?);
        }
    }
    Ok(states)
}
