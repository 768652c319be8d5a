//! What the machine itself makes of packets that come from a network of root's, as containers can send any: settings of one interface, made
//! before it is switched on. See ip-sysctl of the kernel's documentation.
//!
//! ```text
//! bridge `ll-…`   takes nobody for a router; no IPv6 where the network has none; passes packets on only when the rules for that are there
//! cable  `lv-…`   the same, and never any IPv6: what comes there is the bridge's
//! ```
//!
//! An ordinary user's bridges are in a network of their own: there the settings are those of every interface that comes, see [`quiet_all`].
//!
//! Left out: settings for all interfaces of the machine. Where those accept redirects of IPv4, because it passes on nothing, so do ours.

use std::path::{Path, PathBuf};

use crate::runtime::Error;

const FOUR: &str = "/proc/sys/net/ipv4/conf";
const SIX: &str = "/proc/sys/net/ipv6/conf";

/// Has an interface take nobody for a router. `has_sixth` is whether it is to have addresses of IPv6.
///
/// # Errors
/// A setting can't be made.
pub(super) fn quiet(interface: &str, has_sixth: bool) -> Result<(), Error> {
    set(FOUR, interface, "accept_redirects", "0")?;
    // Where the machine has no IPv6 there is nothing to accept.
    if Path::new(SIX).exists() {
        set(SIX, interface, "disable_ipv6", if has_sixth { "0" } else { "1" })?;
        set(SIX, interface, "accept_ra", "0")?;
        set(SIX, interface, "accept_redirects", "0")?;
    }
    Ok(())
}

/// The same for all interfaces that will be in the network of this process.
///
/// # Errors
/// A setting can't be made.
pub(super) fn quiet_all() -> Result<(), Error> {
    set(FOUR, DEFAULT, "accept_redirects", "0")?;
    if Path::new(SIX).exists() {
        set(SIX, DEFAULT, "accept_ra", "0")?;
        set(SIX, DEFAULT, "accept_redirects", "0")?;
    }
    Ok(())
}

/// The settings of interfaces to come.
const DEFAULT: &str = "default";

/// Has the machine pass on what comes by an interface, or not. Of IPv6 that is said by rules only.
///
/// # Errors
/// The setting can't be made.
pub(super) fn pass_on(interface: &str, passes: bool) -> Result<(), Error> {
    set(FOUR, interface, "forwarding", if passes { "1" } else { "0" })
}

/// Makes a setting, where it is another one: some machines let nobody write it.
fn set(family: &str, interface: &str, setting: &str, value: &str) -> Result<(), Error> {
    let path: PathBuf = [family, interface, setting].iter().collect();
    if std::fs::read_to_string(&path).map_err(Error::io("read", &path))?.trim() == value {
        return Ok(());
    }
    std::fs::write(&path, value).map_err(Error::io("write", &path))
}
