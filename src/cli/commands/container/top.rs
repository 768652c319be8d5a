//! `layerlab top`: the processes of a container.

use std::sync::Arc;

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::runtime::census::{self, Seen};
use crate::shown;
use crate::view::table::TooWide;
use crate::world::World;

/// List the processes of a container, with their numbers on this machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples: layerlab top web\n          layerlab top web -o pid,user,args")]
pub(crate) struct Top {
    /// The container
    container: String,
    /// Which columns, as with ps: `-ef`, `aux`, `-o pid,ppid,user,uid,comm,args,state,time,tty,stime,pcpu,vsz,rss`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    options: Vec<String>,
}

/// A column: what it is called as an option, its title, and what stands in it.
type Column = (&'static str, &'static str, fn(&Seen, i64) -> String);

const COLUMNS: [Column; 16] = [
    ("user", "USER", |seen, _| seen.user.clone()),
    ("uid", "UID", |seen, _| seen.uid.to_string()),
    ("pid", "PID", |seen, _| seen.number.to_string()),
    ("ppid", "PPID", |seen, _| seen.parent.to_string()),
    ("c", "C", |seen, _| (share(seen) / 10).to_string()),
    ("pcpu", "%CPU", |seen, _| format!("{}.{}", share(seen) / 10, share(seen) % 10)),
    ("vsz", "VSZ", |seen, _| (seen.virtual_memory >> 10).to_string()),
    ("rss", "RSS", |seen, _| (seen.resident >> 10).to_string()),
    ("tty", "TTY", |seen, _| seen.terminal.clone()),
    ("state", "S", |seen, _| seen.state.to_string()),
    ("stat", "STAT", |seen, _| seen.state.to_string()),
    ("stime", "STIME", |seen, now| clock(seen.age, now)),
    ("time", "TIME", |seen, _| format!("{:02}:{:02}:{:02}", seen.busy / 3600, seen.busy / 60 % 60, seen.busy % 60)),
    ("comm", "COMMAND", |seen, _| shown::line(&seen.name).into_owned()),
    ("args", "COMMAND", |seen, _| shown::line(&seen.command).into_owned()),
    ("cmd", "CMD", |seen, _| shown::line(&seen.command).into_owned()),
];

/// A heading, and what stands below it for a process; the number is the time now.
type Shown = (&'static str, fn(&Seen, i64) -> String);

impl Top {
    pub(in crate::cli) fn run(&self, world: &Arc<World>, ui: &Ui) -> Result<(), Failure> {
        let columns = self.columns()?;
        let processes = census::processes(world, &self.container)?;
        let now = world.clock.seconds();
        let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
        let rows: Vec<Vec<String>> =
            processes.iter().map(|seen| columns.iter().map(|(_, value)| value(seen, now)).collect()).collect();
        ui.table(&titles, &rows, TooWide::Cut)
    }

    /// The titles of the columns that were asked for, and what stands in them.
    fn columns(&self) -> Result<Vec<Shown>, Diagnostic> {
        let words: Vec<&str> = self.options.iter().map(String::as_str).collect();
        let (names, first_title) = match words.as_slice() {
            [] | ["-ef" | "ef" | "-fe"] | ["-e", "-f"] | ["-f"] => ("user,pid,ppid,c,stime,tty,time,cmd", Some("UID")),
            ["aux" | "-aux"] => ("user,pid,pcpu,vsz,rss,tty,stat,stime,time,args", None),
            ["-o" | "-eo", names] | ["-e", "-o", names] => (*names, None),
            _ => return Err(unknown(&self.options.join(" "))),
        };
        let mut columns = Vec::new();
        for name in names.split(',') {
            let found = COLUMNS.iter().find(|(known, ..)| *known == name);
            let (_, title, value) = found.ok_or_else(|| unknown(name))?;
            columns.push((*title, *value));
        }
        if let (Some(title), Some(first)) = (first_title, columns.first_mut()) {
            first.0 = title;
        }
        Ok(columns)
    }
}

fn unknown(option: &str) -> Diagnostic {
    Diagnostic::error(format!("`{}` is not known of ps here", shown::line(option)))
        .hint("`-ef`, `aux` and `-o` with these columns are: pid, ppid, user, uid, comm, args, state, time, tty, stime, pcpu, vsz, rss")
}

/// How much of a processor it has had since it began, in thousandths.
fn share(seen: &Seen) -> u64 {
    (seen.busy * 1000 / seen.age.max(1)).min(9999)
}

/// The time of a day for what began within one, else the day.
fn clock(age: u64, now: i64) -> String {
    let started = now - i64::try_from(age).unwrap_or(0);
    let Ok(time) = jiff::Timestamp::from_second(started) else { return "?".to_owned() };
    time.strftime(if age < 24 * 3600 { "%H:%M" } else { "%b%d" }).to_string()
}
