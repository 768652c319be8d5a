//! Names and numbers of signals, as STOPSIGNAL and an image's configuration have them, see signal(7).

use std::str::FromStr as _;

use nix::sys::signal::Signal;

/// SIGRTMAX.
const LAST: i64 = 64;

/// `SIGTERM`, `term`, `15`, `SIGRTMIN+3` …: a name that Linux knows, or a number from 1 to 64.
///
/// BuildKit takes any number but 0. But no process could ever be sent the others.
pub(crate) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return (1..=LAST).contains(&number);
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    // The realtime signals are named from the nearer end.
    let realtime = |offset: &str, sign: char, most: u8| {
        let offset = offset.strip_prefix(sign).filter(|digits| !digits.starts_with(['0', '+']));
        offset.and_then(|number| number.parse::<u8>().ok()).is_some_and(|number| number <= most)
    };
    matches!(name, "CLD" | "POLL" | "IOT" | "RTMIN" | "RTMAX")
        || Signal::from_str(&format!("SIG{name}")).is_ok()
        || name.strip_prefix("RTMIN").is_some_and(|offset| realtime(offset, '+', 15))
        || name.strip_prefix("RTMAX").is_some_and(|offset| realtime(offset, '-', 14))
}

#[cfg(test)]
mod tests {
    use super::is_signal;

    #[test]
    fn signals() {
        for good in ["SIGTERM", "quit", "9", "SIGRTMIN+3", "RTMAX-1", "sigcld", "RTMIN+15", "64"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in
            ["", "SIGFOO", "0", "RTMIN3", "RTMIN+16", "RTMAX-15", "SIGSIGTERM", "RTMIN+0", "65", "-9", "99999999999"]
        {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
