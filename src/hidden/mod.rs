//! Secrets: bytes that nothing prints and no document takes, such as a password or what `--secret` gives to a RUN.
//!
//! There is no `Display` and no `Serialize`, and `Debug` says only that something is there. So a plan that is printed, an error that quotes
//! an operation, and a record that somebody adds a field to can't tell a secret by accident. Left out: wiping the memory, which
//! other processes of the same user could read while it was in use as well.
//!
//! What a command prints may have a secret in it all the same: a [`Mask`] takes it out of what is kept of that.

mod credential;
mod mask;

pub(crate) use self::credential::{credentials_in, credentials_in_addresses, credentials_in_expanded, names_a_secret};
pub(crate) use self::mask::{Mask, Masking, SHORTEST};

use std::fmt;
use std::sync::Arc;

/// A value that nobody shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Arc<[u8]>);

impl Hidden {
    /// Takes the bytes.
    pub fn new(bytes: Vec<u8>) -> Hidden {
        Hidden(bytes.into())
    }

    /// The bytes, for whoever hands them to the container, or to the registry.
    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Hidden(…)")
    }
}

/// A variable whose value nobody shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenVariable {
    /// What the command finds it by.
    pub name: String,
    /// What the command finds.
    pub value: Hidden,
}

#[cfg(test)]
mod tests {
    use super::{Hidden, HiddenVariable};

    #[test]
    fn a_hidden_value_is_not_printed() {
        let variable = HiddenVariable { name: "TOKEN".to_owned(), value: Hidden::new(b"swordfish".to_vec()) };
        let printed = format!("{variable:?} {variable:#?} {:?}", variable.value);
        assert!(printed.contains("TOKEN") && !printed.contains("swordfish"), "{printed}");
        assert!(!printed.contains("115, 119"), "{printed}");
    }
}
