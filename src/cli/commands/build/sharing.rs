//! Shared caches of a build: `--cache-from` and `--cache-to`, in the words of `docker buildx build`.
//!
//! ```text
//! type=registry,ref=HOST/REPOSITORY:TAG     type=local,src=FOLDER             HOST/REPOSITORY:TAG
//! type=registry,ref=…,mode=max,…            type=local,dest=FOLDER,mode=max
//! ```

use std::path::PathBuf;

use clap::Args;

use crate::cache::Caches;
use crate::cache::shared::Place;
use crate::diagnostic::{Diagnostic, closest};
use crate::dockerfile;
use crate::machine::Extent;
use crate::oci::Reference;
use crate::store::Store;

/// Where cached steps come from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ImportOptions {
    /// Use the cache of another build: `type=registry,ref=NAME`, `type=local,src=DIR`, or a NAME
    #[arg(long, value_name = "CACHE")]
    cache_from: Vec<String>,
}

/// Where cached steps go.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExportOptions {
    /// Write a cache for other builds: `type=registry,ref=NAME` or `type=local,dest=DIR`, with `mode=max` for the steps of all stages
    #[arg(long, value_name = "CACHE")]
    cache_to: Vec<String>,
}

/// A cache that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sharing {
    pub(crate) place: Place,
    pub(crate) extent: Extent,
    pub(crate) at_failure: AtFailure,
}

/// What a cache that can't be written means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AtFailure {
    /// The command fails; the image is built all the same.
    #[default]
    Fail,
    /// A warning.
    Warn,
}

impl ImportOptions {
    /// Looks at the caches. One that is not there is told of when the build begins.
    pub(crate) fn open(&self, store: &Store) -> Result<Caches, Diagnostic> {
        let places = self.cache_from.iter().map(|text| import(text)).collect::<Result<_, _>>()?;
        // That of SOURCE_DATE_EPOCH may be long past.
        Ok(Caches::open(store, places, jiff::Timestamp::now().as_second()))
    }
}

impl ExportOptions {
    pub(crate) fn all(&self) -> Result<Vec<Sharing>, Diagnostic> {
        self.cache_to.iter().map(|text| export(text)).collect()
    }
}

/// One of the two options, while it is read.
struct Reading<'t> {
    option: &'static str,
    form: &'static str,
    text: &'t str,
}

impl Reading<'_> {
    fn bad(&self, message: &str) -> Diagnostic {
        Diagnostic::error(format!("`{} {}`: {message}", self.option, self.text)).hint(self.form)
    }

    /// The fields, each a key and a value.
    fn fields(&self) -> Result<Vec<(String, String)>, Diagnostic> {
        let fields =
            dockerfile::split_list(self.text).map_err(|_| self.bad("the list has an unmatched double quote"))?;
        let pair = |field: &String| match field.split_once('=') {
            Some((key, value)) => Ok((key.trim().to_lowercase(), value.trim().to_owned())),
            None => Err(self.bad(&format!("`{field}` has no `=`"))),
        };
        fields.iter().map(pair).collect()
    }

    fn reference(&self, text: &str) -> Result<Place, Diagnostic> {
        let reference = Reference::parse_normalized(text).map_err(|error| self.bad(&error.to_string()))?;
        Ok(Place::Registry(reference.with_default_tag()))
    }

    /// The place that the type and one of these say.
    fn place(
        &self,
        kind: Option<&str>,
        name: Option<String>,
        folder: Option<String>,
        key: &str,
    ) -> Result<Place, Diagnostic> {
        match (kind, name, folder) {
            (None | Some("registry"), Some(name), None) => self.reference(&name),
            (Some("registry"), None, _) => Err(self.bad("`ref` is missing")),
            (Some("local"), None, Some(folder)) if !folder.is_empty() => Ok(Place::Folder(PathBuf::from(folder))),
            (Some("local"), None, _) => Err(self.bad(&format!("`{key}` is missing"))),
            (Some("registry"), Some(_), Some(_)) => Err(self.bad(&format!("`{key}` belongs to `type=local`"))),
            (Some("local"), Some(_), _) => Err(self.bad("`ref` belongs to `type=registry`")),
            (Some("inline"), ..) => Err(self
                .bad("the type `inline` is not supported: the records of steps are no part of an image")
                .hint("`type=registry` keeps them under a name of their own, and the registry has each layer once")),
            (Some(other @ ("gha" | "s3" | "azblob")), ..) => {
                Err(self.bad(&format!("the type `{other}` is not supported")).hint(
                    "the types are `registry` and `local`: a folder can be kept by whatever keeps files between two jobs",
                ))
            }
            (Some(other), ..) => Err(self.bad(&format!("there is no type `{other}`"))),
            (None, ..) => Err(self.bad("`type` is missing")),
        }
    }

    fn unknown(&self, key: &str, known: &[&str]) -> Diagnostic {
        let error = self.bad(&format!("there is no key `{key}`"));
        match closest(key, known.iter().copied()) {
            Some(known) => error.hint(format!("did you mean `{known}`?")),
            None => error,
        }
    }
}

fn import(text: &str) -> Result<Place, Diagnostic> {
    let form = "write `type=registry,ref=NAME`, `type=local,src=FOLDER`, or only the name in the registry";
    let reading = Reading { option: "--cache-from", form, text };
    if !text.contains('=') {
        return reading.reference(text);
    }
    let (mut kind, mut name, mut folder) = (None, None, None);
    for (key, value) in reading.fields()? {
        match key.as_str() {
            "type" => kind = Some(value),
            "ref" => name = Some(value),
            "src" => folder = Some(value),
            key => return Err(reading.unknown(key, &["type", "ref", "src"])),
        }
    }
    reading.place(kind.as_deref(), name, folder, "src")
}

fn export(text: &str) -> Result<Sharing, Diagnostic> {
    let form =
        "write `type=registry,ref=NAME` or `type=local,dest=FOLDER`; with `,mode=max` the steps of all stages go along";
    let reading = Reading { option: "--cache-to", form, text };
    if !text.contains('=') {
        let place = reading.reference(text)?;
        return Ok(Sharing { place, extent: Extent::default(), at_failure: AtFailure::default() });
    }
    let (mut kind, mut name, mut folder) = (None, None, None);
    let (mut extent, mut at_failure) = (Extent::default(), AtFailure::default());
    for (key, value) in reading.fields()? {
        match (key.as_str(), value.as_str()) {
            ("type", _) => kind = Some(value),
            ("ref", _) => name = Some(value),
            ("dest", _) => folder = Some(value),
            ("mode", "min") => extent = Extent::Image,
            ("mode", "max") => extent = Extent::All,
            ("mode", _) => return Err(reading.bad("the mode is `min` or `max`")),
            ("ignore-error", "true") => at_failure = AtFailure::Warn,
            ("ignore-error", "false") => at_failure = AtFailure::Fail,
            // What is done anyway.
            ("compression", "gzip") | ("oci-mediatypes" | "image-manifest", "true") => {}
            ("ignore-error" | "oci-mediatypes" | "image-manifest" | "compression", value) => {
                return Err(reading.bad(&format!("`{key}` can't be `{value}`")));
            }
            (key, _) => {
                return Err(reading.unknown(key, &["type", "ref", "dest", "mode", "ignore-error", "compression"]));
            }
        }
    }
    let place = reading.place(kind.as_deref(), name, folder, "dest")?;
    Ok(Sharing { place, extent, at_failure })
}

#[cfg(test)]
mod tests {
    use super::{AtFailure, Extent, Place, Sharing, export, import};

    fn folder(path: &str) -> Place {
        Place::Folder(path.into())
    }

    #[test]
    fn caches_are_read_in_dockers_words() {
        let from = |text: &str| import(text).map(|place| place.to_string()).map_err(|error| error.message);
        assert_eq!(from("type=registry,ref=localhost:5000/me/x"), Ok("localhost:5000/me/x:latest".to_owned()));
        assert_eq!(from("localhost:5000/me/x:2"), Ok("localhost:5000/me/x:2".to_owned()));
        assert_eq!(import("type=local,src=a/b"), Ok(folder("a/b")));
        assert_eq!(import("\"type=local\",\"src=a,b\""), Ok(folder("a,b")));
        for bad in
            ["", "UPPER", "type=local", "type=local,ref=x", "type=registry", "type=inline", "type=gha", "src=x", "a=b"]
        {
            from(bad).expect_err(bad);
        }
        let to = |text: &str| export(text).map_err(|error| error.message);
        let sharing = |extent, at_failure| Ok(Sharing { place: folder("x"), extent, at_failure });
        assert_eq!(to("type=local,dest=x"), sharing(Extent::Image, AtFailure::Fail));
        assert_eq!(to("type=local,dest=x,mode=max,ignore-error=true"), sharing(Extent::All, AtFailure::Warn));
        for bad in
            ["type=local,src=x", "type=local,dest=x,mode=all", "type=inline", "type=local,dest=x,compression=zstd"]
        {
            to(bad).expect_err(bad);
        }
    }
}
