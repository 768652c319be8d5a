//! What a command prints, as far as it is kept.

/// The most of an output that is kept, in bytes: a page shows no more.
const MOST: usize = 4 << 20;

/// What was printed until now.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) bytes: Vec<u8>,
    /// Whether it was more than is kept.
    pub(super) is_cut: bool,
}

impl Printed {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let room = MOST.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.is_cut |= room < bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_known() {
        let mut printed = Printed::default();
        printed.add(&vec![b'x'; MOST]);
        assert!(!printed.is_cut);
        printed.add(b"\r\n");
        assert!(printed.is_cut && printed.bytes.len() == MOST);
    }
}
