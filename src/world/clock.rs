//! The one source of time and of random names.
//!
//! With SOURCE_DATE_EPOCH set, time stands still at it and names count up from a fixed seed: the same input then gives the same
//! output to the byte. See <https://reproducible-builds.org/specs/source-date-epoch/>.

use crate::diagnostic::Explained;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The beginning of the year 0 and the end of the year 9999, between which RFC 3339 has its times.
const FIRST_SECOND: i64 = -62_167_219_200;
const LAST_SECOND: i64 = 253_402_300_799;

const NANOSECONDS: i128 = 1_000_000_000;

/// Tells the time, and makes up ids. Clones never make up the same.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Seconds since 1970, when time stands still.
    epoch: Option<i64>,
    seed: [u8; 32],
    counter: Arc<AtomicU64>,
}

/// SOURCE_DATE_EPOCH holds something else than a number of seconds.
#[derive(Debug, thiserror::Error)]
#[error("SOURCE_DATE_EPOCH is `{0}`, not a number of seconds since 1970")]
pub(crate) struct NotAnEpoch(String);

impl Explained for NotAnEpoch {
    fn hint(&self) -> Option<String> {
        Some("`date +%s` prints such a number".to_owned())
    }
}

impl Clock {
    /// The machine's clock, or the one that SOURCE_DATE_EPOCH stops.
    pub(crate) fn from_environment() -> Result<Clock, NotAnEpoch> {
        match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(text) if !text.is_empty() => {
                let epoch: i64 = text.parse().map_err(|_| NotAnEpoch(text.clone()))?;
                if !(0..=LAST_SECOND).contains(&epoch) {
                    return Err(NotAnEpoch(text));
                }
                Ok(Clock::stopped(epoch))
            }
            _ => Ok(Clock::system()),
        }
    }

    pub(crate) fn system() -> Clock {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let mut hash = Sha256::new();
        hash.update(now.as_nanos().to_le_bytes());
        hash.update(std::process::id().to_le_bytes());
        Clock { epoch: None, seed: hash.finalize().into(), counter: Arc::default() }
    }

    /// A clock that always shows `epoch`, in seconds since 1970.
    pub fn stopped(epoch: i64) -> Clock {
        Clock { epoch: Some(epoch), seed: Sha256::digest(epoch.to_le_bytes()).into(), counter: Arc::default() }
    }

    /// The moment at which time stands still; times in layers are clamped to it.
    pub(crate) fn epoch(&self) -> Option<i64> {
        self.epoch
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.epoch.unwrap_or_else(|| {
            let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
            i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
        })
    }

    /// Now, in RFC 3339 and UTC. Nanoseconds where time runs.
    pub(crate) fn rfc3339(&self) -> String {
        match self.epoch {
            Some(epoch) => format_seconds(epoch),
            None => format_time(SystemTime::now()),
        }
    }

    /// A new id of 64 hexadecimal digits.
    pub(crate) fn new_id(&self) -> String {
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(count.to_le_bytes());
        // A copy of this process, see fork(2), counts on from the same number.
        if self.epoch.is_none() {
            hash.update(std::process::id().to_le_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Starts a measurement. Where time stands still it always measures zero.
    pub(crate) fn stopwatch(&self) -> Stopwatch {
        Stopwatch(self.epoch.is_none().then(Instant::now))
    }
}

/// A running measurement of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Option<Instant>);

impl Stopwatch {
    pub(crate) fn milliseconds(&self) -> u64 {
        self.0.map_or(0, |start| u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// A time as a server writes it → seconds since 1970, at the least 0: `Tue, 15 Nov 1994 08:12:31 GMT`, RFC 9110, section 5.6.7. Its obsolete
/// forms are left out.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second().max(0))
}

/// Seconds since 1970 → RFC 3339 in UTC. The form has four digits for the year: a time that has no such form is shown as the
/// nearest one that has.
pub(crate) fn format_seconds(seconds: i64) -> String {
    format_nanoseconds(i128::from(seconds) * NANOSECONDS)
}

/// As [`format_seconds`], with the fraction of the second. A machine's clock can be set to any time.
fn format_time(time: SystemTime) -> String {
    format_nanoseconds(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |before| -before),
    })
}

fn format_nanoseconds(nanoseconds: i128) -> String {
    let first = i128::from(FIRST_SECOND) * NANOSECONDS;
    let last = i128::from(LAST_SECOND) * NANOSECONDS;
    let since = jiff::SignedDuration::from_nanos_i128(nanoseconds.clamp(first, last));
    // Date and time without a zone: an instant of this library ends a day before the year 9999 does.
    let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    format!("{}Z", epoch.saturating_add(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_servers_are_read() {
        for (text, seconds) in [
            ("Tue, 15 Nov 1994 08:12:31 GMT", Some(784_887_151)),
            ("Thu, 01 Jan 1969 00:00:00 GMT", None),
            ("Wed, 01 Jan 1969 00:00:00 GMT", Some(0)),
            ("yesterday", None),
        ] {
            assert_eq!(parse_http_date(text), seconds, "{text}");
        }
    }

    #[test]
    fn every_time_has_a_form() {
        let seconds = [0, -1, 1_700_000_000, LAST_SECOND, LAST_SECOND + 1, i64::MAX, i64::MIN].map(format_seconds);
        let expected = [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2023-11-14T22:13:20Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
        ];
        assert_eq!(seconds, expected);
        let far = Duration::from_secs(1 << 40);
        assert_eq!(format_time(UNIX_EPOCH + far), "9999-12-31T23:59:59Z");
        assert_eq!(format_time(UNIX_EPOCH - far), "0000-01-01T00:00:00Z");
        assert_eq!(format_time(UNIX_EPOCH - Duration::from_millis(500)), "1969-12-31T23:59:59.5Z");
    }
}
