//! What a container uses: as its control groups count it, where it has some of its own, else as proc(5) tells of its processes.
//!
//! ```text
//!               version 1                                  version 2            processes
//! processors    cpuacct.usage                              cpu.stat             utime, stime
//! memory        memory.usage_in_bytes, less inactive_file  memory.current, so   rss
//! disks         blkio.throttle.io_service_bytes            io.stat              io
//! processes     pids.current                               pids.current         threads
//! ```
//!
//! The network is that of its first process in either case. A page of a file that was not used for a while does not count, as with Docker: the
//! kernel takes it back as soon as somebody needs it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use nix::unistd::{SysconfVar, sysconf};

use super::record::Status;
use super::stored::Stored;
use super::{Error, Session};
use crate::container;
use crate::world::World;

/// What it uses, or has used until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Nanoseconds of processors.
    pub(crate) busy: u64,
    /// Bytes.
    pub(crate) memory: u64,
    /// Bytes of memory that it may use.
    pub(crate) most_memory: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// Bytes read from disks.
    pub(crate) read: u64,
    pub(crate) written: u64,
    /// Processes and threads.
    pub(crate) processes: u64,
}

/// A look at it, and when.
pub(crate) struct Look {
    pub(crate) usage: Usage,
    at: Instant,
}

impl Look {
    /// How much of one processor it has had between an earlier look and this one, in hundredths of a percent.
    pub(crate) fn share_since(&self, earlier: &Look) -> u64 {
        let busy = u128::from(self.usage.busy.saturating_sub(earlier.usage.busy));
        let time = self.at.saturating_duration_since(earlier.at).as_nanos().max(1);
        u64::try_from(busy * 10_000 / time).unwrap_or(u64::MAX)
    }
}

/// Looks at a container; `None` for one that does not run.
///
/// # Errors
/// Its monitor does not answer.
pub(crate) fn look(world: &Arc<World>, stored: &Stored) -> Result<Option<Look>, Error> {
    if !matches!(stored.status, Status::Running(_) | Status::Paused(_)) {
        return Ok(None);
    }
    let Some(session) = Session::open(world, &stored.record.id)? else { return Ok(None) };
    // It may have ended just now.
    let Ok(first) = session.first() else { return Ok(None) };
    let members = container::members(&first)?;
    if members.is_empty() {
        return Ok(None);
    }
    // What was written down of it may be another one's number by now.
    let Some(process) = container::number_of(&first) else { return Ok(None) };
    let groups = container::groups_of(process);
    let at = Instant::now();
    let mut usage = if groups.is_empty() { by_processes(&members) } else { by_groups(&groups) };
    // The machine's own is not what the container uses.
    (usage.received, usage.sent) = if stored.record.network.is_machines() { (0, 0) } else { network(process) };
    let machine = memory_of_machine();
    usage.most_memory = if usage.most_memory == 0 { machine } else { usage.most_memory.min(machine) };
    Ok(Some(Look { usage, at }))
}

fn by_groups(groups: &[PathBuf]) -> Usage {
    let text = |name: &str| groups.iter().find_map(|group| fs::read_to_string(group.join(name)).ok());
    let number = |name: &str| text(name).and_then(|text| text.trim().parse::<u64>().ok());
    let busy = number("cpuacct.usage").or_else(|| Some(field(&text("cpu.stat")?, "usage_usec")? * 1000));
    let used = number("memory.usage_in_bytes").or_else(|| number("memory.current")).unwrap_or(0);
    let statistics = text("memory.stat").unwrap_or_default();
    let idle = field(&statistics, "total_inactive_file").or_else(|| field(&statistics, "inactive_file")).unwrap_or(0);
    let (read, written) = text("blkio.throttle.io_service_bytes_recursive")
        .or_else(|| text("blkio.throttle.io_service_bytes"))
        .map(|text| (sum_of(&text, "Read"), sum_of(&text, "Write")))
        .or_else(|| text("io.stat").map(|text| (sum_named(&text, "rbytes="), sum_named(&text, "wbytes="))))
        .unwrap_or_default();
    Usage {
        busy: busy.unwrap_or(0),
        memory: used.saturating_sub(idle),
        most_memory: number("memory.limit_in_bytes").or_else(|| number("memory.max")).unwrap_or(0),
        read,
        written,
        processes: number("pids.current").unwrap_or(0),
        ..Usage::default()
    }
}

/// The number behind a name at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The sum of `8:0 Read 4096` over all disks.
fn sum_of(text: &str, kind: &str) -> u64 {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter_map(|words| if words.get(1) == Some(&kind) { words.get(2)?.parse::<u64>().ok() } else { None }).sum()
}

/// The sum of `8:0 rbytes=4096 wbytes=0` over all disks.
fn sum_named(text: &str, name: &str) -> u64 {
    text.split_whitespace().filter_map(|word| word.strip_prefix(name)?.parse::<u64>().ok()).sum()
}

fn by_processes(members: &[i32]) -> Usage {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100);
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|page| u64::try_from(page).ok()).unwrap_or(4096);
    let mut usage = Usage::default();
    for number in members {
        let read = |file: &str| fs::read(format!("/proc/{number}/{file}")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        // The name may have anything in it, also brackets.
        let fields: Vec<&str> =
            stat.rsplit_once(") ").map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        let value = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        // With that of its children that have ended: else the time of a shell's short commands would be nobody's.
        usage.busy += (11..=14).map(value).sum::<u64>() * 1_000_000_000 / ticks.max(1);
        usage.processes += value(17);
        usage.memory += value(21) * page;
        let moved = String::from_utf8_lossy(&read("io")).into_owned();
        usage.read += field(&moved, "read_bytes:").unwrap_or(0);
        usage.written += field(&moved, "write_bytes:").unwrap_or(0);
    }
    usage
}

/// What the interfaces of a process's network have received and sent, but those that lead to itself.
fn network(number: i32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{number}/net/dev")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    lines.fold((0, 0), |(received, sent), (_, counts)| {
        let counts: Vec<u64> = counts.split_whitespace().map(|count| count.parse().unwrap_or(0)).collect();
        let count = |index: usize| counts.get(index).copied().unwrap_or(0);
        (received + count(0), sent + count(8))
    })
}

fn memory_of_machine() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = |line: &str| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok();
    text.lines().find_map(kibibytes).unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::{field, sum_named, sum_of};

    #[test]
    fn counts_are_read() {
        assert_eq!(field("cache 1\ninactive_file 4096\n", "inactive_file"), Some(4096));
        assert_eq!(field("total_inactive_file 7\n", "inactive_file"), None);
        assert_eq!(sum_of("8:0 Read 5\n8:0 Write 7\n8:16 Read 6\nTotal 18\n", "Read"), 11);
        assert_eq!(sum_named("8:0 rbytes=5 wbytes=7 rios=1\n8:16 rbytes=6 wbytes=0\n", "rbytes="), 11);
    }
}
