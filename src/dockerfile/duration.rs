//! Durations as Go programs write them: `90s`, `1m30s`, `1.5h`, `100ms`, `0`.

use std::time::Duration;

/// The units and their nanoseconds. Longer names come first, so that `ms` is not read as `m`.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];

/// Why a text is not a duration, or not one that can be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    #[error("`{0}` is not a duration")]
    Invalid(String),
    #[error("`{0}` has no unit")]
    NoUnit(String),
    #[error("`{0}` is negative")]
    Negative(String),
    #[error("`{0}` is too long")]
    TooLong(String),
}

/// Reads a duration: numbers, each with a unit, added up. The largest one is about 292 years.
///
/// # Errors
/// A text that is not a duration, and one that cannot be used here.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total: u128 = 0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let (whole, after) = split_digits(rest);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => split_digits(after),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_length = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        if unit.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_long())? };
        // More digits than nanoseconds can hold change nothing.
        let fraction = &fraction[..fraction.len().min(18)];
        let scale = 10u128.pow(fraction.len() as u32);
        let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| invalid())? };
        total = whole
            .checked_mul(*nanoseconds)
            .and_then(|value| value.checked_add(fraction * nanoseconds / scale))
            .and_then(|value| value.checked_add(total))
            .filter(|value| *value <= i64::MAX as u128)
            .ok_or_else(too_long)?;
        rest = after;
    }
    if negative && total > 0 {
        return Err(DurationError::Negative(text.to_owned()));
    }
    let nanoseconds = u64::try_from(total).map_err(|_| too_long())?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Writes a duration in the fewest units that are exact, so that [`parse`] reads it back.
pub(crate) fn format(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, nanoseconds) in [UNITS[7], UNITS[6], UNITS[5], UNITS[4], UNITS[1], UNITS[0]] {
        if rest >= nanoseconds {
            out.push_str(&format!("{}{unit}", rest / nanoseconds));
            rest %= nanoseconds;
        }
    }
    out
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, milliseconds, written) in [
            ("90s", 90_000, "1m30s"),
            ("1m30s", 90_000, "1m30s"),
            ("1.5h", 5_400_000, "1h30m"),
            (".5s", 500, "500ms"),
            ("+100ms", 100, "100ms"),
            ("0", 0, "0s"),
            ("-0s", 0, "0s"),
        ] {
            let duration = parse(text).expect(text);
            assert_eq!(duration, Duration::from_millis(milliseconds), "{text}");
            assert_eq!(format(duration), written);
        }
    }

    #[test]
    fn other_texts_are_errors() {
        assert_eq!(parse("5"), Err(DurationError::NoUnit("5".to_owned())));
        assert_eq!(parse("1.2.3s"), Err(DurationError::NoUnit("1.2.3s".to_owned())));
        assert_eq!(parse("-5s"), Err(DurationError::Negative("-5s".to_owned())));
        assert_eq!(parse("9999999999999h"), Err(DurationError::TooLong("9999999999999h".to_owned())));
        for text in ["", "s", "5 s", "5d", ".s", "é", "5é"] {
            assert_eq!(parse(text), Err(DurationError::Invalid(text.to_owned())));
        }
    }
}
