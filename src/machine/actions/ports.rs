//! EXPOSE's ports.
//!
//! A port specification is `[[ip:]host:]port[-port][/proto]`, where only the container's side counts here.

use std::net::IpAddr;
use std::str::FromStr as _;

/// `8000-8001/udp` → `8000/udp`, `8001/udp`.
///
/// # Errors
/// What is wrong, for a message that names the specification.
pub(crate) fn exposed(specification: &str) -> Result<Vec<String>, String> {
    let (host, container) = match specification.rsplit_once(':') {
        Some((host, container)) => (host, container),
        None => ("", specification),
    };
    let (address, host) = host.rsplit_once(':').unwrap_or(("", host));
    let (ports, protocol) = container.split_once('/').unwrap_or((container, ""));
    let protocol = match protocol.to_lowercase().as_str() {
        "" => "tcp".to_owned(),
        known @ ("tcp" | "udp" | "sctp") => known.to_owned(),
        other => return Err(format!("`{other}` is not a protocol")),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    if !bare.is_empty() && IpAddr::from_str(bare).is_err() {
        return Err(format!("`{address}` is not an IP address"));
    }
    let (first, last) = range(ports)?;
    if !host.is_empty() {
        let (host_first, host_last) = range(host)?;
        if host_last - host_first != last - first && first != last {
            return Err("the two ranges differ in length".into());
        }
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn range(text: &str) -> Result<(u16, u16), String> {
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("`{text}` is not a port number"));
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

#[cfg(test)]
mod tests {
    use super::exposed;

    #[test]
    fn port_specifications() {
        let good = |text: &str| exposed(text).map(|ports| ports.join(" "));
        assert_eq!(good("80"), Ok("80/tcp".into()));
        assert_eq!(good("53/UDP"), Ok("53/udp".into()));
        assert_eq!(good("8000-8002/sctp"), Ok("8000/sctp 8001/sctp 8002/sctp".into()));
        assert_eq!(good("127.0.0.1:8080:80"), Ok("80/tcp".into()));
        assert_eq!(good("[::1]:8080:80"), Ok("80/tcp".into()));
        assert_eq!(good("8000-9000:80"), Ok("80/tcp".into()));
        for bad in
            ["", "x", "80/ftp", "70000", "9-8", "-1", "80/tcp/udp", "host:80:80", "/tcp", "[::1:80:80", "1-2:3-5"]
        {
            assert!(exposed(bad).is_err(), "{bad}");
        }
    }
}
