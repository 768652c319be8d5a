//! A running container that tries to undo its confinement, to change the machine's devices, or to get at what is not its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bare::ways_out;
use crate::harness::{EVERY_USER, ROOT, USERS, attack};

#[test]
fn a_masked_path_is_covered_with_something_else() {
    attack("what covers a masked path (CVE-2025-31133)", EVERY_USER, |attack| {
        attack.image(&[("dev/null", "/proc/keys"), ("dev/zero", "/here"), ("dev/full", "/..")]);
        let script = "test -c /dev/null && cat /proc/keys /proc/interrupts /proc/timer_list; ls /sys/firmware; stat -c %t:%T /dev/null /proc/keys";
        let outcome = attack.shell("", script);
        assert!(outcome.text.ends_with("1:3\n1:3\n") && outcome.text.lines().count() <= 3, "{}", outcome.text);
    });
}

#[test]
fn the_console_is_planted() {
    for (name, target) in
        [("dev/console", "/here"), ("dev/ptmx", "/../dev/ptmx"), ("dev/pts", "/../dev/pts"), ("dev/tty", "/here")]
    {
        attack("the console is mounted through a link (CVE-2025-52565)", USERS, |attack| {
            attack.image(&[(name, target)]);
            let script = "tty; stat -c %F /dev/console; echo x > /dev/console; wc -c < /here";
            attack.shell("-t", script).succeeded().says("/dev/pts/0").says("character special file").says("0");
        });
    }
}

#[test]
fn a_device_node_is_changed() {
    attack("changes of the machine's device nodes", EVERY_USER, |attack| {
        attack.image(&[]);
        let nodes = "/dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty";
        for change in ["chmod 600", "chown 1:1", "touch -d @1", "rm -f", "ln -sf /here", "mv /here"] {
            attack.shell("", &format!("for node in {nodes}; do {change} $node; done; true"));
        }
        attack.shell("", "echo taken > /dev/null && head -c 3 /dev/zero | wc -c").succeeded().says("3");
    });
}

#[test]
fn a_device_node_is_made() {
    attack("a disk by its number", ROOT, |attack| {
        let options = format!("-v {}:/data", attack.volume("v", &[]).display());
        attack.image(&[]);
        let script = "for place in / /dev /dev/shm /data; do for number in '1 11' '1 1' '7 0'; do \
                      mknod $place/node c $number && cat $place/node && echo opened; rm -f $place/node; done; done";
        let outcome = attack.shell(&options, script);
        assert!(!outcome.text.contains("opened"), "{}", outcome.text);
    });
}

#[test]
fn a_read_only_volume_is_written_to() {
    attack("a restriction that goes elsewhere (the second look-up of a target)", EVERY_USER, |attack| {
        let fds: Vec<(String, &str)> = (0..61).map(|number| (format!("self/fd/{number}"), "/etc/hosts")).collect();
        let links: Vec<(&str, &str)> = fds.iter().map(|(name, target)| (name.as_str(), *target)).collect();
        let volume = attack.volume("v", &links);
        attack.image(&[("data", "/elsewhere/./in/..")]);
        let options = format!("-v {}:/data:ro", volume.display());
        attack.shell(&options, "touch /data/made || touch /elsewhere/made").refused("Read-only file system");
        assert!(!attack.path("v/made").exists());
    });
}

#[test]
fn a_sibling_exchanges_a_folder_of_the_target() {
    attack("a folder of the target exchanged for a link (CVE-2021-30465)", EVERY_USER, |attack| {
        let (outer, inner) = (attack.volume("outer", &[]), attack.volume("inner", &[]));
        fs::create_dir_all(outer.join("a/b")).unwrap();
        symlink(format!("/..{}", attack.sentinel().display()), outer.join("link")).unwrap();
        attack.image(&[]);
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Three names take turns: a folder, a link out of the root, nothing.
                while !ended.load(Ordering::Relaxed) {
                    for (from, to) in [("a", "kept"), ("link", "a"), ("a", "link"), ("kept", "a")] {
                        let _ = fs::rename(outer.join(from), outer.join(to));
                    }
                }
            });
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(3) {
                let options = format!("-v {}:/data -v {}:/data/a/b:ro", outer.display(), inner.display());
                attack.shell(&options, "touch /data/a/b/made; true");
            }
            ended.store(true, Ordering::Relaxed);
        });
        assert!(!inner.join("made").exists(), "a read-only volume was written to");
    });
}

#[test]
fn a_link_in_a_volume_is_read() {
    attack("a volume's own links", USERS, |attack| {
        let secret = attack.sentinel().join("secret");
        let ways = ways_out(&secret);
        let links: Vec<(&str, &str)> = ["a", "b", "c", "d"].into_iter().zip(ways.iter().map(String::as_str)).collect();
        let volume = attack.volume("v", &links);
        attack.image(&[]);
        let outcome = attack.shell(&format!("-v {}:/data", volume.display()), "cat /data/*; echo x > /data/a; true");
        assert!(!outcome.text.contains("own text"), "{}", outcome.text);
    });
}

#[test]
fn the_set_up_is_undone_from_inside() {
    for options in ["", "--security-opt seccomp=unconfined"] {
        attack("masks and flags are taken away again", EVERY_USER, |attack| {
            attack.image(&[]);
            let script = "mkdir /m; umount /proc/keys; umount /proc/sys; umount -l /proc; mount -o remount,rw /proc/sys; \
                          mount -o remount,rw /sys; mount -t proc none /m; mount -t tmpfs none /m; \
                          mount -o bind /dev/null /dev/tty; echo still $(wc -c < /proc/keys)";
            attack.shell(options, script).says("still 0");
        });
        attack("a new user namespace gives everything back (CVE-2022-0185, CVE-2022-0492)", EVERY_USER, |attack| {
            attack.image(&[]);
            let script = "mkdir /m; unshare -U -r -m sh -c 'mount -t proc none /m; umount /proc/keys; \
                          mount -t cgroup -o rdma none /m; wc -c < /proc/keys; wc -c < /m/keys'; true";
            let outcome = attack.shell(options, script);
            assert!(
                outcome.text.lines().all(|line| line.parse::<u32>().is_ok_and(|size| size == 0)
                    || !line.trim().bytes().all(|byte| byte.is_ascii_digit())),
                "{}",
                outcome.text
            );
        });
    }
}

#[test]
fn settings_of_the_machine_are_written() {
    attack("a setting that runs a program on the machine (CVE-2022-0492)", EVERY_USER, |attack| {
        attack.image(&[]);
        let pattern = fs::read("/proc/sys/kernel/core_pattern").unwrap();
        let script = "for file in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper \
                      /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/release_agent /proc/sys/vm/drop_caches; do \
                      echo '|/bin/x' > $file && echo written; done; true";
        let outcome = attack.shell("", script);
        assert!(!outcome.text.contains("written\n"), "{}", outcome.text);
        assert_eq!(fs::read("/proc/sys/kernel/core_pattern").unwrap(), pattern);
    });
}

#[test]
fn a_descriptor_of_the_caller_is_found() {
    attack("a folder that the caller had open (CVE-2024-21626, CVE-2016-9962)", EVERY_USER, |attack| {
        use std::os::unix::process::CommandExt as _;
        attack.image(&[]);
        let folder = std::ffi::CString::new(attack.sentinel().to_str().unwrap()).unwrap();
        let mut command = attack.place.command("run attack /bin/busybox sh -c");
        command.arg("for fd in /proc/self/fd/* /proc/1/fd/*; do /bin/busybox readlink $fd; /bin/busybox cat $fd/secret; done; true");
        // SAFETY: system calls only, between fork and exec.
        unsafe {
            command.pre_exec(move || {
                let found = libc::open(folder.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY);
                libc::dup2(found, 9);
                Ok(())
            });
        }
        let outcome = attack.run_command(command);
        assert!(!outcome.text.contains("sentinel"), "{}", outcome.text);
    });
}

#[test]
fn abstract_sockets_of_the_machine() {
    attack("sockets without a file (CVE-2020-15257)", USERS, |attack| {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("attack-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let listener = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
        attack.image(&[]);
        let outcome = attack.shell("--network none", "cat /proc/net/unix");
        assert!(!outcome.text.contains(&name), "{}", outcome.text);
        drop(listener);
    });
}

#[test]
fn a_host_name_writes_a_line_of_hosts() {
    attack("a new line in a host name", USERS, |attack| {
        attack.image(&[]);
        for name in ["a\n192.0.2.1 bank", "a b", "a\tb", "a\rb", "a#", "../../x", "-x", "\u{1b}[2J"] {
            let mut command = attack.place.command("run");
            command.arg(format!("--hostname={name}")).args(["attack", "/bin/busybox", "cat", "/etc/hosts"]);
            attack.run_command(command).refused("is not a host name");
            let mut command = attack.place.command("build .");
            command.arg(format!("--build-arg=BUILDKIT_SANDBOX_HOSTNAME={name}"));
            attack.run_command(command).refused("is not a host name");
        }
    });
}
