//! `--build-context NAME=…`: what names stand for in a build.

use std::path::Path;

use crate::diagnostic::{Diagnostic, Explained};
use crate::git;
use crate::machine::contexts::{LayoutImage, Meaning};
use crate::machine::{NamedContext, NamedContexts};
use crate::oci::Reference;
use crate::plan::context_name;
use crate::registry::download::Address;

/// Reads them. Of two with one name the later counts.
///
/// # Errors
/// For a text that has no name, or does not say what it stands for.
pub(super) fn parse(texts: &[String]) -> Result<NamedContexts, Diagnostic> {
    let mut contexts = NamedContexts::new();
    for text in texts {
        let bad = |message: String| Diagnostic::error(format!("`--build-context`: {message}"));
        let (name, value) = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty()).ok_or_else(
            || {
                bad(format!("`{text}` is not `NAME=PLACE`"))
                    .hint("the place is a folder, `docker-image://NAME`, `oci-layout://FOLDER:TAG`, the address of a repository, or a URL")
            },
        )?;
        let reference = Reference::parse_normalized(name)
            .map_err(|error| bad(format!("`{name}` can't be the name of a context: {error}")))?;
        let what = meaning(value).map_err(|diagnostic| Diagnostic {
            message: format!("`--build-context {name}`: {}", diagnostic.message),
            ..diagnostic
        })?;
        let text = shown(&what, value);
        contexts.insert(context_name(&reference), NamedContext { text, what });
    }
    Ok(contexts)
}

/// What it stands for, without what may be a secret: a password, the query of a URL.
fn shown(what: &Meaning, value: &str) -> String {
    match what {
        Meaning::Repository(source) => source.to_string(),
        Meaning::Url(address) => address.shown(),
        Meaning::Scratch | Meaning::Image(_) | Meaning::Layout { .. } | Meaning::Folder(_) => value.to_owned(),
    }
}

/// What an address on a server stands for: a repository, or a file. `None` for what is none. `github.com/…` is a repository, unless there is such a folder.
///
/// # Errors
/// For an address that can't be asked.
pub(super) fn server(text: &str) -> Result<Option<Meaning>, Diagnostic> {
    let explained = |error: &dyn Explained| {
        let diagnostic = Diagnostic::error(error.to_string());
        error.hint().into_iter().fold(diagnostic, Diagnostic::hint)
    };
    let is_short = text.starts_with("github.com/") && !Path::new(text).exists();
    let whole = if is_short { format!("https://{text}") } else { text.to_owned() };
    if is_short || git::is_repository(text) {
        let source = git::Source::parse(&whole).map_err(|error| explained(&error))?;
        return Ok(Some(Meaning::Repository(Box::new(source))));
    }
    if ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(Some(Meaning::Url(Address::parse(text).map_err(|error| explained(&error))?)));
    }
    Ok(None)
}

fn meaning(value: &str) -> Result<Meaning, Diagnostic> {
    if let Some(name) = value.strip_prefix("docker-image://") {
        if name == "scratch" {
            return Ok(Meaning::Scratch);
        }
        let reference = Reference::parse_normalized(name)
            .map_err(|error| Diagnostic::error(format!("`{name}` is not an image name: {error}")))?;
        return Ok(Meaning::Image(reference.with_default_tag()));
    }
    if let Some(place) = value.strip_prefix("oci-layout://") {
        return layout(place);
    }
    if let Some(meaning) = server(value)? {
        return Ok(meaning);
    }
    if let Some((scheme, _)) = value.split_once("://") {
        return Err(Diagnostic::error(format!("`{scheme}://` is no place for a context")).hint(
            if scheme == "target" {
                "only bake knows targets: a stage of the Dockerfile is named in it"
            } else {
                "a folder, `docker-image://NAME`, `oci-layout://FOLDER:TAG`, or the address of a repository or a file"
            },
        ));
    }
    let folder = Path::new(value);
    // A mistake is told before anything runs.
    match folder.metadata() {
        Ok(found) if found.is_dir() => Ok(Meaning::Folder(folder.to_owned())),
        Ok(_) => Err(Diagnostic::error(format!("`{value}` is not a folder"))),
        Err(error) => Err(Diagnostic::error(format!("can't stat `{value}`: {}", crate::errno::describe(&error)))
            .hint("a folder is meant where nothing stands before it: write `docker-image://NAME` for an image")),
    }
}

/// `FOLDER`, `FOLDER:TAG` or `FOLDER@DIGEST`.
fn layout(place: &str) -> Result<Meaning, Diagnostic> {
    let (folder, image) = match (place.split_once('@'), place.rsplit_once(':')) {
        (Some((folder, digest)), _) => {
            let digest = digest.parse().map_err(|error| Diagnostic::error(format!("`{digest}`: {error}")))?;
            // A tag in front of a digest says nothing more.
            let folder =
                folder.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(folder, |(folder, _)| folder);
            (folder, LayoutImage::Digest(digest))
        }
        (None, Some((folder, tag))) if !tag.contains('/') && !tag.is_empty() => {
            (folder, LayoutImage::Tag(tag.to_owned()))
        }
        (None, _) => (place, LayoutImage::Usual),
    };
    if !Path::new(folder).join("oci-layout").exists() {
        return Err(Diagnostic::error(format!(
            "`{folder}` is not the folder of an OCI layout: it has no `oci-layout`"
        )));
    }
    Ok(Meaning::Layout { folder: folder.into(), image })
}
