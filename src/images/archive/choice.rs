//! Which image of an archive is meant, where it has several: by its tag in a layout, or by its name.

use super::Error;
use super::contents::Contents;
use crate::oci::Reference;

/// How many of those that are there a message names.
const MOST_NAMED: usize = 20;

/// What is asked for, and what was passed over.
pub(super) struct Choice<'t> {
    wanted: Option<&'t str>,
    name: Option<Reference>,
    others: Vec<String>,
}

impl<'t> Choice<'t> {
    /// All of them, or those with a tag or a name.
    pub(super) fn new(wanted: Option<&'t str>) -> Choice<'t> {
        let name = wanted.and_then(|text| Reference::parse_normalized(text).ok()).map(|name| name.with_default_tag());
        Choice { wanted, name, others: Vec::new() }
    }

    /// Whether an image with this tag and these names is meant.
    pub(super) fn takes(&mut self, tag: Option<&str>, names: &[Reference]) -> bool {
        let Some(wanted) = self.wanted else { return true };
        if tag == Some(wanted) || names.iter().any(|name| Some(name) == self.name.as_ref()) {
            return true;
        }
        let label = |name: &Reference| match tag {
            Some(tag) if !name.familiar().ends_with(tag) => format!("{tag} ({})", name.familiar()),
            Some(_) | None => name.familiar(),
        };
        self.others.extend(names.iter().map(label));
        self.others.extend(tag.filter(|_| names.is_empty()).map(str::to_owned));
        false
    }

    /// That it is not there, where one was asked for, and which are.
    pub(super) fn missing(self, contents: &Contents<'_>) -> Option<Error> {
        let wanted = self.wanted?.to_owned();
        let mut others = self.others;
        others.sort();
        others.dedup();
        let more = others.len().saturating_sub(MOST_NAMED);
        others.truncate(MOST_NAMED);
        let mut available = if others.is_empty() { "none with a name".to_owned() } else { others.join(", ") };
        if more > 0 {
            available.push_str(&format!(" and {more} more"));
        }
        Some(Error::NoImage { archive: contents.name.clone(), wanted, available })
    }
}
