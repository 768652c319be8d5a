//! The id of a commit, and the names that records have: whatever a record says is none until it was looked at.
//!
//! A commit names a folder that is renamed and removed, a course one that a learner works in. A record is a file that anything can have
//! written to: `../..` in it must be no name.

use std::fmt;
use std::path::{Component, Path};

use serde::{Deserialize, Deserializer, Serialize};

/// The id of a commit: 40 hexadecimal digits, or 64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Commit(String);

/// A text that is no id.
#[derive(Debug, thiserror::Error)]
#[error("not the id of a commit")]
pub(crate) struct NoCommit;

impl TryFrom<String> for Commit {
    type Error = NoCommit;

    fn try_from(text: String) -> Result<Commit, NoCommit> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if matches!(text.len(), 40 | 64) && text.bytes().all(is_digit) { Ok(Commit(text)) } else { Err(NoCommit) }
    }
}

impl Commit {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The ids in a list of a record, without what else is in it.
    pub(super) fn list<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<Commit>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Ok(texts.into_iter().filter_map(|text| Commit::try_from(text).ok()).collect())
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A name of a record that is one part of a path; empty where it is not.
pub(super) fn plain_name<'d, D: Deserializer<'d>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let is_plain = is_below(&name) && !name.contains('/');
    Ok(if is_plain { name } else { String::new() })
}

/// A folder of a record that is below another one, or that one itself where it is empty.
pub(super) fn folder_below<'d, D: Deserializer<'d>>(deserializer: D) -> Result<String, D::Error> {
    let folder = String::deserialize(deserializer)?;
    if is_below(&folder) { Ok(folder) } else { Err(serde::de::Error::custom("a folder lies outside")) }
}

fn is_below(path: &str) -> bool {
    !path.contains('\0') && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}
