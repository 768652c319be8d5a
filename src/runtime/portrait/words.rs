//! A portrait in words: the same boxes as a plan has, with what is there in the place of what would be done.

use std::net::IpAddr;

use std::path::Path;

use super::kernel::{Allowed, Whose};
use super::mounts::{Mounted, Origin};
use super::network::{Interface, Port};
use super::whole::{By, Ended, Live, Portrait};
use crate::container::{Boundary, Enclosure, Enforced, NAME_SERVER, Row};
use crate::size;

/// What it is, in one line.
pub(crate) fn title(portrait: &Portrait) -> String {
    let id: String = portrait.id.chars().take(12).collect();
    format!("{} ({id}): a container of {}, {}", portrait.name, portrait.image, portrait.state)
}

/// What there is to say of it, by what it is about. A box about which nothing is known is left out.
pub(crate) fn enclosures(portrait: &Portrait) -> Vec<Enclosure> {
    let live = portrait.live.as_ref();
    let rows = |boundary| match boundary {
        Boundary::Machine => machine(portrait),
        Boundary::Namespaces => live.map(namespaces).unwrap_or_default(),
        Boundary::Mounts => live.map_or_else(|| volumes(&portrait.volumes), |live| mounts(portrait, &live.mounts)),
        Boundary::Confinement => live.map(confinement).unwrap_or_default(),
        Boundary::Process => process(portrait),
    };
    let all = Boundary::ALL.map(|boundary| Enclosure { boundary, rows: rows(boundary), after: Vec::new() });
    all.into_iter().filter(|one| !one.rows.is_empty()).collect()
}

/// Rows with a name for the first only: one below the other.
fn rows(name: &str, items: impl IntoIterator<Item = String>) -> Vec<Row> {
    let names = [name].into_iter().chain(std::iter::repeat(""));
    items.into_iter().zip(names).map(|(item, name)| row(name, item)).collect()
}

fn row(name: &str, item: impl Into<String>) -> Row {
    Row { name: name.to_owned(), items: vec![item.into()], numbers: Vec::new() }
}

fn machine(portrait: &Portrait) -> Vec<Row> {
    let mut all = Vec::new();
    all.extend(portrait.ended.iter().flat_map(|ended| rows("ended", how_it_ended(ended))));
    let left = "its changes, its record and its log; `start` runs it again with them, `rm` removes them";
    match (&portrait.ended, portrait.state) {
        (_, "restarting") => all.push(row("next", "its monitor waits, and then starts it again")),
        (Some(_), _) => all.push(row("left", left)),
        (None, "created") => all.push(row("next", "`start` runs it")),
        (None, _) => {}
    }
    all.push(row("folder", portrait.folder.display().to_string()));
    let log = match portrait.log_size.filter(|_| portrait.has_log()) {
        Some(bytes) => format!("{}, {}", in_folder(&portrait.log, &portrait.folder), size::shown(bytes)),
        None => "none".to_owned(),
    };
    all.push(row("log", log));
    let restarts = match portrait.restarts {
        0 => String::new(),
        1 => "; it was started again once".to_owned(),
        count => format!("; it was started again {count} times"),
    };
    all.push(row("restart", format!("{}{restarts}", portrait.restart_policy)));
    all.push(row("health", portrait.health.as_deref().unwrap_or("not checked")));
    let Some(live) = &portrait.live else { return all };
    for seen in live.processes.iter().skip(1).rev() {
        all.push(row(seen.role, format!("process {}: {}", seen.number, purpose(seen.role))));
    }
    all.extend(rows("ports", live.ports.iter().map(port)));
    all.extend(rows("control groups", live.groups.iter().map(|group| group.display().to_string())));
    all.extend(rows("limits", live.limits.iter().map(limit)));
    all.extend(rows("not known", live.unread.iter().cloned()));
    all
}

/// A path, without the container's folder where it lies in that.
fn in_folder(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}

/// What a process of ours does for a container.
fn purpose(role: &str) -> &'static str {
    match role {
        "monitor" => "has the folder locked, writes the log, listens for `stop`, `exec` and the like, forwards ports",
        "keeper" => "outside the mounts; tidies up when the container has ended",
        _ => "process 1 of an outer process id namespace: when it ends, so does all inside",
    }
}

fn how_it_ended(ended: &Ended) -> Vec<String> {
    let mut all = Vec::new();
    let when = ended.finished.as_ref().map_or_else(
        || "nobody was there to see when, or how: its monitor was killed, and the container with it".to_owned(),
        |finished| format!("at {finished}"),
    );
    let how = match (ended.error.as_ref(), ended.status) {
        (Some(error), _) => format!("it was not started: {error}"),
        (None, 0) => "with status 0".to_owned(),
        (None, status @ 129..=192) => format!("with status {status}, which is 128 + {0}: signal {0}", status - 128),
        (None, status) => format!("with status {status}"),
    };
    all.push(if ended.finished.is_some() { format!("{how}, {when}") } else { when });
    if ended.out_of_memory {
        all.push("a process of it was killed because it had used all the memory of its limit".to_owned());
    }
    all
}

/// Who listens where, at both ends.
fn port(port: &Port) -> String {
    let outside = match &port.forwarder {
        Some(occupant) => format!("process {} ({}) listens", occupant.process, occupant.name),
        None => "who listens can't be seen".to_owned(),
    };
    let inside = match port.listening.as_deref() {
        None => "who listens inside can't be seen".to_owned(),
        Some([]) => "nobody listens inside".to_owned(),
        Some(addresses) if addresses.iter().all(IpAddr::is_loopback) => {
            "inside a program listens on the loopback address only, which nobody else reaches".to_owned()
        }
        Some(addresses) => format!("inside a program listens on {}", listed(addresses)),
    };
    format!("{} → {}: {outside}; {inside}", port.outside, port.inside)
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

fn limit(limit: &Enforced) -> String {
    match (&limit.file, &limit.value) {
        (Some(file), Some(value)) => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            format!("{}: {value}, by {name} of its control group", limit.option)
        }
        (Some(file), None) => {
            format!("{}: {} was asked for; {} can't be read", limit.option, limit.asked, file.display())
        }
        (None, _) => format!("{}: {} was asked for; the kernel has no file for it", limit.option, limit.asked),
    }
}

fn namespaces(live: &Live) -> Vec<Row> {
    let mut all = Vec::new();
    for namespace in &live.namespaces {
        let whose = match &namespace.whose {
            Whose::Own => "its own".to_owned(),
            Whose::Machine => "the machine's".to_owned(),
            Whose::Shared(names) => format!("shared with {}", names.join(", ")),
        };
        let more = match namespace.kind {
            "user" => format!("; {}", live.ids),
            "pid" if live.members == 1 => "; 1 process".to_owned(),
            "pid" => format!("; {} processes", live.members),
            _ => String::new(),
        };
        all.push(row(in_words(namespace.kind), format!("{whose}, {}:[{}]{more}", namespace.kind, namespace.inode)));
        if namespace.kind == "net" {
            all.extend(live.interfaces.iter().map(|interface| row("", interface_in_words(interface))));
        }
    }
    all
}

/// What a namespace is of.
fn in_words(kind: &str) -> &'static str {
    match kind {
        "user" => "users",
        "pid" => "process ids",
        "mnt" => "mounts",
        "net" => "network",
        "uts" => "host name",
        "ipc" => "shared memory",
        "cgroup" => "control groups",
        _ => "clocks",
    }
}

fn interface_in_words(interface: &Interface) -> String {
    let addresses = match interface.addresses.as_slice() {
        [] => "no address".to_owned(),
        addresses => listed(addresses),
    };
    let network = interface.network.as_ref().map(|network| format!(", on the network `{network}`")).unwrap_or_default();
    let gateway = interface.gateway.map(|gateway| format!("; everything else goes to {gateway}")).unwrap_or_default();
    format!("{}: {addresses}{network}{gateway}", interface.name)
}

/// The mounts that were asked for, of a container that does not run.
fn volumes(volumes: &[Mounted]) -> Vec<Row> {
    volumes.iter().map(|mount| row(&mount.target, asked_for(mount))).collect()
}

fn mounts(portrait: &Portrait, mounts: &[Mounted]) -> Vec<Row> {
    let folder = &portrait.folder;
    let ours = format!("{}/", folder.display());
    let mut all: Vec<Row> = Vec::new();
    for mount in mounts {
        let name = |prefix: &str| mount.target.strip_prefix(prefix).unwrap_or(&mount.target).to_owned();
        let (row_name, item) = match mount.origin {
            Origin::Layers => ("/", format!("{} ({})", mount.source.replace(&ours, ""), mount.access)),
            Origin::Usual => (mount.target.as_str(), format!("{} ({})", mount.source, mount.access)),
            Origin::Volume | Origin::Bind | Origin::Tmpfs => (mount.target.as_str(), asked_for(mount)),
            Origin::Device => ("devices", name("/dev/")),
            Origin::Etc => ("/etc", name("/etc/")),
            Origin::Groups => ("/sys/fs/cgroup", format!("{} ({})", name("/sys/fs/cgroup/"), mount.access)),
            Origin::Along => {
                (mount.target.as_str(), format!("{}, mounted there on this machine ({})", mount.source, mount.access))
            }
            Origin::Protection => ("read-only", mount.target.clone()),
            Origin::Mask => ("hidden", mount.target.clone()),
            Origin::Unknown => (mount.target.as_str(), format!("{} ({})", mount.source, mount.access)),
        };
        let is_list =
            matches!(mount.origin, Origin::Device | Origin::Protection | Origin::Mask | Origin::Groups | Origin::Etc);
        match all.iter().position(|row| row.name == row_name) {
            Some(at) if is_list => all[at].items.push(item),
            // Who sees them in there should know that they are not the image's.
            None if mount.origin == Origin::Etc => {
                all.push(row(row_name, format!("written for it, in its folder: {item}")))
            }
            Some(_) | None => all.push(row(row_name, item)),
        }
    }
    all
}

/// A mount that was asked for.
fn asked_for(mount: &Mounted) -> String {
    let what = match mount.origin {
        Origin::Volume => format!("the volume `{}`", mount.source),
        Origin::Bind => format!("{} of this machine", mount.source),
        _ => "a new tmpfs, in memory".to_owned(),
    };
    format!("{what} ({})", mount.access)
}

fn confinement(live: &Live) -> Vec<Row> {
    let confined = &live.confined;
    let in_words = |allowed: &[Allowed]| match allowed {
        [] => vec!["none".to_owned()],
        allowed => allowed.iter().map(|one| format!("{} ({})", one.name, one.meaning)).collect(),
    };
    let mut all =
        vec![Row { name: "capabilities".to_owned(), items: in_words(&confined.capabilities), numbers: Vec::new() }];
    if let Some(bounding) = &confined.bounding {
        all.push(Row { name: "at most".to_owned(), items: in_words(bounding), numbers: Vec::new() });
    }
    all.push(row(
        "system calls",
        match confined.filters {
            None => "not known".to_owned(),
            Some(0) => "all".to_owned(),
            Some(1) => "those that a seccomp filter allows".to_owned(),
            Some(count) => format!("those that {count} seccomp filters allow"),
        },
    ));
    all.push(row(
        "set-user-id",
        match confined.no_new_privileges {
            None => "not known",
            Some(true) => "without effect (no_new_privs)",
            Some(false) => "as usual, within the capabilities above",
        },
    ));
    all.push(Row { name: "limits".to_owned(), items: confined.limits.clone(), numbers: Vec::new() });
    all.extend(
        confined.oom_score.iter().map(|score| row("memory", format!("score {score} for the out-of-memory killer"))),
    );
    all
}

fn process(portrait: &Portrait) -> Vec<Row> {
    let command = &portrait.command;
    let mut all = Vec::new();
    if let Some(first) = portrait.live.as_ref().and_then(|live| live.processes.first()) {
        all.push(row("process", format!("{} on this machine: {:?}", first.number, first.words)));
    }
    let part = |name: &str, words: &[String], from: &str| match words {
        [] => row(name, "none"),
        words => row(name, format!("{words:?}, {from}")),
    };
    all.push(part("entrypoint", &command.entrypoint, command.entrypoint_from));
    all.push(part("command", &command.arguments, command.arguments_from));
    let listed = |by: By| {
        let entries = portrait.environment.iter().filter(move |variable| variable.set_by == by);
        entries.map(|variable| variable.entry.clone()).collect::<Vec<_>>()
    };
    let sources = [("of the image", By::Image), ("of every container", By::Layerlab), ("asked for", By::Request)];
    let sources = sources.into_iter().map(|(name, by)| (name, listed(by))).filter(|(_, entries)| !entries.is_empty());
    all.extend(rows("environment", sources.map(|(name, entries)| format!("{name}: {}", entries.join(" ")))));
    let user = if command.user.is_empty() { "0" } else { &command.user };
    let uid = portrait.live.as_ref().and_then(|live| live.uid);
    all.push(row("user", uid.map_or_else(|| user.to_owned(), |uid| format!("{user}; {uid} on this machine"))));
    all.push(row("directory", if command.directory.is_empty() { "/" } else { &command.directory }));
    all.extend(portrait.live.iter().flat_map(|live| rows("listens", live.listens.iter().map(|at| listener(at)))));
    all
}

/// Where it listens; the one who answers for names has a socket in there, too.
fn listener(at: &str) -> String {
    match at.strip_prefix(&format!("{NAME_SERVER}:")) {
        Some(_) => format!("{at}: the keeper of the networks, which answers questions for names"),
        None => at.to_owned(),
    }
}
