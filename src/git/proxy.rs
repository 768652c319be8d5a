//! The proxy of the environment by which a server is reached, if it is by one.
//!
//! ```text
//! https_proxy  HTTPS_PROXY      https     of a name in both cases the small one counts
//! http_proxy                    http
//! all_proxy    ALL_PROXY        where neither is set
//! no_proxy     NO_PROXY         names of hosts and of domains, addresses, networks, or `*`: reached without one
//! ```
//!
//! As git(1) and curl(1) read them. But the choice is made here, and `git` is told one proxy or none: where it read them by itself, it could go
//! straight to a server whose address nobody has judged.

use std::net::IpAddr;

use super::repository::Scheme;
use crate::registry::place::LookUp;

/// A proxy, as its variable has it: perhaps with a password.
pub(super) struct Proxy(String);

impl Proxy {
    /// The one by which a host is reached.
    pub(super) fn to(scheme: Scheme, host: &str) -> Option<Proxy> {
        let of_scheme: &[&str] = match scheme {
            Scheme::Https => &["https_proxy", "HTTPS_PROXY"],
            Scheme::Http => &["http_proxy"],
            Scheme::Git | Scheme::Ssh => return None,
        };
        let set =
            |names: &[&str]| names.iter().find_map(std::env::var_os).map(|value| value.to_string_lossy().into_owned());
        let proxy = set(of_scheme).or_else(|| set(&["all_proxy", "ALL_PROXY"])).filter(|value| !value.is_empty())?;
        let without = set(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        (!is_listed(host, &without)).then_some(Proxy(proxy))
    }

    /// Who looks up the names of servers: all kinds of SOCKS but `socks4a` and `socks5h` leave it to us. As libcurl, git takes any other
    /// that begins with `socks` for SOCKS4.
    pub(super) fn looks_up(&self) -> LookUp {
        match self.0.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("socks4a" | "socks5h") | None => LookUp::AtTheProxy,
            Some(scheme) if scheme.starts_with("socks") => LookUp::Here,
            Some(_) => LookUp::AtTheProxy,
        }
    }

    /// As git's setting `http.proxy` has it.
    pub(super) fn into_setting(self) -> String {
        self.0
    }
}

/// Whether a host is among those of `no_proxy`.
fn is_listed(host: &str, without: &str) -> bool {
    let bare = |text: &str| text.trim_matches(['[', ']', '.']).to_ascii_lowercase();
    let host = bare(host);
    let address = host.parse::<IpAddr>().ok();
    let mut entries = without.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    entries.any(|entry| match (address, bare(entry)) {
        _ if entry == "*" => true,
        (Some(address), entry) => is_in(address, &entry),
        (None, entry) => host.strip_suffix(&entry).is_some_and(|front| front.is_empty() || front.ends_with('.')),
    })
}

/// Whether an address is another one, or in a network.
fn is_in(address: IpAddr, entry: &str) -> bool {
    let (network, length) = entry.split_once('/').map_or((entry, None), |(network, length)| (network, Some(length)));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let ((one, width), (other, other_width)) = (bits(address), bits(network));
    let Ok(length) = length.map_or(Ok(width), str::parse::<u32>) else { return false };
    let differs = (one ^ other).leading_zeros();
    width == other_width && (1..=width).contains(&length) && differs >= length
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn hosts_without_a_proxy_are_listed_as_curl_reads_it() {
        for (host, without) in [
            ("host", "host"),
            ("HOST.", "other, host"),
            ("git.school.example", "school.example"),
            ("git.school.example", ".school.example"),
            ("school.example", ".school.example other"),
            ("anything", "*"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3"),
            ("[fd00::1]", "fd00::/16"),
            ("[::1]", "[::1]"),
        ] {
            assert!(is_listed(host, without), "{host} {without}");
        }
        for (host, without) in [
            ("host", ""),
            ("myschool.example", "school.example"),
            ("school.example", "git.school.example"),
            ("10.1.2.3", "11.0.0.0/8"),
            ("10.1.2.3", "10.0.0.0/99"),
            ("10.1.2.3", "10.0.0.0/x"),
            ("10.1.2.3", "::/1"),
            ("10.1.2.3", "2.3"),
            ("host", "*host"),
        ] {
            assert!(!is_listed(host, without), "{host} {without}");
        }
    }
}
