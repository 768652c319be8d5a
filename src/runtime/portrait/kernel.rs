//! What the kernel says of a process, see proc(5) and namespaces(7).

use std::fs::{self, File};
use std::io::Read as _;

use serde::Serialize;

use crate::container::{self, Capabilities, Range};
use crate::errno;

/// So much of a file is read at most.
const MOST: u64 = 4 << 20;

/// Reads what the kernel says of one process, and notes what it does not tell.
pub(super) struct Reader {
    pub(super) process: i32,
    /// What could not be read, and why.
    pub(super) unread: Vec<String>,
}

/// A process of the container, or one of ours around it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Seen {
    /// What it is for the container.
    pub(super) role: &'static str,
    /// The number that it has on this machine.
    pub(super) number: i32,
    /// What it was executed as.
    pub(super) words: Vec<String>,
}

/// A namespace of the container.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Namespace {
    /// As the kernel calls it: `net`.
    pub(super) kind: &'static str,
    pub(super) inode: u64,
    pub(super) whose: Whose,
}

/// Who has a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Whose {
    /// The container alone.
    Own,
    /// It is that of this command, and so of the machine.
    Machine,
    /// These containers have it, too.
    Shared(Vec<String>),
}

/// What the process may do.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Confined {
    /// What it can do now.
    pub(super) capabilities: Vec<Allowed>,
    /// What any program that it executes can get at most; `None` where that is the same.
    pub(super) bounding: Option<Vec<Allowed>>,
    /// How many filters its system calls pass.
    pub(super) filters: Option<u32>,
    pub(super) no_new_privileges: Option<bool>,
    /// `open files: 1024, at most 524288`.
    pub(super) limits: Vec<String>,
    pub(super) oom_score: Option<String>,
}

/// A capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Allowed {
    pub(super) name: String,
    pub(super) meaning: &'static str,
}

/// Every kind of namespace there is.
const KINDS: [&str; 8] = ["user", "pid", "mnt", "net", "uts", "ipc", "cgroup", "time"];

/// The processes of ours around a container, from the inside out: each is the parent of the one before.
const AROUND: [&str; 3] = ["guard", "keeper", "monitor"];

/// Limits that are worth a word.
const LIMITS: [&str; 4] = ["Max open files", "Max processes", "Max core file size", "Max locked memory"];

impl Reader {
    pub(super) fn of(process: i32) -> Reader {
        Reader { process, unread: Vec::new() }
    }

    /// A file of the process; empty where it can't be read.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.text_of(self.process, name)
    }

    fn text_of(&mut self, process: i32, name: &str) -> String {
        let path = format!("/proc/{process}/{name}");
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)) {
            Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => {
                self.unread.push(format!("{path}: {}", errno::describe(&error)));
                String::new()
            }
        }
    }

    /// The first process, and those around it.
    pub(super) fn processes(&mut self) -> Vec<Seen> {
        let mut found = Vec::new();
        let mut number = self.process;
        for role in ["process 1"].into_iter().chain(AROUND) {
            let words = self.text_of(number, "cmdline");
            let words = words.split_terminator('\0').map(str::to_owned).collect();
            found.push(Seen { role, number, words });
            let status = self.text_of(number, "status");
            match field(&status, "PPid").and_then(|parent| parent.parse().ok()) {
                Some(parent) if parent > 1 => number = parent,
                Some(_) | None => break,
            }
        }
        found
    }

    /// The namespaces, compared with ours and with those of other containers.
    pub(super) fn namespaces(&mut self, others: &[(String, i32)]) -> Vec<Namespace> {
        let mut found = Vec::new();
        for kind in KINDS {
            let path = format!("/proc/{}/ns/{kind}", self.process);
            let link = |process: &str| fs::read_link(format!("/proc/{process}/ns/{kind}"));
            match link(&self.process.to_string()) {
                Ok(namespace) => {
                    let is_it = |process: &str| link(process).is_ok_and(|other| other == namespace);
                    let sharing = others.iter().filter(|(_, process)| is_it(&process.to_string()));
                    let sharing: Vec<String> = sharing.map(|(name, _)| name.clone()).collect();
                    let whose = match (is_it("self"), sharing.is_empty()) {
                        (true, _) => Whose::Machine,
                        (false, true) => Whose::Own,
                        (false, false) => Whose::Shared(sharing),
                    };
                    found.push(Namespace { kind, inode: inode(&namespace.to_string_lossy()), whose });
                }
                // A kernel may have been built without one.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => self.unread.push(format!("{path}: {}", errno::describe(&error))),
            }
        }
        found
    }

    /// The effective user id, as this machine sees it.
    pub(super) fn uid(&mut self) -> Option<u32> {
        let status = self.text("status");
        field(&status, "Uid")?.split_whitespace().nth(1)?.parse().ok()
    }

    /// Which user ids inside are which outside.
    pub(super) fn ids(&mut self) -> String {
        let text = self.text("uid_map");
        let range = |line: &str| {
            let mut numbers = line.split_whitespace().map(str::parse::<u32>);
            let mut next = || numbers.next()?.ok();
            Some(Range { inside: next()?, outside: next()?, length: next()? })
        };
        let ranges: Vec<Range> = text.lines().filter_map(range).collect();
        match ranges.as_slice() {
            [Range { inside: 0, outside: 0, length: u32::MAX }] => "each id inside is the same outside".to_owned(),
            ranges => container::ranges_in_words(ranges),
        }
    }

    /// What it may do.
    pub(super) fn confined(&mut self) -> Confined {
        let status = self.text("status");
        let set = |name: &str| {
            let set = field(&status, name).and_then(Capabilities::from_hexadecimal);
            let allowed = set.map(|set| set.in_words().map(|(name, meaning)| Allowed { name, meaning }).collect());
            allowed.unwrap_or_default()
        };
        let (capabilities, bounding): (Vec<Allowed>, Vec<Allowed>) = (set("CapEff"), set("CapBnd"));
        let filters = match field(&status, "Seccomp") {
            Some("0") => Some(0),
            Some(_) => Some(field(&status, "Seccomp_filters").and_then(|count| count.parse().ok()).unwrap_or(1)),
            None => None,
        };
        let limits = self.text("limits");
        let limit = |name: &str| {
            let mut values = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace();
            let (soft, hard) = (values.next()?, values.next()?);
            let name = name.trim_start_matches("Max ");
            Some(if soft == hard { format!("{name} {soft}") } else { format!("{name} {soft} (at most {hard})") })
        };
        let oom_score = self.text("oom_score_adj").trim().to_owned();
        Confined {
            bounding: (bounding != capabilities).then_some(bounding),
            capabilities,
            filters,
            no_new_privileges: field(&status, "NoNewPrivs").map(|value| value == "1"),
            limits: LIMITS.into_iter().filter_map(limit).collect(),
            oom_score: (!oom_score.is_empty()).then_some(oom_score),
        }
    }
}

impl Namespace {
    pub(super) fn is_machines(&self) -> bool {
        self.whose == Whose::Machine
    }
}

/// A field of proc_pid_status(5).
fn field<'s>(status: &'s str, name: &str) -> Option<&'s str> {
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// The number in `net:[4026531840]`.
fn inode(link: &str) -> u64 {
    let digits = link.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
    digits.parse().unwrap_or(0)
}
