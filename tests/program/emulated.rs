//! What a user with one id is told of owners and users that are emulated: in volumes and caches, of set-user-id bits, of limits; and the way
//! out of such a user's network.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::harness::{Place, Role, missing};

/// A place of a user with one id; `None` where nobody can become one.
fn single(files: &str) -> Option<Place> {
    if !nix::unistd::geteuid().is_root() {
        missing("a user with one id: only root can become one");
        return None;
    }
    let place = Place::of(Role::Single, files);
    place.give(&place.path(""));
    Some(place)
}

#[test]
fn a_volume_that_was_filled_with_other_ids_is_refused() {
    let files = "//- Dockerfile\nFROM layerlab/base\nRUN mkdir /data && echo x > /data/note && chown -R 33:44 /data\n";
    let Some(mut place) = single(files) else { return };
    place.run("build -q -t image .");
    let look = "run --rm -v pages:/data image stat -c %u:%g /data /data/note";
    assert_eq!(place.run(look), "33:44\n33:44\n");
    place.run("volume create empty");
    place.become_other(Role::Mapped);
    insta::assert_snapshot!(place.session(&[
        look,
        "create --name box -v pages:/data:ro layerlab/base true",
        "run --rm -v empty:/data image stat -c %u:%g /data /data/note",
    ]));
    place.become_other(Role::Single);
    insta::assert_snapshot!(place.session(&["run --rm -v empty:/data image true", look, "volume rm pages"]));
    place.become_other(Role::Mapped);
    place.run("volume rm empty");
    place.assert_whole();
}

#[test]
fn a_cache_has_the_owner_that_was_asked_for() {
    let files = "//- Dockerfile
FROM layerlab/base
RUN --mount=type=cache,target=/cache,uid=33,gid=44,mode=750 --mount=type=cache,target=/plain stat -c '%u:%g %a' /cache /plain > /seen
";
    let Some(place) = single(files) else { return };
    place.run("build -q -t image .");
    assert_eq!(place.run("run --rm image cat /seen"), "33:44 750\n0:0 755\n");
    place.assert_whole();
}

#[test]
fn set_user_id_bits_of_an_emulated_user_are_lost_and_that_is_said() {
    let files = "//- Dockerfile
FROM layerlab/base
RUN cp /bin/busybox /bin/root && chmod 6755 /bin/root && mkdir -m 777 /open
USER 33
RUN cp /bin/busybox /open/one && chmod 4755 /open/one
RUN cp /bin/busybox /open/two && cp /bin/busybox /open/three && chmod 4755 /open/t*
";
    let Some(place) = single(files) else { return };
    let told = place.run("build -t image .");
    let warnings: Vec<&str> = told.lines().filter(|line| line.contains("lost")).collect();
    insta::assert_snapshot!(warnings.join("\n"));
    assert_eq!(place.run("run --rm image stat -c %a /bin/root /open/one /open/two"), "6755\n755\n755\n");
    assert!(!place.run("build -t image .").contains("lost"), "the cache has it");
    place.assert_whole();
}

#[test]
fn the_limit_that_carries_users_is_nobody_elses() {
    let Some(place) = single("") else { return };
    insta::assert_snapshot!(place.session(&["run --rm --ulimit locks=7 layerlab/base true"]));
    assert_eq!(place.run("run --rm --ulimit nofile=70 -u 33 layerlab/base id -u"), "33\n");
}

/// With the machine's `pasta`, in a network that has one other host.
#[test]
fn a_user_with_one_id_exchanges_more_than_greetings_with_the_world() {
    let has =
        |program: &str| ["/usr/bin", "/usr/sbin", "/sbin"].iter().any(|place| Path::new(place).join(program).exists());
    if !nix::unistd::geteuid().is_root()
        || !["pasta", "nft", "ip"].into_iter().all(has)
        || !Path::new("/dev/net/tun").exists()
    {
        return missing("a user's way out: it takes root, /dev/net/tun, and the packages passt, nftables and iproute2");
    }
    let exchanged = std::thread::spawn(|| {
        let place = Place::of(Role::Single, "");
        let node = place.folder().join("tun");
        // Of this thread alone, and of what it starts.
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>).unwrap();
        mknod(&node, SFlag::S_IFCHR, Mode::empty(), makedev(10, 200)).unwrap();
        std::fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        mount(Some(&node), "/dev/net/tun", None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let line = "ip link set lo up && ip link add outside type veth peer name beyond && ip link set beyond up && ip addr add 198.51.100.1/24 dev outside \
             && ip link set outside up && ip route add default via 198.51.100.254 && ip addr add 198.51.100.2/32 dev lo";
        assert!(Command::new("sh").args(["-c", line]).status().unwrap().success());
        let listener = std::net::TcpListener::bind("198.51.100.2:8000").unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                let _ = BufReader::new(&stream).read_line(&mut line);
                let _ = stream.write_all(format!("you said {line}").as_bytes());
            }
        });
        let mut command = place.command("run --rm layerlab/base sh -c");
        command.arg("sleep 1; { sleep 0.3; echo hello; sleep 1; } | nc -w 5 198.51.100.2 8000");
        String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
    });
    assert_eq!(exchanged.join().unwrap(), "you said hello\n");
}
