//! Numbers of bytes and of other things as people write them: `100`, `512K`, `64MiB`, `2G`.
//!
//! The units are powers of 1024, in any case, with or without `B` or `iB`. Every variable of the environment that sets a limit is read
//! by this module, so all of them take the same spellings.

use std::fmt;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// Reads a number with its unit. `None` for anything else, and for what is larger than any file.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 1,
        "k" => KIB,
        "m" => MIB,
        "g" => GIB,
        "t" => TIB,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// A number of bytes for people: `64 GiB` where it is that exactly.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(formatter, "{} {name}", self.0 / unit);
            }
        }
        write!(formatter, "{} bytes", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        let cases = [
            ("0", Some(0)),
            ("7", Some(7)),
            ("2k", Some(2 * KIB)),
            ("2K", Some(2 * KIB)),
            ("512MiB", Some(512 * MIB)),
            ("3 GB", Some(3 * GIB)),
            ("1T", Some(TIB)),
            ("", None),
            ("K", None),
            ("-1", None),
            ("1.5", None),
            ("much", None),
            ("1x", None),
            ("99999999999999999999", None),
            ("99999999999T", None),
        ];
        for (text, size) in cases {
            assert_eq!(parse(text), size, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_is_exact() {
        let shown = [64 * GIB, 3 * MIB, KIB + 1].map(|size| Bytes(size).to_string());
        assert_eq!(shown, ["64 GiB", "3 MiB", "1025 bytes"]);
    }
}
