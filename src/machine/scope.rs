//! What the words of an instruction are expanded with, besides the variables of the state.

use std::collections::BTreeMap;

use super::{Error, State};
use crate::dockerfile::{self, Limit, Limits, Word};

/// What an instruction may look at besides the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(crate) escape: char,
    pub(crate) global_args: &'a BTreeMap<String, String>,
    pub(crate) build_args: &'a BTreeMap<String, String>,
    pub(crate) limits: &'a Limits,
}

impl Scope<'_> {
    /// One word, expanded, quotes removed.
    ///
    /// # Errors
    /// It can't be expanded, or becomes too long.
    pub(crate) fn word(&self, word: &Word, state: &State) -> Result<String, Error> {
        Ok(crate::plan::expand(word, self.escape, state, self.limits)?)
    }

    /// One word that may become several.
    ///
    /// # Errors
    /// It can't be expanded, or becomes too long.
    pub(crate) fn words(&self, word: &Word, state: &State) -> Result<Vec<String>, Error> {
        let most = self.limits.of(Limit::Expansion);
        let (words, _) = dockerfile::words::expand_within(&word.raw, self.escape, state, most)
            .map_err(|error| word.diagnostic(&error))?;
        Ok(words)
    }
}
