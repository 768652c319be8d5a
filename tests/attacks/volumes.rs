//! Volumes that an image declares, and fills; that a container changes while they are filled; whose sources are exchanged.

use std::fs;
use std::os::unix::fs::symlink;

use crate::bare::{BARE, ways_out};
use crate::harness::{Attack, EVERY_USER, USERS, attack};

/// What a volume has, as far as its owner may look.
fn files(attack: &Attack, name: &str) -> Vec<String> {
    let data = attack.place.home().join("volumes").join(name).join("data");
    let mut names: Vec<String> =
        fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_place_of_a_volume_is_a_link_out() {
    attack("a volume is filled with the machine's files", EVERY_USER, |attack| {
        for (number, way) in ways_out(&attack.sentinel().join("folder")).iter().enumerate() {
            attack.link(&format!("files/data{number}"), way);
        }
        attack.write("files/here", "");
        attack.write(
            "Dockerfile",
            &format!("{BARE}VOLUME /data0 /data1\nVOLUME [\"/data2\", \"../data3\", \"a/../../x\"]\n"),
        );
        attack.build().succeeded();
        attack.shell("--rm", "for n in 0 1 2 3; do ls /data$n; echo pwned > /data$n/new; done").succeeded();
        attack.shell("--rm -v mine:/data0", "ls /data0").succeeded();
        assert_eq!(files(attack, "mine"), Vec::<String>::new());
        assert_eq!(attack.run("volume ls -q").text, "mine\n");
        attack.place.assert_whole();
    });
}

#[test]
fn the_files_for_a_volume_are_links() {
    attack("files are made through links that a volume already has", EVERY_USER, |attack| {
        let out = attack.sentinel().join("folder");
        // A name that is a link in one layer and a folder in the next, and the other way round.
        attack.link("files/data/sub", &out);
        attack.link("files/data/file", out.join("file"));
        attack.link("files/data/up", "../../../../../../../..");
        attack.write("more/sub/file", "the image's\n");
        attack.write("more/file", "the image's\n");
        attack.write("Dockerfile", &format!("{BARE}COPY more /data2\nCOPY files/data /data2/\nVOLUME /data\n"));
        attack.write("files/here", "");
        attack.build();
        attack.write("Dockerfile", &format!("{BARE}VOLUME /data\n"));
        attack.build().succeeded();
        attack.shell("--rm -v one:/data", "ls -l /data; echo pwned > /data/file; echo pwned > /data/sub/new; true");
        assert_eq!(files(attack, "one"), ["file", "sub", "up"]);
        // They stay links, which lead nowhere in another container.
        let text =
            attack.shell("--rm -v one:/other", "cat /other/file /other/sub/file /other/up/etc/shadow; true").text;
        assert!(!text.contains("sentinel") && !text.contains("root:"), "{text}");
        assert_eq!(attack.run("volume rm one").text, "one\n");
        attack.place.assert_whole();
    });
}

#[test]
fn a_container_plays_with_a_volume_that_is_being_filled() {
    attack("files come into a volume through what a container has put there", USERS, |attack| {
        let out = attack.sentinel().join("folder").display().to_string();
        for number in 0..30 {
            attack.write(&format!("files/data/d{number}/below/file"), "the image's\n");
        }
        attack.image(&[]);
        let play = format!(
            "while test -e /run/on; do for n in 0 3 7 15 29; do ln -sfn {out} /data/d$n; rm -rf /data/d$n; mkdir -p /data/d$n; \
             rmdir /data/d$n; done; rm -rf /data/d* 2> /dev/null; done"
        );
        let switch = attack.volume("switch", &[]);
        attack.write("switch/on", "");
        attack.run("volume create played");
        let mut start = attack.place.command("run -d --name player -v played:/data:nocopy -v");
        start.arg(format!("{}:/run", switch.display())).args(["attack", "/bin/busybox", "sh", "-c"]);
        start.arg(format!("PATH=/bin; {play}"));
        attack.run_command(start).succeeded();
        for _ in 0..15 {
            attack.run("run --rm -v played:/data attack /bin/busybox true").succeeded();
        }
        fs::remove_file(switch.join("on")).unwrap();
        attack.run("wait player");
        attack.run("rm player").succeeded();
        attack.run("volume rm played").succeeded();
        attack.place.assert_whole();
    });
}

#[test]
fn a_source_is_exchanged_for_a_link() {
    attack("a container makes a link of another's volume (CVE-2021-25741)", EVERY_USER, |attack| {
        attack.volume("shared/inner", &[]);
        attack.image(&[]);
        attack.run("create --name victim -v ./shared/inner:/data attack /bin/busybox cat /data/file").succeeded();
        let out = attack.sentinel().join("folder");
        let swap = format!("rm -rf /shared/inner; ln -s {} /shared/inner", out.display());
        attack.shell("--rm -v ./shared:/shared", &swap).succeeded();
        attack.run("start -a victim").refused("leads to");
        attack.run("rm victim").succeeded();
    });
}

#[test]
fn a_source_is_exchanged_while_it_is_mounted() {
    attack("between the look and the mount", USERS, |attack| {
        attack.volume("data", &[]);
        attack.write("data/file", "harmless\n");
        attack.image(&[]);
        attack.run("create --name victim -v ./data:/data attack /bin/busybox cat /data/file").succeeded();
        symlink(attack.sentinel().join("folder"), attack.path("away")).unwrap();
        let swapping = crate::races::Swapping::begin(&attack.path("data"), &attack.path("away"));
        for _ in 0..25 {
            let text = attack.run("start -a victim").text;
            assert!(!text.contains("own text"), "{text}");
        }
        drop(swapping);
        attack.run("rm -f victim").succeeded();
    });
}

#[test]
fn an_image_declares_more_volumes_than_anybody_needs() {
    attack("a folder of the home for each word of an image", USERS, |attack| {
        let paths: Vec<String> = (0..201).map(|number| format!("\"/v{number}\"")).collect();
        attack.write("files/here", "");
        attack.write("Dockerfile", &format!("{BARE}VOLUME [{}]\n", paths.join(", ")));
        attack.build().succeeded();
        attack.run("run attack /bin/busybox true").refused("the image declares 201 volumes, more than 200");
        assert_eq!(attack.run("volume ls -q").text, "");
        for (path, why) in [("/", "VOLUME at `/`"), ("/proc/self", "leads to `/"), ("/dev/null", "leads to `/")] {
            attack.write("Dockerfile", &format!("{BARE}VOLUME [\"{path}\"]\n"));
            attack.build().succeeded();
            attack.run("run --rm attack /bin/busybox true").refused(why);
        }
        attack.write("Dockerfile", &format!("{BARE}VOLUME [\"/here\"]\n"));
        attack.build().succeeded();
        attack.run("run --rm attack /bin/busybox true").refused("the image has a file there");
        attack.write("Dockerfile", &format!("{BARE}VOLUME [\"/\\u001b[31m\\nred\"]\n"));
        attack.build().succeeded();
        attack.run("run --rm attack /bin/busybox ls /").succeeded();
        assert_eq!(attack.run("volume ls -q").text, "", "nothing is left of those that were refused");
    });
}

#[test]
fn a_volume_of_the_home_is_something_else() {
    attack("a link where a volume should be", EVERY_USER, |attack| {
        attack.image(&[]);
        attack.run("volume create fine").succeeded();
        let volumes = attack.place.home().join("volumes");
        symlink(attack.sentinel().join("folder"), volumes.join("linked")).unwrap();
        for name in ["inside", "broken", "huge"] {
            fs::create_dir(volumes.join(name)).unwrap();
        }
        symlink(attack.sentinel().join("folder"), volumes.join("inside/data")).unwrap();
        fs::copy(volumes.join("fine/volume.json"), volumes.join("inside/volume.json")).unwrap();
        for (name, text) in [("broken", "{".to_owned()), ("huge", " ".repeat(2 << 20))] {
            fs::create_dir(volumes.join(name).join("data")).unwrap();
            fs::write(volumes.join(name).join("volume.json"), text).unwrap();
        }
        fs::write(volumes.join("file"), "").unwrap();
        if attack.role != crate::place::Role::Self_ {
            attack.place.give(&volumes);
        }
        let list = attack.run("volume ls");
        list.succeeded().says("fine").says("linked").says("is a symbolic link").says("is not a folder");
        attack.run("store verify").refused("error: volumes: can't read the volume `broken`");
        for name in ["linked", "inside", "broken", "huge", "file"] {
            attack.shell(&format!("--rm -v {name}:/data"), "cat /data/file").refused(&format!("the volume `{name}`"));
            attack.run(&format!("volume inspect {name}")).refused("the volume");
            attack.run(&format!("volume rm {name}")).succeeded();
        }
        for name in ["../volumes/fine", "..", ".lock", "fine/data", "/etc", "a\u{1b}b"] {
            let mut remove = attack.place.command("volume rm");
            remove.arg(name);
            attack.run_command(remove).refused("no such volume");
        }
        assert_eq!(attack.run("volume ls -q").text, "fine\n");
    });
}
