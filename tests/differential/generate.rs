//! From random numbers to a case.
//!
//! What a case uses depends on who is to build it: a peer understands fewer flags, a user with one id can't give files away.

use std::collections::BTreeMap;

use crate::case::{Case, Entry, Kind, Stage};
use crate::ours::BASE;
use crate::random::Random;

/// Who builds the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// buildah: no `--link`, `--parents`, `--exclude`, symbolic modes and documents, and RUN only of what its isolation allows.
    Peer,
    /// Only this program, as whoever runs the tests.
    Ourselves,
    /// This program as any user: nothing is given away in a RUN.
    AnyUser,
}

const FOLDERS: &[&str] = &["d", "d/e", "d/empty", "dd"];
const FILES: &[&str] = &[
    "a",
    "b",
    "c.txt",
    "Readme.md",
    "d/1",
    "d/2.txt",
    "d/e/f",
    "d/e/g",
    "dd/x",
    "x y",
    "größe",
    "-dash",
    "#hash",
    "unread",
];
const LINKS: &[&str] = &["l", "m", "d/l", "d/e/up"];
const TARGETS: &[&str] = &["a", "d", "d/e", "../a", "e", "/d/1", "missing", "..", "nowhere/../a"];
const SOURCES: &[&str] = &[
    "a", "b", "c.txt", "d", "d/", "./d", "/d/e", "d/e/f", "d/1", "dd", "l", "m", "d/l", "*.txt", "d/*", "d/?", "?",
    "d*", "h", "d/e/",
];
const DESTINATIONS: &[&str] =
    &["/x", "/x/", "/x/y", "y/", ".", "z", "/etc/", "/new/deep/file", "/x/../w/", "/m/k", "/m/k/", "/tmp/", "/"];
const OWNERS: &[&str] = &["7", "7:8", "0:9", "www", "www:staff", "www:0"];
const MODES: &[&str] = &["600", "755", "0711", "4755"];
const SYMBOLIC: &[&str] = &["u=rwX,go=rX", "go-rwx", "a+x"];
const COMMANDS: &[&str] = &[
    "echo hello > /r",
    "mkdir -p /m/n && ln -s n /m/k",
    "mkdir -p /x && ln -sfn /x /x-link",
    "rm -rf /x",
    "rm -f /r && echo again > /r",
    "mv /r /s || true",
    "mkdir -p /w/v && chmod 700 /w",
    "cat /a /x/a /r > /all 2>/dev/null || true",
    "pwd > /where",
    "echo $A $B $C > /values",
    "true",
];
const SETTINGS: &[&str] = &[
    "LABEL one=1 two=\"2 3\"",
    "LABEL one=$A",
    "CMD [\"/bin/sh\"]",
    "CMD echo hello",
    "ENTRYPOINT [\"/bin/echo\"]",
    "EXPOSE 80 53/udp",
    "STOPSIGNAL SIGTERM",
    "ENV A=1",
    "ENV A=2 B=\"$A 3\"",
    "ARG C=4",
    "ENV P=/x",
];
const PATTERNS: &[&str] =
    &["*.txt", "d/e", "!d/e/f", "**/g", "dd", "d/*", "!d/1", "unread", "b", "d", "!d/2.txt", "?", "!a"];

pub fn case(random: &mut Random, audience: Audience) -> Case {
    let mut case = Case { files: files(random, audience), ignored: Vec::new(), stages: Vec::new() };
    if random.one_in(3) {
        case.ignored = (0..1 + random.below(3)).map(|_| random.pick(PATTERNS).to_owned()).collect();
    }
    let base = if audience == Audience::AnyUser { "layerlab/base" } else { BASE };
    let first = if random.one_in(4) { "scratch" } else { base };
    let sources: Vec<&str> = SOURCES.iter().copied().filter(|source| is_there(&case, source)).collect();
    let mut writer = Writer {
        random,
        audience,
        is_empty: first == "scratch",
        sources: &sources,
        has_archive: case.files.contains_key("t.tar"),
    };
    let mut stages = vec![writer.stage(first, "one", &[])];
    if writer.random.one_in(3) {
        let second = *writer.random.pick(&[&"scratch", &base, &"one"]);
        writer.is_empty = second == "scratch" || second == "one" && first == "scratch";
        stages.push(writer.stage(second, "two", &["one"]));
    }
    case.stages = stages;
    case
}

/// Whether a source of COPY is likely to be there: now and then one that is not is tried, too.
fn is_there(case: &Case, source: &str) -> bool {
    let name = source.trim_start_matches("./").trim_matches('/');
    name.contains(['*', '?']) || case.files.keys().any(|file| file == name || file.starts_with(&format!("{name}/")))
}

fn files(random: &mut Random, audience: Audience) -> BTreeMap<String, Entry> {
    let mut files = BTreeMap::new();
    let mut add = |name: &str, mode: u32, kind: Kind| files.insert(name.to_owned(), Entry { mode, kind });
    for folder in FOLDERS {
        if !random.one_in(5) {
            add(folder, if random.one_in(4) { 0o700 } else { 0o755 }, Kind::Folder);
        }
    }
    for file in FILES {
        if !random.one_in(3) {
            let mode = [0o644, 0o600, 0o755, 0o444][random.below(4)];
            add(file, mode, Kind::Text(format!("{file} {}\n", random.below(3))));
        }
    }
    for link in LINKS {
        if random.one_in(2) {
            add(link, 0o777, Kind::Link(random.pick(TARGETS).to_owned()));
        }
    }
    if random.one_in(3) {
        add("h", 0o644, Kind::HardLink("a".into()));
        // Two names of one file, in one folder: as a peer and we keep them.
        add("d/h", 0o644, Kind::HardLink("d/1".into()));
    }
    if audience != Audience::Peer || random.one_in(2) {
        let names = ["in/side", "top", "x/from-archive"];
        let held = names.iter().filter(|_| random.one_in(2)).map(|name| ((*name).to_owned(), format!("{name}\n")));
        let held: Vec<_> = held.collect();
        if !held.is_empty() {
            add("t.tar", 0o644, Kind::Archive(held));
        }
    }
    files
}

/// Writes the stages of a case.
struct Writer<'w> {
    random: &'w mut Random,
    audience: Audience,
    /// Without a base, there is neither a program to run nor a name for an owner.
    is_empty: bool,
    sources: &'w [&'w str],
    has_archive: bool,
}

impl Writer<'_> {
    fn stage(&mut self, from: &str, name: &str, earlier: &[&str]) -> Stage {
        let instructions = (0..1 + self.random.below(6)).map(|_| self.instruction(earlier)).collect();
        Stage { from: from.to_owned(), name: name.to_owned(), instructions }
    }

    fn instruction(&mut self, earlier: &[&str]) -> String {
        match self.random.below(10) {
            0..=2 => self.copy(),
            3 => self.add(),
            4 if !earlier.is_empty() => self.copy_of_stage(earlier),
            5 => format!("WORKDIR {}", self.random.pick(&["/w", "v", "/x/y", "$P/p", "/m/k"])),
            6 | 7 if !self.is_empty => format!("RUN {}", self.random.pick(COMMANDS)),
            8 if !self.is_empty && self.audience == Audience::Ourselves => {
                format!("USER {}", self.random.pick(&["7", "www", "0", "www:staff"]))
            }
            _ => self.random.pick(SETTINGS).to_owned(),
        }
    }

    /// The flags that COPY and ADD share.
    fn flags(&mut self) -> String {
        let mut flags = Vec::new();
        let owner = self.random.pick(OWNERS);
        let has_name = owner.contains(|letter: char| letter.is_alphabetic());
        let is_alone = self.audience != Audience::Peer;
        let is_linked = is_alone && self.random.one_in(4);
        if self.random.one_in(4) && !(has_name && (self.is_empty || is_linked)) {
            flags.push(format!("--chown={owner}"));
        }
        if self.random.one_in(5) {
            let modes = if is_alone && self.random.one_in(2) { SYMBOLIC } else { MODES };
            flags.push(format!("--chmod={}", self.random.pick(modes)));
        }
        if is_linked {
            flags.push("--link".into());
        }
        if is_alone && self.random.one_in(5) {
            flags.push(format!("--exclude={}", self.random.pick(PATTERNS)));
        }
        flags.iter().map(|flag| format!("{flag} ")).collect()
    }

    fn copy(&mut self) -> String {
        let mut flags = self.flags();
        if self.audience != Audience::Peer && self.random.one_in(8) {
            let destination = self.random.pick(&["/document", "/x/", "d2"]);
            return format!("COPY {flags}<<EOF {destination}\n$A text\nEOF");
        }
        if self.audience != Audience::Peer && self.random.one_in(6) {
            flags.push_str("--parents ");
        }
        if self.random.one_in(8) {
            return format!(
                "COPY {flags}[\"{}\", \"/odd names/\"]",
                self.random.pick(&["x y", "größe", "-dash", "#hash"])
            );
        }
        format!("COPY {flags}{}", self.transfer())
    }

    fn add(&mut self) -> String {
        let flags = self.flags();
        if self.has_archive && self.random.one_in(2) {
            return format!("ADD {flags}t.tar {}", self.random.pick(&["/", "/x/", "/new/", "y"]));
        }
        format!("ADD {flags}{}", self.transfer())
    }

    fn copy_of_stage(&mut self, earlier: &[&str]) -> String {
        let source = self.random.pick(&["/x", "/x/", "/etc/passwd", "/", "/m", "/w/", "/tmp", "/r", "/m/k"]);
        format!("COPY --from={} {source} {}", earlier[self.random.below(earlier.len())], self.random.pick(DESTINATIONS))
    }

    /// Sources and a destination; several sources go to a directory.
    fn transfer(&mut self) -> String {
        let count = if self.random.one_in(4) { 2 } else { 1 };
        let among = if self.random.one_in(20) || self.sources.is_empty() { SOURCES } else { self.sources };
        let sources: Vec<&str> = (0..count).map(|_| self.random.pick(among)).collect();
        let is_several = count > 1 || sources.iter().any(|source| source.contains(['*', '?']));
        loop {
            let destination = self.random.pick(DESTINATIONS);
            if !is_several || destination.ends_with('/') {
                return format!("{} {destination}", sources.join(" "));
            }
        }
    }
}
