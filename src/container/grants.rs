//! What this process may do on the machine: its own privileges, and the ids that it was granted.
//!
//! Sources: capabilities(7), subuid(5), subgid(5). Only reads.

use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};
use rustix::thread::{CapabilitySet, capabilities};

use super::userns::Range;

/// Whether this process holds CAP_SYS_ADMIN: root inside someone else's container may not.
pub(super) fn may_mount() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// Whether set-user-id programs such as the helpers have no effect for us.
pub(super) fn no_new_privileges() -> bool {
    matches!(nix::sys::prctl::get_no_new_privs(), Ok(true))
}

/// The map that `file` grants to this user: own id as 0, then the granted runs one after another.
pub(super) fn granted_ranges(file: &Path, own_id: u32) -> Option<Vec<Range>> {
    let text = std::fs::read_to_string(file).ok()?;
    let uid = Uid::effective();
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let grants = parse_grants(&text, name.as_deref(), uid.as_raw());
    if grants.is_empty() {
        return None;
    }
    let mut ranges = vec![Range { inside: 0, outside: own_id, length: 1 }];
    let mut inside: u32 = 1;
    for (outside, length) in grants {
        let length = length.min(u32::MAX - inside);
        if length > 0 {
            ranges.push(Range { inside, outside, length });
            inside += length;
        }
    }
    Some(ranges)
}

/// The `(first, count)` runs of a subuid(5) file that belong to a user, by name or by number.
fn parse_grants(text: &str, name: Option<&str>, uid: u32) -> Vec<(u32, u32)> {
    let number = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().splitn(3, ':');
            let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
            let ours = Some(owner) == name || owner == number;
            let run: (u32, u32) = (first.parse().ok()?, count.parse().ok()?);
            (ours && run.1 > 0).then_some(run)
        })
        .collect()
}

pub(super) fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::parse_grants;

    #[test]
    fn grants_are_found_by_name_and_by_number() {
        let text = "ann:100000:65536\nbob:165536:65536\n# ann:1:1\n1001:300000:10\nann:400000:0\nann:x:1\nann:5";
        assert_eq!(parse_grants(text, Some("ann"), 1001), [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(parse_grants(text, None, 7), []);
    }
}
