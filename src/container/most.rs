//! A number that may also be no bound at all.

use serde::{Deserialize, Serialize};

/// A limit that may also be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) enum Most {
    Of(u64),
    Unlimited,
}

/// A limit as it is written down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    /// As earlier versions wrote some of them.
    Bytes {
        bytes: u64,
    },
    Word(String),
}

impl From<Written> for Most {
    fn from(written: Written) -> Most {
        match written {
            Written::Number(number) | Written::Bytes { bytes: number } => Most::Of(number),
            Written::Word(_) => Most::Unlimited,
        }
    }
}

impl From<Most> for Written {
    fn from(most: Most) -> Written {
        match most {
            Most::Of(number) => Written::Number(number),
            Most::Unlimited => Written::Word("unlimited".to_owned()),
        }
    }
}

impl Most {
    pub(crate) fn number(self) -> Option<u64> {
        match self {
            Most::Of(number) => Some(number),
            Most::Unlimited => None,
        }
    }

    /// As the files have it, where this word means that there is no limit.
    pub(super) fn or(self, unlimited: &str) -> String {
        self.number().map_or_else(|| unlimited.to_owned(), |number| number.to_string())
    }
}
