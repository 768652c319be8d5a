//! Records of a PAX extended header: `<length> <key>=<value>\n`, where the length counts the whole record.
//!
//! Specification: POSIX pax(1), "pax Extended Header". Values are bytes and may contain newlines and zeros, as the value of
//! `SCHILY.xattr.security.capability` does; so records are cut by their length and not by lines.

/// Key and value.
pub(super) type Record = (Vec<u8>, Vec<u8>);

/// Appends one record.
pub(super) fn write_record(body: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    // The length counts its own digits, so it is approached from below.
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    body.extend_from_slice(format!("{length} ").as_bytes());
    body.extend_from_slice(key);
    body.push(b'=');
    body.extend_from_slice(value);
    body.push(b'\n');
}

/// Cuts the body of an extended header into keys and values, in their order; `None` when it is malformed.
pub(super) fn parse(mut body: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    // Some writers fill the last block with zeros and count them.
    while body.first().is_some_and(|byte| *byte != 0) {
        let space = body.iter().take(20).position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&body[..space]).ok()?.parse().ok()?;
        let record = body.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        body = &body[length..];
    }
    Some(records)
}

/// Writes a time as seconds with a fraction, without zeros at its end.
pub(super) fn format_time(seconds: i64, nanos: u32) -> String {
    if nanos == 0 {
        return seconds.to_string();
    }
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let sign = if total < 0 { "-" } else { "" };
    let (whole, fraction) = (total.unsigned_abs() / 1_000_000_000, total.unsigned_abs() % 1_000_000_000);
    let fraction = format!("{fraction:09}");
    format!("{sign}{whole}.{}", fraction.trim_end_matches('0'))
}

/// Reads a time into whole seconds, rounded down, and nanoseconds, cut after nine digits.
pub(super) fn parse_time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos: u32 = digits.parse().ok()?;
    if whole.starts_with('-') && nanos > 0 {
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanos));
    }
    Some((seconds, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_binary_values_and_length_digits() {
        for size in [0, 1, 90, 91, 92, 93, 990, 9990] {
            let value = vec![b'\n'; size];
            let mut body = Vec::new();
            write_record(&mut body, b"key", &value);
            write_record(&mut body, b"other", b"\0=\n");
            let expected = vec![(b"key".to_vec(), value), (b"other".to_vec(), b"\0=\n".to_vec())];
            assert_eq!(parse(&body), Some(expected));
        }
        assert_eq!(parse(b"9 key=value\n"), None);
        assert_eq!(parse(b"99999999999999999999999 key=value\n"), None);
        assert_eq!(parse(b"2 k=v\n"), None);
    }

    #[test]
    fn times_round_down() {
        for (seconds, nanos, text) in
            [(0, 0, "0"), (12, 500_000_000, "12.5"), (-1, 750_000_000, "-0.25"), (-3, 0, "-3")]
        {
            assert_eq!(format_time(seconds, nanos), text);
            assert_eq!(parse_time(text.as_bytes()), Some((seconds, nanos)));
        }
        assert_eq!(parse_time(b"1.x"), None);
    }
}
