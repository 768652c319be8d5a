//! What a container leaves in its upper directory.

use std::os::unix::fs::{MetadataExt, symlink};

use layerlab::container::OverlaySupport;

use crate::harness::{Container, everyone, missing};

#[test]
fn set_up_leaves_no_trace_in_the_layer() {
    everyone("files::set_up_leaves_no_trace_in_the_layer", || {
        let container = Container::new("true");
        let before = std::fs::metadata(container.sandbox.lower[0].join("etc")).unwrap();
        container.output();
        // /etc itself was copied up to take the mount points, and looks as it did before.
        assert_eq!(container.changes(), ["etc"]);
        let after = std::fs::metadata(container.sandbox.upper.join("etc")).unwrap();
        assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
    });
}

#[test]
fn what_the_command_writes_beside_a_mount_point_stays() {
    everyone("files::what_the_command_writes_beside_a_mount_point_stays", || {
        let container = Container::new("echo x > /etc/motd; mkdir /sys2; rm /etc/group; touch -d @100 /etc");
        container.output();
        assert_eq!(container.changes(), ["etc", "etc/group (whiteout)", "etc/motd", "sys2"]);
        assert_eq!(std::fs::metadata(container.sandbox.upper.join("etc")).unwrap().mtime(), 100);
    });
}

#[test]
fn a_hostile_link_does_not_lead_the_tidying_out_of_the_layer() {
    everyone("files::a_hostile_link_does_not_lead_the_tidying_out_of_the_layer", || {
        let container = Container::new("mv /etc /was; ln -s ../victim /etc; ls -d /etc");
        let victim = container.path("victim");
        std::fs::create_dir(&victim).unwrap();
        std::fs::write(victim.join("hosts"), "").unwrap();
        // Moving a directory with mounts in it is refused by the kernel; whatever happens, the
        // victim must stay.
        container.run().result.unwrap();
        assert!(victim.join("hosts").exists());
    });
}

#[test]
fn a_link_of_the_image_does_not_lead_a_mount_out_of_the_root() {
    everyone("files::a_link_of_the_image_does_not_lead_a_mount_out_of_the_root", || {
        let container = Container::new("cat /etc/hostname; ls -d /proc/self").layer(&[("x", "")]);
        let victim = container.path("victim");
        std::fs::create_dir(&victim).unwrap();
        let top = &container.sandbox.lower[0];
        symlink(&victim, top.join("etc")).unwrap();
        symlink("../../../../../../../../inside", top.join("proc")).unwrap();
        let outcome = container.run();
        // Inside the root the targets don't exist, so there is nothing to mount on; outside
        // nothing was made.
        assert!(outcome.result.is_err(), "{outcome:?}");
        assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 0);
        assert!(!std::path::Path::new("/inside").exists());
    });
}

#[test]
fn a_magic_link_of_the_image_does_not_lead_out_either() {
    everyone("files::a_magic_link_of_the_image_does_not_lead_out_either", || {
        for number in 3..24 {
            let container = Container::new("true");
            let victim = container.path("victim");
            std::fs::create_dir(&victim).unwrap();
            let etc = container.sandbox.lower[0].join("etc");
            std::fs::rename(&etc, etc.with_file_name("was")).unwrap();
            symlink(format!("/proc/self/fd/{number}{}", victim.display()), &etc).unwrap();
            let error = container.run().result.unwrap_err().to_string();
            assert!(error.starts_with("make mount point `/etc"), "{error}");
            assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 0, "through descriptor {number}");
        }
    });
}

#[test]
fn a_removed_file_becomes_a_whiteout() {
    everyone("files::a_removed_file_becomes_a_whiteout", || {
        let container = Container::new("rm -r /d; mkdir /d; echo new > /d/b").layer(&[("d/a", "a"), ("d/c", "c")]);
        container.output();
        let changes: Vec<String> = container.changes().into_iter().filter(|path| path.starts_with('d')).collect();
        assert_eq!(changes, ["d", "d/b"]);
        let space = if container.identity.in_user_namespace() { "user" } else { "trusted" };
        let upper = container.sandbox.upper.join("d");
        let opaque = container.identity.within(|| xattr::get(upper, format!("{space}.overlay.opaque")).unwrap());
        assert_eq!(opaque.unwrap().as_deref(), Some(b"y".as_slice()));
    });
}

#[test]
fn many_layers_and_odd_names_are_no_problem() {
    everyone("files::many_layers_and_odd_names_are_no_problem", || {
        let mut container = Container::new("cat /last /f0 /f59");
        if container.host.overlay != OverlaySupport::Fsconfig {
            return missing("more than 40 layers: Linux 6.5");
        }
        for number in 0..60 {
            let layer = container.path(&format!("odd: a,b\\{number} ü"));
            std::fs::create_dir(&layer).unwrap();
            std::fs::write(layer.join(format!("f{number}")), format!("{number}\n")).unwrap();
            std::fs::write(layer.join("last"), format!("last {number}\n")).unwrap();
            container.sandbox.lower.insert(0, layer);
        }
        assert_eq!(container.output(), "last 59\n0\n59\n");
    });
}

#[test]
fn the_older_interface_takes_odd_names_too() {
    everyone("files::the_older_interface_takes_odd_names_too", || {
        let mut container = Container::new("cat /f; echo x > /y");
        container.host.overlay = OverlaySupport::Options;
        let layer = container.path("odd: a,b\\c");
        std::fs::create_dir(&layer).unwrap();
        std::fs::write(layer.join("f"), "found\n").unwrap();
        container.sandbox.lower.insert(0, layer);
        let upper = container.path("upper, too: here");
        std::fs::create_dir(&upper).unwrap();
        container.sandbox.upper = upper;
        assert_eq!(container.output(), "found\n");
    });
}

#[test]
fn an_empty_image_has_no_program_to_run() {
    everyone("files::an_empty_image_has_no_program_to_run", || {
        let container = Container::new("true").with(|container| container.sandbox.lower.clear());
        let error = container.run().result.unwrap_err();
        assert_eq!(error.status(), 127);
        assert_eq!(error.to_string(), "exec: `sh`: executable file not found in $PATH");
        assert_eq!(container.changes(), [""; 0]);
    });
}
