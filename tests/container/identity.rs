//! Who is who, and code run inside the user namespace.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use layerlab::container::{Error, Identity};

use crate::harness::{Container, everyone, only};

#[test]
fn the_identity_is_detected() {
    everyone("identity::the_identity_is_detected", || {
        let expected = std::env::var("LAYERLAB_TEST_ROLE").unwrap_or_default();
        match Identity::detect() {
            Identity::Root => assert_eq!(expected, ""),
            Identity::Mapped { uid_ranges, .. } => {
                assert_eq!(expected, "mapped");
                let shown: Vec<String> = uid_ranges.iter().map(ToString::to_string).collect();
                assert_eq!(shown, ["0→1000×1", "1→100000×65536"]);
            }
            Identity::Single => assert_eq!(expected, "single"),
        }
    });
}

#[test]
fn the_container_runs_as_root_of_its_own() {
    everyone("identity::the_container_runs_as_root_of_its_own", || {
        let container = Container::new("id -u; id -g; id -un; touch /tmp/x; stat -c %u:%g /tmp/x");
        assert_eq!(container.output(), "0\n0\nroot\n0:0\n");
        let owner = std::fs::metadata(container.sandbox.upper.join("tmp/x")).unwrap().uid();
        assert_eq!(owner, nix::unistd::Uid::effective().as_raw());
    });
}

fn named_users() {
    let run = |user: &str| {
        let script = "id; pwd; echo $HOME; echo x > /tmp/x && stat -c %u:%g /tmp/x; echo seen > /dev/stdout";
        let container = Container::new(script).with(|container| container.process.user = user.to_owned());
        let tmp = container.sandbox.lower[0].join("tmp");
        std::fs::set_permissions(tmp, PermissionsExt::from_mode(0o1777)).unwrap();
        container.output()
    };
    let web = "uid=33(web) gid=33(web) groups=33(web),44(media)\n/\n/srv\n33:33\nseen\n";
    assert_eq!(run("web"), web);
    assert_eq!(run("33"), web);
    let media = "uid=33(web) gid=44(media) groups=44(media)\n/\n/srv\n33:44\nseen\n";
    assert_eq!(run("web:media"), media);
    assert_eq!(run("5000:5001"), "uid=5000 gid=5001 groups=5001\n/\n/\n5000:5001\nseen\n");
}

#[test]
fn a_named_user_is_looked_up_in_the_image() {
    only("identity::a_named_user_is_looked_up_in_the_image", "root", named_users);
}

#[test]
fn a_named_user_works_with_mapped_ids() {
    only("identity::a_named_user_works_with_mapped_ids", "mapped", named_users);
}

#[test]
fn a_named_user_is_emulated_with_one_id() {
    only("identity::a_named_user_is_emulated_with_one_id", "single", named_users);
}

#[test]
fn with_one_id_a_process_believes_to_be_a_named_user() {
    only("identity::with_one_id_a_process_believes_to_be_a_named_user", "single", || {
        let run = |user: &str, script: &str| {
            Container::new(script).with(|container| container.process.user = user.to_owned()).output()
        };
        let web = "uid=33(web) gid=33(web) groups=33(web),44(media)\n";
        assert_eq!(run("web", "id; sh -c id"), [web, web].concat());
        assert_eq!(run("web:media", "id"), "uid=33(web) gid=44(media) groups=44(media)\n");
        assert_eq!(run("5000:5001", "id"), "uid=5000 gid=5001 groups=5001\n");
        assert_eq!(
            run("web", "touch /tmp/x; chown 7 /tmp/x 2>&1 || stat -c %u:%g /tmp/x"),
            "chown: /tmp/x: Operation not permitted\n33:33\n"
        );
    });
}

#[test]
fn with_one_id_owners_are_written_beside_files() {
    only("identity::with_one_id_owners_are_written_beside_files", "single", || {
        let container = Container::new(
            "mkdir -p /tmp/d/e; echo x > /tmp/d/f; ln -s f /tmp/d/l; mkfifo /tmp/d/p
             chown -R 33:44 /tmp/d && chown -h 7:8 /tmp/d/l && chown 5 /tmp/d/p && chown :9 /tmp/d/e && mv /tmp/d/f /tmp/g
             cd /tmp && chown 0:0 d/../d/e && chown 1 ../../../../tmp/d/e && chown 2 /nowhere; echo $?
             mv d/l d/link; mv d/p d/pipe; for file in d d/e d/link d/pipe /tmp/g /etc; do stat -c '%u:%g %n' $file; done",
        );
        let upper = container.sandbox.upper.clone();
        let outcome = container.run();
        let seen = "1\n33:44 d\n1:0 d/e\n7:8 d/link\n5:44 d/pipe\n33:44 /tmp/g\n0:0 /etc\n";
        assert_eq!(outcome.stdout, seen, "{outcome:?}");
        let written = |path: &str| xattr::get(upper.join(path), "user.layerlab.owner").unwrap();
        assert_eq!(written("tmp/d").as_deref(), Some(b"33:44".as_slice()));
        assert_eq!(written("tmp/g").as_deref(), Some(b"33:44".as_slice()), "it goes with the file");
    });
}

#[test]
fn with_one_id_a_user_is_entered_and_left() {
    only("identity::with_one_id_a_user_is_entered_and_left", "single", || {
        let output =
            Container::new("su -s /bin/sh web -c 'id; chown 7 /tmp; su' 2>/dev/null; id -u; exec id -g").output();
        assert_eq!(output, "uid=33(web) gid=33(web) groups=33(web),44(media)\n0\n0\n");
    });
}

#[test]
fn with_one_id_what_is_written_beside_files_is_not_listed() {
    only("identity::with_one_id_what_is_written_beside_files_is_not_listed", "single", || {
        let script = "echo x > /tmp/f; ln -s f /tmp/l; chown -h 33:44 /tmp/f /tmp/l; touch /tmp/n; cd /tmp
             for file in f l n; do cp -a $file copy-$file; stat -c '%u:%g %n' copy-$file; done";
        assert_eq!(Container::new(script).output(), "33:44 copy-f\n33:44 copy-l\n0:0 copy-n\n");
        let script = "cp -a /etc/passwd /tmp/p; stat -c %u:%g /tmp/p";
        let container = Container::new(script).with(|container| container.process.user = "web".to_owned());
        assert_eq!(container.output(), "33:33\n", "a user can't give it to root, whatever else is copied");
    });
}

#[test]
fn with_one_id_what_the_set_up_has_made_is_roots() {
    only("identity::with_one_id_what_the_set_up_has_made_is_roots", "single", || {
        let script = "touch /dev/shm/x; mkdir /tmp/d
             stat -c %u:%g / /proc /proc/sys/kernel /proc/meminfo /sys /dev /dev/null /dev/pts /dev/shm /dev/fd /etc/hosts /etc/resolv.conf | sort -u
             stat -c %u:%g /dev/shm/x /tmp/d /proc/1 /proc/1/status | sort -u";
        let container = Container::new(script).with(|container| container.process.user = "web".to_owned());
        let tmp = container.sandbox.lower[0].join("tmp");
        std::fs::set_permissions(tmp, PermissionsExt::from_mode(0o1777)).unwrap();
        assert_eq!(container.output(), "0:0\n33:33\n");
        let container = Container::new("stat -c %u:%g /proc /sys /dev/null /etc/hosts | sort -u");
        assert_eq!(container.output(), "0:0\n", "not nobody's, as to the kernel");
    });
}

#[test]
fn with_one_id_a_user_has_no_capabilities() {
    only("identity::with_one_id_a_user_has_no_capabilities", "single", || {
        let container =
            Container::new("grep -h CapEff /proc/self/status; mount -t tmpfs none /tmp 2>/dev/null; echo $?");
        let container = container.with(|container| container.process.user = "web".to_owned());
        assert_eq!(container.output(), "CapEff:\t0000000000000000\n1\n");
    });
}

#[test]
fn an_unknown_user_is_an_error() {
    everyone("identity::an_unknown_user_is_an_error", || {
        let error =
            Container::new("id").with(|container| container.process.user = "nobody".into()).run().result.unwrap_err();
        assert_eq!(error.to_string(), "the image has no user `nobody` in its `/etc/passwd`");
        assert_eq!(error.status(), 125);
    });
}

#[test]
fn a_closure_runs_as_root_of_the_namespace() {
    everyone("identity::a_closure_runs_as_root_of_the_namespace", || {
        let identity = Identity::detect();
        let answer = identity.within(|| (nix::unistd::Uid::effective().as_raw(), "a result".to_owned())).unwrap();
        assert_eq!(answer, (0, "a result".to_owned()));
        let large: Vec<u32> = identity.within(|| (0..300_000).collect()).unwrap();
        assert_eq!(large.len(), 300_000);
    });
}

#[test]
fn a_closure_that_panics_or_dies_is_an_error() {
    for role in ["mapped", "single"] {
        only("identity::a_closure_that_panics_or_dies_is_an_error", role, || {
            let identity = Identity::detect();
            let panicked: Result<(), Error> = identity.within(|| panic!("on purpose"));
            assert_eq!(panicked.unwrap_err().to_string(), "the process inside the user namespace panicked: on purpose");
            let died: Result<(), Error> = identity.within(|| std::process::abort());
            assert_eq!(died.unwrap_err().to_string(), "the process inside the user namespace was killed by SIGABRT");
        });
    }
}

#[test]
fn files_of_mapped_users_can_be_removed() {
    everyone("identity::files_of_mapped_users_can_be_removed", || {
        let container = Container::new(
            "mkdir -p /tmp/a/b; touch /tmp/a/b/c; chown 33 /tmp/a /tmp/a/b; chmod 0 /tmp/a /tmp/a/b; true",
        );
        container.run().result.unwrap();
        let tmp = container.sandbox.upper.join("tmp");
        assert!(tmp.exists());
        container.identity.remove_dir_all(&tmp).unwrap();
        assert!(!tmp.exists());
        container.identity.remove_dir_all(&tmp).expect("nothing to remove is no error");
    });
}
