//! Sizes and times as people read them: one form each.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
pub(crate) use crate::size::{docker as docker_size, memory, parse_shown as parse_size, shown as size};

/// `12 ms`, `349 ms`, `1.24 s`, `12.4 s`, `1 min 12 s`, `2 h 5 min`: how long something took, in so many digits that times beside one
/// another can be compared.
pub(crate) fn time(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..10_000 => format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10),
        _ => elapsed(milliseconds),
    }
}

/// `0.3 s`, `12.4 s`, `1 min 12 s`, `2 h 5 min`: how long something has been under way, in digits that can be read as they change.
pub(crate) fn elapsed(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        // Cut and not rounded, so that no clock shows 60.0.
        0..60_000 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `About an hour`, `3 weeks`: how long ago something was, as Docker rounds it. The tables of images and of their history are Docker's, and its
/// users know their column CREATED by heart.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours) = (seconds / 60, (seconds as f64 / 3600.0).round() as i64);
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

/// How long before `now` (seconds since 1970) a time in RFC 3339 was: `2 minutes ago`. What is not known, or can't be read, is `N/A`.
pub(crate) fn ago(now: i64, time: Option<&str>) -> String {
    match time.and_then(|time| time.parse::<jiff::Timestamp>().ok()) {
        Some(time) => format!("{} ago", duration(now.saturating_sub(time.as_second()))),
        None => "N/A".into(),
    }
}

/// A time in RFC 3339 as Docker's lists have it: `2026-11-28 17:06:14 +0000 UTC`.
pub(crate) fn moment(time: &str) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => "N/A".to_owned(),
    }
}

/// A time in RFC 3339 with all nine digits of its nanoseconds, so that times stand below each other.
pub(crate) fn nanoseconds(time: &str) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string(),
        Err(_) => time.to_owned(),
    }
}

/// A moment: RFC 3339, seconds since 1970, or how long before `now`.
pub(crate) fn parse_moment(now: i64, text: &str) -> Option<jiff::Timestamp> {
    let seconds = |seconds: i64| jiff::Timestamp::from_second(seconds).ok();
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().and_then(seconds))
        .or_else(|| parse_duration(text).and_then(|ago| seconds(now.saturating_sub(ago))))
}

/// Labels in one text, as Docker's lists have them: `a=1,b=2`.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// The number of seconds in a text such as `90m`, `12h`, `7d` or `1d12h`.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let mut seconds: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: i64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            'w' => 7 * 24 * 3600,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[end + unit.len_utf8()..];
    }
    (!text.is_empty()).then_some(seconds)
}

/// The moment so long before `now`, as the filter `until` says it.
///
/// # Errors
/// It is no length of time.
pub(crate) fn before(now: i64, age: &str) -> Result<i64, Diagnostic> {
    let seconds = parse_duration(age).ok_or_else(|| {
        Diagnostic::error(format!("invalid filter `until={age}`")).hint("an age is written like `90m`, `12h` or `7d`")
    })?;
    Ok(now.saturating_sub(seconds))
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `4–7, 9`: numbers that follow one another in short.
pub(crate) fn ranges(numbers: &[usize]) -> Vec<String> {
    let run = |run: &[usize]| match *run {
        [first, .., last] => format!("{first}–{last}"),
        [only] => only.to_string(),
        [] => String::new(),
    };
    numbers.chunk_by(|one, next| one + 1 == *next).map(run).collect()
}

/// `2 hits, 1 miss`.
pub(crate) fn hits_and_misses(hits: usize, misses: usize) -> String {
    format!("{}, {}", count(hits as u64, "hit"), self::misses(misses))
}

/// `4 misses`.
pub(crate) fn misses(misses: usize) -> String {
    format!("{misses} miss{}", if misses == 1 { "" } else { "es" })
}

#[cfg(test)]
mod tests {
    use super::{ago, duration, elapsed, parse_duration, time};

    #[test]
    fn times() {
        let times = [0, 12, 100, 999, 1000, 1249, 12_499, 59_999, 72_000, 7_500_000].map(time);
        let expected =
            ["0 ms", "12 ms", "100 ms", "999 ms", "1.00 s", "1.24 s", "12.4 s", "59.9 s", "1 min 12 s", "2 h 5 min"];
        assert_eq!(times, expected);
        assert_eq!([0, 349, 1249, 72_000].map(elapsed), ["0.0 s", "0.3 s", "1.2 s", "1 min 12 s"]);
    }

    #[test]
    fn what_is_typed_is_read() {
        let durations = ["90m", "12h", "7d", "1d12h", "", "5", "h", "1y", "99999999999999999w"].map(parse_duration);
        assert_eq!(durations[..4], [Some(5400), Some(43_200), Some(604_800), Some(129_600)]);
        assert!(durations[4..].iter().all(Option::is_none), "{durations:?}");
    }

    #[test]
    fn durations() {
        let texts: Vec<String> =
            [0, 1, 59, 60, 119, 3540, 3600, 7200, 172_800, 86_400 * 21, 86_400 * 100, 86_400 * 800]
                .map(duration)
                .into();
        assert_eq!(
            texts,
            [
                "Less than a second",
                "1 second",
                "59 seconds",
                "About a minute",
                "About a minute",
                "59 minutes",
                "About an hour",
                "2 hours",
                "2 days",
                "3 weeks",
                "3 months",
                "2 years"
            ]
        );
        assert_eq!(ago(120, Some("1970-01-01T00:00:00Z")), "2 minutes ago");
        assert_eq!(ago(0, Some("yesterday")), "N/A");
    }
}
