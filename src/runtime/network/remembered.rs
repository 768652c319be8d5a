//! What the keeper of the networks writes down for the one that comes when it was killed: who had which address.
//!
//! ```text
//! networks/switch.left    the bridges, and who is connected, as of the last change
//! ```
//!
//! Containers run on when the keeper is killed, and their monitors come to the next one to be connected again, see [`rejoin`]. Until then
//! nobody else is given their addresses. An orderly end leaves no such file.
//!
//! [`rejoin`]: super::Notices::rejoin

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::guest::End;
use super::talk::Member;
use crate::document::{self, Links};
use crate::limits::Limit;
use crate::store::{Home, atomic_replace, is_claimed};

/// What a keeper has left.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Left {
    /// The bridges that it had, by network. On the machine they stay until the next keeper makes its own: nobody takes their addresses before.
    pub(super) bridges: BTreeMap<String, String>,
    pub(super) places: Vec<Place>,
}

/// One that was connected to it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) member: Member,
    pub(super) ends: Vec<End>,
}

/// What a keeper leaves when it is killed now.
#[derive(Serialize)]
pub(super) struct Leaving<'a> {
    pub(super) bridges: BTreeMap<&'a str, &'a str>,
    pub(super) places: Vec<PlaceOf<'a>>,
}

/// As [`Place`], of one that is connected.
#[derive(Serialize)]
pub(super) struct PlaceOf<'a> {
    pub(super) member: &'a Member,
    pub(super) ends: &'a [End],
}

/// Ten thousand containers on ten networks each.
const LIMIT: Limit = Limit::bytes("list of those in networks", "LAYERLAB_MAX_NETWORK_MEMBERS", 64 << 20);

/// What the keeper before has left. It is no loss of anything but connections where the file is damaged.
pub(super) fn read(home: &Home) -> Left {
    let text = document::read(&path(home), home.bound(&LIMIT), Links::Refuse);
    text.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Writes it down. A keeper that can't goes on: it may never be killed.
pub(super) fn write(home: &Home, leaving: &Leaving<'_>) {
    if let Ok(text) = serde_json::to_vec(leaving) {
        let _ = atomic_replace(&path(home), &text);
    }
}

/// An orderly end leaves nothing.
pub(super) fn forget(home: &Home) {
    let _ = fs::remove_file(path(home));
}

/// Whether it may still come: somebody works with its container.
pub(super) fn is_expected(home: &Home, place: &Place) -> bool {
    is_claimed(&home.containers_dir().join(format!("{}.lock", place.member.id)))
}

fn path(home: &Home) -> PathBuf {
    home.networks_dir().join("switch.left")
}
