//! Capabilities: root's power in pieces, see capabilities(7).
//!
//! Docker takes most of them from root in a container. The set is given to the *bounding* set
//! (what any program executed later can ever get), and to *permitted* and *effective* (what the
//! process has now); *inheritable* and *ambient* stay empty. A user other than root has none, but
//! the bounding set stays, so that a set-user-id program still works.

use nix::errno::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities};

use super::error::{Failure, answer};

/// A set of capabilities, one bit each, in the kernel's numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Capabilities(u64);

/// Every capability by its number in linux/capability.h, without the `CAP_`.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What each of them allows, in the same order.
const MEANINGS: [&str; 41] = [
    "change owners of files",
    "ignore permission bits of files",
    "read every file",
    "do what only owners of files may",
    "keep set-user-id bits when files change",
    "send signals to processes of others",
    "change groups",
    "change users",
    "change capabilities",
    "make files immutable",
    "listen on ports below 1024",
    "broadcast",
    "change networks",
    "use raw sockets",
    "lock memory",
    "use IPC objects of others",
    "load kernel modules",
    "reach I/O ports",
    "use chroot(2)",
    "look into processes of others",
    "switch accounting on",
    "mount, and administer the system",
    "reboot",
    "raise priorities",
    "pass over limits",
    "set the clock",
    "configure terminals",
    "make device nodes",
    "lease files",
    "write to the audit log",
    "configure auditing",
    "give files capabilities",
    "ignore labels of security modules",
    "configure security modules",
    "read the kernel's log",
    "wake the machine",
    "keep the machine awake",
    "read the audit log",
    "measure everything",
    "load BPF programs",
    "save and restore processes",
];

/// The fourteen that Docker leaves to root.
const DOCKER: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SYS_CHROOT",
    "MKNOD",
    "AUDIT_WRITE",
    "SETFCAP",
];

impl Capabilities {
    /// Docker's default set, `00000000a80425fb` in `/proc/self/status`.
    pub(crate) fn docker() -> Capabilities {
        DOCKER.iter().fold(Capabilities(0), |set, name| set.with(name).expect("the default set has only known names"))
    }

    /// Every capability there is.
    pub(crate) fn all() -> Capabilities {
        Capabilities((1 << NAMES.len()) - 1)
    }

    /// None at all.
    pub fn none() -> Capabilities {
        Capabilities(0)
    }

    /// The set of these bits, as proc_pid_status(5) has them.
    pub(super) fn of_bits(bits: u64) -> Capabilities {
        Capabilities(bits)
    }

    /// The set with one more, named as Docker's `--cap-add` does: `NET_ADMIN` or `CAP_NET_ADMIN`,
    /// in any case. `None` for an unknown name.
    pub fn with(self, name: &str) -> Option<Capabilities> {
        number(name).map(|bit| Capabilities(self.0 | 1 << bit))
    }

    /// The set with one less; `None` for an unknown name.
    pub(crate) fn without(self, name: &str) -> Option<Capabilities> {
        number(name).map(|bit| Capabilities(self.0 & !(1 << bit)))
    }

    /// Whether a capability is in the set; an unknown name is in none.
    pub(crate) fn has(self, name: &str) -> bool {
        number(name).is_some_and(|bit| self.0 & (1 << bit) != 0)
    }

    /// Those that another set has not.
    pub(crate) fn beyond(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & !other.0)
    }

    fn includes(self, bit: u8) -> bool {
        self.0.checked_shr(bit.into()).is_some_and(|rest| rest & 1 == 1)
    }

    /// The set as proc_pid_status(5) writes it; `None` for what is not a number in hexadecimal digits.
    pub(crate) fn from_hexadecimal(text: &str) -> Option<Capabilities> {
        u64::from_str_radix(text, 16).ok().map(Capabilities)
    }

    /// The names in lower case, each with what it allows.
    pub(crate) fn in_words(self) -> impl Iterator<Item = (String, &'static str)> {
        let all = NAMES.iter().zip(MEANINGS).enumerate();
        all.filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, (name, meaning))| (name.to_lowercase(), meaning))
    }

    /// The names in the kernel's order, without the `CAP_`.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }
}

impl std::fmt::Display for Capabilities {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Capabilities::all() {
            return write!(formatter, "all");
        }
        let names: Vec<String> = self.names().map(str::to_lowercase).collect();
        write!(formatter, "{}", if names.is_empty() { "none".to_owned() } else { names.join(" ") })
    }
}

fn number(name: &str) -> Option<usize> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES.iter().position(|known| *known == short)
}

/// Takes every capability outside `keep`, up to the last one that the kernel knows, from the bounding set of this process, for
/// good.
///
/// Needs CAP_SETPCAP, and so comes before [`limit`]. Looks afterwards whether the set is what it should be.
pub(super) fn bound(keep: Capabilities, last: u8) -> Result<(), Failure> {
    for bit in (0..=last).filter(|bit| !keep.includes(*bit)) {
        let number = libc::c_ulong::from(bit);
        // SAFETY: prctl(2): PR_CAPBSET_DROP takes a number and touches no memory.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
        Errno::result(dropped).map_err(|errno| Failure::call(&format!("prctl(PR_CAPBSET_DROP, {bit})"), errno))?;
        // SAFETY: as above; PR_CAPBSET_READ gives 0 or 1.
        let left = unsafe { libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0) };
        match Errno::result(left) {
            Ok(0) => {}
            Ok(_) => return Err(Failure::call(&format!("prctl(PR_CAPBSET_DROP, {bit}) without effect"), Errno::EPERM)),
            Err(errno) => return Err(Failure::call(&format!("prctl(PR_CAPBSET_READ, {bit})"), errno)),
        }
    }
    Ok(())
}

/// Sets permitted and effective to what `keep` and the process have in common, inheritable to
/// nothing; ambient is emptied first.
pub(super) fn limit(keep: Capabilities) -> Result<(), Failure> {
    let had = capabilities(None).map_err(|error| Failure::call("capget", answer(error)))?;
    // What is not permitted now can't be gained: we may be root of a container ourselves.
    let kept = had.permitted & CapabilitySet::from_bits_retain(keep.0);
    clear_ambient_capability_set().map_err(|error| Failure::call("prctl(PR_CAP_AMBIENT_CLEAR_ALL)", answer(error)))?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(|error| Failure::call("capset", answer(error)))
}

/// The five sets of a process, as somebody prescribes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sets {
    pub(crate) bounding: Capabilities,
    pub(crate) effective: Capabilities,
    pub(crate) permitted: Capabilities,
    pub(crate) inheritable: Capabilities,
    pub(crate) ambient: Capabilities,
}

/// Has a change of the user leave the permitted set as it is.
pub(super) fn keep_when_user_changes() -> Result<(), Failure> {
    // SAFETY: prctl(2): PR_SET_KEEPCAPS takes a number and touches no memory.
    let kept = unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) };
    Errno::result(kept).map(drop).map_err(|errno| Failure::call("prctl(PR_SET_KEEPCAPS)", errno))
}

/// Has what is permitted in effect, which a change of the user has ended.
pub(super) fn raise() -> Result<(), Failure> {
    let had = capabilities(None).map_err(|error| Failure::call("capget", answer(error)))?;
    set_capabilities(None, CapabilitySets { effective: had.permitted, ..had })
        .map_err(|error| Failure::call("capset", answer(error)))
}

/// Sets all sets but the bounding one, as far as the process may have them. Ambient is what is permitted and inheritable as well, as the
/// kernel wants it.
pub(super) fn set(sets: &Sets) -> Result<(), Failure> {
    let had = capabilities(None).map_err(|error| Failure::call("capget", answer(error)))?;
    let of = |set: Capabilities| CapabilitySet::from_bits_retain(set.0);
    let permitted = had.permitted & of(sets.permitted);
    let effective = permitted & of(sets.effective);
    let inheritable = had.permitted & of(sets.inheritable);
    clear_ambient_capability_set().map_err(|error| Failure::call("prctl(PR_CAP_AMBIENT_CLEAR_ALL)", answer(error)))?;
    set_capabilities(None, CapabilitySets { effective, permitted, inheritable })
        .map_err(|error| Failure::call("capset", answer(error)))?;
    let ambient = (permitted & inheritable & of(sets.ambient)).bits();
    for bit in (0..u64::BITS).filter(|bit| ambient & (1 << bit) != 0) {
        let number = libc::c_ulong::from(bit);
        // SAFETY: prctl(2): PR_CAP_AMBIENT_RAISE takes a number and touches no memory.
        let raised = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) };
        Errno::result(raised).map_err(|errno| Failure::call(&format!("prctl(PR_CAP_AMBIENT_RAISE, {bit})"), errno))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Capabilities;

    #[test]
    fn the_default_set_is_dockers() {
        assert_eq!(Capabilities::docker().0, 0xa804_25fb);
    }

    #[test]
    fn names_are_read_with_and_without_their_prefix() {
        let set =
            Capabilities::none().with("cap_net_admin").and_then(|set| set.with("SYS_TIME")).expect("both are known");
        assert_eq!(set.to_string(), "net_admin sys_time");
        assert_eq!(Capabilities::none().with("FLY"), None);
    }
}
