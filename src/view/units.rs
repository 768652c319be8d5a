//! Sizes and times as people read them, in Docker's forms.

/// `2.048kB`, `5.52MB`: decimal units, up to four digits, as `docker images` prints them.
pub(crate) fn size(bytes: u64) -> String {
    let (value, unit) = scaled(bytes);
    significant(value, 4) + unit
}

/// `61 B`, `2.0 kB`, `7.8 MB`: with a space and one decimal, for the debugger.
pub(crate) fn spaced_size(bytes: u64) -> String {
    match scaled(bytes) {
        (_, "B") => format!("{bytes} B"),
        (value, unit) => format!("{value:.1} {unit}"),
    }
}

/// A number below 1000, and its unit.
fn scaled(bytes: u64) -> (f64, &'static str) {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    (value, unit)
}

/// Go's `%.4g`, without an exponent: the value is below 1000.
fn significant(value: f64, digits: usize) -> String {
    let whole = value.trunc().abs().to_string().len();
    let text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `0.3 s`, `12.4 s`, `1 min 12 s`, `2 h 5 min`: how long something takes or took.
pub(crate) fn time(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        // Cut and not rounded, so that no clock shows 60.0.
        0..60 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// `About an hour`, `3 weeks`: how long something took or is ago, as Docker rounds it.
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

/// The number of bytes in a text as [`size`] gives it, or with a binary unit: `61B`, `2.5GB`, `512MiB`; `2G` is `2GB`.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
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

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{ago, duration, parse_duration, parse_size, size, spaced_size, time};

    #[test]
    fn times() {
        let times = [0, 349, 59_999, 72_000, 7_500_000].map(|ms| time(std::time::Duration::from_millis(ms)));
        assert_eq!(times, ["0.0 s", "0.3 s", "59.9 s", "1 min 12 s", "2 h 5 min"]);
    }

    #[test]
    fn sizes() {
        let sizes: Vec<String> = [0, 61, 1000, 2048, 5_520_000, 109_400_000, 1_234_567_890].map(size).into();
        assert_eq!(sizes, ["0B", "61B", "1kB", "2.048kB", "5.52MB", "109.4MB", "1.235GB"]);
        assert_eq!([61, 2048, 7_800_000].map(spaced_size), ["61 B", "2.0 kB", "7.8 MB"]);
    }

    #[test]
    fn what_is_typed_is_read() {
        let sizes = ["61B", "61", "2.5GB", "1kB", "512MiB", "2G", "", "-1", "x", "1x", "infGB"].map(parse_size);
        let expected = [Some(61), Some(61), Some(2_500_000_000), Some(1000), Some(512 << 20), Some(2_000_000_000)];
        assert_eq!(sizes[..6], expected);
        assert!(sizes[6..].iter().all(Option::is_none), "{sizes:?}");
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
