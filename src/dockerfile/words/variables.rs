//! Where the values of variables come from, and what an expansion says of them.

use std::collections::{BTreeMap, BTreeSet};

/// Where the values of variables come from.
pub trait Variables {
    /// The value of a variable, or `None` when it is not set. An empty value is set.
    fn get(&self, name: &str) -> Option<String>;
}

impl Variables for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).cloned()
    }
}

/// The last pair with the name counts, as in an environment that is read from the front.
impl Variables for [(String, String)] {
    fn get(&self, name: &str) -> Option<String> {
        self.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

impl Variables for Vec<(String, String)> {
    fn get(&self, name: &str) -> Option<String> {
        Variables::get(self.as_slice(), name)
    }
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The result of an expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text with quotes and escapes removed and variables replaced.
    pub text: String,
    /// The variables that were asked for and are set, whether or not their value ended up in the text.
    pub used: BTreeSet<String>,
    /// The variables that were asked for and are not set.
    pub unset: BTreeSet<String>,
}
