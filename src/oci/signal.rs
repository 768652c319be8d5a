//! Names and numbers of signals, as STOPSIGNAL and an image's configuration have them, see signal(7).

use std::str::FromStr as _;

use nix::sys::signal::Signal;

/// SIGRTMAX.
const LAST: i32 = 64;
/// SIGRTMIN, as programs see it: the C library keeps two for itself.
const FIRST_REALTIME: i32 = 34;

/// The number of `SIGTERM`, `term`, `15`, `SIGRTMIN+3` …: a name that Linux knows, or a number from 1 to 64; `None` for anything else.
///
/// BuildKit takes any number but 0. But no process could ever be sent the others.
pub(crate) fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i64>() {
        return i32::try_from(number).ok().filter(|number| (1..=LAST).contains(number));
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    // The realtime signals are named from the nearer end.
    let realtime = |offset: &str, sign: char, most: i32| {
        let offset = offset.strip_prefix(sign).filter(|digits| !digits.starts_with(['0', '+']))?;
        offset.parse::<i32>().ok().filter(|number| (0..=most).contains(number))
    };
    match name {
        "CLD" => return Some(libc::SIGCHLD),
        "POLL" => return Some(libc::SIGPOLL),
        "IOT" => return Some(libc::SIGIOT),
        "RTMIN" => return Some(FIRST_REALTIME),
        "RTMAX" => return Some(LAST),
        _ => {}
    }
    if let Ok(signal) = Signal::from_str(&format!("SIG{name}")) {
        return Some(signal as i32);
    }
    let from_first = name.strip_prefix("RTMIN").and_then(|offset| realtime(offset, '+', 15));
    let from_last = name.strip_prefix("RTMAX").and_then(|offset| realtime(offset, '-', 14));
    from_first.map(|offset| FIRST_REALTIME + offset).or(from_last.map(|offset| LAST - offset))
}

/// Whether a text is a signal.
pub(crate) fn is_signal(text: &str) -> bool {
    signal_number(text).is_some()
}

#[cfg(test)]
mod tests {
    use super::{is_signal, signal_number};

    #[test]
    fn signals() {
        for good in ["SIGTERM", "quit", "9", "SIGRTMIN+3", "RTMAX-1", "sigcld", "RTMIN+15", "64"] {
            assert!(is_signal(good), "{good}");
        }
        for (name, number) in [("SIGTERM", 15), ("int", 2), ("9", 9), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("IOT", 6)] {
            assert_eq!(signal_number(name), Some(number), "{name}");
        }
        for bad in
            ["", "SIGFOO", "0", "RTMIN3", "RTMIN+16", "RTMAX-15", "SIGSIGTERM", "RTMIN+0", "65", "-9", "99999999999"]
        {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
