//! The document of a shared cache: one build, the records of its steps, and by which blob each layer is there.
//!
//! It goes to other machines, so it has nothing of this one: no path but those inside the context, and no name of a user or of a host. What a
//! Dockerfile says it has, with the values of build arguments, as the history of an image does; a secret it has no more than a record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::cache::{Build, BuildStep, CacheKey, Record};
use crate::document;
use crate::limits::{Bound, Limit};
use crate::oci::{Descriptor, DiffId, Layer, Manifest, media_type};
use crate::shown;
use crate::store::{Home, LAYER, Store};

/// The document, and each listing.
pub(crate) const SHARED: Limit = Limit::bytes("document of a shared cache", "LAYERLAB_MAX_SHARED_CACHE", 64 << 20);
/// What it may take once it is read: lists without end of what is small.
const MEMORY: Limit = Limit::bytes("shared cache in memory", "LAYERLAB_MAX_SHARED_CACHE_MEMORY", 256 << 20);
/// More steps than any Dockerfile has.
pub(crate) const MOST_RECORDS: usize = 10_000;
/// The most characters of a time: RFC 3339 has 20, and a fraction.
const LONGEST_TIME: usize = 35;
/// How far the clocks of two machines may be apart, in seconds.
const APART: i64 = 24 * 3600;
/// No step takes longer, in milliseconds: a year.
const LONGEST_STEP: u64 = 366 * 24 * 3600 * 1000;

/// What is in a shared cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    schema: u32,
    pub(super) build: Build,
    pub(super) records: Vec<Record>,
    /// The layers that are there.
    pub(super) layers: Vec<Sent>,
}

/// A layer, and what it is as a blob of the cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sent {
    pub(super) diff_id: DiffId,
    pub(super) blob: Descriptor,
}

/// What of a document is believed.
#[derive(Debug)]
pub(super) struct Believed {
    pub(super) build: Build,
    pub(super) records: BTreeMap<CacheKey, Record>,
    pub(super) layers: BTreeMap<DiffId, Descriptor>,
    /// How many records were no good.
    pub(super) damaged: usize,
}

impl Document {
    const SCHEMA: u32 = 1;

    /// A document of what a build made.
    pub(super) fn new(build: Build, records: Vec<Record>, layers: Vec<Sent>) -> Document {
        Document { schema: Document::SCHEMA, build, records, layers }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Error::NotACache`] with what is wrong with it, [`Error::TooMuch`].
    pub(super) fn parse(home: &Home, bytes: &[u8]) -> Result<Document, Error> {
        /// The one field that every version has.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let wrong = |error: serde_json::Error| Error::NotACache(shown::line(&error.to_string()).into_owned());
        let version: Version = serde_json::from_slice(bytes).map_err(wrong)?;
        if version.schema != Document::SCHEMA {
            let reason = format!("it is of another version ({}): another Layerlab wrote it", version.schema);
            return Err(Error::NotACache(reason));
        }
        let bound = home.bound(&MEMORY);
        if document::memory_of_json(bytes) > bound.most {
            return Err(Error::TooMuch { bound });
        }
        let document: Document = serde_json::from_slice(bytes).map_err(wrong)?;
        if document.records.len().max(document.build.steps.len()) > MOST_RECORDS {
            return Err(Error::NotACache(format!("it has more than {MOST_RECORDS} steps")));
        }
        Ok(document)
    }

    /// What of it is believed. `blobs` are those that the manifest lists, `largest` is the size that a layer may have, `now` is in seconds
    /// since 1970.
    pub(super) fn believe(self, place: &str, blobs: &[Descriptor], largest: u64, now: i64) -> Believed {
        let Document { schema: _, mut build, records, layers } = self;
        let all = records.len();
        build.imported_from = Some(place.to_owned());
        build.started = Some(build.started).filter(|started| is_past(started, now)).unwrap_or_default();
        for step in &mut build.steps {
            step.milliseconds = step.milliseconds.min(LONGEST_STEP);
        }
        let fits = |record: &Record| {
            let result = &record.result;
            record.is_whole()
                && result.layer.as_ref().is_none_or(|one| is_plain(one, largest))
                && result.milliseconds <= LONGEST_STEP
                && is_past(&result.created, now)
        };
        let believed = |mut record: Record| {
            let result = &mut record.result;
            result.imported_from = Some(place.to_owned());
            result.told = result.told.take().filter(is_harmless);
            (record.key, Record::new(record.instruction, record.ingredients, record.result))
        };
        let records: BTreeMap<CacheKey, Record> = records.into_iter().filter(fits).map(believed).collect();
        let listed: BTreeSet<_> = blobs.iter().map(|blob| (blob.digest, blob.size)).collect();
        let is_there = |sent: &Sent| {
            media_type::is_layer(&sent.blob.media_type)
                && sent.blob.size <= largest
                && listed.contains(&(sent.blob.digest, sent.blob.size))
        };
        let layers = layers.into_iter().filter(is_there).map(|sent| (sent.diff_id, bare(&sent.blob))).collect();
        Believed { build, damaged: all - records.len(), records, layers }
    }
}

/// Checks a cache that somebody has pushed, and of which all is in the store: the document can be read, and nothing else is listed than belongs to it.
///
/// # Errors
/// [`Error::NotACache`] with what is wrong, and what reading says.
pub(crate) fn prove(store: &Store, manifest: &Manifest) -> Result<(), Error> {
    let bytes = store.read(&manifest.config, &SHARED)?;
    Document::parse(store.home(), &bytes)?;
    let (listing, layer) = (store.home().bound(&SHARED).most, store.home().bound(&LAYER).most);
    for blob in &manifest.layers {
        let most = match blob.media_type.as_str() {
            media_type::CACHE_LISTING => listing,
            text if media_type::is_layer(text) => layer,
            text => return Err(Error::NotACache(format!("a cache has no `{}`", shown::line(text)))),
        };
        document::check(&store.blob_path(&blob.digest), blob.size, Bound { most, ..store.home().bound(&SHARED) })?;
    }
    Ok(())
}

/// Whether a layer is one that is stored as it is, of a size that may be.
fn is_plain(layer: &Layer, largest: u64) -> bool {
    let Descriptor { media_type, digest, size, .. } = &layer.descriptor;
    media_type == media_type::LAYER && *digest == layer.diff_id.0 && *size <= largest
}

/// Without what nobody needs of it.
fn bare(blob: &Descriptor) -> Descriptor {
    Descriptor::new(&blob.media_type, blob.digest, blob.size)
}

/// Whether a text is a time in RFC 3339 since 1970, and not of the future. It goes into images as it is.
fn is_past(text: &str, now: i64) -> bool {
    let is_of_it = |letter: u8| letter.is_ascii_digit() || b"-:.+TZ".contains(&letter);
    let time = || text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second);
    (20..=LONGEST_TIME).contains(&text.len())
        && text.bytes().all(is_of_it)
        && time().is_ok_and(|time| (0..=now.saturating_add(APART)).contains(&time))
}

/// Whether the texts in what is told of a step are as they are shown.
fn is_harmless(told: &serde_json::Value) -> bool {
    match told {
        serde_json::Value::String(text) => !text.chars().any(shown::is_harmful) && !text.contains(['\n', '\t']),
        serde_json::Value::Array(values) => values.iter().all(is_harmless),
        serde_json::Value::Object(fields) => fields.values().all(is_harmless),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => true,
    }
}

/// A build without what is this machine's own.
pub(super) fn for_others(build: &Build, steps: Vec<BuildStep>) -> Build {
    let name = Path::new(&build.dockerfile).file_name().map(|name| name.to_string_lossy().into_owned());
    Build { context: String::new(), dockerfile: name.unwrap_or_default(), steps, ..build.clone() }
}

/// A record as the build `number` shares it. One that it had from elsewhere is its own to those who get it from here.
pub(super) fn shared(record: Record, number: u64) -> Record {
    if record.result.imported_from.is_none() {
        return record;
    }
    let Record { instruction, ingredients, mut result, .. } = record;
    (result.imported_from, result.build) = (None, number);
    Record::new(instruction, ingredients, result)
}

#[cfg(test)]
mod tests {
    use super::is_past;

    #[test]
    fn times_are_times_and_past() {
        let now = 1_700_000_000;
        for text in [
            "1970-01-01T00:00:00Z",
            "2023-11-14T22:13:20.123456789Z",
            "2023-11-15T22:13:20Z",
            "2023-11-14T23:13:20+01:00",
        ] {
            assert!(is_past(text, now), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2023-11-15T22:13:21Z",
            "9999-12-31T23:59:59Z",
            "1969-12-31T23:59:59Z",
            "-000001-01-01T00:00:00Z",
            "+012023-11-14T22:13:20Z",
            "2023-13-14T22:13:20Z",
            "2023-02-30T22:13:20Z",
            "2023-11-14T22:13:20",
            "2023-11-14T22:13:20Z[UTC]",
            "...................Z",
        ] {
            assert!(!is_past(text, now), "{text}");
        }
    }
}
