//! Numbers of bytes as people write them.
//!
//! Sizes of images, layers and files have decimal units, as Docker counts: `2.1 MB`; in the tables that are Docker's, `2.1MB`. Limits are powers of 1024: `64 GiB`, typed as `512K`, `64MiB`
//! or `2G`, in any case. Every variable of the environment that sets a limit is read here, so all of them take the same spellings.

use std::fmt;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// `61 B`, `12.4 kB`, `2.1 MB`: decimal units, as Docker counts.
pub(crate) fn shown(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        // What would be rounded to 1000.0 has the next unit already.
        if value < if unit == "B" { 1000.0 } else { 999.95 } {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// `5.52MB`, `133kB`, `2B`: so many significant digits, as the tables have it that are Docker's.
pub(crate) fn docker(bytes: u64, digits: usize) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    loop {
        let whole = if value < 1.0 { 1 } else { value.log10() as usize + 1 };
        let text = format!("{value:.*}", digits.saturating_sub(whole));
        // What is rounded to 1000 has the next unit.
        if !text.starts_with("1000") && value < 1000.0 {
            let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            return format!("{text}{unit}");
        }
        let Some(larger) = units.next() else { return format!("{text}{unit}") };
        value /= 1000.0;
        unit = larger;
    }
}

/// `3.8GiB`, `512KiB`: four significant digits and powers of 1024, as Docker writes amounts of memory.
pub(crate) fn memory(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..KIB => return format!("{bytes}B"),
        KIB..MIB => (KIB, "KiB"),
        MIB..GIB => (MIB, "MiB"),
        GIB..TIB => (GIB, "GiB"),
        TIB.. => (TIB, "TiB"),
    };
    let value = bytes as f64 / unit as f64;
    let text = format!("{value:.*}", 3_usize.saturating_sub(value.log10() as usize));
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{name}")
}

/// The number of bytes in a text as [`shown`] gives it, or with a binary unit: `61B`, `2.5 GB`, `512MiB`; `2G` is `2 GB`.
pub(crate) fn parse_shown(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len()));
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some((number * factor) as u64)
}

/// Reads a limit: a number with its unit. `None` for anything else, and for what is larger than any file.
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

    #[test]
    fn sizes_have_one_decimal() {
        let sizes = [0, 61, 999, 1000, 2048, 999_949, 999_950, 109_400_000, 1_234_567_890].map(shown);
        let expected = ["0 B", "61 B", "999 B", "1.0 kB", "2.0 kB", "999.9 kB", "1.0 MB", "109.4 MB", "1.2 GB"];
        assert_eq!(sizes, expected);
    }

    #[test]
    fn tables_have_dockers_sizes() {
        let sizes = [0, 2, 999, 1000, 5_520_000, 1_982_924, 132_600_000, 999_999, 1_080_000_000, 4_200_000];
        let three = ["0B", "2B", "999B", "1kB", "5.52MB", "1.98MB", "133MB", "1MB", "1.08GB", "4.2MB"];
        assert_eq!(sizes.map(|bytes| docker(bytes, 3)), three);
        assert_eq!([1_982_924, 999_999, 12_345].map(|bytes| docker(bytes, 4)), ["1.983MB", "1MB", "12.35kB"]);
    }

    #[test]
    fn memory_has_four_digits() {
        let sizes = [0, 1023, 1024, 1000 * KIB, 4_109_000_000, 25_211_654_144].map(memory);
        assert_eq!(sizes, ["0B", "1023B", "1KiB", "1000KiB", "3.827GiB", "23.48GiB"]);
    }

    #[test]
    fn a_size_that_was_shown_can_be_typed() {
        for bytes in [0, 61, 1000, 12_400, 2_100_000, 5_000_000_000, 7_000_000_000_000] {
            assert_eq!(parse_shown(&shown(bytes)), Some(bytes));
        }
    }

    #[test]
    fn what_is_typed_is_read() {
        let sizes = ["61B", "61", "2.5GB", "1kB", "512MiB", "2G", "", "-1", "x", "1x", "infGB"].map(parse_shown);
        let expected = [Some(61), Some(61), Some(2_500_000_000), Some(1000), Some(512 << 20), Some(2_000_000_000)];
        assert_eq!(sizes[..6], expected);
        assert!(sizes[6..].iter().all(Option::is_none), "{sizes:?}");
    }
}
