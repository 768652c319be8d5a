//! What a container's processes are kept from.

use layerlab::container::{Access, Capabilities, Mount, MountKind, NewPrivileges, Paths, Rights};

use crate::harness::{Container, everyone, only};

/// The lines of /proc/self/status that tell about rights.
const STATUS: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -d '\\t'";

#[test]
fn root_has_dockers_capabilities_and_filter() {
    everyone("security::root_has_dockers_capabilities_and_filter", || {
        assert_eq!(
            Container::new(STATUS).output(),
            "CapInh:0000000000000000\nCapPrm:00000000a80425fb\nCapEff:00000000a80425fb\n\
             CapBnd:00000000a80425fb\nCapAmb:0000000000000000\nNoNewPrivs:0\nSeccomp:2\n"
        );
    });
}

#[test]
fn another_user_has_none_but_the_bound() {
    only("security::another_user_has_none_but_the_bound", "root", || {
        let container = Container::new(STATUS).with(|container| container.process.user = "web".into());
        assert_eq!(
            container.output(),
            "CapInh:0000000000000000\nCapPrm:0000000000000000\nCapEff:0000000000000000\n\
         CapBnd:00000000a80425fb\nCapAmb:0000000000000000\nNoNewPrivs:0\nSeccomp:2\n"
        );
    });
}

#[test]
fn new_privileges_can_be_forbidden_and_capabilities_chosen() {
    everyone("security::new_privileges_can_be_forbidden_and_capabilities_chosen", || {
        let container = Container::new(STATUS).with(|container| {
            container.process.rights.new_privileges = NewPrivileges::Forbidden;
            container.process.rights.capabilities = Capabilities::none().with("CHOWN").unwrap();
        });
        let output = container.output();
        assert!(output.contains("CapEff:0000000000000001\nCapBnd:0000000000000001\n"), "{output}");
        assert!(output.ends_with("NoNewPrivs:1\nSeccomp:2\n"), "{output}");
    });
}

#[test]
fn insecure_means_everything() {
    everyone("security::insecure_means_everything", || {
        let container = Container::new(&format!("{STATUS}; mkdir /m; mount -t tmpfs none /m && echo mounted"))
            .with(|container| (container.sandbox.paths, container.process.rights) = (Paths::Open, Rights::insecure()));
        let output = container.output();
        // The filter that is left has a supervisor asked for users and owners, and refuses nothing.
        let is_emulated = std::env::var("LAYERLAB_TEST_ROLE").as_deref() == Ok("single");
        assert!(output.contains(if is_emulated { "Seccomp:2\n" } else { "Seccomp:0\n" }), "{output}");
        assert!(output.ends_with("mounted\n"), "{output}");
    });
}

#[test]
fn masked_paths_show_nothing() {
    everyone("security::masked_paths_show_nothing", || {
        // Which of them exist depends on the kernel; a file reads as empty, a directory lists
        // nothing.
        let container = Container::new(
            "for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/scsi /proc/timer_list \
                 /proc/sched_debug /sys/firmware /sys/devices/virtual/powercap; do \
                 if test -d $path; then ls -A $path; elif test -e $path; then cat $path; fi; done; \
             test -e /proc/interrupts && test -e /proc/keys && test -d /sys/firmware && echo there",
        );
        assert_eq!(container.output(), "there\n");
    });
}

#[test]
fn settings_of_the_machine_are_read_only() {
    everyone("security::settings_of_the_machine_are_read_only", || {
        let outcome = Container::new(
            "echo x > /proc/sys/kernel/hostname; echo x > /sys/kernel/uevent_helper; mkdir /sys/fs/cgroup/x; \
             for path in /proc/bus /proc/fs /proc/irq /proc/sys; do grep \" $path \" /proc/mounts; done | grep -c ' ro,'",
        )
        .run();
        assert_eq!(outcome.stderr.matches("Read-only file system").count(), 3, "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "4\n");
    });
}

#[test]
fn the_filter_refuses_what_dockers_refuses() {
    everyone("security::the_filter_refuses_what_dockers_refuses", || {
        let outcome =
            Container::new("unshare -U true; mount -t tmpfs none /tmp; hostname x; chroot / /bin/echo chroot works")
                .run();
        assert_eq!(outcome.stdout, "chroot works\n");
        let refused = outcome.stderr.to_lowercase();
        assert_eq!(
            refused.matches("not permitted").count() + refused.matches("permission denied").count(),
            3,
            "{refused}"
        );
    });
}

#[test]
fn device_nodes_of_the_container_have_no_effect() {
    only("security::device_nodes_of_the_container_have_no_effect", "root", || {
        // Only real root may make them at all.
        let mut container = Container::new(
            "for place in /tmp /dev /data; do mknod $place/d c 1 3 && cat $place/d; done; cat /dev/null && echo fine",
        );
        let data = container.path("data");
        std::fs::create_dir(&data).unwrap();
        let kind = MountKind::Bind(data);
        container.sandbox.mounts = vec![Mount { kind, target: "/data".into(), access: Access::ReadWrite }];
        let outcome = container.run();
        assert_eq!(outcome.stdout, "fine\n");
        assert_eq!(outcome.stderr.matches("Permission denied").count(), 3, "{}", outcome.stderr);
    });
}

#[test]
fn no_descriptor_of_ours_is_inherited() {
    everyone("security::no_descriptor_of_ours_is_inherited", || {
        // One that a careless part of the program opened without the close-on-exec flag.
        let file = std::fs::File::open("/etc/passwd").unwrap();
        let careless = nix::unistd::dup(&file).unwrap();
        nix::fcntl::fcntl(&careless, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
        // The fourth is the directory that ls itself reads.
        assert_eq!(Container::new("exec ls /proc/self/fd").output(), "0\n1\n2\n3\n");
    });
}

#[test]
fn signals_are_as_by_default() {
    everyone("security::signals_are_as_by_default", || {
        let container = Container::new("exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
        assert_eq!(
            container.output().replace('\t', ""),
            "SigBlk:0000000000000000\nSigIgn:0000000000000000\nSigCgt:0000000000000000\n"
        );
    });
}
