//! Where copied files lay: in which tree, and in which folder of it.
//!
//! It is not an ingredient. A file that is moved to another folder, or comes from another stage, gives the same layer under the same
//! name. But a person who asks what has changed wants to read the path that they know, so it is remembered beside the listing.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::tree::name_text;

/// What was copied from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub(crate) enum Origin {
    Context,
    Stage(String),
    Image(String),
    /// `--from=scratch`.
    Scratch,
    /// A server: the source is the whole address.
    Url,
    /// What the user has a name stand for.
    Named(String),
    /// A git repository: the source is the whole address.
    Repository,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Context => write!(formatter, "the build context"),
            Origin::Stage(name) => write!(formatter, "stage `{name}`"),
            Origin::Image(name) => write!(formatter, "image `{name}`"),
            Origin::Scratch => write!(formatter, "`scratch`"),
            Origin::Url => write!(formatter, "a server"),
            Origin::Repository => write!(formatter, "a repository"),
            Origin::Named(name) => write!(formatter, "context `{name}`"),
        }
    }
}

/// The folders that the entries of one listing are relative to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roots {
    pub(crate) origin: Origin,
    /// The source as the instruction has it, after expansion.
    pub(crate) source: String,
    /// In the order of the entries; neighbours of one folder share a run.
    pub(crate) runs: Vec<Run>,
}

/// So many entries of a listing lie in one folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Without a `/` at its front or end; empty for the root of the tree.
    pub(crate) folder: String,
    pub(crate) entries: u64,
}

impl Roots {
    pub(crate) fn new(origin: Origin, source: &str) -> Roots {
        Roots { origin, source: source.to_owned(), runs: Vec::new() }
    }

    /// Notes that the next `entries` of the listing lie in a folder.
    pub(crate) fn push(&mut self, folder: String, entries: u64) {
        match self.runs.last_mut() {
            Some(last) if last.folder == folder => last.entries += entries,
            _ => self.runs.push(Run { folder, entries }),
        }
    }

    /// What the instruction names, with where it is: `conf/x`, or `/out in stage a`.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            Origin::Context | Origin::Url | Origin::Repository => self.source.clone(),
            origin => format!("{} in {origin}", self.source),
        }
    }

    /// The paths of a listing's entries, in their order: relative ones in the context and in a repository, absolute ones elsewhere. What a URL has is known by
    /// the URL.
    pub(crate) fn paths<'e>(&self, entries: impl Iterator<Item = &'e [u8]>) -> Vec<String> {
        if self.origin == Origin::Url {
            return entries.map(|_| self.source.clone()).collect();
        }
        let folders = self.runs.iter().flat_map(|run| {
            let count = usize::try_from(run.entries).unwrap_or(usize::MAX);
            std::iter::repeat_n(run.folder.as_str(), count)
        });
        // Entries beyond what is known lie nowhere in particular.
        let folders = folders.chain(std::iter::repeat(""));
        let front = if matches!(self.origin, Origin::Context | Origin::Repository) { "" } else { "/" };
        entries
            .zip(folders)
            .map(|(entry, folder)| match (folder, entry) {
                ("", _) => format!("{front}{}", name_text(entry)),
                (_, b".") => format!("{front}{folder}"),
                _ => format!("{front}{folder}/{}", name_text(entry)),
            })
            .collect()
    }
}
