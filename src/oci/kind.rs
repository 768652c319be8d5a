//! The kinds of documents that an image is made of, and reading bytes as one kind only.
//!
//! The same bytes must not be a manifest to one reader and an index to another (CVE-2021-41190): what was checked would
//! not be what runs. So a document is only read as what its descriptor says, and refused where it says of itself that it
//! is something else, or has the fields of another kind.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{ImageConfig, Index, Manifest, media_type};

/// What a JSON document of an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DocumentKind {
    /// A list of manifests.
    Index,
    /// One image for one platform.
    Manifest,
    /// How to run an image.
    Config,
}

impl DocumentKind {
    /// The kind that a media type names, if it is one of these.
    pub(crate) fn of(media_type: &str) -> Option<DocumentKind> {
        match media_type {
            text if media_type::is_index(text) => Some(DocumentKind::Index),
            text if media_type::is_manifest(text) => Some(DocumentKind::Manifest),
            text if media_type::is_config(text) => Some(DocumentKind::Config),
            _ => None,
        }
    }

    /// As messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DocumentKind::Index => "image index",
            DocumentKind::Manifest => "image manifest",
            DocumentKind::Config => "image configuration",
        }
    }
}

/// A type that holds a document of one kind.
pub(crate) trait Document: DeserializeOwned {
    /// The kind.
    const KIND: DocumentKind;
}

impl Document for Index {
    const KIND: DocumentKind = DocumentKind::Index;
}

impl Document for Manifest {
    const KIND: DocumentKind = DocumentKind::Manifest;
}

impl Document for ImageConfig {
    const KIND: DocumentKind = DocumentKind::Config;
}

/// Reads a document, if it is of this kind and of no other. The error says what is wrong with it.
pub(crate) fn parse<T: Document>(text: &[u8]) -> Result<T, String> {
    let traits: Traits = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match traits.contradiction(T::KIND) {
        Some(reason) => Err(reason),
        None => serde_json::from_slice(text).map_err(|error| error.to_string()),
    }
}

/// What a document says that it is, if it says so.
pub(crate) fn media_type(text: &[u8]) -> Option<String> {
    serde_json::from_slice::<Traits>(text).ok()?.media_type
}

/// The fields by which the kinds are told apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traits {
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

impl Traits {
    fn contradiction(&self, kind: DocumentKind) -> Option<String> {
        if kind == DocumentKind::Config {
            // It is reached through a manifest only, and has no type of its own.
            return None;
        }
        if let Some(own) = &self.media_type
            && DocumentKind::of(own) != Some(kind)
        {
            return Some(format!("it says that it is `{own}`"));
        }
        let foreign = match kind {
            DocumentKind::Index => {
                [("layers", &self.layers), ("config", &self.config), ("fsLayers", &self.fs_layers)].to_vec()
            }
            DocumentKind::Manifest => vec![("manifests", &self.manifests), ("fsLayers", &self.fs_layers)],
            DocumentKind::Config => Vec::new(),
        };
        let (field, _) = foreign.into_iter().find(|(_, value)| value.is_some())?;
        Some(format!("it has `{field}`, which belongs to another kind of document"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"mediaType":"x/y","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}"#;

    #[test]
    fn a_document_is_of_one_kind() {
        let manifest = format!(r#"{{"schemaVersion":2,"config":{EMPTY},"layers":[]}}"#);
        assert!(parse::<Manifest>(manifest.as_bytes()).is_ok());
        let both = format!(r#"{{"schemaVersion":2,"config":{EMPTY},"layers":[],"manifests":[]}}"#);
        for reason in [
            parse::<Manifest>(both.as_bytes()).expect_err("it has manifests"),
            parse::<Index>(both.as_bytes()).expect_err("it has layers"),
        ] {
            assert!(reason.contains("another kind"), "{reason}");
        }
        let typed = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        assert!(parse::<Index>(typed.as_bytes()).is_ok());
        let typed = typed.replace("index", "manifest");
        assert!(parse::<Index>(typed.as_bytes()).expect_err("its type").contains("says that it is"));
    }
}
