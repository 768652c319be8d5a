//! The requests of a registry, each as a line: who did what, and how it went.
//!
//! ```text
//! 15:04:49Z 192.168.1.23 gets alpine:latest, 583 B
//! 15:04:51Z 192.168.1.24 gets alpine:9: 404 MANIFEST_UNKNOWN, alpine has no tag 9
//! ```

use std::borrow::Cow;

use crate::http::Method;
use crate::serving::{Asked, Repository, Visit, Which};
use crate::shown;
use crate::size;

/// So much of a target that means nothing is shown.
const LONGEST: usize = 100;

/// The line of a request, without its end. `time` is RFC 3339.
pub(crate) fn line(visit: &Visit, time: &str) -> String {
    let time = match time.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%H:%M:%SZ").to_string(),
        Err(_) => time.to_owned(),
    };
    let mut line = format!("{time} {}", visit.peer);
    if !visit.target.is_empty() {
        line += &format!(" {}", deed(visit));
    }
    match &visit.refusal {
        Some(refusal) if visit.target.is_empty() && visit.status == 503 => {
            line += &format!(" is turned away: {}", refusal.message);
        }
        Some(refusal) if visit.target.is_empty() => line += &format!(" is not understood: {}", refusal.message),
        Some(_) if visit.status == 404 && visit.method == Method::Head => line += ", which is not here",
        Some(refusal) => {
            line += &format!(": {} {}, {}", visit.status, refusal.code.name(), refusal.message);
        }
        None if visit.status == 304 => line += ", has it already",
        None if visit.bytes > 0 && is_content(visit) => line += &format!(", {}", size::shown(visit.bytes)),
        None => {}
    }
    if !visit.is_whole {
        line += ", broken off";
    }
    shown::line(&line).into_owned()
}

/// Whether what was sent is what was asked for.
fn is_content(visit: &Visit) -> bool {
    matches!((&visit.method, &visit.asked), (Method::Get, Some(Asked::Manifest(..) | Asked::Blob(..))))
}

/// What somebody did.
fn deed(visit: &Visit) -> String {
    let Some(asked) = &visit.asked else { return unknown(visit) };
    let looks = visit.method == Method::Head;
    let gets = if looks { "looks for" } else { "gets" };
    match (&visit.method, asked) {
        (Method::Get | Method::Head, Asked::Page) => "opens the page for people".to_owned(),
        (Method::Get | Method::Head, Asked::Version) => "asks whether this is a registry".to_owned(),
        (Method::Get | Method::Head, Asked::Catalog) => "lists the repositories".to_owned(),
        (Method::Get | Method::Head, Asked::Tags(repository)) => format!("lists the tags of {}", repository.written),
        (Method::Get | Method::Head, Asked::Manifest(repository, which)) => {
            format!("{gets} {}", image(repository, which))
        }
        (Method::Get | Method::Head, Asked::Blob(repository, digest)) => {
            format!("{gets} {} of {}", digest.short(), repository.written)
        }
        (Method::Get | Method::Head, Asked::Referrers(repository, digest)) => {
            format!("asks what refers to {} of {}", digest.short(), repository.written)
        }
        (Method::Put, Asked::Manifest(repository, which)) => format!("pushes {}", image(repository, which)),
        (Method::Delete, Asked::Manifest(repository, which)) => format!("deletes {}", image(repository, which)),
        (Method::Delete, Asked::Blob(repository, digest)) => {
            format!("deletes {} of {}", digest.short(), repository.written)
        }
        (Method::Post, Asked::Uploads(repository)) if visit.status == 201 => {
            format!("uploads a blob to {}, or has it from another repository", repository.written)
        }
        (Method::Post, Asked::Uploads(repository)) => format!("begins an upload to {}", repository.written),
        (Method::Get | Method::Head, Asked::Uploads(repository) | Asked::Upload(repository, _)) => {
            format!("asks about an upload to {}", repository.written)
        }
        (Method::Patch, Asked::Upload(repository, _)) => format!("sends a part of an upload to {}", repository.written),
        (Method::Put, Asked::Upload(repository, _)) => format!("ends an upload to {}", repository.written),
        (Method::Delete, Asked::Upload(repository, _)) => format!("gives up an upload to {}", repository.written),
        (_, _) => unknown(visit),
    }
}

fn unknown(visit: &Visit) -> String {
    let target: String = visit.target.chars().take(LONGEST).collect();
    format!("sends {} {target}", visit.method.name())
}

fn image<'t>(repository: &'t Repository, which: &'t Which) -> Cow<'t, str> {
    match which {
        Which::Tag(tag) => format!("{}:{tag}", repository.written).into(),
        Which::Digest(digest) => format!("{}@{}", repository.written, digest.short()).into(),
    }
}
