//! Where buildah 1.28 is known to differ from BuildKit, whose rules are ours. Everything else has to be equal.

use crate::builders::MODIFIED;
use crate::compare::{Allowed, same_but_for_the_time};
use crate::tree::Image;

/// Files.
pub const FILES: &[Allowed] = &[
    Allowed {
        why: "BuildKit removes the empty files and folders on which it mounted something for a RUN",
        applies: |path, here, there| {
            let mounted_on = ["/etc/hosts", "/etc/resolv.conf", "/root/.cache", "/run/.containerenv", "/run/secrets"];
            let is_empty = there.is_some_and(|line| line.kind == "directory" || line.content == EMPTY);
            mounted_on.contains(&path) && here.is_none() && is_empty
        },
    },
    Allowed {
        why: "a folder that BuildKit copies keeps its time; buildah makes a new one",
        applies: |_, here, there| {
            let kept = here.is_some_and(|line| line.kind == "directory" && line.mtime == MODIFIED);
            kept && same_but_for_the_time(here, there)
        },
    },
];

/// The beginning of the digest of no bytes.
const EMPTY: &str = "e3b0c44298fc";

/// Changes the settings of buildah's image into those that BuildKit would have written, as far as they mean the same.
pub fn settle(here: &Image, there: &mut Image) {
    let (here, there) = (&here.config.config, &mut there.config.config);
    there.labels.remove("io.buildah.version");
    // A variable that is set again keeps its place with BuildKit; with buildah it becomes the last.
    let sorted = |variables: &[String]| {
        let mut variables = variables.to_vec();
        variables.sort();
        variables
    };
    if sorted(&here.env) == sorted(&there.env) {
        there.env.clone_from(&here.env);
    }
    // BuildKit lists each port of a range.
    for (port, _) in std::mem::take(&mut there.exposed_ports) {
        there.exposed_ports.extend(ports(&port).into_iter().map(|port| (port, Default::default())));
    }
}

/// `80/tcp` for itself, `90-91/udp` for `90/udp` and `91/udp`.
fn ports(text: &str) -> Vec<String> {
    let (numbers, protocol) = text.split_once('/').unwrap();
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let range = first.parse::<u16>().unwrap()..=last.parse().unwrap();
    range.map(|number| format!("{number}/{protocol}")).collect()
}
