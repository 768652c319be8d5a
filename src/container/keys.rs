//! The keys that leave a container and let it go on: Ctrl-P Ctrl-Q, or what was asked for.
//!
//! They are written as Docker writes them: letters and `ctrl-LETTER`, with commas between.

/// A sequence of keys, and how much of it was pressed.
#[derive(Clone, Debug)]
pub(crate) struct DetachKeys {
    sequence: Vec<u8>,
    held: usize,
}

impl Default for DetachKeys {
    fn default() -> DetachKeys {
        DetachKeys { sequence: vec![16, 17], held: 0 }
    }
}

impl DetachKeys {
    /// Reads `ctrl-p,ctrl-q`; nothing means the usual ones. `None` for what is no such text.
    pub(crate) fn parse(text: &str) -> Option<DetachKeys> {
        if text.is_empty() {
            return Some(DetachKeys::default());
        }
        let sequence = text.split(',').map(key).collect::<Option<_>>()?;
        Some(DetachKeys { sequence, held: 0 })
    }

    /// What is passed on of typed bytes; `None` when all keys were pressed. Keys that may be the beginning are held back until the next one.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut passed = Vec::with_capacity(bytes.len() + self.held);
        for byte in bytes {
            if *byte == self.sequence[self.held] {
                self.held += 1;
                if self.held == self.sequence.len() {
                    return None;
                }
                continue;
            }
            passed.extend_from_slice(&self.sequence[..self.held]);
            self.held = 0;
            if *byte == self.sequence[0] {
                self.held = 1;
            } else {
                passed.push(*byte);
            }
        }
        Some(passed)
    }
}

/// The byte that a key makes.
fn key(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii_graphic() => Some(*byte),
        _ => match text.to_ascii_lowercase().strip_prefix("ctrl-")?.as_bytes() {
            [byte] if byte.is_ascii_lowercase() => Some(byte & 0x1f),
            [byte @ (b'@' | b'[' | b'\\' | b']' | b'^' | b'_')] => Some(byte & 0x1f),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::DetachKeys;

    #[test]
    fn keys_detach() {
        let mut keys = DetachKeys::default();
        assert_eq!(keys.pass(b"abc"), Some(b"abc".to_vec()));
        assert_eq!(keys.pass(b"a\x10"), Some(b"a".to_vec()));
        assert_eq!(keys.pass(b"b"), Some(b"\x10b".to_vec()));
        assert_eq!(keys.pass(b"\x10\x10b"), Some(b"\x10\x10b".to_vec()));
        assert_eq!(keys.pass(b"x\x10"), Some(b"x".to_vec()));
        assert_eq!(keys.pass(b"\x11y"), None);
    }

    #[test]
    fn keys_are_written_as_docker_writes_them() {
        let sequence = |text: &str| DetachKeys::parse(text).map(|keys| keys.sequence);
        assert_eq!(sequence("ctrl-a,ctrl-@,x"), Some(vec![1, 0, b'x']));
        assert_eq!(sequence("Ctrl-["), Some(vec![27]));
        assert_eq!(sequence(""), Some(vec![16, 17]));
        for bad in ["ctrl-", "ctrl-1", "ab", "a,,b"] {
            assert_eq!(sequence(bad), None, "{bad}");
        }
    }
}
