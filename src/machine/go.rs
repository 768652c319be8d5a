//! Texts as Go prints them: the history of an image says what BuildKit's would.

use crate::oci::HealthConfig;

/// `["a" "b"]`: a list of strings by `%q`.
pub(super) fn quoted_list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

/// A check by `%+v`.
pub(super) fn healthcheck(config: &HealthConfig) -> String {
    format!(
        "HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        config.test.join(" "),
        duration(config.interval),
        duration(config.timeout),
        duration(config.start_period),
        duration(config.start_interval),
        config.retries
    )
}

/// Nanoseconds as a duration: `0s`, `1.5s`, `1h0m30s`, `250ms`.
fn duration(nanoseconds: i64) -> String {
    let (unit, divisor) = match nanoseconds {
        0 => return "0s".into(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let decimal = |value: i64| {
        let fraction = format!("{:09}", (value % divisor) * (1_000_000_000 / divisor));
        let fraction = fraction.trim_end_matches('0');
        let whole = value / divisor;
        if fraction.is_empty() { format!("{whole}{unit}") } else { format!("{whole}.{fraction}{unit}") }
    };
    const MINUTE: i64 = 60_000_000_000;
    match nanoseconds / MINUTE {
        0 => decimal(nanoseconds),
        minutes if minutes < 60 => format!("{minutes}m{}", decimal(nanoseconds % MINUTE)),
        minutes => format!("{}h{}m{}", minutes / 60, minutes % 60, decimal(nanoseconds % MINUTE)),
    }
}
