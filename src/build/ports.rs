//! EXPOSE's ports and STOPSIGNAL's signals.
//!
//! A port specification is `[[ip:]host:]port[-port][/proto]`, where only the container's side counts here.

use nix::sys::signal::Signal;
use std::str::FromStr as _;

/// `8000-8001/udp` → `8000/udp`, `8001/udp`.
///
/// # Errors
/// What is wrong, for a message that names the specification.
pub fn exposed(specification: &str) -> Result<Vec<String>, String> {
    let (ports, protocol) = match specification.rsplit_once('/') {
        Some((ports, protocol)) => (ports, protocol.to_lowercase()),
        None => (specification, "tcp".to_owned()),
    };
    let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol };
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(format!("`{protocol}` is no protocol"));
    }
    let (host, container) = match ports.rsplit_once(':') {
        Some((host, container)) => (Some(host), container),
        None => (None, ports),
    };
    let (first, last) = range(container)?;
    if let Some(host) = host {
        let port = host.rsplit_once(':').map_or(host, |(_, port)| port);
        if !port.is_empty() {
            let (host_first, host_last) = range(port)?;
            if host_last - host_first != last - first && first != last {
                return Err("the two ranges differ in length".into());
            }
        }
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn range(text: &str) -> Result<(u16, u16), String> {
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("`{text}` is no port number"));
    if text.is_empty() {
        return Err("no port specified".into());
    }
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if last < first {
        return Err(format!("the range `{text}` ends before it begins"));
    }
    Ok((first, last))
}

/// `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3` …
pub fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=64).contains(&number);
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let realtime = |offset: &str, sign: char| {
        offset.is_empty() || offset.strip_prefix(sign).and_then(|number| number.parse::<u8>().ok()).is_some_and(|n| n <= 30)
    };
    Signal::from_str(&format!("SIG{name}")).is_ok()
        || name.strip_prefix("RTMIN").is_some_and(|offset| realtime(offset, '+'))
        || name.strip_prefix("RTMAX").is_some_and(|offset| realtime(offset, '-'))
}

#[cfg(test)]
mod tests {
    use super::{exposed, is_signal};

    #[test]
    fn port_specifications() {
        let good = |text: &str| exposed(text).map(|ports| ports.join(" "));
        assert_eq!(good("80"), Ok("80/tcp".into()));
        assert_eq!(good("53/UDP"), Ok("53/udp".into()));
        assert_eq!(good("8000-8002/sctp"), Ok("8000/sctp 8001/sctp 8002/sctp".into()));
        assert_eq!(good("127.0.0.1:8080:80"), Ok("80/tcp".into()));
        for bad in ["", "x", "80/ftp", "70000", "9-8", "-1"] {
            assert!(exposed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn signals() {
        for good in ["SIGTERM", "quit", "9", "SIGRTMIN+3", "RTMAX-1"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "SIGFOO", "0", "65", "RTMIN3"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
