//! How much may be asked for: the bounds of everything that others write and this program reads.
//!
//! Each room names its own bounds beside what they protect, as a [`Limit`] with the variable of the environment that changes it. The
//! variables are read once, when the program starts, and nothing else reads them: [`Limits`] are the bounds in force, and go with the home
//! to whoever reads something.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Explained;
use crate::size;

/// What the names of all variables that set a bound begin with.
const PREFIX: &str = "LAYERLAB_MAX_";

/// One bound: what it is about, the variable that changes it, and where it is as long as nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is bounded, as messages name it: `Dockerfile`, `image manifest`.
    pub what: &'static str,
    /// The variable of the environment.
    pub variable: &'static str,
    /// The usual bound.
    pub usual: u64,
}

impl Limit {
    /// A bound on a number of bytes.
    pub(crate) const fn bytes(what: &'static str, variable: &'static str, usual: u64) -> Limit {
        Limit { what, variable, usual }
    }

    /// A bound on how many there are of something.
    pub(crate) const fn number(what: &'static str, variable: &'static str, usual: u64) -> Limit {
        Limit { what, variable, usual }
    }
}

/// A bound in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// What is bounded.
    pub(crate) what: &'static str,
    /// The variable that changes it.
    pub(crate) variable: &'static str,
    /// Where it is.
    pub(crate) most: u64,
}

/// The bounds in force: the usual ones, except for those that somebody has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits(Arc<BTreeMap<String, u64>>);

/// A variable that sets a bound and has another value than a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is `{value}`, not a number")]
pub struct BadLimit {
    /// Its name.
    variable: String,
    /// Its value.
    value: String,
}

impl Explained for BadLimit {
    fn hint(&self) -> Option<String> {
        Some("write a number such as 100000, 512K, 8M or 1G".to_owned())
    }
}

impl Limits {
    /// The bounds that these variables set. Others are passed over. One that is empty is a mistake: a bound must not be lifted by a slip.
    ///
    /// # Errors
    /// [`BadLimit`] for the first value that is not a number.
    pub fn from_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Result<Limits, BadLimit>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut changed = BTreeMap::new();
        for (variable, value) in variables.into_iter().map(|(variable, value)| (variable.into(), value.into())) {
            if variable.starts_with(PREFIX) {
                match size::parse(&value) {
                    Some(number) => drop(changed.insert(variable, number)),
                    None => return Err(BadLimit { variable, value }),
                }
            }
        }
        Ok(Limits(Arc::new(changed)))
    }

    /// Where a bound is.
    pub(crate) fn most(&self, limit: &Limit) -> u64 {
        self.0.get(limit.variable).copied().unwrap_or(limit.usual)
    }

    /// A bound as it is in force.
    pub fn bound(&self, limit: &Limit) -> Bound {
        Bound { what: limit.what, variable: limit.variable, most: self.most(limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: Limit = Limit::bytes("note", "LAYERLAB_MAX_NOTE", 4);

    #[test]
    fn a_variable_changes_a_bound() {
        let limits = Limits::from_variables([("LAYERLAB_MAX_NOTE", "2M"), ("HOME", "/root")]);
        assert_eq!(limits.map(|limits| limits.most(&NOTE)), Ok(2 << 20));
        assert_eq!(Limits::default().most(&NOTE), 4);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for value in ["", "x", "-1", "1.5", "M", "99999999999G"] {
            let error = Limits::from_variables([("LAYERLAB_MAX_NOTE", value)]).expect_err(value);
            assert_eq!(error.to_string(), format!("LAYERLAB_MAX_NOTE is `{value}`, not a number"));
        }
    }
}
