//! Secrets: bytes that nothing prints and no document takes, such as a password or what `--secret` gives to a RUN.
//!
//! There is no `Display` and no `Serialize`, and `Debug` says only that something is there. So a plan that is printed, an error that quotes
//! an operation, and a record that somebody adds a field to can't tell a secret by accident. Left out: wiping the memory, which
//! other processes of the same user could read while it was in use as well.

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

/// What stands in the place of a secret.
const VEIL: &[u8] = "•••".as_bytes();

/// Shorter texts, and shorter lines of longer ones, would be found where they are no secret.
const SHORTEST: usize = 4;
const SHORTEST_LINE: usize = 8;

/// Takes secrets out of a stream of bytes, for what is kept of it: each, and each line of one that has several. Left out: what a program has made of
/// a secret, such as its base64.
#[derive(Default)]
pub(crate) struct Veil {
    /// The longest first, so that no rest of one is left.
    secrets: Vec<Hidden>,
    /// What may be the beginning of one.
    held: Vec<u8>,
}

impl Veil {
    pub(crate) fn of(secrets: &[Hidden]) -> Veil {
        let parts = |secret: &Hidden| -> Vec<Hidden> {
            let whole = secret.reveal().trim_ascii();
            let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            let lines = lines.filter(|line| line.len() >= SHORTEST_LINE);
            let whole = Some(whole).filter(|whole| whole.len() >= SHORTEST);
            whole.into_iter().chain(lines).map(|part| Hidden::new(part.to_vec())).collect()
        };
        let mut secrets: Vec<Hidden> = secrets.iter().flat_map(parts).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        Veil { secrets, held: Vec::new() }
    }

    /// A piece without secrets, as far as that can be said yet.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let may_begin = |rest: &[u8]| {
            self.secrets.iter().any(|secret| secret.reveal().len() > rest.len() && secret.reveal().starts_with(rest))
        };
        let held = (0..self.held.len()).find(|at| may_begin(&self.held[*at..])).unwrap_or(self.held.len());
        // What begins before it and ends behind it is whole.
        let (passed, read) = self.veiled(held);
        self.held.drain(..read);
        passed
    }

    /// What was held back, when no more comes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let (passed, _) = self.veiled(self.held.len());
        self.held.clear();
        passed
    }

    /// What is held up to a place, and how much of it that is.
    fn veiled(&self, end: usize) -> (Vec<u8>, usize) {
        let mut passed = Vec::with_capacity(end);
        let mut read = 0;
        while read < end {
            let rest = &self.held[read..];
            match self.secrets.iter().map(Hidden::reveal).find(|secret| rest.starts_with(secret)) {
                Some(secret) => {
                    passed.extend_from_slice(VEIL);
                    read += secret.len();
                }
                None => {
                    passed.push(rest[0]);
                    read += 1;
                }
            }
        }
        (passed, read)
    }
}

impl fmt::Debug for Veil {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Veil(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Hidden, HiddenVariable, Veil};

    #[test]
    fn a_veil_takes_secrets_out_wherever_they_are_cut() {
        let secrets = [&b"swordfish\n"[..], b"sword", b"-----\nfirst line\nsecond\n-----", b"abc"]
            .map(|one| Hidden::new(one.to_vec()));
        let text = b"a swordfish, a sword, second and abc\n-----\nfirst line\nsecond\n----- swor";
        for cut in 0..text.len() {
            let mut veil = Veil::of(&secrets);
            let (one, two) = text.split_at(cut);
            let passed = [veil.pass(one), veil.pass(two), veil.rest()].concat();
            assert_eq!(String::from_utf8(passed).unwrap(), "a •••, a •••, second and abc\n••• swor", "{cut}");
        }
    }

    #[test]
    fn a_hidden_value_is_not_printed() {
        let variable = HiddenVariable { name: "TOKEN".to_owned(), value: Hidden::new(b"swordfish".to_vec()) };
        let printed = format!("{variable:?} {variable:#?} {:?}", variable.value);
        assert!(printed.contains("TOKEN") && !printed.contains("swordfish"), "{printed}");
        assert!(!printed.contains("115, 119"), "{printed}");
    }
}
