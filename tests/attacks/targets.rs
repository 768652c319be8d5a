//! Where the set-up of a container mounts, looks and goes: at names that the image, or a volume, has made links of.

use crate::bare::{BARE, ways_out};
use crate::harness::{EVERY_USER, USERS, attack};

#[test]
fn a_file_of_etc_is_a_link_out_of_the_root() {
    for name in ["etc/hosts", "etc/hostname", "etc/resolv.conf"] {
        attack("the set-up's files follow `/..` of the image", EVERY_USER, |attack| {
            for (number, way) in ways_out(&attack.sentinel().join("secret")).iter().enumerate() {
                attack.write(&format!("files{number}/etc/"), "");
                attack.link(&format!("files{number}/{name}"), way);
                attack.write("Dockerfile", &BARE.replace("files", &format!("files{number}")));
                attack.build().succeeded();
                attack.shell("", &format!("echo pwned > /{name}; cat /{name}")).says("pwned");
                attack.shell("--read-only", "true");
            }
        });
    }
}

#[test]
fn the_etc_folder_is_a_link_out_of_the_root() {
    attack("the set-up's files follow `/..` of the image", EVERY_USER, |attack| {
        let out = ways_out(&attack.sentinel().join("empty"));
        attack.image(&[("etc", &out[0])]);
        attack.shell("", "cat /etc/hosts").says("localhost");
        let dockerfile = format!("{BARE}RUN [\"/bin/busybox\", \"touch\", \"/etc/made\"]\n");
        attack.write("Dockerfile", &dockerfile);
        attack.build().succeeded();
        attack.place.assert_whole();
    });
}

#[test]
fn a_folder_of_the_kernel_is_a_link() {
    for name in ["proc", "sys", "dev"] {
        attack("proc on a link (CVE-2019-19921, CVE-2023-27561, CVE-2023-28642)", USERS, |attack| {
            let out = ways_out(&attack.sentinel().join("empty"))[0].clone();
            for (number, target) in [&out, "/here", "usr/../..", "/proc/self/root", name].into_iter().enumerate() {
                attack.link(&format!("files{number}/{name}"), target);
                let bare = BARE.replace("files", &format!("files{number}"));
                attack.write("Dockerfile", &bare);
                attack.build().succeeded();
                let refusal = format!("`/{name}` of the image is not a directory");
                attack.run("run attack /bin/busybox true").refused(&refusal);
                attack.write("Dockerfile", &format!("{bare}RUN [\"/bin/busybox\", \"true\"]\n"));
                attack.build().refused(&refusal);
            }
        });
    }
}

#[test]
fn a_folder_that_the_set_up_needs_is_a_file() {
    for name in ["proc", "sys", "dev", "etc"] {
        attack("a file where a folder has to be", USERS, |attack| {
            attack.write(&format!("files/{name}"), "a file\n");
            attack.image(&[]);
            attack.run("run attack /bin/busybox true").refused("irectory");
        });
    }
    attack("a folder where a file has to be", USERS, |attack| {
        attack.write("files/etc/hosts/", "");
        attack.image(&[]);
        attack.run("run attack /bin/busybox true").refused("`/etc/hosts` is a directory in the image");
    });
}

#[test]
fn a_dangling_resolver_of_every_form() {
    // What Docker does with each: it makes what the link leads to.
    for target in ["../run/systemd/resolve/stub-resolv.conf", "/run/resolv.conf", "resolv.real", "/no/../gone", "chain"]
    {
        attack("a distribution's dangling link", EVERY_USER, |attack| {
            attack.link("files/etc/chain", "../further");
            attack.image(&[("etc/resolv.conf", target)]);
            attack.shell("", "cat /etc/resolv.conf && echo whole").succeeded().says("whole");
            attack.write("Dockerfile", &format!("{BARE}RUN [\"/bin/busybox\", \"touch\", \"/made\"]\n"));
            attack.build().succeeded();
            let copying = "FROM scratch\nCOPY --from=0 /run /copied\n";
            attack.write("Dockerfile", &format!("{BARE}RUN [\"/bin/busybox\", \"true\"]\n{copying}"));
            attack.build().refused("`/run` is not in");
            // A link is the image's to replace: nothing is mounted on it.
            let replaced = "rm /etc/resolv.conf && echo mine > /etc/resolv.conf";
            let copied = "FROM scratch\nCOPY --from=layerlab/base /bin /bin\nCOPY --from=0 /etc/resolv.conf /copied\n";
            let run = format!("RUN [\"/bin/busybox\", \"sh\", \"-c\", \"PATH=/bin; {replaced}\"]\n");
            attack.write("Dockerfile", &format!("{BARE}{run}{copied}"));
            attack.build().succeeded();
            attack.shell("", "cat /copied").says("mine");
            attack.place.assert_whole();
        });
    }
    for target in ["resolv.conf", "../etc/resolv.conf", "/here/below/a/file"] {
        attack("a link that leads to itself, and one through a file", USERS, |attack| {
            attack.image(&[("etc/resolv.conf", target)]);
            attack.run("run attack /bin/busybox true").refused("/etc/resolv.conf");
        });
    }
}

#[test]
fn a_volume_target_leads_out_of_the_root() {
    attack("a target of `..` pieces", EVERY_USER, |attack| {
        attack.image(&[]);
        let (volume, out) = (attack.volume("v", &[]), attack.sentinel().join("folder/new"));
        let options = format!("-v {}:/..{}", volume.display(), out.display());
        attack.shell(&options, "true").succeeded();
    });
    for below in ["", "/a/b", "/../x", "/folder"] {
        attack("folders made for a target (CVE-2021-30465)", EVERY_USER, |attack| {
            let volume = attack.volume("v", &[]);
            for (number, way) in ways_out(&attack.sentinel()).iter().enumerate() {
                attack.link(&format!("files/data{number}"), way);
            }
            attack.image(&[]);
            for number in 0..4 {
                let options = format!("-v {}:/data{number}{below}", volume.display());
                attack.shell(&options, "true").succeeded();
            }
        });
    }
}

#[test]
fn a_volume_lies_over_the_containers_own_proc_or_dev() {
    // CVE-2019-16884: masks and labels that are set below a proc of the image's choosing.
    for target in
        ["/proc", "/proc/sys", "/proc/self/fd", "/proc/new", "/dev", "/dev/null", "/dev/pts", "/dev/mqueue", "/dev/new"]
    {
        attack("a volume over proc or dev (CVE-2019-16884)", USERS, |attack| {
            attack.image(&[("data", target)]);
            let volume = attack.volume("v", &[("ptmx", "/../dev/ptmx"), ("null", "/proc/keys"), ("console", "/here")]);
            let options = format!("-v {}", volume.display());
            attack.shell(&format!("{options}:{target}"), "true").refused("leads to `/");
            attack.shell(&format!("{options}:/data:ro"), "true").refused("leads to `/");
        });
    }
    attack("/dev/shm is not one of them", USERS, |attack| {
        let options = format!("-v {}:/data", attack.volume("v", &[]).display());
        attack.image(&[("data", "/dev/shm")]);
        attack.shell(&options, "touch /dev/shm/made").succeeded();
        assert!(attack.path("v/made").exists());
    });
}

#[test]
fn a_volume_over_the_root() {
    for target in ["/", "/.", "//", "/..", "/a/..", "/data"] {
        attack("a volume that nobody would see", USERS, |attack| {
            attack.image(&[("data", "/")]);
            let options = format!("-v {}:{target}", attack.volume("v", &[]).display());
            attack.shell(&options, "true").refused("/");
        });
    }
}

#[test]
fn a_magic_link_leads_to_what_the_set_up_has_open() {
    let mut links: Vec<String> = (3..24).map(|number| format!("/proc/self/fd/{number}")).collect();
    links.extend(["/proc/self/root", "/proc/1/root", "/proc/self/cwd", "/proc/self/ns/mnt"].map(str::to_owned));
    attack("a path through a magic link (CVE-2024-21626)", USERS, |attack| {
        for (number, link) in links.iter().enumerate() {
            attack.link(&format!("files/data{number}"), link);
        }
        attack.image(&[]);
        let volume = attack.volume("v", &[]);
        for number in 0..links.len() {
            let options = format!("-v {}:/data{number}/new", volume.display());
            attack.shell(&options, "true").refused("ELOOP");
        }
    });
}

#[test]
fn a_working_directory_is_a_magic_link() {
    attack("a working directory that is a descriptor of the runtime (CVE-2024-21626)", EVERY_USER, |attack| {
        attack.image(&[("work", "/proc/self/fd/7"), ("up", "/../..")]);
        for number in 3..20 {
            attack.shell(&format!("-w /proc/self/fd/{number}"), "cat ../secret; ls").refused("");
        }
        attack.shell("-w /work", "ls").refused("ELOOP");
        attack.shell("-w /proc/self/root", "ls").refused("ELOOP");
        let secret = format!("..{}", attack.sentinel().join("secret").display());
        let outcome = attack.shell("-w /up", &format!("cat {secret}; cat ../../..{secret}"));
        assert!(!outcome.text.contains("own text"), "{}", outcome.text);
    });
}

#[test]
fn users_are_looked_up_in_the_image_only() {
    for way in ["/../etc/passwd", "/proc/1/root/etc/passwd", "/proc/self/fd/5", "/dev/tty", "../../../../etc/passwd"] {
        attack("names of the machine's users", USERS, |attack| {
            attack.image(&[("etc/passwd", way), ("etc/group", way)]);
            attack.run("run --user daemon attack /bin/busybox id").refused("the image has no user `daemon`");
        });
    }
}
