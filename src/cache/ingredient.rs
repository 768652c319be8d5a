//! Ingredients: what a step's result depends on, as an ordered list of named values.
//!
//! The list is hashed in order, so that two environments with the same variables in another order give two keys, as
//! BuildKit has it. Names are part of the hash: a value can't slip from one ingredient into another.

use serde::{Deserialize, Serialize};
use std::fmt;

use super::StateId;
use crate::oci::Digest;

/// The digest of a step's ingredients. It names the record; it says nothing of the step's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CacheKey(pub Digest);

impl CacheKey {
    /// The first twelve hexadecimal digits: enough for a person.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

// ANCHOR: ingredient
/// One named input of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ingredient {
    /// The file system that the step starts from. Its contents are never hashed again.
    Parent { state: StateId },
    /// The instruction after expansion, without what the other ingredients say already.
    Instruction { text: String },
    /// One word of the command that RUN executes.
    Argument { index: usize, value: String },
    /// One variable of RUN's environment. Their order counts.
    Environment { name: String, value: String },
    /// Anything else with a name and a text: working directory, user, network, `--chown` …
    Setting { name: String, value: String },
    /// The files a COPY or ADD takes: the last component of the source, and the digest of their listing.
    Files { name: String, listing: Digest, files: u64, bytes: u64 },
}
// ANCHOR_END: ingredient

impl Ingredient {
    pub fn setting(name: impl Into<String>, value: impl Into<String>) -> Ingredient {
        Ingredient::Setting { name: name.into(), value: value.into() }
    }

    /// What this ingredient is called: the same in two lists where they can be compared. It need not be unique in one.
    pub fn name(&self) -> String {
        match self {
            Ingredient::Parent { .. } => "parent state".into(),
            Ingredient::Instruction { .. } => "instruction".into(),
            Ingredient::Argument { index, .. } => format!("argument {index}"),
            Ingredient::Environment { name, .. } => format!("environment variable {name}"),
            Ingredient::Setting { name, .. } => name.clone(),
            Ingredient::Files { name, .. } => format!("files of {name}"),
        }
    }

    /// The value as a person reads it.
    pub fn value(&self) -> String {
        match self {
            Ingredient::Parent { state } => state.short(),
            Ingredient::Instruction { text } => text.clone(),
            Ingredient::Argument { value, .. }
            | Ingredient::Environment { value, .. }
            | Ingredient::Setting { value, .. } => value.clone(),
            Ingredient::Files { listing, files, bytes, .. } => {
                format!(
                    "{files} {}, {bytes} B, listing {}",
                    if *files == 1 { "file" } else { "files" },
                    listing.short()
                )
            }
        }
    }
}

/// All ingredients of one step, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ingredients(pub Vec<Ingredient>);

impl Ingredients {
    pub fn push(&mut self, ingredient: Ingredient) {
        self.0.push(ingredient);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Ingredient> {
        self.0.iter()
    }

    // ANCHOR: key
    /// The SHA-256 of the list's canonical JSON.
    pub fn key(&self) -> CacheKey {
        let json = serde_json::to_vec(self).expect("ingredients are plain data");
        CacheKey(Digest::of(&json))
    }
    // ANCHOR_END: key
}
