//! Names that an image is to be given, and labels.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::oci::Reference;

/// Image names as given by `-t`.
///
/// # Errors
/// As [`parse_name`].
pub(super) fn parse_names(names: &[String]) -> Result<Vec<Reference>, Diagnostic> {
    names.iter().map(|name| parse_name(name)).collect()
}

/// One image name, with its tag.
///
/// # Errors
/// A text that is not a name, or that has a digest.
pub(super) fn parse_name(name: &str) -> Result<Reference, Diagnostic> {
    let reference = parse_reference(name)?;
    if reference.has_digest() {
        return Err(Diagnostic::error(format!("`{name}` has a digest: a name can't contain one")));
    }
    Ok(reference.with_default_tag())
}

/// The name of an image that somebody else has: it may have a digest, or no tag.
///
/// # Errors
/// A text that is not a name.
pub(super) fn parse_reference(name: &str) -> Result<Reference, Diagnostic> {
    Reference::parse_normalized(name)
        .map_err(|error| Diagnostic::error(format!("`{name}` is not an image name: {error}")))
}

/// Labels as given by `--label NAME[=VALUE]`.
pub(super) fn labels(texts: &[String]) -> BTreeMap<String, String> {
    let read = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    texts.iter().map(read).collect()
}
