//! Errors that come out of another process.
//!
//! What touches the files of containers runs in a child inside of the user namespace, see [`Identity::within`]. An error is a value
//! of many types there and has to become bytes; here it keeps all that anybody outside looks at: its words, its hint, and the
//! system's answer at the bottom of it.
//!
//! [`Identity::within`]: crate::container::Identity::within

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::errno;
use crate::world::World;

/// An error as it was on the other side.
#[derive(Debug, Serialize, Deserialize)]
pub struct Carried {
    message: String,
    hint: Option<String>,
    /// The system's number, where there was one.
    errno: Option<i32>,
}

impl Carried {
    fn new(error: &Error) -> Carried {
        let errno = errno::cause(error).and_then(io::Error::raw_os_error);
        Carried { message: error.to_string(), hint: error.hint(), errno }
    }

    pub(super) fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    /// The system's answer.
    pub fn answer(&self) -> Option<io::Error> {
        self.errno.map(io::Error::from_raw_os_error)
    }
}

impl std::fmt::Display for Carried {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Carried {}

impl World {
    /// Runs `work` with the rights over the files of containers; what it does in memory may be lost. The one way for an error out of there.
    pub fn within<R: Serialize + DeserializeOwned>(&self, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        let worked: Result<R, Carried> = self.identity.within(|| work().map_err(|error| Carried::new(&error)))?;
        Ok(worked?)
    }
}
