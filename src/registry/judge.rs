//! Which machines may be asked: judged by the address that the connection is then made to, so that no name can mean another one in between.
//!
//! Behind a proxy it is the proxy that looks names up. Then only an address that stands in the request is judged here, before it is sent, and
//! the proxy judges the rest.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::zone::Zone;

// ANCHOR: target
/// Whose word it is that a request goes where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The user has named the registry, or its mirror.
    Named,
    /// An answer has named it: it has to be public, or where the registry is.
    Followed,
    /// A Dockerfile has named it, which somebody else may have written: it may be anywhere but on the wire, and where the machines of a cloud
    /// are told their secrets.
    Written,
}

impl Target {
    /// Whether one in a zone may be asked; the registry itself is in `home`.
    pub(super) fn allows(self, zone: Zone, home: Zone) -> bool {
        match self {
            Target::Named => true,
            Target::Written => !matches!(zone, Zone::Link | Zone::Metadata),
            Target::Followed => zone == Zone::Public || zone == home && zone != Zone::Metadata,
        }
    }
    // ANCHOR_END: target
}

/// An address was found where none may be.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.refusal())]
pub(super) struct Refusal(pub(super) Zone);

/// In which zone the registry itself was found, as a [`Zone`]'s number and one; 0: not yet.
#[derive(Debug, Default)]
pub(super) struct Seen(AtomicU8);

impl Seen {
    const ZONES: [Zone; 6] = [Zone::Public, Zone::Private, Zone::Link, Zone::Metadata, Zone::Loopback, Zone::Nowhere];

    /// The first answer counts: a name that is public once and private the next time is private to nobody.
    pub(super) fn note(&self, zone: Zone) {
        let number = Seen::ZONES.iter().position(|other| *other == zone).unwrap_or_default() as u8 + 1;
        let _ = self.0.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub(super) fn zone(&self) -> Zone {
        let number = usize::from(self.0.load(Ordering::SeqCst));
        number.checked_sub(1).map_or(Zone::Public, |index| Seen::ZONES[index])
    }
}

/// Looks names up, and lets only those addresses through that may be asked.
#[derive(Debug)]
pub(super) struct Judge {
    target: Target,
    home: Arc<Seen>,
    inner: DefaultResolver,
}

impl Judge {
    pub(super) fn new(target: Target, home: &Arc<Seen>) -> Judge {
        Judge { target, home: Arc::clone(home), inner: DefaultResolver::default() }
    }
}

impl Resolver for Judge {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        // Where the user's proxy is says nothing of where the registry is.
        if config.proxy().is_some_and(|proxy| uri.host() == Some(proxy.host())) {
            return Ok(found);
        }
        let zone = |address: &SocketAddr| Zone::of(address.ip());
        let home = self.home.zone();
        let mut allowed = self.empty();
        for address in found.iter().filter(|address| self.target.allows(zone(address), home)) {
            allowed.push(*address);
        }
        match (found.iter().next(), allowed.iter().next()) {
            (Some(first), None) => Err(ureq::Error::Io(io::Error::other(Refusal(zone(first))))),
            (_, first) => {
                if let (Some(first), Target::Named | Target::Written) = (first, self.target) {
                    self.home.note(zone(first));
                }
                Ok(allowed)
            }
        }
    }
}

/// Judges a host that is an address, or this machine by its name, before anybody is asked to connect to it.
///
/// # Errors
/// The zone that it is in, where that must not be asked.
pub(super) fn literal(host: &str, target: Target, home: &Seen) -> Result<(), Zone> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let last = bare.rsplit('.').next().unwrap_or_default();
    let zone = match bare.parse::<IpAddr>() {
        Ok(address) => Zone::of(address),
        Err(_) if is_this_machine(bare) => Zone::Loopback,
        // An address in another way of writing: 0x7f000001, 2130706433, 127.1. What reads it may read it as any.
        Err(_) if last.starts_with(|first: char| first.is_ascii_digit()) && target == Target::Followed => Zone::Nowhere,
        Err(_) => return Ok(()),
    };
    if target.allows(zone, home.zone()) { Ok(()) } else { Err(zone) }
}

/// Whether a host is this machine: by its name, or by its address.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    is_this_machine(bare) || bare.parse::<IpAddr>().is_ok_and(|address| Zone::of(address) == Zone::Loopback)
}

fn is_this_machine(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::{Seen, Target, Zone, literal};

    #[test]
    fn addresses_are_judged_before_they_are_asked() {
        let home = Seen::default();
        for (host, target, expected) in [
            ("169.254.169.254", Target::Followed, Err(Zone::Metadata)),
            ("169.254.169.254", Target::Written, Err(Zone::Metadata)),
            ("100.100.100.200", Target::Written, Err(Zone::Metadata)),
            ("[fd00:ec2::254]", Target::Followed, Err(Zone::Metadata)),
            ("169.254.1.1", Target::Written, Err(Zone::Link)),
            ("169.254.169.254", Target::Named, Ok(())),
            ("[::1]", Target::Followed, Err(Zone::Loopback)),
            ("localhost", Target::Followed, Err(Zone::Loopback)),
            ("LOCALHOST.", Target::Followed, Err(Zone::Loopback)),
            ("0x7f000001", Target::Followed, Err(Zone::Nowhere)),
            ("2130706433", Target::Followed, Err(Zone::Nowhere)),
            ("127.1", Target::Followed, Err(Zone::Nowhere)),
            ("8.8.8.8", Target::Followed, Ok(())),
            ("cdn1.example", Target::Followed, Ok(())),
        ] {
            assert_eq!(literal(host, target, &home), expected, "{host}");
        }
        home.note(Zone::Loopback);
        home.note(Zone::Public);
        assert_eq!(literal("127.0.0.1", Target::Followed, &home), Ok(()));
    }
}
