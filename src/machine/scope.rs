//! What the words of an instruction are expanded with, besides the variables of the state.

use std::collections::BTreeMap;

use super::noted::Noted;
use super::{Error, State};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::words::Expansion;
use crate::dockerfile::{self, Limit, Word, rules};
use crate::limits::Limits;

/// What an instruction may look at besides the state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(crate) escape: char,
    pub(crate) global_args: &'a BTreeMap<String, String>,
    pub(crate) build_args: &'a BTreeMap<String, String>,
    pub(crate) limits: &'a Limits,
    pub(crate) noted: &'a Noted,
}

impl Scope<'_> {
    /// One word, expanded, quotes removed. A variable that nobody declares is noted.
    ///
    /// # Errors
    /// It can't be expanded, or becomes too long.
    pub(crate) fn word(&self, word: &Word, state: &State) -> Result<String, Error> {
        let (_, Expansion { text, used, unset }) = self.expand(word, state)?;
        if !used.is_empty() || !unset.is_empty() {
            self.noted.variable();
        }
        let variables = &state.settings.variables;
        for name in unset.iter().filter(|name| !variables.is_declared(name)) {
            let warning = Diagnostic::new(&rules::UNDEFINED_VAR, format!("`${name}` is not defined here"));
            self.noted.warn(warning.at(word.span).suggest(name, variables.names()));
        }
        Ok(text)
    }

    /// One word that may become several. As in BuildKit, nothing is said of a variable in it that is not defined.
    ///
    /// # Errors
    /// It can't be expanded, or becomes too long.
    pub(crate) fn words(&self, word: &Word, state: &State) -> Result<Vec<String>, Error> {
        let (words, expansion) = self.expand(word, state)?;
        if !expansion.used.is_empty() || !expansion.unset.is_empty() {
            self.noted.variable();
        }
        Ok(words)
    }

    fn expand(&self, word: &Word, state: &State) -> Result<(Vec<String>, Expansion), Error> {
        let most = Limit::Expansion.of(self.limits);
        let expanded = dockerfile::words::expand_within(&word.raw, self.escape, state, most);
        Ok(expanded.map_err(|error| word.diagnostic(&error))?)
    }
}
