//! Ingredients: what a step's result depends on, as an ordered list of named values.
//!
//! The list is hashed in order, so that two environments with the same variables in a different order give two keys, as
//! in BuildKit. Kinds and names are part of the hash: a value can't slip from one ingredient into another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::OnceLock;

use super::{CacheKey, StateId};
use crate::oci::Digest;

// ANCHOR: ingredient
/// One named input of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Ingredient {
    /// The file system that the step starts from. Its contents are never hashed again.
    Parent { state: StateId },
    /// The instruction after expansion, without what the other ingredients say already.
    Instruction { text: String },
    /// One word of the command that RUN executes.
    Argument { index: usize, value: String },
    /// One variable of RUN's environment. Their order counts.
    Environment { name: String, value: String },
    /// What a step has at most one of: working directory, user, network, `--chown` …
    Setting { setting: Setting, value: String },
    /// A document of the Dockerfile, by its name.
    Document { name: String, text: String },
    /// The files a COPY or ADD takes, or a RUN has mounted: the last component of the source, and the digest of their listing.
    Files { name: String, listing: Digest, files: u64, bytes: u64 },
    /// The commit of a repository that the files are from.
    Commit { name: String, commit: String },
    /// Something that RUN has mounted: the place, and what it is, without its contents.
    Mount { target: String, what: String },
    /// A secret that RUN has as a variable: its name, and which secret it is.
    SecretVariable { name: String, id: String },
    /// Which of these files are second names of others, as `second = first`.
    HardLinks { name: String, links: String },
}
// ANCHOR_END: ingredient

/// What a step has at most one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Setting {
    BaseImage,
    /// A heredoc that is executed as a file.
    Script,
    WorkingDirectory,
    User,
    Network,
    Security,
    Devices,
    Hostname,
    Platform,
    /// The directory that is made.
    Directory,
    /// Who will own it.
    Owner,
    /// Which of several instructions that do nearly the same.
    Keyword,
    Destination,
    Chown,
    Chmod,
    Link,
    Parents,
    Unpack,
    Exclude,
}

impl Setting {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Setting::BaseImage => "base image",
            Setting::Script => "script",
            Setting::WorkingDirectory => "working directory",
            Setting::User => "user",
            Setting::Network => "network",
            Setting::Security => "security",
            Setting::Devices => "devices",
            Setting::Hostname => "hostname",
            Setting::Platform => "platform",
            Setting::Directory => "directory",
            Setting::Owner => "owner",
            Setting::Keyword => "instruction",
            Setting::Destination => "destination",
            Setting::Chown => "--chown",
            Setting::Chmod => "--chmod",
            Setting::Link => "--link",
            Setting::Parents => "--parents",
            Setting::Unpack => "--unpack",
            Setting::Exclude => "--exclude",
        }
    }
}

/// What an ingredient is, without its value: equal in two lists where the two can be compared. It need not be unique in one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Parent,
    Instruction,
    Argument(usize),
    Environment(String),
    Setting(Setting),
    Document(String),
    Files(String),
    Commit(String),
    Mount(String),
    SecretVariable(String),
    HardLinks(String),
}

/// What people call it.
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Parent => write!(formatter, "files before"),
            Kind::Instruction => write!(formatter, "instruction"),
            Kind::Argument(index) => write!(formatter, "argument {index}"),
            Kind::Environment(name) => write!(formatter, "environment variable {name}"),
            Kind::Setting(setting) => write!(formatter, "{}", setting.name()),
            Kind::Document(name) => write!(formatter, "document {name}"),
            Kind::Files(name) => write!(formatter, "files of {name}"),
            Kind::Commit(name) => write!(formatter, "commit of {name}"),
            Kind::Mount(target) => write!(formatter, "mount at {target}"),
            Kind::SecretVariable(name) => write!(formatter, "secret variable {name}"),
            Kind::HardLinks(name) => write!(formatter, "hard links in {name}"),
        }
    }
}

impl Ingredient {
    pub(crate) fn setting(setting: Setting, value: impl Into<String>) -> Ingredient {
        Ingredient::Setting { setting, value: value.into() }
    }

    /// What it is, without its value.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Ingredient::Parent { .. } => Kind::Parent,
            Ingredient::Instruction { .. } => Kind::Instruction,
            Ingredient::Argument { index, .. } => Kind::Argument(*index),
            Ingredient::Environment { name, .. } => Kind::Environment(name.clone()),
            Ingredient::Setting { setting, .. } => Kind::Setting(*setting),
            Ingredient::Document { name, .. } => Kind::Document(name.clone()),
            Ingredient::Files { name, .. } => Kind::Files(name.clone()),
            Ingredient::Commit { name, .. } => Kind::Commit(name.clone()),
            Ingredient::Mount { target, .. } => Kind::Mount(target.clone()),
            Ingredient::SecretVariable { name, .. } => Kind::SecretVariable(name.clone()),
            Ingredient::HardLinks { name, .. } => Kind::HardLinks(name.clone()),
        }
    }

    /// The value as a person reads it.
    pub(crate) fn value(&self) -> String {
        match self {
            Ingredient::Parent { state } => state.short(),
            Ingredient::Instruction { text } | Ingredient::Document { text, .. } => text.clone(),
            Ingredient::Argument { value, .. }
            | Ingredient::Environment { value, .. }
            | Ingredient::Setting { value, .. } => value.clone(),
            Ingredient::Files { listing, files, bytes, .. } => {
                let noun = if *files == 1 { "file" } else { "files" };
                format!("{files} {noun}, {bytes} B, listing {}", listing.short())
            }
            Ingredient::Commit { commit, .. } => commit.clone(),
            Ingredient::Mount { what, .. } => what.clone(),
            Ingredient::SecretVariable { id, .. } => format!("secret {id}"),
            Ingredient::HardLinks { links, .. } => links.clone(),
        }
    }
}

/// All ingredients of one step, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Ingredient>", into = "Vec<Ingredient>")]
pub(crate) struct Ingredients {
    list: Vec<Ingredient>,
    /// Their key, once somebody has asked for it: a build asks several times for each step.
    key: OnceLock<CacheKey>,
}

impl Ingredients {
    pub(crate) fn push(&mut self, ingredient: Ingredient) {
        self.list.push(ingredient);
        self.key = OnceLock::new();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Ingredient> {
        self.list.iter()
    }

    // ANCHOR: key
    /// The SHA-256 of the list's canonical JSON.
    pub(crate) fn key(&self) -> CacheKey {
        *self.key.get_or_init(|| {
            let json = serde_json::to_vec(&self.list).expect("ingredients are plain data");
            CacheKey(Digest::of(&json))
        })
    }
    // ANCHOR_END: key
}

impl From<Vec<Ingredient>> for Ingredients {
    fn from(list: Vec<Ingredient>) -> Ingredients {
        Ingredients { list, key: OnceLock::new() }
    }
}

impl From<Ingredients> for Vec<Ingredient> {
    fn from(ingredients: Ingredients) -> Vec<Ingredient> {
        ingredients.list
    }
}

impl PartialEq for Ingredients {
    fn eq(&self, other: &Ingredients) -> bool {
        self.list == other.list
    }
}

impl Eq for Ingredients {}
