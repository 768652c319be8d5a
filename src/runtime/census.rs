//! The processes of a container, as proc(5) tells of them.
//!
//! They are known by their process id namespace, see [`container::members`]. Their numbers are those that they have on this machine, as with `docker top`.

use std::fs;
use std::sync::Arc;

use nix::unistd::{SysconfVar, User, sysconf};

use super::Error;
use super::found::find;
use super::session::Session;
use crate::container;
use crate::world::World;

/// A process.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) number: i32,
    pub(crate) parent: i32,
    pub(crate) uid: u32,
    /// As this machine calls the user.
    pub(crate) user: String,
    pub(crate) name: String,
    /// Its words, with spaces between; the name in brackets where it has none.
    pub(crate) command: String,
    /// `R`, `S`, `T` …
    pub(crate) state: char,
    /// Seconds since it began.
    pub(crate) age: u64,
    /// Seconds that it has had a processor.
    pub(crate) busy: u64,
    /// `pts/0`, or `?`.
    pub(crate) terminal: String,
    /// Bytes.
    pub(crate) virtual_memory: u64,
    /// Bytes.
    pub(crate) resident: u64,
}

/// The processes of a container that runs.
///
/// # Errors
/// There is no such container, or it does not run.
pub(crate) fn processes(world: &Arc<World>, name: &str) -> Result<Vec<Seen>, Error> {
    let found = find(world, name)?;
    let session = if found.is_running() { Session::open(world, &found.record.id)? } else { None };
    let session = session.ok_or_else(|| Error::Refused(format!("container {name} is not running")))?;
    let first = session.first()?;
    let uptime = uptime();
    Ok(container::members(&first)?.into_iter().filter_map(|number| look(number, uptime)).collect())
}

/// Looks at one; `None` where it has ended.
fn look(number: i32, uptime: i64) -> Option<Seen> {
    let read = |file: &str| fs::read(format!("/proc/{number}/{file}")).ok();
    let stat = String::from_utf8_lossy(&read("stat")?).into_owned();
    // The name may have anything in it, also brackets.
    let (before, after) = stat.rsplit_once(") ")?;
    let name = before.split_once(" (")?.1.to_owned();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100).max(1);
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096);
    let status = String::from_utf8_lossy(&read("status")?).into_owned();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1)?.parse().ok())?;
    let words = read("cmdline").unwrap_or_default();
    let words: Vec<String> =
        words.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let command = words.join(" ").trim_end().to_owned();
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    Some(Seen {
        number,
        parent: i32::try_from(field(1)).unwrap_or(0),
        uid,
        user: User::from_uid(uid.into()).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name),
        command: if command.is_empty() { format!("[{name}]") } else { command },
        name,
        state: fields.first().and_then(|text| text.chars().next()).unwrap_or('?'),
        age: unsigned(uptime - field(19) / ticks),
        busy: unsigned((field(11) + field(12)) / ticks),
        terminal: terminal(field(4)),
        virtual_memory: unsigned(field(20)),
        resident: unsigned(field(21) * page),
    })
}

/// The name of a terminal by its device number.
fn terminal(device: i64) -> String {
    let device = u64::try_from(device).unwrap_or(0);
    match (libc::major(device), libc::minor(device)) {
        (136..=143, minor) => format!("pts/{}", (libc::major(device) - 136) * 256 + minor),
        (4, minor) => format!("tty{minor}"),
        _ => "?".to_owned(),
    }
}

/// For how many seconds this machine has run.
fn uptime() -> i64 {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}
