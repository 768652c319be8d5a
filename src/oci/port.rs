//! Ports, as EXPOSE and `-p` name them.
//!
//! A port specification is `[[ip:]host:]port[-port][/proto]`. EXPOSE counts only the container's side of it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;

use serde::{Deserialize, Serialize};

/// What a port is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// As it is written behind a port.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Ports that follow one another: the first and the last.
pub(crate) type Range = (u16, u16);

/// A port specification, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PortSpecification {
    /// An address of the machine; `None`: all of them.
    pub(crate) address: Option<IpAddr>,
    /// The machine's side; `None`: any that are free.
    pub(crate) host: Option<Range>,
    /// The container's side.
    pub(crate) container: Range,
    pub(crate) protocol: Protocol,
}

impl PortSpecification {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong, for a message that names the specification.
    pub(crate) fn parse(specification: &str) -> Result<PortSpecification, String> {
        let (host, container) = match specification.rsplit_once(':') {
            Some((host, container)) => (host, container),
            None => ("", specification),
        };
        let (address, host) = host.rsplit_once(':').unwrap_or(("", host));
        let (ports, protocol) = container.split_once('/').unwrap_or((container, ""));
        let protocol = match protocol.to_lowercase().as_str() {
            "" | "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            other => return Err(format!("`{other}` is not a protocol")),
        };
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let address = match bare {
            "" => None,
            _ => Some(IpAddr::from_str(bare).map_err(|_| format!("`{address}` is not an IP address"))?),
        };
        let container = range(ports)?;
        let host = if host.is_empty() { None } else { Some(range(host)?) };
        if let Some((first, last)) = host
            && last - first != container.1 - container.0
            && container.0 != container.1
        {
            return Err("the two ranges differ in length".into());
        }
        Ok(PortSpecification { address, host, container, protocol })
    }

    /// The container's side: `8000-8001/udp` → `8000/udp`, `8001/udp`.
    pub(crate) fn exposed(&self) -> impl Iterator<Item = String> {
        let (first, last) = self.container;
        let protocol = self.protocol;
        (first..=last).map(move |port| format!("{port}/{protocol}"))
    }
}

fn range(text: &str) -> Result<Range, String> {
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
    use super::PortSpecification;

    #[test]
    fn port_specifications() {
        let exposed = |read: PortSpecification| read.exposed().collect::<Vec<_>>().join(" ");
        let good = |text: &str| PortSpecification::parse(text).map(exposed);
        assert_eq!(good("80"), Ok("80/tcp".into()));
        assert_eq!(good("53/UDP"), Ok("53/udp".into()));
        assert_eq!(good("8000-8002/sctp"), Ok("8000/sctp 8001/sctp 8002/sctp".into()));
        assert_eq!(good("127.0.0.1:8080:80"), Ok("80/tcp".into()));
        assert_eq!(good("[::1]:8080:80"), Ok("80/tcp".into()));
        assert_eq!(good("8000-9000:80"), Ok("80/tcp".into()));
        for bad in
            ["", "x", "80/ftp", "70000", "9-8", "-1", "80/tcp/udp", "host:80:80", "/tcp", "[::1:80:80", "1-2:3-5"]
        {
            assert!(PortSpecification::parse(bad).is_err(), "{bad}");
        }
    }
}
