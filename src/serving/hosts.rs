//! The names by which this machine is asked.
//!
//! A web page may let its own name lead to 127.0.0.1 (DNS rebinding): then the browser takes the registry for that page's server, shows it what
//! the registry says, and sends no `Origin`. What it does send is the name, as `Host` (RFC 9110, 7.2). So a registry that only this machine
//! reaches answers to this machine's names only. One that others reach has names that nobody here knows, and keeps nothing from them.

use std::net::{IpAddr, Ipv6Addr};

use super::addresses::own_name;

/// The names that are answered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Any.
    Any,
    /// Addresses, `localhost`, and this name of the machine.
    Own(String),
}

impl Hosts {
    /// Those of a server that listens at an address.
    pub(crate) fn of(listening: IpAddr) -> Hosts {
        if !listening.to_canonical().is_loopback() {
            return Hosts::Any;
        }
        Hosts::Own(own_name().unwrap_or_default().to_ascii_lowercase())
    }

    /// Whether a request is answered that has this `Host`. One without is no browser's.
    pub(super) fn has(&self, host: &str) -> bool {
        let Hosts::Own(own) = self else { return true };
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => host,
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let is_address = match bracketed {
            Some(name) => name.parse::<Ipv6Addr>().is_ok(),
            None => name.parse::<IpAddr>().is_ok(),
        };
        is_address || name == "localhost" || name.ends_with(".localhost") || (!name.is_empty() && name == *own)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_page_that_leads_its_name_here_is_told_apart() {
        let own = Hosts::Own("class-room.example".to_owned());
        for host in [
            "127.0.0.1:5000",
            "192.168.1.7",
            "[::1]:5000",
            "[::1]",
            "localhost",
            "LOCALHOST.:5000",
            "registry.localhost:5000",
            "Class-Room.example:5000",
        ] {
            assert!(own.has(host), "{host}");
        }
        for host in
            ["", "evil.com", "evil.com:5000", "127.0.0.1.evil.com", "localhost.evil.com", "notlocalhost", "[evil]"]
        {
            assert!(!own.has(host), "{host}");
        }
        assert!(!Hosts::Own(String::new()).has(""));
        assert!(Hosts::of(Ipv4Addr::UNSPECIFIED.into()).has("evil.com"));
        assert!(!Hosts::of(Ipv4Addr::LOCALHOST.into()).has("evil.com"));
    }
}
