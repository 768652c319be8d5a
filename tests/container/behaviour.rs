//! What a program finds in a container: files, devices, network, environment, standard streams.

use layerlab::container::{
    Access, Cgroups, Durability, Etc, Exit, Hostname, Mount, MountKind, Network, OverlaySupport, Programs, RootKind,
};

use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};

use crate::harness::{Container, everyone, only};

#[test]
fn the_devices_are_dockers() {
    everyone("behaviour::the_devices_are_dockers", || {
        let container = Container::new(
            "ls /dev; for device in null zero full random urandom tty; do stat -c '%n %F %a %t:%T' /dev/$device; done; \
             cat /dev/null; head -c 2 /dev/zero | wc -c; echo x > /dev/null; for link in fd stdout core ptmx; do readlink /dev/$link; done",
        );
        insta::assert_snapshot!("devices", container.output());
    });
}

#[test]
fn the_host_name_and_the_files_of_etc_are_the_containers_own() {
    everyone("behaviour::the_host_name_and_the_files_of_etc_are_the_containers_own", || {
        let container = Container::new("hostname; cat /etc/hostname /etc/hosts; grep -c . /etc/resolv.conf")
            .layer(&[("etc/hosts", "the image's own\n")])
            .with(|container| {
                container.sandbox.hostname = Hostname::parse("kitchen").unwrap();
                container.sandbox.extra_hosts = vec![(Hostname::parse("db").unwrap(), "192.0.2.7".parse().unwrap())];
            });
        let output = container.output();
        assert!(output.starts_with("kitchen\nkitchen\n127.0.0.1\tlocalhost kitchen\n"), "{output}");
        assert!(output.contains("192.0.2.7\tdb\n"), "{output}");
        assert!(!output.contains("image's own"), "{output}");
    });
}

#[test]
fn a_build_has_its_own_hosts_and_resolver_read_only_and_the_images_host_name() {
    everyone("behaviour::a_build_has_its_own_hosts_and_resolver_read_only_and_the_images_host_name", || {
        let script = "hostname; ls /etc; head -n 1 /etc/hosts; echo x >> /etc/hosts; echo x >> /etc/resolv.conf";
        let outcome = Container::new(script).with(|container| container.sandbox.etc = Etc::Build).run();
        assert_eq!(outcome.stdout, "layerlab\ngroup\nhosts\npasswd\nresolv.conf\n127.0.0.1\tlocalhost layerlab\n");
        assert_eq!(outcome.stderr.matches("Read-only file system").count(), 2, "{}", outcome.stderr);
    });
}

#[test]
fn limits_and_the_score_are_never_above_the_callers() {
    // Each in a process of its own, as it changes that process.
    for role in ["root", "mapped", "single"] {
        only("behaviour::limits_and_the_score_are_never_above_the_callers", role, limited_caller);
    }
}

fn limited_caller() {
    setrlimit(Resource::RLIMIT_NOFILE, 500, 600).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, 1 << 30, 1 << 31).unwrap();
    std::fs::write("/proc/self/oom_score_adj", "321").unwrap();
    let script = "grep -E 'open files|file size' /proc/self/limits | tr -s ' '; cat /proc/self/oom_score_adj";
    let shown = Container::new(script).output();
    for line in ["Max file size 1073741824 2147483648", "Max core file size 0", "Max open files 500 600"] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(shown.ends_with("\n321\n"), "{shown}");
}

#[test]
fn volumes_are_cut_off_from_what_the_machine_mounts_later() {
    only("behaviour::volumes_are_cut_off_from_what_the_machine_mounts_later", "root", || {
        let mut container = Container::new("until test -e /data/ready; do sleep 0.05; done; ls /data/sub; ls /data");
        let data = container.path("data");
        std::fs::create_dir_all(data.join("sub")).unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_SHARED | MsFlags::MS_REC, none).unwrap();
        let kind = MountKind::Bind(data.clone());
        container.sandbox.mounts = vec![Mount { kind, target: "/data".into(), access: Access::ReadOnly }];
        let waiting = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            mount(Some("tmpfs"), &data.join("sub"), Some("tmpfs"), MsFlags::empty(), none).unwrap();
            std::fs::write(data.join("sub/seen"), "").unwrap();
            std::fs::write(data.join("ready"), "").unwrap();
            umount(&data.join("sub")).unwrap();
        });
        assert_eq!(container.output(), "ready\nsub\n");
        waiting.join().unwrap();
    });
}

#[test]
fn the_one_hierarchy_of_control_groups_is_the_containers_own_view() {
    everyone("behaviour::the_one_hierarchy_of_control_groups_is_the_containers_own_view", || {
        for network in [Network::Host, Network::None] {
            let script = "grep ' /sys/fs/cgroup ' /proc/self/mountinfo | grep ' - cgroup2 ' | cut -d ' ' -f 4,6; \
                          mkdir /sys/fs/cgroup/x; ls /sys/fs/cgroup | grep -c '^cgroup.procs$'";
            let mut container = Container::new(script).with(|container| container.sandbox.network = network);
            container.host.cgroups.mounted = Cgroups::V2;
            let outcome = container.run();
            assert_eq!(outcome.stdout, "/ ro,nosuid,nodev,noexec,relatime\n1\n", "{outcome:?}");
            assert!(outcome.stderr.contains("Read-only file system"), "{outcome:?}");
        }
    });
}

#[test]
fn without_a_network_there_is_only_loopback_and_it_is_up() {
    everyone("behaviour::without_a_network_there_is_only_loopback_and_it_is_up", || {
        let container = Container::new("ls /sys/class/net; ip addr show lo | grep -o -E 'LOOPBACK,UP|127.0.0.1/8'")
            .with(|container| container.sandbox.network = Network::None);
        assert_eq!(container.output(), "lo\nLOOPBACK,UP\n127.0.0.1/8\n");
    });
}

#[test]
fn the_machines_network_is_the_default() {
    everyone("behaviour::the_machines_network_is_the_default", || {
        let container = Container::new("readlink /proc/self/ns/net");
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        assert_eq!(container.output().trim(), ours.to_str().unwrap());
    });
}

#[test]
fn the_two_outputs_are_apart_and_the_input_is_empty() {
    everyone("behaviour::the_two_outputs_are_apart_and_the_input_is_empty", || {
        let outcome = Container::new("cat; echo out; echo error >&2; echo more > /dev/stdout").run();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\nmore\n", "error\n"));
    });
}

#[test]
fn much_output_comes_through_whole() {
    everyone("behaviour::much_output_comes_through_whole", || {
        let output = Container::new("seq 1 200000").output();
        assert_eq!(output.lines().count(), 200_000);
        assert!(output.ends_with("\n200000\n"));
    });
}

#[test]
fn the_environment_is_what_was_given_and_home() {
    everyone("behaviour::the_environment_is_what_was_given_and_home", || {
        let container = Container::new("env | grep -v -E '^(PWD|SHLVL)=' | sort")
            .with(|container| container.process.env.push("A=b c".into()));
        assert_eq!(container.output(), "A=b c\nHOME=/root\nPATH=/bin\n");
    });
}

#[test]
fn the_working_directory_is_made_where_it_is_missing() {
    everyone("behaviour::the_working_directory_is_made_where_it_is_missing", || {
        let container = Container::new("pwd; stat -c '%a %u:%g' .; umask")
            .with(|container| container.process.cwd = "/srv/app".into());
        assert_eq!(container.output(), "/srv/app\n755 0:0\n0022\n");
        assert_eq!(container.changes(), ["etc", "srv", "srv/app"]);
    });
}

#[test]
fn a_working_directory_that_is_a_file_is_an_error() {
    everyone("behaviour::a_working_directory_that_is_a_file_is_an_error", || {
        let error = Container::new("true")
            .with(|container| container.process.cwd = "/etc/passwd".into())
            .run()
            .result
            .unwrap_err();
        assert_eq!(error.status(), 125);
        assert_eq!(
            error.to_string(),
            "mkdir `/etc/passwd`: EEXIST: File exists (while setting up: mkdir -p /etc/passwd)"
        );
    });
}

#[test]
fn mounts_are_made_and_may_be_read_only() {
    everyone("behaviour::mounts_are_made_and_may_be_read_only", || {
        let mut container = Container::new(
            "cat /data/file; echo x > /data/new; echo y > /locked/new; echo z > /run/a/z && ls /run/a; cat /one",
        );
        let (data, file) = (container.path("data"), container.path("data/file"));
        std::fs::create_dir(&data).unwrap();
        std::fs::write(&file, "content\n").unwrap();
        let mount = |kind, target: &str, access| Mount { kind, target: target.into(), access };
        container.sandbox.mounts = vec![
            mount(MountKind::Bind(data.clone()), "/data", Access::ReadWrite),
            mount(MountKind::Bind(data.clone()), "/locked", Access::ReadOnly),
            mount(
                MountKind::Tmpfs { options: "mode=1777".into(), programs: Programs::Refused },
                "/run/a",
                Access::ReadWrite,
            ),
            mount(MountKind::Bind(file), "/one", Access::ReadOnly),
        ];
        let outcome = container.run();
        assert_eq!(outcome.stdout, "content\nz\ncontent\n");
        assert_eq!(outcome.stderr, "sh: can't create /locked/new: Read-only file system\n");
        assert_eq!(std::fs::read_to_string(data.join("new")).unwrap(), "x\n");
        assert_eq!(container.changes(), ["etc"], "mount points leave no trace");
    });
}

#[test]
fn a_missing_source_of_a_mount_is_named() {
    everyone("behaviour::a_missing_source_of_a_mount_is_named", || {
        let container = Container::new("true").with(|container| {
            let kind = MountKind::Bind("/no/such/place".into());
            container.sandbox.mounts = vec![Mount { kind, target: "/data".into(), access: Access::ReadWrite }];
        });
        let error = container.run().result.unwrap_err().to_string();
        assert!(error.starts_with("open_tree `/no/such/place`: ENOENT"), "{error}");
    });
}

#[test]
fn a_read_only_root_takes_no_changes() {
    everyone("behaviour::a_read_only_root_takes_no_changes", || {
        let outcome = Container::new("echo x > /tmp/x; echo y > /dev/shm/y && cat /dev/shm/y")
            .with(|container| container.sandbox.root = Access::ReadOnly)
            .run();
        assert_eq!(outcome.stdout, "y\n");
        assert_eq!(outcome.stderr, "sh: can't create /tmp/x: Read-only file system\n");
    });
}

#[test]
fn a_kept_upper_directory_can_be_mounted_again() {
    everyone("behaviour::a_kept_upper_directory_can_be_mounted_again", || {
        let container = Container::new("echo x >> /tmp/log; wc -l < /tmp/log")
            .with(|container| container.sandbox.durability = Durability::Kept);
        assert_eq!(container.output(), "1\n");
        assert_eq!(container.output(), "2\n");
    });
}

#[test]
fn layers_are_copied_where_overlayfs_is_refused() {
    everyone("behaviour::layers_are_copied_where_overlayfs_is_refused", || {
        let mut container = Container::new("cat /a /d/*; ls /d; echo new > /b; echo $(ls /)")
            .layer(&[("a", "old\n"), ("gone", "x"), ("d/one", "one\n"), ("e/hidden", "x")])
            .layer(&[("a", "new\n"), ("d/two", "two\n"), ("e/seen", "x")]);
        container.host.overlay = OverlaySupport::Refused("a test wants it".into());
        let top = container.sandbox.lower[0].clone();
        let attribute = if container.identity.in_user_namespace() { "user" } else { "trusted" };
        let name = format!("{attribute}.overlay.opaque");
        container
            .identity
            .within(|| {
                xattr::set(top.join("e"), name, b"y").unwrap();
                let nothing = nix::sys::stat::makedev(0, 0);
                let kind = nix::sys::stat::SFlag::S_IFCHR;
                nix::sys::stat::mknod(&top.join("gone"), kind, nix::sys::stat::Mode::empty(), nothing).unwrap();
            })
            .unwrap();
        assert_eq!(container.plan().root, RootKind::Copy);
        let output = container.output();
        assert_eq!(output, "new\none\ntwo\none\ntwo\na b bin d dev e etc proc sys tmp\n");
        let changes = container.changes();
        assert!(changes.iter().any(|path| path == "b"), "{changes:?}");
        assert!(changes.iter().any(|path| path == "e/seen"), "{changes:?}");
        assert!(!changes.iter().any(|path| path == "e/hidden" || path == "proc" || path == "gone"), "{changes:?}");
    });
}

#[test]
fn many_containers_run_at_the_same_time() {
    everyone("behaviour::many_containers_run_at_the_same_time", || {
        std::thread::scope(|scope| {
            for number in 0..8 {
                scope.spawn(move || {
                    for _ in 0..3 {
                        let outcome = Container::new(&format!("echo {number}; exit {number}")).run();
                        assert_eq!(outcome.stdout, format!("{number}\n"));
                        assert_eq!(outcome.result.unwrap(), Exit::Code(number));
                    }
                });
            }
        });
    });
}

#[test]
fn a_control_group_is_joined_and_removed() {
    everyone("behaviour::a_control_group_is_joined_and_removed", || {
        let name = format!("layerlab-test-{}", std::process::id());
        let container = Container::new("cat /proc/self/cgroup | grep -c :/$; echo counted")
            .with(|container| container.sandbox.cgroup = Some(name.clone()));
        let groups: Vec<_> = container.host.cgroups.own.iter().map(|own| own.path.clone()).collect();
        assert!(container.output().ends_with("counted\n"));
        if groups.is_empty() {
            assert_eq!(container.plan().notes, ["no control group: none is delegated to this user"]);
        }
        for group in groups {
            assert!(!group.join(&name).exists(), "{} is left", group.join(&name).display());
        }
    });
}
