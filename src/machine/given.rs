//! What whoever builds gives to RUNs that ask for it: secrets and agents. Nothing of it is in a key, a record or an event.
//!
//! A secret is read when the first RUN wants it, and not again: what a file says at that moment is what all RUNs of a build see.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::Error;
use crate::diagnostic::{Diagnostic, Explained as _};
use crate::document::{self, Links};
use crate::hidden::Hidden;
use crate::limits::{Limit, Limits};

/// How large a secret may be, as in BuildKit.
pub(crate) const SECRET: Limit = Limit::bytes("secret", "LAYERLAB_MAX_SECRET", 500 << 10);

/// Secrets and agents by their ids.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `--secret`.
    pub secrets: BTreeMap<String, SecretSource>,
    /// `--ssh`: the sockets of agents.
    pub agents: BTreeMap<String, PathBuf>,
    /// Those that were read.
    read: Arc<Mutex<BTreeMap<String, Hidden>>>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    /// It was in the environment.
    Value(Hidden),
}

impl Given {
    /// The secret of an id; `None` where nobody gave one.
    ///
    /// # Errors
    /// Its file can't be read, or it is too large.
    pub(crate) fn secret(&self, id: &str, limits: &Limits) -> Result<Option<Hidden>, Error> {
        let path = match self.secrets.get(id) {
            None => return Ok(None),
            Some(SecretSource::Value(value)) => return Ok(Some(value.clone())),
            Some(SecretSource::File(path)) => path,
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = read.get(id) {
            return Ok(Some(value.clone()));
        }
        let bytes = document::read(path, limits.bound(&SECRET), Links::Follow).map_err(|error| {
            let unreadable = Diagnostic::error(format!("the secret `{id}`: {error}"));
            error.hint().into_iter().fold(unreadable, Diagnostic::hint)
        })?;
        let value = Hidden::new(bytes);
        read.insert(id.to_owned(), value.clone());
        Ok(Some(value))
    }
}
